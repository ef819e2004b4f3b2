"""Average precision at k of tied rankings, against enumeration, exact sums and scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from uhscm_core import ties
from uhscm_core.ties import tied_average_precision

ANSWERS = ("expected", "best", "worst")


def precisions_of_group(n, r, t, before, answer):
    """Sum of the precisions at r relevant of n tied items after t, from sums over the ranks."""
    if answer == "expected":
        return math.fsum(
            r / n * (before + 1 + (place * (r - 1) / (n - 1) if n > 1 else 0)) / (t + place + 1)
            for place in range(n)
        )
    start = t if answer == "best" else t + n - r
    return math.fsum((before + i) / (start + i) for i in range(1, r + 1))


def loop_at_k(groups, k, answer, probability):
    """One query: `groups` of (items, relevant ones), and the law of the group that k cuts."""
    t = found = total = 0
    for n, r in groups:
        if t + n > k > t:
            m = k - t
            support = range(max(0, m - (n - r)), min(m, r) + 1)
            values = [
                (total + precisions_of_group(m, a, t, found, answer)) / max(found + a, 1)
                for a in support
            ]
            if answer != "expected":
                return max(values) if answer == "best" else min(values)
            weights = [probability(a, n, r, m) for a in support]
            return math.fsum(v * w for v, w in zip(values, weights, strict=True))
        if t < k:
            total += precisions_of_group(n, r, t, found, answer) if r else 0
            t, found = t + n, found + r
    return total / found if found else 0.0


def exact(a, n, r, m):
    return math.comb(r, a) * math.comb(n - r, m - a) / math.comb(n, m)


def by_scipy(a, n, r, m):
    return float(hypergeom.pmf(a, n, r, m))


def counts_of(*queries):
    """(q, R, 2) of queries given as groups of (items, relevant ones)."""
    counts = [[(n - r, r) for n, r in groups] for groups in queries]
    return np.array(counts, np.int64)


@st.composite
def queries_of_few_items(draw):
    """Up to five queries over the same number of items, at most seven, in up to three ties."""
    items = draw(st.integers(1, 7))
    first, second = sorted(draw(st.tuples(st.integers(0, items), st.integers(0, items))))
    sizes = (first, second - first, items - second)
    relevant = st.tuples(*(st.integers(0, n) for n in sizes))
    queries = draw(st.lists(relevant, min_size=1, max_size=5))
    return [list(zip(sizes, rs, strict=True)) for rs in queries], draw(st.integers(1, items))


def average_precision(ranking, k):
    ranks = [rank for rank, relevant in enumerate(ranking[:k], 1) if relevant]
    return sum(i / rank for i, rank in enumerate(ranks, 1)) / len(ranks) if ranks else 0.0


@given(case=queries_of_few_items())
def test_at_k_all_queries_at_once_equal_the_enumeration_of_all_orders(case):
    queries, k = case
    found = {answer: tied_average_precision(counts_of(*queries), k, answer) for answer in ANSWERS}
    for i, groups in enumerate(queries):
        orders = [
            set(itertools.permutations([1] * r + [0] * (n - r))) for n, r in groups
        ]  # of one group all distinct orders are equally likely
        values = [
            average_precision(list(itertools.chain(*parts)), k)
            for parts in itertools.product(*orders)
        ]
        assert found["expected"][i] == pytest.approx(math.fsum(values) / len(values), abs=1e-9)
        assert found["best"][i] == pytest.approx(max(values), abs=1e-9)
        assert found["worst"][i] == pytest.approx(min(values), abs=1e-9)


# Before the cut: nothing, nothing relevant, or some relevant items.
BEFORE = [(0, 0), (40, 0), (40, 1), (700, 500)]


@pytest.mark.parametrize("before", BEFORE, ids=str)
@pytest.mark.parametrize("m", [1, 2, 150, 299, 300, 301, 598, 599])
def test_a_cut_group_of_600_items_equals_the_exact_sum(before, m):
    cut = [(600, r) for r in (0, 1, 2, 30, 299, 300, 570, 599, 600)]
    counts = counts_of(*([before, group] for group in cut))
    k = before[0] + m
    values = [loop_at_k([before, group], k, "expected", exact) for group in cut]
    assert tied_average_precision(counts, k, "expected") == pytest.approx(values, abs=1e-10)


@pytest.mark.parametrize("before", BEFORE, ids=str)
@pytest.mark.parametrize("m", [1, 1000, 5000, 29_999])
def test_a_cut_group_of_30000_items_equals_scipy(before, m):
    cut = [(30_000, r) for r in (0, 1, 20, 3000, 15_000, 29_990, 30_000)]
    counts = counts_of(*([before, group] for group in cut))
    k = before[0] + m
    n, t, found = 30_000, *before
    total = precisions_of_group(t, found, 0, 0, "expected") if found else 0.0
    s1 = math.fsum(1 / i for i in range(t + 1, t + m + 1))
    s2 = m - (t + 1) * s1
    values = []
    for _, r in cut:
        a = np.arange(max(0, m - (n - r)), min(m, r) + 1)
        sums = total + a / m * ((found + 1) * s1 + (a - 1) / max(m - 1, 1) * s2)
        weights = hypergeom.pmf(a, n, r, m)
        values.append((sums / np.maximum(found + a, 1)) @ weights)
    assert tied_average_precision(counts, k, "expected") == pytest.approx(values, abs=1e-9)


@pytest.mark.parametrize("answer", ANSWERS)
def test_cut_groups_of_every_size_in_one_call_equal_the_loop(answer):
    random = np.random.default_rng(0)
    sizes = random.multinomial(400, [0.1, 0.2, 0.4, 0.3], 60)
    relevant = random.binomial(sizes, random.random((60, 1)))
    queries = [list(zip(*rows, strict=True)) for rows in zip(sizes, relevant, strict=True)]
    for k in (1, 7, 100, 250, 399, 400):
        values = [loop_at_k(groups, k, answer, exact) for groups in queries]
        found = tied_average_precision(counts_of(*queries), k, answer)
        assert found == pytest.approx(values, abs=1e-10), k


def test_what_the_mean_leaves_out_is_below_its_bound():
    random = np.random.default_rng(1)
    n = random.integers(2, 60_000, 300)
    m, r = random.integers(1, n), random.integers(0, n + 1)
    fewest, most = np.maximum(m - (n - r), 0), np.minimum(m, r)
    first, last = ties._likely(n, r, m, fewest, most)
    assert (fewest <= first).all()
    assert (first <= last).all()
    assert (last <= most).all()
    left_out = hypergeom.cdf(first - 1, n, r, m) + hypergeom.sf(last, n, r, m)
    assert left_out.max() <= 1e-12
    wide = most - fewest > 10_000
    assert (last - first)[wide].max() < 1500  # and yet far from all


def test_in_blocks_cut_groups_are_the_same_as_at_once(monkeypatch):
    queries = [[(5, 2), (n, n // 3), (100 - n, 4)] for n in range(10, 90)]
    whole = [tied_average_precision(counts_of(*queries), 9, answer) for answer in ANSWERS]
    monkeypatch.setattr("uhscm_core.codes._PAIRS_PER_BLOCK", 20)
    in_blocks = [tied_average_precision(counts_of(*queries), 9, answer) for answer in ANSWERS]
    assert np.array_equal(whole, in_blocks)
