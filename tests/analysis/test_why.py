"""Why two images are near or far, against naive loops, and in odd cases."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from uhscm_core import HashNetwork, Study, pack_codes, unpack_codes
from uhscm_core.analysis.answers import answer_to_text
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.why import BitGroup, CodeStatistics, Rank, why
from uhscm_core.results import Embedding
from uhscm_core.training import TrainingConfig

PAIR = (3, 41)  # two images of the database


@pytest.fixture(scope="module")
def by_features(study) -> Study:
    """A network that reads features alone."""
    return study.train(bits=16, recipe="uhscm", epochs=2)


@pytest.fixture(scope="module")
def by_both(study) -> Study:
    """A network that reads features and concepts."""
    return study.train(bits=16, recipe="tuned", feature_share=0.3, epochs=1)


@pytest.fixture(scope="module")
def pictures(by_features) -> StudyImages:
    return StudyImages(by_features)


def softmax_over(study, image, names):
    """The distribution over these concepts at the study's temperature, by a loop."""
    f = study.image_features[image].double()
    rows = dict(zip(study.kept_names, study.mined.text_features.double(), strict=True))
    weights = {n: math.exp(study.mined.temperature * (float(f @ rows[n]) - 1)) for n in names}
    total = sum(weights.values())
    return {n: weight / total for n, weight in weights.items()}


def similarity_of(p, q):
    dot = sum(p[n] * q[n] for n in p)
    return 2 * dot / math.hypot(*p.values()) / math.hypot(*q.values()) - 1


def naive_rank(others, own):
    nearer = sum(value < own - 1e-6 for value in others)
    tied = sum(abs(value - own) <= 1e-6 for value in others)
    return Rank(nearer + 1, nearer + tied + 1, len(others) + 1)


def largest(study, i=PAIR[0], j=PAIR[1]) -> str:
    """The concept with the largest part."""
    return study.explain(i, j).to_frame()["concept"][0]


# -- against loops -------------------------------------------------------------------------------


def test_parts_similarity_and_distance_are_those_of_the_study(by_features, pictures):
    found = why(pictures, *PAIR)
    exact = by_features.explain(*PAIR)
    assert torch.allclose(found.measured.parts, exact.parts)
    assert found.measured.similarity == pytest.approx(exact.similarity, abs=1e-6)
    signs = unpack_codes(by_features.codes, 16)
    assert found.measured.distance == int((signs[PAIR[0]] != signs[PAIR[1]]).sum())
    assert (found.bits, found.concepts) == (16, by_features.kept_names)
    assert found.changed is None
    assert not found.same


@pytest.mark.parametrize("pair", [PAIR, (250, 41), (41, 250), (250, 255)])  # 250 on are queries
def test_ranks_are_those_of_a_loop_over_the_database(by_features, pictures, pair):
    found = why(pictures, *pair).measured
    i, j = pair
    others = [d for d in by_features.dataset.splits["database"].tolist() if d not in pair]
    names = by_features.kept_names
    q = {image: softmax_over(by_features, image, names) for image in [*others, i, j]}
    values = [-similarity_of(q[i], q[image]) for image in others]
    assert found.rank_by_concepts == naive_rank(values, -similarity_of(q[i], q[j]))
    signs = unpack_codes(by_features.codes, 16)
    bits = [int((signs[i] != signs[image]).sum()) for image in others]
    assert found.rank_by_code == naive_rank(bits, int((signs[i] != signs[j]).sum()))


def test_each_bit_is_in_the_group_of_the_concept_it_goes_with_most(by_features, pictures):
    found = why(pictures, *PAIR)
    database = by_features.dataset.splits["database"]
    bits = (unpack_codes(by_features.codes, 16).numpy() > 0).astype(float)
    q = by_features.distribution.numpy().astype(float)
    for group in found.groups:
        for bit in group.bits:
            ones = bits[database, bit]
            assert group.constant == (ones.std() == 0)
            if group.constant:
                continue
            with np.errstate(invalid="ignore"):
                r = [np.corrcoef(ones, q[database, c])[0, 1] for c in range(q.shape[1])]
            best = int(np.nanargmax(np.abs(r)))
            expected = by_features.kept_names[best] if abs(r[best]) >= 0.2 else ""
            assert group.concept == expected
            assert (bit in group.differ) == (bits[PAIR[0], bit] != bits[PAIR[1], bit])


@pytest.mark.parametrize("pair", [PAIR, (0, 1), (7, 250)])
def test_the_groups_hold_each_bit_once_and_all_that_differ(pictures, pair):
    found = why(pictures, *pair)
    assert sorted(bit for group in found.groups for bit in group.bits) == list(range(16))
    assert sum(len(group.differ) for group in found.groups) == found.measured.distance
    keys = [(not group.concept, -len(group.differ)) for group in found.groups if group.concept]
    assert keys == sorted(keys)


def test_the_expected_distance_never_rises_with_the_similarity(by_features):
    statistics = CodeStatistics(by_features)
    expected = [statistics.expected(s) for s in np.linspace(-1, 1, 41)]
    means = [e.mean for e in expected]
    assert all(a >= b for a, b in itertools.pairwise(means))
    assert all(0 <= e.low <= e.mean <= e.high <= 16 for e in expected)


def test_the_expected_distance_is_the_isotonic_fit_over_all_pairs(by_features):
    """Pool adjacent violators, by a loop over the pairs of the database."""
    database = by_features.dataset.splits["database"][:40]
    few = dataclasses.replace(
        by_features.dataset, splits={**by_features.dataset.splits, "database": database}
    )
    study = by_features.with_(dataset=few, network=by_features.network)
    signs = unpack_codes(study.codes, 16)
    pairs = sorted(
        (round(study.explain(int(i), int(j)).similarity, 6), int((signs[i] != signs[j]).sum()))
        for a, i in enumerate(database)
        for j in database[a + 1 :]
    )
    blocks: list[list[float]] = []  # mean, weight, first S, last S
    for start in range(0, len(pairs), 20):
        twenty = pairs[start : start + 20]
        s, mean = np.mean(twenty, axis=0)
        blocks.append([mean, 1, s, s])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            mean, weight, _, last = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * weight) / (before[1] + weight)
            before[1] += weight
            before[3] = last
    statistics = CodeStatistics(study)
    assert len(blocks) > 3
    for mean, _, first, last in blocks:  # S to 6 decimals may order two pairs either way
        assert statistics.expected((first + last) / 2).mean == pytest.approx(mean, abs=0.1)


def test_nine_of_ten_pairs_lie_in_their_range(by_features, pictures):
    statistics = CodeStatistics(by_features)
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(200):
        i, j = rng.choice(by_features.dataset.splits["database"], 2, replace=False).tolist()
        found = why(pictures, i, j, statistics=statistics)
        inside.append(found.expected.low <= found.measured.distance <= found.expected.high)
    assert np.mean(inside) >= 0.85


# -- without some concepts -----------------------------------------------------------------------


def test_what_is_left_out_leaves_distributions_that_sum_to_1_again(by_features, pictures):
    gone = largest(by_features)
    found = why(pictures, *PAIR, without=[gone])
    rest = [name for name in by_features.kept_names if name != gone]
    p, q = (softmax_over(by_features, image, rest) for image in PAIR)
    assert found.changed.similarity == pytest.approx(similarity_of(p, q), abs=1e-4)
    assert float(found.changed.parts.sum()) == pytest.approx(found.changed.similarity + 1, abs=1e-5)
    frame = found.to_frame()
    assert frame.loc[frame["left_out"], "concept"].tolist() == [gone]
    assert frame.loc[frame["left_out"], "part_without"].tolist() == [0]
    others = [d for d in by_features.dataset.splits["database"].tolist() if d not in PAIR]
    values = [-similarity_of(p, softmax_over(by_features, image, rest)) for image in others]
    rank = found.changed.rank_by_concepts
    assert abs(rank.first - naive_rank(values, -similarity_of(p, q)).first) <= 1  # float32


@pytest.mark.parametrize("n", [1, 3, 10])
def test_parts_sum_to_s_plus_1_whatever_is_left_out(by_features, by_both, n):
    rng = np.random.default_rng(n)
    for study in (by_features, by_both):
        gone = rng.choice(study.kept_names, min(n, len(study.kept_names) - 1), replace=False)
        found = why(StudyImages(study), *PAIR, without=gone.tolist())
        for measured in (found.measured, found.changed):
            assert float(measured.parts.sum()) == pytest.approx(measured.similarity + 1, abs=1e-5)
            assert -1 <= measured.similarity <= 1
        assert set(found.without) == set(gone)


def test_codes_of_a_network_on_features_stay_and_it_is_said(by_features, pictures):
    found = why(pictures, *PAIR, without=[largest(by_features)])
    assert not found.follows
    assert found.changed.distance == found.measured.distance
    assert found.changed.rank_by_code == found.measured.rank_by_code
    assert "The codes stay the same: this network reads features, not concepts" in found.notes


def test_codes_of_a_mixing_network_are_computed_again_by_the_formula(by_both):
    study, gone = by_both, largest(by_both)
    found = why(StudyImages(study), *PAIR, without=[gone])
    assert found.follows
    mixture, head = study.network.mixture, study.network.head
    kept = [c for c, name in enumerate(study.kept_names) if name != gone]
    scale, w = study.vlp.logit_scale, study.network.feature_share

    def output(image):
        x = study.image_features[image]
        scores = scale * mixture.concepts[kept] @ x
        halves = []
        weights = (1 - w, math.sqrt((1 - w) * w))
        for factor, weight, mean in zip((1, 3), weights, mixture.lengths, strict=True):
            u = torch.zeros(len(study.kept_names))
            u[kept] = torch.softmax(scores / factor, 0)
            halves.append(u / (u.norm() * mean).sqrt() * weight)
        f = x - mixture.mean
        return head(torch.cat([f / f.norm() * math.sqrt(w), *halves]))

    with torch.no_grad():
        outputs = torch.stack([output(image) for image in range(len(study.dataset))])
    codes = outputs > 0
    unsure = int((outputs.abs() < 1e-4).sum())  # bits that rounding decides on another machine
    i, j = PAIR
    others = [d for d in study.dataset.splits["database"].tolist() if d not in PAIR]
    apart = [int((codes[i] != codes[image]).sum()) for image in others]
    own = int((codes[i] != codes[j]).sum())
    assert unsure < 5
    assert found.changed.distance == pytest.approx(own, abs=unsure)
    assert found.changed.rank_by_code == pytest.approx(naive_rank(apart, own), abs=unsure)
    before = unpack_codes(study.codes, 16) > 0
    assert any((codes[image] != before[image]).any() for image in others)  # leaving out matters


def test_a_network_of_other_concepts_keeps_its_codes(by_both):
    other = by_both.with_(concepts=["sky", "castle", "boats", "grass"], network=by_both.network)
    found = why(StudyImages(other), *PAIR, without=[other.kept_names[0]])
    assert not found.follows
    assert "this network was trained with other concepts" in found.notes[-1]


def test_flipped_bits_stay_flipped(by_features, by_both):
    for study in (by_features, by_both):
        pictures = StudyImages(study)
        plain, turned = (why(pictures, *PAIR, flipped=bits) for bits in ((), (2, 9)))
        changes = {2, 9} ^ {b for g in turned.groups for b in g.differ}
        assert changes == {b for g in plain.groups for b in g.differ}
        gone = [largest(study)]
        plain, turned = (
            why(pictures, *PAIR, flipped=bits, without=gone) for bits in ((), tuple(range(16)))
        )
        assert turned.changed.distance == 16 - plain.changed.distance


# -- odd cases -----------------------------------------------------------------------------------


def test_one_kept_concept_says_that_s_says_nothing(by_features):
    one = by_features.with_(concepts=["sky"], network=by_features.network)
    found = why(StudyImages(one), *PAIR)
    assert found.measured.similarity == pytest.approx(1)
    assert found.sentence.startswith("S = 1.00 says nothing, because 'sky' is the only concept")
    assert not found.flat
    with pytest.raises(ValueError, match="one concept has to stay"):
        why(StudyImages(one), *PAIR, without=["sky"])


def test_an_image_and_itself_are_equal_and_have_no_rank(pictures):
    found = why(pictures, 5, 5)
    assert found.same
    assert found.sentence == "Both are the same image, so S = 1.00"
    assert (found.measured.distance, found.bits_sentence) == (0, "All 16 bits are equal")
    assert found.measured.rank_by_concepts is found.measured.rank_by_code is None


def test_codes_that_are_all_equal_stand_for_nothing(by_features):
    network = HashNetwork(16, in_features=by_features.image_features.shape[1])
    with torch.no_grad():
        network.head[-1].weight.zero_()
        network.head[-1].bias.fill_(1.0)
    found = why(StudyImages(by_features.with_(network=network)), *PAIR)
    assert found.groups == (BitGroup("", tuple(range(16)), (), constant=True),)
    assert found.groups[0].name == "the same for the whole database"
    assert found.expected == (0, 0, 0)
    assert found.sentence.endswith(
        "the codes differ in 0 of 16 bits, as is usual for this S (0 to 0)"
    )


def test_without_a_network_there_are_concepts_alone(study):
    found = why(StudyImages(study), *PAIR, without=[largest(study)])
    assert (found.bits, found.groups, found.expected) == (None, (), None)
    assert found.measured.distance is found.measured.rank_by_code is None
    assert found.changed.similarity != found.measured.similarity
    assert "bits" not in found.sentence
    assert found.bits_sentence == ""
    assert "There are no codes yet to compare: train a network" in found.notes
    assert found.to_frame()["bits"].tolist() == [0] * len(study.kept_names)


def test_128_bits_and_6_concepts(study):
    six = study.with_(concepts=list(study.kept_names[:6]), min_share=-1.0)
    six = six.train(bits=128, recipe="uhscm", epochs=1)
    found = why(StudyImages(six), *PAIR)
    assert sorted(bit for group in found.groups for bit in group.bits) == list(range(128))
    assert {group.concept for group in found.groups} <= {"", *six.kept_names}
    assert len(found.groups) <= 8


def test_a_text_has_concepts_but_no_code(by_features, pictures):
    reading = by_features.read_text("a castle by the ocean")
    text = Embedding(reading.features, reading.distribution, None)
    found = why(pictures, text, PAIR[1], without=["castle"])
    ranked = by_features.search("a castle by the ocean", 240).ids.tolist()
    rank = found.measured.rank_by_concepts
    assert rank.first <= ranked.index(PAIR[1]) + 1 <= rank.last
    assert rank.among == 240
    assert found.bits is None
    assert "A text has no code, because the network has no text branch" in found.notes


def test_a_text_that_features_answer_is_ranked_by_their_cosine(by_features, pictures):
    text = "a castle by the ocean"
    reading = by_features.read_text(text)
    asked = Embedding(reading.features, reading.distribution, None)
    answer = answer_to_text(by_features, text, by="features")
    for place in (0, 17, 239):
        image = int(answer.ids[place])
        found = why(pictures, asked, image, without=["castle"], by_features=True)
        assert found.measured.rank_by_features == (place + 1, place + 1, 240)
        cosine = float(by_features.image_features[image] @ reading.features)
        assert found.measured.cosine == pytest.approx(cosine, abs=1e-6)
        said = f"Rank {place + 1} of 240 by features (cosine "
        assert found.sentence.startswith(f"{said}{found.measured.cosine_in_words})")
        assert f"S = {found.measured.similarity:.2f}".replace("-", "−") in found.sentence
        # What the card says of the cosine is within the shelf that the result stands on.
        level = int(answer.level[place])
        shown = float(found.measured.cosine_in_words.replace("−", "-"))
        assert answer.cosines[level] - 1e-9 <= shown
        assert level == 0 or shown < answer.cosines[level - 1]
        assert "Leaving out concepts changes S, not the order by features" in found.notes
    assert why(pictures, asked, image).measured.rank_by_features is None


@pytest.mark.parametrize(
    ("cosine", "said"), [(0.3199, "0.319"), (0.3, "0.300"), (-0.0004, "−0.001")]
)
def test_a_cosine_is_rounded_down_to_stay_on_its_shelf(by_features, cosine, said):
    measured = why(StudyImages(by_features), *PAIR).measured
    assert measured.cosine_in_words == ""
    assert dataclasses.replace(measured, cosine=cosine).cosine_in_words == said


def test_an_uploaded_image_is_compared_with_its_code(by_features, pictures):
    image = by_features.dataset.images[7]
    more = pictures.with_image(image, "mine.png")
    found = why(more, len(more) - 1, 7)
    assert found.measured.similarity == pytest.approx(1, abs=1e-4)
    assert found.measured.distance == 0
    assert not found.same
    assert found.measured.rank_by_code.first == 1
    with pytest.raises(IndexError, match="no image 261"):
        why(more, 261, 7)


def test_flat_distributions_are_said_first(by_features):
    flat = by_features.with_(tau=0.01, network=by_features.network)
    found = why(StudyImages(flat), *PAIR)
    k = len(flat.kept_names)
    assert found.flat
    assert found.sentence.startswith(
        f"S = 1.00 says little, because both weigh all {k} concepts almost equally"
    )
    assert any(
        note.startswith("Most images weigh all concepts almost equally") for note in found.notes
    )


def test_a_database_of_two_expects_nothing(by_features):
    splits = {**by_features.dataset.splits, "database": np.array(PAIR)}
    dataset = dataclasses.replace(by_features.dataset, splits=splits)
    study = by_features.with_(dataset=dataset, network=by_features.network)
    found = why(StudyImages(study), *PAIR)
    assert found.expected is None
    assert found.measured.rank_by_concepts == (1, 1, 1)
    assert "usual" not in found.sentence


def test_a_concept_that_is_not_kept_cannot_be_left_out(pictures):
    with pytest.raises(ValueError, match="without: 'unicorn' is not among the kept concepts"):
        why(pictures, *PAIR, without=["unicorn"])


def test_the_sentence_says_whether_the_distance_is_usual(pictures):
    usual = why(pictures, *PAIR)
    expected, distance = usual.expected, usual.measured.distance
    for low, high, words in (
        (distance, distance, f", as is usual for this S ({distance} to {distance})"),
        (distance + 1, distance + 2, ", fewer than usual"),
        (0, distance - 1, ", more than usual"),
    ):
        said = dataclasses.replace(usual, expected=expected._replace(low=low, high=high)).sentence
        assert words in said
        assert (", but the codes" in said) == ("than" in words)


@pytest.mark.parametrize(
    ("similarity", "words"),
    [
        (0.78, "The concepts are similar (S = 0.78: "),
        (0.2, "The concepts are partly similar (S = 0.20: "),
        (-0.3, "The concepts have little in common, "),
        (-0.97, "The concepts have hardly anything in common (S = −0.97)"),
    ],
)
def test_the_sentence_does_not_contradict_itself(pictures, similarity, words):
    found = why(pictures, *PAIR)
    measured = dataclasses.replace(found.measured, similarity=similarity)
    assert dataclasses.replace(found, measured=measured).sentence.startswith(words)


def test_what_mixes_without_a_concept_is_what_mixes_the_others(study):
    config = TrainingConfig(recipe="tuned", feature_share=0.3)
    mixture = study.network_for(16, config).mixture
    mean = mixture.lengths
    rest = torch.ones(len(study.kept_names), dtype=torch.bool)
    x = study.image_features[:5]
    assert torch.equal(mixture(x, rest), mixture(x))
    rest[0] = False
    rows = mixture(x, rest)
    assert rows[:, x.shape[1]].abs().max() == 0
    scores = study.vlp.logit_scale * x @ mixture.concepts[1:].T
    sharp, soft = (torch.softmax(s, 1).norm(dim=1) for s in (scores, scores / 3))
    squares = 0.3 + 0.7 * (0.7 * sharp / mean[0] + 0.3 * soft / mean[1])
    assert torch.allclose(rows.square().sum(1), squares, atol=1e-5)
    assert pack_codes(rows).shape == (5, (rows.shape[1] + 7) // 8)
