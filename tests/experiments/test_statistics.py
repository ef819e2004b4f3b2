"""Intervals against hand-computed cases, and against simulation with a known truth."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from uhscm_core.experiments.sentences import sentence
from uhscm_core.experiments.statistics import Sample, estimate, estimate_difference


def drawn(generator, s, q, *, mean=0.5, seed=0.0, query=0.0, rest=0.0, by_query=None) -> Sample:
    """S seeds and Q queries of the model, with these standard deviations."""
    queries = generator.normal(0, query, q) if by_query is None else by_query
    values = mean + queries + generator.normal(0, seed, (s, 1)) + generator.normal(0, rest, (s, q))
    return Sample(values, tuple(range(s)))


def test_seeds_alone_give_welchs_interval():
    a = Sample(np.array([[0.50], [0.52], [0.57]]).repeat(4, 1), (0, 1, 2))
    b = Sample(np.array([[0.40], [0.41], [0.48], [0.43]]).repeat(4, 1), (0, 1, 2, 3))
    expected = stats.ttest_ind(a.values[:, 0], b.values[:, 0], equal_var=False)
    found = estimate_difference(a, b)
    assert found.value == pytest.approx(0.53 - 0.43)
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_queries_alone_give_the_paired_interval():
    a = Sample(np.array([[0.1, 0.5, 0.7, 0.9]]), ())
    b = Sample(np.array([[0.2, 0.3, 0.7, 0.4]]), ())
    expected = stats.ttest_rel(a.values[0], b.values[0]).confidence_interval(0.95)
    assert estimate_difference(a, b).interval() == pytest.approx(tuple(expected))


def test_two_trained_settings_are_compared_seed_by_seed():
    rows = np.array([[0.50], [0.60], [0.40]]).repeat(4, 1)
    a = Sample(rows + np.array([[0.010], [0.013], [0.016]]), (0, 1, 2), trained=True)
    b = Sample(rows[::-1], (2, 1, 0), trained=True)
    expected = stats.ttest_1samp([0.010, 0.013, 0.016], 0).confidence_interval(0.95)
    assert estimate_difference(a, b).interval() == pytest.approx(tuple(expected))
    fewer = Sample(b.values[:2], (2, 1), trained=True)
    assert estimate_difference(a, fewer).value == pytest.approx(0.0145)


def test_the_rest_counts_once():
    values = np.array([[0.1, 0.4, 0.7], [0.3, 0.2, 0.9]])
    found = estimate(Sample(values, (0, 1)))
    q, s = 3, 2
    between_seeds = q * values.mean(1).var(ddof=1)
    between_queries = s * values.mean(0).var(ddof=1)
    rest = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    mean_square = (rest**2).sum() / 2
    variance = (between_seeds + between_queries - mean_square) / (s * q)
    assert found.seed_variances[0] / s + found.query_variance == pytest.approx(variance)


@pytest.mark.parametrize("sds", [(0.01, 0.3, 0.1), (0.01, 0.0, 0.05), (0.0, 0.2, 0.1)])
@pytest.mark.parametrize("seeds", [3, 6])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(sds, seeds):
    generator = np.random.default_rng(0)
    seed, query, rest = sds
    held = 0
    for _ in range(400):
        gain = generator.normal(0.02, query, 100)
        a = drawn(generator, seeds, 100, seed=seed, rest=rest, by_query=gain)
        b = drawn(generator, seeds, 100, seed=seed, rest=rest)
        low, high = estimate_difference(a, b).interval()
        held += low <= 0.02 <= high
    assert 0.92 <= held / 400 <= 0.995


def test_a_test_over_queries_alone_calls_equal_settings_different():
    generator = np.random.default_rng(0)
    alone, together = 0, 0
    for _ in range(200):
        a, b = (drawn(generator, 3, 1000, seed=0.006, rest=0.03) for _ in range(2))
        found = estimate_difference(a, b)
        by_query = a.values.mean(0) - b.values.mean(0)
        alone += stats.ttest_1samp(by_query, 0).pvalue < 0.05
        low, high = found.interval()
        together += low > 0 or high < 0
    assert alone > 120
    assert together <= 20


def test_what_it_predicts_of_more_seeds_comes_true():
    generator = np.random.default_rng(0)
    found = estimate_difference(
        *(drawn(generator, 400, 500, mean=mean, seed=0.008) for mean in (0.51, 0.5))
    )
    needed = found.seeds_for(0.01)
    assert needed is not None
    assert 10 <= needed <= 13
    shown = 0
    for _ in range(400):
        a, b = (drawn(generator, needed, 500, mean=mean, seed=0.008) for mean in (0.51, 0.5))
        shown += estimate_difference(a, b).interval()[0] > 0
    assert shown / 400 == pytest.approx(found.power(0.01, needed), abs=0.06)
    assert found.power(0.01, needed - 1) < 0.8 <= found.power(0.01, needed)


def test_one_seed_tells_nothing_but_a_method_without_seeds_needs_none():
    one, none = Sample(np.array([[0.1, 0.4, 0.7]]), (0,)), Sample(np.array([[0.1, 0.4, 0.7]]), ())
    assert estimate(one).interval() == (-np.inf, np.inf)
    assert np.isfinite(estimate(none).interval()).all()
    low, high = estimate(one).over_queries_alone()
    assert (low, high) == estimate(none).interval()


def test_one_query_tells_nothing():
    one = Sample(np.array([[0.1], [0.2]]), (0, 1))
    assert estimate(one).interval() == (-np.inf, np.inf)
    assert "One query cannot tell" in sentence("a", "b", estimate(one), 1.0, (0.1, 0.2))


def test_equal_results_have_an_interval_of_no_width():
    same = Sample(np.full((3, 4), 0.5), (0, 1, 2))
    found = estimate_difference(same, same)
    assert found.interval() == (0, 0)
    assert found.power(0.01, 3) == 1.0


def test_the_sentence_says_what_more_seeds_would_show():
    generator = np.random.default_rng(1)
    a, b = (drawn(generator, 3, 500, mean=m, seed=0.008) for m in (0.503, 0.5))
    found = estimate_difference(a, b)
    said = sentence("tau=1", "tau=3", found, 0.5, (0.503, 0.5))
    assert said.startswith("No difference that 3 seeds can show: the mAP of tau=1 is ")
    assert f"A difference of 0.01 would take about {found.seeds_for(0.01):,} seeds" in said


def test_the_sentence_says_when_seeds_do_not_help():
    generator = np.random.default_rng(1)
    gain = generator.normal(0, 0.3, 20)
    a, b = drawn(generator, 3, 20, by_query=gain), drawn(generator, 3, 20, seed=0.001)
    said = sentence("a", "b", estimate_difference(a, b), 0.5, (0.5, 0.5))
    assert "would take more queries, whatever the seeds" in said


def test_the_sentence_says_which_is_better():
    generator = np.random.default_rng(1)
    a, b = (drawn(generator, 3, 500, mean=m, seed=0.002) for m in (0.6, 0.5))
    better = sentence("ITQ", "LSH", estimate_difference(a, b), 0.75, (0.6, 0.5))
    assert better.startswith("ITQ is better than LSH by 0.")
    finer = sentence("ITQ", "LSH", estimate_difference(a, b), 0.75, (0.8996, 0.8931))
    assert re.match(r"ITQ is better than LSH by 0\.\d{4} of mAP \(95% interval \+0\.\d{4} ", finer)
    assert "better on 75% of the queries" in better
    worse = sentence("LSH", "ITQ", estimate_difference(b, a), 0.25, (0.5, 0.6))
    assert worse.startswith("LSH is worse than ITQ by 0.")
