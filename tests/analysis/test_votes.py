"""The numbers of denoising against naive loops."""

from __future__ import annotations

import pytest

from uhscm_core import Study
from uhscm_core.analysis.votes import (
    counts,
    flips,
    moved_to,
    steps,
    vote_changes,
    vote_frame,
    voters,
)


def best_of(study: Study, image: int, among: list[int]) -> int:
    """The concept of the largest dot product, by hand."""
    features = study.image_features[image].tolist()
    scores = {
        j: sum(a * b for a, b in zip(features, study.text_features[j].tolist(), strict=True))
        for j in among
    }
    return max(scores, key=lambda j: scores[j])


@pytest.fixture(scope="module")
def votes(study) -> dict[int, int]:
    everything = list(range(len(study.concepts)))
    train = study.dataset.splits["train"].tolist()
    return {image: best_of(study, image, everything) for image in train}


def test_the_sentence_counts_what_stays_and_what_goes(study, votes):
    many = [j for j in range(81) if list(votes.values()).count(j) > 0.5 * 120 / 81]
    assert counts(study) == f"81 concepts, {len(many)} kept, {81 - len(many)} dropped"


def test_the_table_holds_each_concepts_votes_most_first(study, votes):
    frame = vote_frame(study)
    assert frame["votes"].is_monotonic_decreasing
    assert frame["votes"].sum() == 120
    names = study.concepts.names
    for row in frame.itertuples():
        assert row.concept == names[row.index]
        assert row.votes == list(votes.values()).count(row.index)
        assert row.kept == (row.votes > 0.5 * 120 / 81)


def test_voters_are_the_images_that_score_a_concept_highest_best_first(study, votes):
    seen = []
    for concept in range(len(study.concepts)):
        ids = voters(study, concept).tolist()
        assert set(ids) == {image for image, vote in votes.items() if vote == concept}
        scores = (study.image_features[ids] @ study.text_features[concept]).tolist()
        assert scores == sorted(scores, reverse=True)
        seen += ids
    assert sorted(seen) == study.dataset.splits["train"].tolist()


def test_the_voters_of_a_dropped_concept_go_to_their_best_kept_one(study, votes):
    few = study.with_(min_share=4.0)  # more concepts with voters are dropped
    kept = few.mined.kept.nonzero().flatten().tolist()
    dropped = [j for j in set(votes.values()) if j not in kept]
    assert dropped
    for concept in dropped:
        expected: dict[str, int] = {}
        for image in voters(few, concept).tolist():
            name = few.concepts.names[best_of(few, image, kept)]
            expected[name] = expected.get(name, 0) + 1
        table = moved_to(few, concept)
        assert dict(zip(table["concept"], table["images"], strict=True)) == expected
        assert table["images"].is_monotonic_decreasing


def test_a_concept_without_voters_sends_nobody(study):
    unloved = int(vote_frame(study)["index"].iloc[-1])
    assert not len(voters(study, unloved))
    assert moved_to(study, unloved).empty


def test_flips_are_the_training_images_whose_top_concept_changed(study):
    other = study.with_(template="banana {} tax return")
    table = flips(study, other)
    everything = list(range(81))
    changed = {}
    for image in study.dataset.splits["train"].tolist():
        before, after = (best_of(s, image, everything) for s in (study, other))
        if before != after:
            changed[image] = (study.concepts.names[before], study.concepts.names[after])
    assert changed  # the template does something
    rows = zip(table["image"], table["before"], table["after"], strict=True)
    assert {image: (before, after) for image, before, after in rows} == changed
    sizes = table.groupby(["before", "after"])["image"].transform("size")
    assert sizes.is_monotonic_decreasing
    assert flips(study, study).empty


def test_changes_of_votes_are_the_two_tables_side_by_side(study):
    other = study.with_(template="banana {} tax return")
    table = vote_changes(study, other).set_index("concept")
    for column, one in (("before", study), ("after", other)):
        votes = vote_frame(one).set_index("concept")["votes"]
        assert table[column].to_dict() == votes.to_dict()
    assert table["kept"].to_dict() == vote_frame(other).set_index("concept")["kept"].to_dict()
    assert (table["after"] - table["before"]).abs().is_monotonic_decreasing


def test_the_steps_hold_one_images_numbers(study, votes):
    image = int(study.dataset.splits["train"][3])
    prompt, score, softmax, vote, drop = steps(study, study.image_features[image])
    names = study.concepts.names
    best = names[votes[image]]
    assert score.names[0] == vote.right[0] == best
    assert f"a photo of the {best}" in prompt.names
    for name, value in zip(score.names, score.values, strict=True):
        exact = study.image_features[image] @ study.text_features[names.index(name)]
        assert value == pytest.approx(max(exact.item(), 0), abs=1e-6)
    scores = study.text_features.double() @ study.image_features[image].double()
    p = (3 * 81 * scores).softmax(0)
    assert softmax.values == pytest.approx([p[names.index(n)].item() for n in softmax.names], 1e-3)
    assert vote.values == (1.0, *[0.0] * 7)
    for name, value, kept in zip(drop.names, drop.values, drop.kept, strict=True):
        assert value == list(votes.values()).count(names.index(name))
        assert kept == (value > drop.threshold)
        assert (name in drop.right) == (not kept)
    assert drop.threshold == pytest.approx(0.5 * 120 / 81)
    assert f"{best!r} has {int(drop.values[0])} votes" in drop.sentence


def test_steps_of_a_single_concept(study):
    one = study.with_(concepts=["tree"])
    softmax = steps(one, one.image_features[0])[2]
    assert (softmax.names, softmax.values) == (("tree",), (1.0,))
