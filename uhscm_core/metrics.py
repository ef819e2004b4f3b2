r"""Retrieval metrics over Hamming rankings, with an explicit answer to ties.

Hamming distances are small integers, so a ranking is a sequence of tie groups, and a metric that
breaks ties by storage order depends on how the database happens to be stored. Each metric here
takes ``ties``:

- ``"index"``: by database order; equal to the released code with a stable sort.
- ``"expected"``: the mean over all orders of every tie group; no shuffle of the database moves it.
- ``"best"``, ``"worst"``: the largest and smallest value any order gives.

All but ``"index"`` come from one array: for each query, how many items lie at each Hamming
distance and how many labels they share with the query. For a tie group of n items, r of them
relevant, after t items with R relevant, the expected sum of the precisions at its relevant items
is

.. math::

    \frac{r}{n}\Bigl[(R+1)\,S_1 + \frac{r-1}{n-1}\,S_2\Bigr], \quad
    S_1 = H_{t+n} - H_t, \quad S_2 = n - (t+1)\,S_1

with :math:`H` the harmonic numbers (McSherry and Najork 2008). The group that rank k cuts is
weighted hypergeometrically by how many of its relevant items fall above the cut.

Average precision at k is normalised by the number of relevant items among the first k, as in the
released code; a query with nothing relevant there counts 0. Two images are relevant to each other
when they share a label.

Symbols: q queries, n database items, C labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from scipy.stats import hypergeom
from torch import Tensor

from uhscm_core.codes import ArrayLike, as_codes, as_words, differing_bits, row_blocks
from uhscm_core.mining import check_features

__all__ = [
    "PrecisionRecall",
    "Ties",
    "average_precisions",
    "cosine_average_precisions",
    "cosine_mean_average_precision",
    "mean_average_precision",
    "ndcg_at",
    "precision_at",
    "precision_recall_curve",
]

Ties = Literal["index", "expected", "best", "worst"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class PrecisionRecall(NamedTuple):
    """Precision and recall of all items within each Hamming radius 0, 1, ..., 8·bytes."""

    radius: Ints
    precision: Floats
    recall: Floats


def mean_average_precision(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> float:
    """Mean over the queries of average precision, over all the database or at rank k.

    Args:
        query_codes: (q, ⌈L/8⌉) uint8 packed codes.
        database_codes: (n, ⌈L/8⌉) uint8.
        query_labels: (q, C) multi-hot.
        database_labels: (n, C) multi-hot.
        top_k: rank to cut at; None, or more than n, for the whole database.
        ties: how tied items are ordered, see the module.

    Returns:
        A value in [0, 1].

    Raises:
        ValueError: arrays that do not fit each other, nothing to judge, or an unknown `ties`.
    """
    values = average_precisions(
        query_codes, database_codes, query_labels, database_labels, top_k, ties
    )
    return float(values.mean())


def average_precisions(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> Floats:
    """Average precision of each query; their mean is `mean_average_precision`.

    Args, Raises: as `mean_average_precision`.

    Returns:
        (q,) values in [0, 1].
    """
    judged = _Judged(query_codes, database_codes, query_labels, database_labels, ties, top_k)
    if ties == "index":
        values = [_average_precision(gains[:, : judged.k] > 0) for gains in judged.ranked()]
        return np.concatenate(values)
    return _tied_average_precision(judged.counts(), judged.k, ties)


def precision_at(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> float:
    """Mean over the queries of the share of relevant items among the first k.

    Args, Raises: as `mean_average_precision`.

    Returns:
        A value in [0, 1].
    """
    judged = _Judged(query_codes, database_codes, query_labels, database_labels, ties, top_k)
    if ties == "index":
        found = [(gains[:, : judged.k] > 0).sum(1) for gains in judged.ranked()]
        return float(np.concatenate(found).mean() / judged.k)
    groups = _TieGroups(judged.counts(), judged.k)
    low, high = groups.cut_bounds()
    cut = {
        "expected": groups.m * groups.cut_r / np.maximum(groups.cut_n, 1),
        "best": high,
        "worst": low,
    }[ties]
    return float((groups.relevant_before_cut + cut).mean() / judged.k)


def precision_recall_curve(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    ties: Ties = "index",
) -> PrecisionRecall:
    """Precision and recall of everything within each Hamming radius.

    A radius takes whole tie groups, so every `ties` gives the same curve.

    Args, Raises: as `mean_average_precision`.

    Returns:
        For each radius the mean precision over the queries that find anything within it (NaN
        where none does), and the mean recall over the queries that have anything relevant.
    """
    judged = _Judged(query_codes, database_codes, query_labels, database_labels, ties)
    counts = judged.counts()  # (q, R, G)
    found = counts.sum(2).cumsum(1).astype(float)  # (q, R)
    relevant = counts[:, :, 1:].sum(2).cumsum(1)  # (q, R)
    finds = found > 0
    precision = np.where(finds, relevant / np.maximum(found, 1), 0).sum(0)
    with np.errstate(invalid="ignore"):
        precision = precision / finds.sum(0)
    answerable = relevant[:, -1] > 0
    recall = relevant[answerable] / relevant[answerable, -1:]
    return PrecisionRecall(
        np.arange(counts.shape[1]),
        precision,
        recall.mean(0) if answerable.any() else np.zeros(counts.shape[1]),
    )


def ndcg_at(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> float:
    r"""Mean normalised discounted cumulative gain at rank k (Järvelin and Kekäläinen 2002).

    An item that shares g labels with the query gains :math:`2^g - 1`, discounted by
    :math:`\log_2(1 + \mathrm{rank})` and normalised by the best ranking of the same database.

    Args, Raises: as `mean_average_precision`.

    Returns:
        A value in [0, 1]; a query with nothing relevant counts 0.
    """
    judged = _Judged(query_codes, database_codes, query_labels, database_labels, ties, top_k)
    discounts = 1 / np.log2(np.arange(2, judged.k + 2))
    total = np.concatenate([[0.0], discounts.cumsum()])  # total[i] = sum of the first i
    counts = judged.counts()  # (q, R, G)
    gains = 2.0 ** np.arange(counts.shape[2]) - 1  # (G,)

    def dcg(numbers: Ints, gain: npt.NDArray[Any]) -> Floats:
        """Of runs of `numbers` items, each run of one (mean) gain; (q, runs) -> (q,)."""
        stop = np.minimum(numbers.cumsum(1), judged.k)
        start = np.concatenate([np.zeros((len(stop), 1), dtype=np.int64), stop[:, :-1]], axis=1)
        return np.asarray((gain * (total[stop] - total[start])).sum(1))

    ideal = dcg(counts.sum(1)[:, ::-1], gains[::-1])
    if ties == "index":
        found = [(2.0 ** g[:, : judged.k] - 1) @ discounts for g in judged.ranked()]
        value = np.concatenate(found)
    elif ties == "expected":
        size = counts.sum(2)
        value = dcg(size, counts @ gains / np.maximum(size, 1))
    else:
        step = -1 if ties == "best" else 1
        runs = counts[:, :, ::step].reshape(len(counts), -1)
        value = dcg(runs, np.tile(gains[::step], counts.shape[1]))
    return float(np.where(ideal > 0, value / np.where(ideal > 0, ideal, 1), 0).mean())


def cosine_mean_average_precision(
    query_vectors: Float[Tensor, "q d"],
    database_vectors: Float[Tensor, "n d"],
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
) -> float:
    """Mean average precision of a ranking by cosine, without hashing: a ceiling for codes.

    Args:
        query_vectors: (q, D) real vectors.
        database_vectors: (n, D).
        query_labels: (q, C) multi-hot.
        database_labels: (n, C) multi-hot.
        top_k: rank to cut at; None for the whole database.

    Returns:
        A value in [0, 1]. Equal cosines (rare) are ordered by database order.

    Raises:
        ValueError: arrays that do not fit each other, or vectors that are not finite.
    """
    values = cosine_average_precisions(
        query_vectors, database_vectors, query_labels, database_labels, top_k
    )
    return float(values.mean())


def cosine_average_precisions(
    query_vectors: Float[Tensor, "q d"],
    database_vectors: Float[Tensor, "n d"],
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
) -> Floats:
    """Average precision of each query; their mean is `cosine_mean_average_precision`.

    Args, Raises: as `cosine_mean_average_precision`.

    Returns:
        (q,) values in [0, 1].
    """
    check_features(query_vectors=query_vectors, database_vectors=database_vectors)
    queries = torch.nn.functional.normalize(query_vectors.cpu(), dim=1)
    database = torch.nn.functional.normalize(database_vectors.cpu(), dim=1)
    labels = _as_labels(query_labels, database_labels, len(queries), len(database))
    k = _rank(top_k, len(database))
    values = []
    for rows in row_blocks(len(queries), len(database)):
        order = (queries[rows] @ database.T).argsort(dim=1, descending=True, stable=True).numpy()
        relevant = labels[0][rows] @ labels[1].T > 0
        values.append(_average_precision(np.take_along_axis(relevant, order[:, :k], 1)))
    return np.concatenate(values)


class _Judged:
    """Queries and a database that fit each other, ready to be compared block by block."""

    def __init__(
        self,
        query_codes: ArrayLike,
        database_codes: ArrayLike,
        query_labels: ArrayLike,
        database_labels: ArrayLike,
        ties: Ties,
        top_k: int | None = None,
    ) -> None:
        if ties not in ("index", "expected", "best", "worst"):
            raise ValueError(f"ties must be index, expected, best or worst, got {ties!r}")
        queries, database = as_codes(query_codes), as_codes(database_codes)
        if queries.shape[1] != database.shape[1]:
            raise ValueError(
                f"query and database codes differ in length: {queries.shape[1]} and "
                f"{database.shape[1]} bytes"
            )
        self.query_labels, self.database_labels = _as_labels(
            query_labels, database_labels, len(queries), len(database)
        )
        self.k = _rank(top_k, len(database))
        self.radii = queries.shape[1] * 8 + 1
        self.queries, self.database = as_words(queries), as_words(database)

    def _distance_blocks(self) -> Iterator[tuple[npt.NDArray[np.unsignedinteger[Any]], Ints]]:
        """Yield Hamming distances and numbers of shared labels, both (block, n)."""
        for rows in row_blocks(len(self.query_labels), len(self.database_labels)):
            distances = differing_bits(self.queries[:, rows, None], self.database[:, None])
            shared = self.query_labels[rows] @ self.database_labels.T
            yield distances, shared.astype(np.int64)

    def ranked(self) -> Iterator[Ints]:
        """Blocks of (block, n) numbers of shared labels, by distance, then database order."""
        for distances, shared in self._distance_blocks():
            yield np.take_along_axis(shared, distances.argsort(axis=1, kind="stable"), axis=1)

    def counts(self) -> Ints:
        """(q, radii, G): items of each query at each distance that share 0, 1, ... labels."""
        most = (self.query_labels.sum(1).max(), self.database_labels.sum(1).max())
        grades = max(int(min(most)) + 1, 2)
        shape = (self.radii, grades)
        blocks = []
        for distances, shared in self._distance_blocks():
            row = np.arange(len(distances), dtype=np.int64)[:, None]
            cell = (row * self.radii + distances) * grades + shared
            size = len(distances) * self.radii * grades
            blocks.append(np.bincount(cell.ravel(), minlength=size).reshape(-1, *shape))
        return np.concatenate(blocks)


class _TieGroups:
    """Tie groups of each query up to rank k: n items, r relevant, after t items with R relevant.

    Attributes:
        n, r, t, R: (q, radii), of the groups that lie whole above the cut; 0 items elsewhere.
        cut_n, cut_r, cut_t: (q,), of the group that rank k cuts; 0 where it cuts none.
        m: (q,), how many items of the cut group lie above the cut.
        relevant_before_cut: (q,), relevant items of the whole groups.
    """

    def __init__(self, counts: Ints, k: int) -> None:
        n = counts.sum(2)  # (q, radii)
        r = counts[:, :, 1:].sum(2)
        end = n.cumsum(1)
        whole = end <= k
        inside = ~whole & (end - n < k)  # at most one group a query: the one k falls inside
        cut, is_cut = inside.argmax(1)[:, None], inside.any(1)

        def at_cut(values: Ints) -> Ints:
            return np.where(is_cut, np.take_along_axis(values, cut, 1)[:, 0], 0)

        self.t = end - n
        self.R = r.cumsum(1) - r
        self.cut_n, self.cut_r, self.cut_t = at_cut(n), at_cut(r), at_cut(self.t)
        self.m = np.where(is_cut, k - self.cut_t, 0)
        self.n, self.r = np.where(whole, n, 0), np.where(whole, r, 0)
        self.relevant_before_cut = self.r.sum(1)

    def cut_bounds(self) -> tuple[Ints, Ints]:
        """Fewest and most relevant items of the cut group that can lie above the cut, (q,)."""
        fewest = np.maximum(self.m - (self.cut_n - self.cut_r), 0)
        return fewest, np.minimum(self.m, self.cut_r)


def _tied_average_precision(counts: Ints, k: int, ties: Ties) -> Floats:
    groups = _TieGroups(counts, k)
    most = int(counts[0].sum()) + 1
    harmonic = np.concatenate([[0.0], (1 / np.arange(1, most + 1)).cumsum()])

    def precisions(n: Ints, r: Ints, t: Ints, before: Ints) -> Floats:
        """Sum of the precisions at a group's r relevant items, `before` relevant ones earlier."""
        if ties == "expected":
            s1 = harmonic[t + n] - harmonic[t]
            s2 = n - (t + 1) * s1
            pairs = (r - 1) / np.maximum(n - 1, 1) * s2
            return np.asarray(r / np.maximum(n, 1) * ((before + 1) * s1 + pairs))
        # Relevant items stand together, first or last, after `ahead` items of all.
        ahead = t if ties == "best" else t + n - r
        return np.asarray(r + (before - ahead) * (harmonic[ahead + r] - harmonic[ahead]))

    total = precisions(groups.n, groups.r, groups.t, groups.R).sum(1)  # (q,)
    found = groups.relevant_before_cut
    result = np.where(found > 0, total / np.maximum(found, 1), 0.0)
    low, high = groups.cut_bounds()
    for q in np.flatnonzero(groups.m):
        above = np.arange(low[q], high[q] + 1)  # relevant items of the cut group above the cut
        sums = total[q] + precisions(groups.m[[q]], above, groups.cut_t[[q]], found[[q]])
        values = np.where(found[q] + above > 0, sums / np.maximum(found[q] + above, 1), 0.0)
        if ties == "expected":
            weights = hypergeom.pmf(above, groups.cut_n[q], groups.cut_r[q], groups.m[q])
            result[q] = values @ weights
        else:
            # More relevant items need not mean more average precision: they may come late.
            result[q] = values.max() if ties == "best" else values.min()
    return result


def _average_precision(relevant: npt.NDArray[np.bool_]) -> Floats:
    """Of rankings, (q, k) relevant or not from the first rank on -> (q,)."""
    found = relevant.cumsum(1)
    precision = found / np.arange(1, relevant.shape[1] + 1)
    number = found[:, -1]
    total = (precision * relevant).sum(1)
    return np.where(number > 0, total / np.maximum(number, 1), 0.0)


def _rank(top_k: int | None, items: int) -> int:
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1 or None, got {top_k}")
    return items if top_k is None else min(top_k, items)


def _as_labels(
    query_labels: ArrayLike, database_labels: ArrayLike, queries: int, items: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    if query_labels is None or database_labels is None:
        raise ValueError("judging needs labels, and this data set has none")
    result = []
    for name, labels, rows in (
        ("query_labels", query_labels, queries),
        ("database_labels", database_labels, items),
    ):
        array = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
        if array.ndim != 2 or len(array) != rows:
            raise ValueError(f"{name} must be multi-hot with shape ({rows}, C), got {array.shape}")
        if not rows:
            raise ValueError(f"{name} is empty: nothing to judge")
        if not np.isin(array, (0, 1)).all():
            raise ValueError(f"{name} must be multi-hot, of 0 and 1 only")
        result.append(array.astype(np.float32))
    if result[0].shape[1] != result[1].shape[1]:
        raise ValueError(
            f"query and database labels differ in width: {result[0].shape[1]} and "
            f"{result[1].shape[1]}"
        )
    return result[0], result[1]
