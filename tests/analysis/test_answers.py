"""The numbers of one query against naive loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core import mean_average_precision, pack_codes, unpack_codes
from uhscm_core.analysis.answers import (
    STEPS,
    Answer,
    _in_steps,
    answer_to_code,
    answer_to_text,
    average_precision_bounds,
    bit_words,
    bits_of,
    concepts_in_words,
    flip,
    labels_named,
)
from uhscm_core.analysis.study_images import StudyImages


@pytest.fixture(scope="module")
def pictures(trained):
    return StudyImages(trained)


def shared(study, image):
    labels = study.dataset.labels
    return np.array([bool((row & labels[image]).any()) for row in labels])


def test_the_database_stands_by_distance_and_then_by_id(trained, pictures):
    image = int(trained.dataset.splits["query"][0])
    answer = answer_to_code(pictures, trained.codes[image], image, shared(trained, image))
    code = unpack_codes(trained.codes, 16)
    naive = sorted(
        (int((code[image] != code[other]).sum()), int(other))
        for other in trained.dataset.splits["database"]
    )
    assert list(zip(answer.level.tolist(), answer.ids.tolist(), strict=True)) == naive
    assert answer.levels == 17
    assert answer.match.tolist() == [shared(trained, image)[other] for _, other in naive]
    assert answer.match.dtype == bool


def test_an_image_of_the_database_does_not_find_itself(trained, pictures):
    image = int(trained.dataset.splits["database"][3])
    answer = answer_to_code(pictures, trained.codes[image], image)
    assert image not in answer.ids
    assert len(answer.ids) == len(trained.dataset.splits["database"]) - 1
    assert answer.match is None


def test_shelves_hold_all_images_of_a_distance():
    answer = Answer(np.arange(6), np.array([0, 0, 2, 2, 2, 5]), 9, False)
    assert answer.shelves() == [(0, 0, 2), (2, 2, 5), (5, 5, 6)]
    assert Answer(np.zeros(0, int), np.zeros(0, int), 9, False).shelves() == []
    assert [answer.named(level) for level in (0, 1, 2)] == ["0 bits", "1 bit", "2 bits"]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=30),
    st.booleans(),
)
def test_within_counts_as_a_loop_does(items, known):
    items = sorted(items)
    level = np.array([at for at, _ in items], dtype=np.int64)
    match = np.array([good for _, good in items], dtype=bool) if known else None
    within = Answer(np.arange(len(items)), level, 7, False, match).within()
    for radius in range(7):
        inside = [good for at, good in items if at <= radius]
        assert within.found[radius] == len(inside)
        if not known:
            assert within.matches is within.precision is within.recall is None
            continue
        good = sum(inside)
        assert within.matches[radius] == good
        if inside:
            assert within.precision[radius] == pytest.approx(good / len(inside))
        else:
            assert np.isnan(within.precision[radius])
        total = sum(good for _, good in items)
        assert within.recall[radius] == pytest.approx(good / total if total else 0)


def test_a_text_is_answered_by_similarity_in_steps_of_a_tenth(trained):
    answer = answer_to_text(trained, "a castle by the ocean", by="concepts")
    found = trained.search("a castle by the ocean", 240)
    assert answer.ids.tolist() == found.ids.tolist()
    assert answer.levels == STEPS
    for level, distance in zip(answer.level.tolist(), found.distances.tolist(), strict=True):
        similarity = 1 - 2 * distance
        assert 1 - (level + 1) / 10 - 1e-6 <= similarity <= 1 - level / 10 + 1e-6
    assert answer.named(0) == "S ≥ 0.9"
    assert answer.named(9) == "S ≥ 0.0"
    assert answer.named(19) == "S ≥ −1.0"


def test_a_concept_of_the_text_that_hardly_counts_is_said(trained):
    said = answer_to_text(trained, "boats by a castle", by="concepts").notes
    assert len(said) == 1
    assert "'boats' hardly counts: the text is read as 'castle' at 100%" in said[0]
    assert answer_to_text(trained, "a castle").notes == ()
    both = answer_to_text(trained, "Boats and flowers by a castle", by="concepts").notes[0]
    assert both.startswith("'boats' and 'flowers' hardly count:")
    assert answer_to_text(trained, "boats by a castle").notes == ()  # its features have both


def test_a_text_that_no_kept_concept_says_is_answered_by_features(trained):
    text = trained.read_text("boats by a castle").features
    database = trained.dataset.splits["database"]
    cosines = {int(i): float(trained.image_features[i] @ text) for i in database}
    answer = answer_to_text(trained, "boats by a castle")
    assert sorted(answer.ids.tolist()) == database.tolist()
    ranked = [cosines[image] for image in answer.ids.tolist()]
    assert ranked == pytest.approx(sorted(ranked, reverse=True), abs=1e-6)
    assert answer.by_text
    assert answer.levels == len(answer.cosines) <= 25
    step = answer.cosines[0] - answer.cosines[1]
    for image, level in zip(answer.ids.tolist(), answer.level.tolist(), strict=True):
        assert answer.cosines[level] - 1e-6 <= cosines[image] < answer.cosines[level] + step + 1e-6
    assert answer.named(0).startswith("cosine ≥ 0.")
    assert answer_to_text(trained, "a castle").cosines == ()
    castle = answer_to_text(trained, "a castle", by="features")
    assert castle.ids.tolist() == trained.search("a castle", 240, by="features").ids.tolist()


@pytest.mark.parametrize(
    ("cosines", "steps", "levels"),
    [
        ([0.3, 0.2999, 0.29, 0.281], (0.3, 0.29, 0.28), [0, 1, 1, 2]),
        ([0.05, -0.002, -0.01], (0.05, 0.04, 0.03, 0.02, 0.01, 0.0, -0.01), [0, 6, 6]),
        ([0.9, 0.61], tuple(0.9 - 0.02 * i for i in range(16)), [0, 15]),
        ([0.4], (0.4,), [0]),
    ],
)
def test_steps_of_cosines_are_round_and_few(cosines, steps, levels):
    found, level = _in_steps(np.array(cosines))
    assert found == pytest.approx(steps)
    assert level.tolist() == levels


def test_steps_take_in_their_edges(trained, monkeypatch):
    similarity = torch.tensor([1.0, 0.9, 0.899, 0.0, -1.0])
    result = trained.search("a castle", 5)._replace(distances=(1 - similarity) / 2)
    monkeypatch.setattr(type(trained), "rank_by_concepts", lambda *_: result)
    assert answer_to_text(trained, "a castle").level.tolist() == [0, 0, 1, 9, 19]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a CASTLE by the sea", ("castle",)),
        ("castles and boats", ("boats", "castle")),
        ("newcastle", ()),
        ("(.*) [castle", ("castle",)),
        ("", ()),
    ],
)
def test_labels_are_named_by_whole_words(trained, text, names):
    found, match = labels_named(trained, text)
    assert set(found) == set(names)
    if not names:
        assert match is None
    else:
        has = [set(trained.dataset.labels_of(i)) & set(names) for i in range(len(trained.dataset))]
        assert match.tolist() == [bool(one) for one in has]


def test_bounds_of_average_precision_are_those_of_the_metric(trained, pictures):
    image = int(trained.dataset.splits["query"][1])
    answer = answer_to_code(pictures, trained.codes[image], image, shared(trained, image))
    bounds = average_precision_bounds(answer, trained.codes[image], trained.codes)
    labels, database = trained.dataset.labels, trained.dataset.splits["database"]
    for ties, value in bounds.items():
        assert value == pytest.approx(
            mean_average_precision(
                trained.codes[[image]],
                trained.codes[database],
                labels[[image]],
                labels[database],
                ties=ties,
            )
        )
    assert bounds["worst"] < bounds["expected"] < bounds["best"]
    unknown = answer_to_code(pictures, trained.codes[image], image)
    with pytest.raises(ValueError, match="needs matches"):
        average_precision_bounds(unknown, trained.codes[image], trained.codes)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_flipping_turns_these_bits_over_and_no_other(ones, data):
    bits = data.draw(st.lists(st.integers(0, len(ones) - 1), unique=True))
    code = pack_codes(torch.tensor([[1.0 if one else -1.0 for one in ones]]))[0]
    before = code.clone()
    turned = bits_of(flip(code, bits), len(ones))
    assert turned == [int(one != (i in bits)) for i, one in enumerate(ones)]
    assert torch.equal(code, before)
    assert torch.equal(flip(flip(code, bits), bits), before)


def test_a_bit_is_told_by_its_strongest_concepts():
    meaning = torch.tensor([[0.1, -0.62, 0.4], [0.0, 0.0, 0.0]])
    assert bit_words(meaning, ["sky", "castle", "boats"], 2) == [
        "castle (−0.62), boats (+0.40)",
        "",
    ]


def test_concepts_in_words_leave_out_what_rounds_to_nothing():
    weights = torch.tensor([0.2, 0.797, 0.003])
    assert concepts_in_words(weights, ["ocean", "castle", "zebra"]) == "80% castle, 20% ocean"
