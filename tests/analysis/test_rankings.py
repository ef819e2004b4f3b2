"""Ranks in ties, overlap and moves, against loops over every order of the ties."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.analysis.rankings import (
    Ranking,
    Ranks,
    label_matches,
    moves,
    overlap_at,
    rank_biased_overlap,
    tied_ranks,
)

DISTANCES = st.lists(st.integers(0, 3), min_size=1, max_size=6)
PAIRS = st.integers(1, 6).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 3), min_size=n, max_size=n)] * 2)
)


def orders(distances):
    """Every order that the distances allow, each of item numbers."""
    groups = [
        [i for i, d in enumerate(distances) if d == value] for value in sorted(set(distances))
    ]
    for parts in itertools.product(*map(itertools.permutations, groups)):
        yield [item for part in parts for item in part]


@given(DISTANCES)
def test_ranks_are_those_of_all_orders(distances):
    ranks = tied_ranks(distances)
    for item in range(len(distances)):
        found = [order.index(item) + 1 for order in orders(distances)]
        assert (ranks.first[item], ranks.last[item]) == (min(found), max(found))
        assert ranks.middle[item] == pytest.approx(np.mean(found))
        for k in range(1, len(distances) + 1):
            share = np.mean([rank <= k for rank in found])
            assert ranks.within(k)[item] == pytest.approx(share)


@given(PAIRS)
def test_overlap_is_the_mean_over_all_orders(pair):
    left, right = map(tied_ranks, pair)
    for k in range(1, len(pair[0]) + 1):
        shares = [
            len(set(a[:k]) & set(b[:k])) / k
            for a, b in itertools.product(orders(pair[0]), orders(pair[1]))
        ]
        assert overlap_at(left, right, k) == pytest.approx(np.mean(shares))


@given(PAIRS, st.integers(1, 6))
def test_rank_biased_overlap_is_its_series(pair, k):
    n, p = len(pair[0]), 1 - 1 / k
    left, right = map(tied_ranks, pair)
    deepest = min(n, 5 * k)
    at = [0.0] + [overlap_at(left, right, d) for d in range(1, deepest + 1)]
    series = sum((1 - p) * p ** (d - 1) * at[min(d, deepest)] for d in range(1, 2000))
    assert rank_biased_overlap(left, right, k) == pytest.approx(series, abs=1e-9)


def test_rank_biased_overlap_of_known_cases():
    forwards = tied_ranks([0, 1, 2, 3])
    assert rank_biased_overlap(forwards, forwards, 3) == pytest.approx(1.0)
    # Of 2 items in opposite order, overlap@1 = 0 and from depth 2 on 1: RBO = p.
    assert rank_biased_overlap(tied_ranks([0, 1]), tied_ranks([1, 0]), 4) == pytest.approx(0.75)
    assert rank_biased_overlap(tied_ranks([0, 1]), tied_ranks([1, 0]), 1) == 0.0
    # One large tie: nothing is known, so any order agrees as much as chance does.
    tie = tied_ranks(np.zeros(1000))
    assert overlap_at(tie, tied_ranks(np.arange(1000)), 10) == pytest.approx(0.01)
    thousand = np.arange(1000)
    assert rank_biased_overlap(tied_ranks(thousand), tied_ranks(thousand[::-1]), 10) == 0.0


def test_moves_by_hand():
    items = np.array([10, 20, 30, 40, 50])
    left = Ranking(items, np.array([0, 1, 2, 2, 9]))
    right = Ranking(items, np.array([5, 1, 7, 7, 0]))
    frame = moves(left, right, 2)
    assert frame["image"].tolist() == [50, 10, 20]
    assert frame["change"].tolist() == ["came in", "went out", "in both"]
    assert frame["moved"].tolist() == [4, -2, 0]
    assert frame["certain"].tolist() == [True, True, False]
    assert frame[["left_first", "right_last"]].to_numpy().tolist() == [[5, 1], [1, 3], [2, 2]]
    # With 3, image 30 is in on the left only because of its position in the tie.
    frame = moves(left, right, 3).set_index("image")
    assert frame.loc[30, "change"] == "went out"
    assert not frame.loc[30, "certain"]
    assert frame.loc[50, "certain"]
    assert frame.loc[30, ["left_first", "left_last", "right_first", "right_last"]].tolist() == [
        *(3, 4, 4, 5)
    ]


@given(PAIRS, st.integers(1, 6))
def test_a_move_is_certain_when_every_order_has_it(pair, k):
    n = len(pair[0])
    left, right = (Ranking(np.arange(n), np.array(d)) for d in pair)
    frame = moves(left, right, k)
    assert set(frame["image"]) == set(left.first(k)) | set(right.first(k))
    for row in frame.itertuples():
        both = [
            (a.index(row.image) + 1, b.index(row.image) + 1)
            for a, b in itertools.product(orders(pair[0]), orders(pair[1]))
        ]
        holds = {
            "came in": all(a > k and b <= k for a, b in both),
            "went out": all(a <= k and b > k for a, b in both),
            "in both": all(a < b for a, b in both) or all(a > b for a, b in both),
        }
        assert row.certain == holds[row.change]
        assert row.moved == pytest.approx(np.mean([a - b for a, b in both]))


def test_rankings_of_other_images_are_not_compared():
    ranking = Ranking(np.array([1, 2]), np.array([0, 1]))
    with pytest.raises(ValueError, match="must rank the same images"):
        moves(ranking, Ranking(np.array([1, 3]), np.array([0, 1])), 1)


def test_ties_are_listed_by_position():
    ranking = Ranking(np.array([7, 3, 5]), np.array([1, 0, 1]))
    assert ranking.first(3).tolist() == [3, 7, 5]
    assert ranking.ranks == Ranks(*map(pytest.approx, ([2, 1, 2], [3, 1, 3])))


def test_matches_are_shared_labels(study):
    dataset, query = study.dataset, int(study.dataset.splits["query"][0])
    images = dataset.splits["database"][:40]
    expected = [
        bool(set(dataset.labels_of(query)) & set(dataset.labels_of(int(i)))) for i in images
    ]
    assert label_matches(dataset, query, images) == expected
    assert len(set(expected)) == 2
    bare = dataclasses.replace(dataset, labels=None, label_names=())
    assert label_matches(bare, query, images[:2]) == [None, None]
    labels = dataset.labels.clone()
    labels[query] = 0
    unlabelled = dataclasses.replace(dataset, labels=labels)
    assert label_matches(unlabelled, query, images[:2]) == [None, None]
