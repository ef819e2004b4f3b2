"""One query ranked in two ways, in words and numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import stats

from uhscm_core.analysis.rankers import CONCEPTS, FEATURES, rankers_of
from uhscm_core.analysis.rankings import moves
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.numbers import digits_of, signed


def test_places_are_told_by_bits_and_by_cosine(both):
    image = int(both.first(0)[4])
    left, right = both.rankings
    row = int(np.flatnonzero(left.items == image)[0])
    first, last, bits = left.ranks.first[row], left.ranks.last[row], left.distances[row]
    assert first < last
    assert both.place(0, image) == f"#{first}–{last} · {bits} bit{'' if bits == 1 else 's'}"
    rank, cosine = right.ranks.first[row], 1 - right.distances[row]
    assert both.place(1, image) == f"#{rank} · cos {cosine:.2f}"
    assert both.caption(0, image).split("\n")[:2] == [
        both.place(0, image),
        f"on the right {both.place(1, image)}",
    ]
    assert both.caption(1, image).startswith(f"#{rank} · cos")


def test_the_query_is_in_no_ranking(both):
    assert not both.has(both.query)
    assert both.has(int(both.first(1)[0]))


def test_what_moved_is_that_of_the_two_rankings(both):
    assert both.moves.equals(moves(*both.rankings, 30))


def test_precisions_are_those_of_the_rankers(both, trained):
    for ranker, (worst, expected, best) in zip(both.rankers, both.precisions, strict=True):
        assert worst <= expected + 1e-12
        assert expected <= best + 1e-12
        assert expected == ranker.average_precision(both.query, "expected")
    labels = trained.dataset.labels.clone()
    labels[both.query] = 0
    study = trained.with_(
        dataset=dataclasses.replace(trained.dataset, labels=labels), network=trained.network
    )
    without = dataclasses.replace(both, pictures=StudyImages(study))
    assert without.precisions is None
    assert "label" not in without.summary(0)


def test_the_headline_names_both_sides(both):
    assert both.headline.startswith(f"UHSCM, 16 bits and {FEATURES} share ")
    assert f"of their first 30 for {both.pictures.names[both.query]}, and" in both.headline


def test_the_verdict_of_two_cosines_is_a_paired_interval_over_queries(both, trained):
    rankers, _ = rankers_of(trained)
    cosines = dataclasses.replace(both, rankers=(rankers[FEATURES], rankers[CONCEPTS]))
    assert cosines.verdict() == ""  # not evaluated yet
    left, right = (ranker.average_precisions() for ranker in cosines.rankers)
    gain = right - left
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    said = cosines.verdict()
    digits = digits_of(float(right.mean()), float(left.mean()), 3)
    low, high = (float(gain.mean() + side * half) for side in (-1, 1))
    assert f"95% interval {signed(low, digits)} to {signed(high, digits)}" in said
    assert f"over {len(gain)} queries" in said
    swapped = dataclasses.replace(cosines, rankers=cosines.rankers[::-1])
    assert f"{signed(-high, digits)} to {signed(-low, digits)}" in swapped.verdict()


def test_the_verdict_on_one_training_says_that_its_seed_is_not_known(both):
    for ranker in both.rankers:
        ranker.average_precisions()
    assert both.verdict().startswith("Nothing can be said: the mAP of R is ")
    assert "with one seed" in both.verdict()
