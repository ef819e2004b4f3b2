"""How much faster is evaluation from counts per radius than a loop over queries?

    python -m benchmarks.evaluation

The loop is that of the released evaluation: it sorts each query's distances, by numpy's default
sort or a stable one, and reads the first k. All run on one thread and in turns; the ratios are
of the shortest processor times, because other work uses the machine too. Then the figures are
compared with the mean over all orders of the ties.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import threadpoolctl
import torch

from benchmarks.common import load, seconds
from uhscm_core import average_precisions, mean_average_precision, pack_codes, unpack_codes
from uhscm_core.metrics import Ties

QUERIES, ITEMS, CLASSES = 200, 50_000, 10
RANKS = (None, 1000, 5000)
TURNS = 7
TIES: tuple[Ties, ...] = ("index", "expected", "best", "worst")
SORTS: tuple[Literal["quicksort", "stable"], ...] = ("quicksort", "stable")  # the default is first

Array = np.ndarray[Any, Any]


def main() -> None:
    """Print the ratios at 32 and 64 bits, and the largest differences from enumerations."""
    with threadpoolctl.threadpool_limits(1):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            ratios()
        finally:
            torch.set_num_threads(threads)
    print(f"largest difference from the mean over all orders of 7 items: {from_all_orders():.1e}")
    print(f"from the exact sum over a cut tie of 30,000 items: {from_exact_sum():.1e}")


def ratios() -> None:
    """Print how many times as fast as each loop the evaluation is."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(CLASSES, (QUERIES + ITEMS,), generator=generator)
    labels = torch.nn.functional.one_hot(classes, CLASSES).to(torch.uint8)
    print(f"{QUERIES} queries, {ITEMS:,} items, {CLASSES} classes, one thread; times as fast\n")
    print("| bits | k | ties | than the loop, default sort | than the loop, stable sort | load |")
    print("|---|---|---|---|---|---|")
    for bits in (32, 64):
        centres = torch.randn(CLASSES, bits, generator=generator)
        noise = torch.randn(QUERIES + ITEMS, bits, generator=generator)
        codes = pack_codes(centres[classes] + 1.5 * noise)
        ours = (codes[:QUERIES], codes[QUERIES:], labels[:QUERIES], labels[QUERIES:])
        signs, hot = unpack_codes(codes, bits).numpy(), labels.float().numpy()
        theirs = (signs[:QUERIES], signs[QUERIES:], hot[:QUERIES], hot[QUERIES:])
        for k in RANKS:
            assert np.isclose(released(*theirs, k, "stable"), mean_average_precision(*ours, k))
            loops = {sort: partial(released, *theirs, k, sort) for sort in SORTS}
            answers = {ties: partial(mean_average_precision, *ours, k, ties) for ties in TIES}
            taken = processor({**loops, **answers})
            for ties in TIES:
                cells = " | ".join(f"{taken[sort] / taken[ties]:.1f}" for sort in SORTS)
                print(f"| {bits} | {k or 'all'} | {ties} | {cells} | {load()} |", flush=True)
    print()


def processor(works: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Return the shortest processor time of each, of some runs in turns."""
    turns = [
        {name: seconds(work, 1, time.process_time) for name, work in works.items()}
        for _ in range(TURNS)
    ]
    return {name: min(turn[name] for turn in turns) for name in works}


def released(
    queries: Array,
    database: Array,
    query_labels: Array,
    database_labels: Array,
    k: int | None,
    sort: Literal["quicksort", "stable"],
) -> float:
    """Evaluate as the released code does, on codes of ±1."""
    values = []
    for code, labels in zip(queries, query_labels, strict=True):
        relevant = labels @ database_labels.T > 0
        distances = 0.5 * (database.shape[1] - code @ database.T)
        found = np.flatnonzero(relevant[np.argsort(distances, kind=sort)][:k]) + 1
        precisions = np.arange(1, len(found) + 1) / found
        values.append(float(precisions.mean()) if len(found) else 0.0)
    return float(np.mean(values))


def from_all_orders(rankings: int = 100, items: int = 7) -> float:
    """Return the largest difference over random rankings and all cuts."""
    random = np.random.default_rng(0)
    largest = 0.0
    for _ in range(rankings):
        distances = random.integers(0, 3, items)
        relevant = random.integers(0, 2, items)
        orders = [
            relevant[list(order)]
            for order in itertools.permutations(range(items))
            if (np.diff(distances[list(order)]) >= 0).all()
        ]
        for k in range(1, items + 1):
            mean = math.fsum(average_precision(order, k) for order in orders) / len(orders)
            largest = max(largest, abs(mean - expected(distances, relevant, k)))
    return largest


def average_precision(relevant: Array, k: int) -> float:
    """Compute it from one ranking."""
    found = np.flatnonzero(relevant[:k]) + 1
    return float(np.mean(np.arange(1, len(found) + 1) / found)) if len(found) else 0.0


def expected(distances: Sequence[int] | Array, relevant: Array, k: int) -> float:
    """Compute the package's answer for one query."""
    bits = np.arange(8) < np.asarray(distances)[:, None]
    database, one = np.packbits(bits, axis=1), np.ones((1, 1))
    query = np.zeros((1, 1), np.uint8)
    return float(average_precisions(query, database, one, relevant[:, None], k, "expected")[0])


def from_exact_sum(n: int = 30_000) -> float:
    """Return the largest difference for a tie that rank k cuts, by whole numbers of any size."""
    largest = 0.0
    for r, m in itertools.product((3, 300, 15_000), (1, 100, 1000)):
        harmonic = math.fsum(1 / rank for rank in range(1, m + 1))
        values = []
        for a in range(1, min(r, m) + 1):
            precision = (harmonic + (a - 1) / max(m - 1, 1) * (m - harmonic)) / m  # per item found
            ways = math.comb(r, a) * math.comb(n - r, m - a)
            values.append(precision * (ways / math.comb(n, m)))
        relevant = (np.arange(n) < r).astype(np.uint8)
        found = expected(np.zeros(n, int), relevant, m)
        largest = max(largest, abs(math.fsum(values) - found))
    return largest


if __name__ == "__main__":
    main()
