"""Metrics against plain loops, and tied rankings against the enumeration of all their orders."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uhscm_core import (
    average_precisions,
    codes,
    cosine_average_precisions,
    cosine_mean_average_precision,
    mean_average_precision,
    metrics,
    ndcg_at,
    pack_codes,
    precision_at,
    precision_recall_curve,
)
from uhscm_core.support.progress import report_progress_to


class Case(NamedTuple):
    """The four arrays that every metric takes."""

    query_codes: np.ndarray
    database_codes: np.ndarray
    query_labels: np.ndarray
    database_labels: np.ndarray

    def database_in(self, order) -> Case:
        return self._replace(
            database_codes=self.database_codes[order], database_labels=self.database_labels[order]
        )


# One ranking, as the numbers of labels that each item shares with the query.


def loop_average_precision(shared: list[int], k: int) -> float:
    found, total = 0, 0.0
    for rank, labels in enumerate(shared[:k], start=1):
        if labels:
            found += 1
            total += found / rank
    return total / found if found else 0.0


def loop_precision(shared: list[int], k: int) -> float:
    top = shared[:k]
    return sum(1 for labels in top if labels) / len(top)


def loop_ndcg(shared: list[int], k: int) -> float:
    def dcg(ranking):
        return sum((2**g - 1) / math.log2(1 + rank) for rank, g in enumerate(ranking[:k], 1))

    ideal = dcg(sorted(shared, reverse=True))
    return dcg(shared) / ideal if ideal else 0.0


METRICS = {
    mean_average_precision: loop_average_precision,
    precision_at: loop_precision,
    ndcg_at: loop_ndcg,
}
each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)


def distances_and_shared(case: Case) -> list[tuple[list[int], list[int]]]:
    """For each query the Hamming distances and numbers of shared labels, by loops."""
    return [
        (
            [
                sum((int(a) ^ int(b)).bit_count() for a, b in zip(code, item, strict=True))
                for item in case.database_codes
            ],
            [
                sum(int(a and b) for a, b in zip(labels, item, strict=True))
                for item in case.database_labels
            ],
        )
        for code, labels in zip(case.query_codes, case.query_labels, strict=True)
    ]


def loop_index(metric, case: Case, top_k: int | None) -> float:
    """The metric with ties by database order: Python's sort is stable."""
    values = []
    for distances, shared in distances_and_shared(case):
        order = sorted(range(len(distances)), key=lambda i: distances[i])
        values.append(METRICS[metric]([shared[i] for i in order], top_k or len(order)))
    return sum(values) / len(values)


def enumerated(metric, case: Case, top_k: int | None) -> dict[str, float]:
    """The metric over every order of every tie group: its mean, largest and smallest value."""
    values = []
    for distances, shared in distances_and_shared(case):
        groups = [
            itertools.permutations([s for d, s in zip(distances, shared, strict=True) if d == at])
            for at in sorted(set(distances))
        ]
        values.append(
            [
                METRICS[metric](list(itertools.chain(*order)), top_k or len(distances))
                for order in itertools.product(*groups)
            ]
        )
    return {
        "expected": sum(sum(v) / len(v) for v in values) / len(values),
        "best": sum(max(v) for v in values) / len(values),
        "worst": sum(min(v) for v in values) / len(values),
    }


def one_query(distances: list[int], relevant: list[int]) -> Case:
    """A query of zeros, and items with so many bits set; relevant items share its one label."""
    width = max(1, math.ceil(max(distances) / 8))
    bits = np.array([[i < d for i in range(8 * width)] for d in distances])
    return Case(
        np.zeros((1, width), np.uint8),
        np.packbits(bits, axis=1),
        np.ones((1, 1), np.uint8),
        np.array(relevant, np.uint8)[:, None],
    )


@st.composite
def cases(draw, items=6, queries=3, width=1):
    """Few distinct codes, so that nearly all items are tied, and up to three labels each."""
    q, n = draw(st.integers(1, queries)), draw(st.integers(1, items))
    labels = draw(st.integers(1, 3))
    bytes_ = st.sampled_from([0, 1, 2, 3, 255])
    rows = st.lists(bytes_, min_size=width, max_size=width)
    hot = st.lists(st.integers(0, 1), min_size=labels, max_size=labels)

    def array(row, size):
        return np.array(draw(st.lists(row, min_size=size, max_size=size)), np.uint8)

    return Case(array(rows, q), array(rows, n), array(hot, q), array(hot, n))


def random_case(seed: int, q: int = 12, n: int = 300, bits: int = 12, labels: int = 5) -> Case:
    random = np.random.default_rng(seed)
    hot = random.random((q + n, labels)) < 0.25
    lean = hot @ random.standard_normal((labels, bits))  # codes that know something of the labels
    codes = np.packbits(lean + random.standard_normal((q + n, bits)) > 0, axis=1)
    return Case(codes[:q], codes[q:], hot[:q], hot[q:])


# Ties by database order.


@each_metric
@pytest.mark.parametrize("bits", [3, 12, 64, 130])
@pytest.mark.parametrize("top_k", [1, 10, 100, 300, 1000])
def test_ties_by_index_equal_the_loop(metric, bits, top_k):
    case = random_case(bits, bits=bits)
    assert metric(*case, top_k) == pytest.approx(loop_index(metric, case, top_k), abs=1e-12)


@each_metric
@given(case=cases(), top_k=st.integers(1, 8))
def test_ties_by_index_equal_the_loop_on_small_cases(metric, case, top_k):
    assert metric(*case, top_k) == pytest.approx(loop_index(metric, case, top_k), abs=1e-12)


@pytest.mark.parametrize("ties", ["index", "expected"])
def test_queries_are_counted_while_they_are_evaluated(monkeypatch, ties):
    monkeypatch.setattr(metrics, "_CPU_PAIRS", 1000)  # 3 queries by 300 items at once
    monkeypatch.setattr(codes, "_PAIRS_PER_BLOCK", 1000)
    reports = []
    case = random_case(7)
    with report_progress_to(lambda *report: reports.append(report)):
        mean_average_precision(*case, ties=ties)
    n = len(case.query_codes)
    assert reports == [("evaluating queries", min(done, n), n) for done in range(3, n + 3, 3)]


@pytest.mark.parametrize("ties", ["index", "expected"])
def test_queries_are_counted_while_they_are_evaluated_by_cosine(monkeypatch, ties):
    monkeypatch.setattr(codes, "_PAIRS_PER_BLOCK", 120)  # 3 queries by 40 items at once
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(47, 4, generator=generator)
    labels = torch.ones(47, 1)
    case = (vectors[:7], vectors[7:], labels[:7], labels[7:])
    silent, reports = cosine_average_precisions(*case, ties=ties), []
    with report_progress_to(lambda *report: reports.append(report)):
        heard = cosine_average_precisions(*case, ties=ties)
    assert reports == [("evaluating queries", done, 7) for done in (3, 6, 7)]
    np.testing.assert_array_equal(heard, silent)


@pytest.mark.parametrize("metric", [mean_average_precision, ndcg_at])
def test_without_top_k_the_whole_database_is_evaluated(metric):
    case = random_case(7)
    assert metric(*case) == metric(*case, top_k=300) == metric(*case, top_k=10**9)
    assert metric(*case) == pytest.approx(loop_index(metric, case, None), abs=1e-12)


# All orders of the ties.


@each_metric
@given(case=cases(), top_k=st.integers(1, 8))
def test_expected_best_and_worst_equal_the_enumeration_of_all_orders(metric, case, top_k):
    for ties, value in enumerated(metric, case, top_k).items():
        assert metric(*case, top_k, ties=ties) == pytest.approx(value, abs=1e-12), ties


COMPOSITIONS_OF_FOUR = [
    groups
    for r in (1, 2, 3, 4)
    for groups in itertools.product((1, 2, 3, 4), repeat=r)
    if sum(groups) == 4
]


@each_metric
@pytest.mark.parametrize("groups", COMPOSITIONS_OF_FOUR, ids=str)
def test_every_ranking_of_four_items_cut_anywhere_equals_the_enumeration(metric, groups):
    distances = [at for at, size in enumerate(groups) for _ in range(size)]
    # A query for each of the sixteen ways to be relevant, with a label of its own.
    relevant = np.array(list(itertools.product((0, 1), repeat=4)))
    case = one_query(distances, [0] * 4)._replace(
        query_codes=np.zeros((16, 1), np.uint8),
        query_labels=np.eye(16),
        database_labels=relevant.T,
    )
    for top_k in (1, 2, 3, 4):
        for ties, value in enumerated(metric, case, top_k).items():
            assert metric(*case, top_k, ties=ties) == pytest.approx(value, abs=1e-12), (top_k, ties)


@pytest.mark.parametrize("metric", [mean_average_precision, ndcg_at])
@given(case=cases())
def test_the_whole_database_equals_the_enumeration(metric, case):
    for ties, value in enumerated(metric, case, None).items():
        assert metric(*case, ties=ties) == pytest.approx(value, abs=1e-12), ties


def test_expected_average_precision_of_large_groups_equals_the_sum_over_ranks():
    case = random_case(1, bits=6)
    values = []
    for distances, shared in distances_and_shared(case):
        total, before, relevant_before = 0.0, 0, 0
        for at in sorted(set(distances)):
            group = [s > 0 for d, s in zip(distances, shared, strict=True) if d == at]
            n, r = len(group), sum(group)
            for place in range(n):  # a relevant item stands here with probability r / n
                others = place * (r - 1) / (n - 1) if n > 1 else 0
                total += r / n * (relevant_before + 1 + others) / (before + place + 1)
            before, relevant_before = before + n, relevant_before + r
        values.append(total / relevant_before if relevant_before else 0.0)
    assert mean_average_precision(*case, ties="expected") == pytest.approx(
        sum(values) / len(values), abs=1e-12
    )


def test_expected_average_precision_of_a_large_cut_group_is_near_the_mean_of_shuffles():
    case = random_case(2, q=4, n=60, bits=3)
    random = np.random.default_rng(0)
    shuffled = [
        mean_average_precision(*case.database_in(random.permutation(60)), top_k=20)
        for _ in range(1500)
    ]
    error = np.std(shuffled) / math.sqrt(len(shuffled))
    expected = mean_average_precision(*case, top_k=20, ties="expected")
    assert abs(np.mean(shuffled) - expected) < 4 * error
    assert error < 0.003  # so that the line above can fail


def test_a_hand_table_of_three_items():
    # Distances 1, 1, 2; the second and third are relevant. The tie comes either way round.
    case = one_query([1, 1, 2], [0, 1, 1])
    late, early = (1 / 2 + 2 / 3) / 2, (1 + 2 / 3) / 2
    found = {
        ties: mean_average_precision(*case, ties=ties)
        for ties in ("index", "expected", "best", "worst")
    }
    assert found == pytest.approx(
        {"index": late, "expected": (late + early) / 2, "best": early, "worst": late}
    )


def test_a_hand_table_of_a_cut_through_a_tie():
    case = one_query([1, 1, 2], [0, 1, 1])
    for metric in METRICS:
        found = [metric(*case, 1, ties=t) for t in ("index", "expected", "best", "worst")]
        assert found == pytest.approx([0, 1 / 2, 1, 0])


def test_fewer_relevant_items_above_the_cut_can_be_better():
    # One relevant item first, one not, then a tie of three with one relevant item, cut after two.
    # Without the second relevant item the average precision is 1, with it at most 5/6.
    case = one_query([0, 1, 2, 2, 2], [1, 0, 1, 0, 0])
    assert mean_average_precision(*case, top_k=4, ties="best") == 1.0
    assert mean_average_precision(*case, top_k=4, ties="worst") == pytest.approx((1 + 2 / 4) / 2)


def test_a_hand_table_of_graded_gains():
    # Shared labels 0, 2, 1 in order: gains 0, 3, 1.
    query = np.zeros((1, 1), np.uint8)
    database = np.array([[0], [1], [3]], np.uint8)
    labels = np.array([[0, 0], [1, 1], [0, 1]])
    dcg, ideal = 3 / math.log2(3) + 1 / 2, 3 + 1 / math.log2(3)
    assert ndcg_at(query, database, np.ones((1, 2)), labels) == pytest.approx(dcg / ideal)
    assert ndcg_at(query, database, np.ones((1, 2)), labels, top_k=2) == pytest.approx(
        3 / math.log2(3) / ideal
    )


# Invariants.


@each_metric
@given(case=cases(items=30, queries=4, width=2), top_k=st.integers(1, 35))
def test_worst_is_at_most_index_and_expected_and_these_at_most_best(metric, case, top_k):
    worst, index, expected, best = (
        metric(*case, top_k, ties=ties) for ties in ("worst", "index", "expected", "best")
    )
    assert 0 <= worst <= min(index, expected) + 1e-12
    assert max(index, expected) <= best + 1e-12 <= 1 + 1e-9


@each_metric
@pytest.mark.parametrize("ties", ["expected", "best", "worst"])
@settings(max_examples=20)  # for each of nine pairs
@given(case=cases(items=30, queries=4, width=2), top_k=st.integers(1, 35), seed=st.integers(0, 99))
def test_no_shuffle_and_no_sorting_of_the_database_moves_them(metric, ties, case, top_k, seed):
    value = metric(*case, top_k, ties=ties)
    shuffle = np.random.default_rng(seed).permutation(len(case.database_codes))
    by_class = np.lexsort(case.database_labels.T)
    for order in (shuffle, by_class, by_class[::-1]):
        assert metric(*case.database_in(order), top_k, ties=ties) == pytest.approx(value, abs=1e-12)


def test_the_index_order_is_moved_by_sorting_the_database_by_class():
    case = random_case(3, bits=4)
    by_class = np.lexsort(case.database_labels.T)
    orders = (by_class, by_class[::-1])
    first, last = (mean_average_precision(*case.database_in(order)) for order in orders)
    assert abs(first - last) > 0.01


@each_metric
def test_without_ties_every_answer_is_the_same(metric):
    case = one_query([0, 1, 2, 3, 4, 5], [0, 1, 1, 0, 1, 0])
    for top_k in (1, 2, 3, 6):
        values = {metric(*case, top_k, ties=t) for t in ("index", "expected", "best", "worst")}
        assert max(values) - min(values) < 1e-12


@each_metric
@pytest.mark.parametrize("ties", ["index", "expected", "best", "worst"])
def test_in_blocks_it_is_the_same_as_at_once(metric, ties, monkeypatch):
    case = random_case(4)
    whole = metric(*case, 20, ties=ties)
    monkeypatch.setattr(codes, "_PAIRS_PER_BLOCK", 700)  # two queries at a time
    assert metric(*case, 20, ties=ties) == pytest.approx(whole, abs=1e-14)
    monkeypatch.setattr(codes, "_PAIRS_PER_BLOCK", 1)  # one
    assert metric(*case, 20, ties=ties) == pytest.approx(whole, abs=1e-14)


def wanted_counts(case, radii):
    wanted = np.zeros((len(case.query_codes), radii, 6), int)
    for query, (distances, shared) in enumerate(distances_and_shared(case)):
        np.add.at(wanted[query], (distances, shared), 1)
    return wanted


# Pairs per tile: one; less than a query's items; some queries; everything, in 1, 2 and 4 bytes.
@pytest.mark.parametrize("pairs", [1, 7, 150, 2000, 131_072, 500_000])
@pytest.mark.parametrize("bits", [13, 21, 128, 260])  # with padding; of several words
def test_counted_tile_by_tile_it_is_the_same_as_pair_by_pair(bits, pairs, monkeypatch):
    case = random_case(6, bits=bits)
    wanted = wanted_counts(case, -(-bits // 8) * 8 + 1)
    monkeypatch.setattr(metrics, "_CPU_PAIRS", pairs)
    counts = metrics._Evaluation(*case, "expected").counts_by_distance()
    assert np.array_equal(counts, wanted[:, :, : counts.shape[2]])
    assert counts.sum() == wanted.sum()


@pytest.mark.parametrize("labels", [8, 40, 300])
def test_labels_of_several_words_are_counted_as_one_by_one(labels):
    random = np.random.default_rng(labels)
    shared_by_all = (random.random((2, labels)) < 0.9).astype(np.uint8)
    codes_of = random.integers(0, 256, (2, 2), np.uint8)
    counts = metrics._Evaluation(
        codes_of[:1], codes_of[1:], shared_by_all[:1], shared_by_all[1:], "expected"
    ).counts_by_distance()
    assert np.argwhere(counts).tolist() == [
        [0, loop_distance(*codes_of), int((shared_by_all[0] & shared_by_all[1]).sum())]
    ]


def loop_distance(a, b):
    return sum(int(x ^ y).bit_count() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("tile", [(1, 1), (5, 7), (12, 300), (100, 1000)], ids=str)
def test_a_device_counts_by_products_of_any_precision_what_the_cpu_counts(tile, monkeypatch):
    case = random_case(6, bits=21)
    wanted = wanted_counts(case, 25)
    monkeypatch.setattr(metrics, "_DEVICE_TILE", tile)
    evaluation = metrics._Evaluation(*case, "expected")
    assert np.array_equal(evaluation._count_by_products(6).reshape(wanted.shape), wanted)
    product = torch.mm
    monkeypatch.setattr(torch, "mm", lambda a, b: product(a.bfloat16(), b.bfloat16()).float())
    assert np.array_equal(evaluation._count_by_products(6).reshape(wanted.shape), wanted)


def test_the_device_is_that_of_the_tensors_given():
    elsewhere = torch.empty(1, device="meta")
    assert metrics._device_of([np.zeros(1), torch.zeros(1)]).type == "cpu"
    assert metrics._device_of([np.zeros(1), elsewhere, torch.zeros(1)]).type == "meta"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@each_metric
def test_tensors_on_a_gpu_score_as_on_the_cpu(metric):
    case = random_case(8, q=40, n=5000, bits=64)
    there = Case(*(torch.from_numpy(array).cuda() for array in case))
    for top_k in (None, 100):
        value = metric(*case, top_k, ties="expected")
        assert metric(*there, top_k, ties="expected") == pytest.approx(value, abs=1e-12)


# Edges.


@each_metric
@pytest.mark.parametrize("ties", ["index", "expected", "best", "worst"])
def test_a_query_with_nothing_relevant_counts_zero(metric, ties):
    answered = one_query([0, 1], [1, 1])
    assert metric(*answered, 2, ties=ties) == pytest.approx(1.0)
    both = answered._replace(
        query_codes=np.zeros((2, 1), np.uint8),
        query_labels=np.array([[1], [0]]),
    )
    assert metric(*both, 2, ties=ties) == pytest.approx(0.5)


@each_metric
@pytest.mark.parametrize("ties", ["index", "expected", "best", "worst"])
@pytest.mark.parametrize("relevant", [0, 1])
def test_one_query_and_one_item_score_all_or_nothing(metric, ties, relevant):
    assert metric(*one_query([3], [relevant]), 1, ties=ties) == pytest.approx(relevant)


@each_metric
@pytest.mark.parametrize("ties", ["index", "expected", "best", "worst"])
def test_equal_codes_that_are_all_relevant_score_one(metric, ties):
    for top_k in (1, 3, 5):
        assert metric(*one_query([2] * 5, [1] * 5), top_k, ties=ties) == pytest.approx(1.0)


@each_metric
def test_a_rank_beyond_the_database_means_all_of_it(metric):
    case = one_query([0, 1, 2], [0, 1, 1])
    for ties in ("index", "expected", "best", "worst"):
        assert metric(*case, 99, ties=ties) == metric(*case, 3, ties=ties)


@each_metric
def test_tensors_arrays_and_any_type_of_zero_and_one_score_the_same(metric):
    case = random_case(5)
    value = metric(*case, 10)
    tensors = Case(*(torch.from_numpy(array) for array in case))
    assert metric(*tensors, 10) == value
    for dtype in (np.uint8, np.int64, np.float64):
        labels = [case.query_labels.astype(dtype), case.database_labels.astype(dtype)]
        assert metric(*case[:2], *labels, 10) == value


def test_read_only_arrays_are_evaluated_without_a_warning():
    case = random_case(5)
    for array in case:
        array.setflags(write=False)
    for ties in ("index", "expected"):
        mean_average_precision(*case, ties=ties)


def test_arrays_that_do_not_lie_in_memory_row_by_row_score_the_same():
    case = random_case(5, bits=130)
    turned = Case(*(np.asfortranarray(array) for array in case))
    assert mean_average_precision(*turned) == mean_average_precision(*case)


GOOD = one_query([0, 1, 2], [0, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_codes": np.zeros((1, 2), np.uint8)}, "differ in length: 2 and 1 bytes"),
        ({"query_codes": np.zeros((1, 8))}, r"uint8 with shape \(n, L/8\), got float64 \(1, 8\)"),
        ({"query_codes": np.zeros(1, np.uint8)}, r"uint8 with shape .* got uint8 \(1,\)"),
        ({"database_codes": np.zeros((3, 1))}, r"uint8 with shape .* got float64 \(3, 1\)"),
        ({"query_labels": None}, "evaluation needs labels, but this dataset has none"),
        ({"database_labels": None}, "evaluation needs labels, but this dataset has none"),
        ({"query_labels": np.ones((2, 1))}, r"query_labels must be .*\(1, C\), got \(2, 1\)"),
        ({"database_labels": np.ones(3)}, r"database_labels must be .*\(3, C\), got \(3,\)"),
        ({"database_labels": np.ones((3, 2))}, "labels differ in width: 1 and 2"),
        ({"database_labels": np.array([[0], [1], [7]])}, "database_labels .* only 0 and 1"),
        ({"query_labels": np.array([[-1]])}, "query_labels must be multi-hot: only 0 and 1"),
        ({"query_labels": np.array([[math.nan]])}, "query_labels must be .* only 0 and 1"),
        (
            {"query_codes": np.zeros((0, 1), np.uint8), "query_labels": np.zeros((0, 1))},
            "query_labels is empty: nothing to evaluate",
        ),
        (
            {"database_codes": np.zeros((0, 1), np.uint8), "database_labels": np.zeros((0, 1))},
            "database_labels is empty: nothing to evaluate",
        ),
    ],
)
@pytest.mark.parametrize("metric", [*METRICS, precision_recall_curve], ids=lambda m: m.__name__)
def test_arrays_that_do_not_fit_are_refused(as_users_run_it, metric, change, message):
    top_k = {} if metric is precision_recall_curve else {"top_k": 2}
    with pytest.raises(ValueError, match=message):
        metric(*GOOD._replace(**change), **top_k)


@each_metric
@pytest.mark.parametrize("top_k", [0, -1])
def test_a_rank_below_one_is_refused(metric, top_k):
    with pytest.raises(
        ValueError, match=f"top_k must be a whole number of at least 1, got {top_k}"
    ):
        metric(*GOOD, top_k)


@pytest.mark.parametrize("metric", [*METRICS, precision_recall_curve], ids=lambda m: m.__name__)
def test_an_unknown_answer_to_ties_is_named(as_users_run_it, metric):
    top_k = {} if metric is precision_recall_curve else {"top_k": 2}
    with pytest.raises(ValueError, match=r"ties must be one of 'index', .*, got 'random'"):
        metric(*GOOD, **top_k, ties="random")


# Precision and recall by radius.


def loop_curve(case: Case) -> tuple[list[float], list[float]]:
    precision, recall = [], []
    per_query = distances_and_shared(case)
    for radius in range(8 * case.query_codes.shape[1] + 1):
        precisions, recalls = [], []
        for distances, shared in per_query:
            inside = [s for d, s in zip(distances, shared, strict=True) if d <= radius]
            hits = sum(1 for s in inside if s)
            if inside:
                precisions.append(hits / len(inside))
            if any(shared):
                recalls.append(hits / sum(1 for s in shared if s))
        precision.append(sum(precisions) / len(precisions) if precisions else math.nan)
        recall.append(sum(recalls) / len(recalls) if recalls else 0.0)
    return precision, recall


@given(cases(items=12, queries=4, width=2))
def test_the_curve_equals_the_loop(case):
    precision, recall = loop_curve(case)
    curve = precision_recall_curve(*case)
    assert curve.radius.tolist() == list(range(17))
    np.testing.assert_allclose(curve.precision, precision, rtol=0, atol=1e-12)  # NaN equals NaN
    np.testing.assert_allclose(curve.recall, recall, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bits", [12, 130])
def test_the_curve_of_a_larger_case_equals_the_loop(bits):
    case = random_case(6, bits=bits)
    precision, recall = loop_curve(case)
    curve = precision_recall_curve(*case)
    np.testing.assert_allclose(curve.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(curve.recall, recall, rtol=0, atol=1e-12)
    assert bool((np.diff(curve.recall) >= 0).all())
    assert curve.recall[-1] == pytest.approx(1.0)


def test_precision_is_nan_at_radii_where_no_query_finds_anything():
    curve = precision_recall_curve(*one_query([2, 3, 3], [1, 0, 1]))
    np.testing.assert_allclose(curve.precision[:5], [math.nan, math.nan, 1, 2 / 3, 2 / 3])
    np.testing.assert_allclose(curve.recall[:5], [0, 0, 1 / 2, 1, 1])


def test_recall_is_zero_where_no_query_has_anything_relevant():
    curve = precision_recall_curve(*one_query([0, 1], [0, 0]))
    assert curve.recall.tolist() == [0.0] * 9
    assert curve.precision.tolist() == [0.0] * 9


def test_every_answer_to_ties_gives_the_same_curve():
    case = random_case(6)
    curves = [precision_recall_curve(*case, ties=t) for t in ("index", "expected", "best", "worst")]
    for other in curves[1:]:
        np.testing.assert_array_equal(np.stack(other), np.stack(curves[0]))


# Rankings by cosine.


@pytest.mark.parametrize("top_k", [None, 1, 7, 99])
def test_the_cosine_ranking_equals_the_loop(top_k):
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(5, 4, generator=generator)
    database = torch.randn(40, 4, generator=generator)
    labels = torch.rand(45, 3, generator=generator) < 0.3
    values = []
    for q in range(5):
        cosines = [float(torch.cosine_similarity(queries[q], item, dim=0)) for item in database]
        order = sorted(range(40), key=lambda i: -cosines[i])
        shared = [int((labels[q] & labels[5 + i]).sum()) for i in order]
        values.append(loop_average_precision(shared, top_k or 40))
    case = (queries, database, labels[:5], labels[5:], top_k)
    assert cosine_average_precisions(*case) == pytest.approx(values, abs=1e-12)
    assert cosine_mean_average_precision(*case) == pytest.approx(sum(values) / 5, abs=1e-12)


@pytest.mark.parametrize("ties", ["index", "expected", "best", "worst"])
@pytest.mark.parametrize("top_k", [None, 7])
def test_the_cosine_ranking_of_signs_is_the_hamming_ranking(top_k, ties):
    generator = torch.Generator().manual_seed(1)
    signs = torch.randn(60, 16, generator=generator).sign()
    labels = torch.rand(60, 3, generator=generator) < 0.3
    codes = pack_codes(signs)
    assert cosine_mean_average_precision(
        signs[:9], signs[9:], labels[:9], labels[9:], top_k, ties
    ) == pytest.approx(
        mean_average_precision(codes[:9], codes[9:], labels[:9], labels[9:], top_k, ties),
        abs=1e-12,
    )


def test_the_length_of_a_vector_does_not_move_the_cosine_ranking():
    generator = torch.Generator().manual_seed(2)
    vectors = torch.randn(30, 4, generator=generator)
    longer = vectors * (torch.rand(30, 1, generator=generator) + 0.5)
    labels = torch.rand(30, 3, generator=generator) < 0.3
    values = [
        cosine_mean_average_precision(v[:5], v[5:], labels[:5], labels[5:])
        for v in (vectors, longer)
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("queries", "database", "labels", "message"),
    [
        (torch.ones(1, 3), torch.ones(2, 4), torch.ones(2, 1), "must have the same width"),
        (torch.ones(3), torch.ones(2, 3), torch.ones(2, 1), r"query_vectors must be .* \(3,\)"),
        (
            torch.full((1, 3), math.nan),
            torch.ones(2, 3),
            torch.ones(2, 1),
            "query_vectors: 1 of 1 rows hold NaN",
        ),
        (torch.ones(1, 3), torch.ones(2, 3), None, "evaluation needs labels"),
        (torch.ones(1, 3), torch.ones(2, 3), torch.ones(3, 1), r"\(2, C\), got \(3, 1\)"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(as_users_run_it, queries, database, labels, message):
    with pytest.raises(ValueError, match=message):
        cosine_mean_average_precision(queries, database, torch.ones(1, 1), labels)


def test_a_cosine_rank_below_one_is_refused():
    with pytest.raises(ValueError, match="top_k must be a whole number of at least 1, got 0"):
        cosine_mean_average_precision(*[torch.ones(2, 2)] * 4, top_k=0)


@pytest.mark.parametrize("ties", ["index", "expected", "best", "worst"])
@pytest.mark.parametrize("top_k", [None, 7])
def test_each_query_is_evaluated_as_if_it_were_alone(ties, top_k):
    case = random_case(5, q=6, n=40)
    each = average_precisions(*case, top_k, ties)
    for q, value in enumerate(each):
        alone = case._replace(
            query_codes=case.query_codes[q : q + 1], query_labels=case.query_labels[q : q + 1]
        )
        assert value == pytest.approx(mean_average_precision(*alone, top_k, ties), abs=1e-12)
    assert each.mean() == mean_average_precision(*case, top_k, ties)
    assert len(set(each.round(6))) > 1
