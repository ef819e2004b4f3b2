r"""Retrieval metrics over Hamming rankings, with an explicit answer to ties.

Hamming distances are small integers, so a ranking is a sequence of tie groups, and a metric that
breaks ties by storage order depends on how the database happens to be stored. Each metric here
takes ``ties``:

- ``"index"``: by database order; equal to the released code with a stable sort.
- ``"expected"``: the mean over all orders of every tie group; no shuffle of the database moves it.
- ``"best"``, ``"worst"``: the largest and smallest value any order gives.

All but ``"index"`` come from one array: for each query, how many items lie at each Hamming
distance and how many labels they share with the query. `uhscm_core.ties` has the closed forms. The
items are counted tile by tile on the device of the tensors that are given, else on the CPU.

Average precision at k is normalized by the number of relevant items among the first k, as in the
released code; a query with nothing relevant there counts as 0. Two images are relevant to each
other when they share a label.

Symbols: q queries, n database items, C labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from uhscm_core.codes import (
    ArrayLike,
    Words,
    as_codes,
    as_words,
    common_bits,
    differing_bits,
    row_blocks,
)
from uhscm_core.support.checks import check_directions, one_of, plain_array, whole_number
from uhscm_core.support.progress import progress_bar
from uhscm_core.ties import (
    Ties,
    ideal_gain,
    label_gains,
    rank_discounts,
    tied_average_precision,
    tied_gain,
    tied_relevant,
)

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

COSINE_DECIMALS = 6  # that cosines of single-precision vectors agree to; beyond, order is noise

_CPU_PAIRS = 131_072  # of a query and an item that are compared at once, in a few MiB
_DEVICE_TILE = (2048, 16_384)  # queries and items that are compared at once, to keep a GPU busy

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
    """Compute the mean over the queries of average precision, over the whole database or at rank k.

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
        TypeError: no arrays, or top_k that is no whole number.
        ValueError: the arrays do not fit each other or are empty, top_k is below 1, or `ties` is
            unknown.
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
    """Compute the average precision of each query; their mean is `mean_average_precision`.

    Args, Raises: as `mean_average_precision`.

    Returns:
        (q,) values in [0, 1].
    """
    evaluation = _Evaluation(
        query_codes, database_codes, query_labels, database_labels, ties, top_k
    )
    k = evaluation.k
    if ties == "index":
        values = [_average_precision(shared[:, :k] > 0) for shared in evaluation.ranked()]
        return np.concatenate(values)
    return tied_average_precision(evaluation.counts_by_distance(), k, ties)


def precision_at(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> float:
    """Compute the mean over the queries of the share of relevant items among the first k.

    Args, Raises: as `mean_average_precision`.

    Returns:
        A value in [0, 1].
    """
    evaluation = _Evaluation(
        query_codes, database_codes, query_labels, database_labels, ties, top_k
    )
    k = evaluation.k
    if ties == "index":
        blocks = [(shared[:, :k] > 0).sum(1) for shared in evaluation.ranked()]
        relevant = np.concatenate(blocks)
    else:
        relevant = tied_relevant(evaluation.counts_by_distance(), k, ties)
    return float(relevant.mean() / k)


def precision_recall_curve(
    query_codes: ArrayLike,
    database_codes: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    ties: Ties = "index",
) -> PrecisionRecall:
    """Compute precision and recall of everything within each Hamming radius.

    A radius takes whole tie groups, so every `ties` gives the same curve.

    Args, Raises: as `mean_average_precision`.

    Returns:
        For each radius the mean precision over the queries that find anything within it (NaN
        where none does), and the mean recall over the queries that have anything relevant.
    """
    evaluation = _Evaluation(query_codes, database_codes, query_labels, database_labels, ties)
    counts = evaluation.counts_by_distance()  # (q, R, G)
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
    r"""Compute the mean normalized discounted cumulative gain at rank k.

    After Järvelin and Kekäläinen (2002): an item that shares g labels with the query gains
    :math:`2^g - 1`, discounted by :math:`\log_2(1 + \mathrm{rank})` and normalized by the best
    ranking of the same database.

    Args, Raises: as `mean_average_precision`.

    Returns:
        A value in [0, 1]; a query with nothing relevant counts as 0.
    """
    evaluation = _Evaluation(
        query_codes, database_codes, query_labels, database_labels, ties, top_k
    )
    k = evaluation.k
    counts = evaluation.counts_by_distance()
    ideal = ideal_gain(counts, k)
    if ties == "index":
        blocks = [label_gains(shared[:, :k]) @ rank_discounts(k) for shared in evaluation.ranked()]
        value = np.concatenate(blocks)
    else:
        value = tied_gain(counts, k, ties)
    return float(np.where(ideal > 0, value / np.where(ideal > 0, ideal, 1), 0).mean())


def cosine_mean_average_precision(
    query_vectors: Float[Tensor, "q d"],
    database_vectors: Float[Tensor, "n d"],
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> float:
    """Compute the mean average precision of a ranking by cosine: a reference without hashing.

    Args:
        query_vectors: (q, D) real vectors.
        database_vectors: (n, D).
        query_labels: (q, C) multi-hot.
        database_labels: (n, C) multi-hot.
        top_k: rank to cut at; None for the whole database.
        ties: how tied items are ordered, see the module; cosines that agree to six decimals are a
            tie, such as those of two copies of an image.

    Returns:
        A value in [0, 1].

    Raises:
        TypeError: no tensors, or top_k that is no whole number.
        ValueError: the arrays do not fit each other, the vectors are not finite, or top_k is below
            1.
    """
    values = cosine_average_precisions(
        query_vectors, database_vectors, query_labels, database_labels, top_k, ties
    )
    return float(values.mean())


def cosine_average_precisions(
    query_vectors: Float[Tensor, "q d"],
    database_vectors: Float[Tensor, "n d"],
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    top_k: int | None = None,
    ties: Ties = "index",
) -> Floats:
    """Compute the average precision of each query; `cosine_mean_average_precision` is the mean.

    Args, Raises: as `cosine_mean_average_precision`.

    Returns:
        (q,) values in [0, 1].
    """
    one_of("ties", ties, ("index", "expected", "best", "worst"))
    check_directions(query_vectors=query_vectors, database_vectors=database_vectors)
    # In double precision, or two copies of an image would differ by where they are stored.
    queries = torch.nn.functional.normalize(query_vectors.cpu().double(), dim=1)
    database = torch.nn.functional.normalize(database_vectors.cpu().double(), dim=1)
    of = ("query_vectors", "database_vectors")
    labels = _as_labels(query_labels, database_labels, len(queries), len(database), of)
    query_words, words = (_label_words(array) for array in labels)
    k = _rank(top_k, len(database))
    values = []
    with _counting(len(queries)) as bar:
        for rows in row_blocks(len(queries), len(database)):
            cosines = (queries[rows] @ database.T).round(decimals=COSINE_DECIMALS)
            sorted_cosines, order = cosines.sort(dim=1, descending=True, stable=True)
            relevant = np.take_along_axis(
                common_bits(query_words[:, rows, None], words[:, None]) > 0, order.numpy(), 1
            )
            if ties == "index":
                values.append(_average_precision(relevant[:, :k]))
            else:
                counts = _counts_by_cosine(sorted_cosines.numpy(), relevant)
                values.append(tied_average_precision(counts, k, ties))
            bar.update(len(cosines))
    return np.concatenate(values)


def _counts_by_cosine(cosines: Floats, relevant: npt.NDArray[np.bool_]) -> Ints:
    """Count the items that are relevant or not in each tie of sorted cosines: (q, n) -> (q, n, 2).

    Empty groups follow the ties of a query, since few queries have as many as there are items.
    """
    starts = np.diff(cosines, axis=1, prepend=cosines[:, :1]) != 0
    row = np.arange(len(cosines), dtype=np.int64)[:, None]
    place = (row * cosines.shape[1] + starts.cumsum(1)) * 2 + relevant
    return np.bincount(place.ravel(), minlength=2 * cosines.size).reshape(*cosines.shape, 2)


def _counting(queries: int) -> tqdm[Any]:
    return progress_bar("evaluating queries", queries, shown=False)


class _Evaluation:
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
        one_of("ties", ties, ("index", "expected", "best", "worst"))
        of = ("query_codes", "database_codes")
        queries, database = as_codes(query_codes, name=of[0]), as_codes(database_codes, name=of[1])
        if queries.shape[1] != database.shape[1]:
            raise ValueError(
                f"query_codes and database_codes differ in length: {queries.shape[1]} and "
                f"{database.shape[1]} bytes"
            )
        self.query_labels, self.database_labels = _as_labels(
            query_labels, database_labels, len(queries), len(database), of
        )
        self.k = _rank(top_k, len(database))
        self.radii = queries.shape[1] * 8 + 1
        self.queries, self.database = queries, database
        self.query_words, self.database_words = as_words(queries), as_words(database)
        self.query_label_words = _label_words(self.query_labels)
        self.label_words = _label_words(self.database_labels)
        given = (query_codes, database_codes, query_labels, database_labels)
        self.device = _device_of(given)

    def ranked(self) -> Iterator[Ints]:
        """Yield (block, n) numbers of shared labels, by distance, then database order."""
        with _counting(len(self.queries)) as bar:
            for rows in row_blocks(len(self.queries), len(self.database)):
                queries = self.query_words[:, rows, None]
                distances = differing_bits(queries, self.database_words[:, None])
                shared = common_bits(
                    self.query_label_words[:, rows, None], self.label_words[:, None]
                )
                order = distances.argsort(axis=1, kind="stable")
                yield np.take_along_axis(shared, order, axis=1).astype(np.int64)
                bar.update(len(order))

    def counts_by_distance(self) -> Ints:
        """(q, radii, G): items of each query at each distance that share 0, 1, ... labels."""
        words = (self.query_label_words, self.label_words)
        grades = max(min(int(common_bits(labels, labels).max()) for labels in words) + 1, 2)
        count = self._count_by_words if self.device.type == "cpu" else self._count_by_products
        return count(grades).reshape(-1, self.radii, grades)

    def _count_by_words(self, grades: int) -> Ints:
        """Count on the CPU, in the smallest type that tells the pairs of a tile apart."""
        places = self.radii * grades  # of one query
        width = min(len(self.database), _CPU_PAIRS)
        height = _CPU_PAIRS // width
        largest = height * places - 1
        kind = next(t for t in (np.uint8, np.int16, np.int32) if largest <= np.iinfo(t).max)
        first = (np.arange(height) * places).astype(kind)[:, None]
        counts = np.zeros((len(self.queries), places), np.int64)
        kinds = (kind, self.query_words.dtype, kind, self.label_words.dtype)
        memory = [np.empty(height * width, dtype) for dtype in kinds]
        with _counting(len(self.queries)) as bar:
            for rows in _slices(len(self.queries), height):
                queries = self.query_words[:, rows, None]
                query_labels = self.query_label_words[:, rows, None]
                for items in _slices(len(self.database), width):
                    database = self.database_words[:, None, items]
                    labels = self.label_words[:, None, items]
                    shape = n, m = queries.shape[1], database.shape[2]
                    place, words, shared, label_words = (x[: n * m].reshape(shape) for x in memory)
                    differing_bits(queries, database, place, words)
                    place *= grades
                    place += common_bits(query_labels, labels, shared, label_words)
                    place += first[:n]
                    # numpy's bincount would copy the tile to whole numbers of eight bytes.
                    found = torch.bincount(torch.from_numpy(place).view(-1), minlength=n * places)
                    counts[rows] += found.view(n, places).numpy()
                bar.update(n)
        return counts

    def _count_by_products(self, grades: int) -> Ints:
        """Count on a device that has no instruction for differing bits.

        Bits b of 0 and 1 differ from a in |a| + b·(1 - 2a) places, so that one product of matrices
        gives G times the distance plus the number of shared labels: where to count a pair.
        """
        places = self.radii * grades  # of one query
        queries = self._bits_and_labels(self.queries, self.query_labels)  # (q, 8·bytes + C)
        bits = queries[:, : self.radii - 1]
        first = (bits.sum(1) * grades).int()[:, None]
        bits.mul_(-2).add_(1).mul_(grades)
        counts = torch.zeros((len(queries), places), dtype=torch.int64, device=self.device)
        height, width = _DEVICE_TILE
        first += torch.arange(len(queries), device=self.device)[:, None] % height * places
        for items in _slices(len(self.database), width):
            database = self._bits_and_labels(self.database[items], self.database_labels[items]).T
            for rows in _slices(len(queries), height):
                # Exact, also where products are of half precision: factors are small numbers.
                place = torch.mm(queries[rows], database).int().add_(first[rows])
                found = torch.bincount(place.flatten(), minlength=len(place) * places)
                counts[rows].add_(found.view(-1, places))
        return counts.cpu().numpy()

    def _bits_and_labels(
        self, codes: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]
    ) -> Tensor:
        """Return the codes' bits and the labels on the device: (n, 8·bytes + C) of 0 and 1."""
        bits = torch.from_numpy(np.unpackbits(codes, axis=1)).to(self.device)
        result = torch.empty((len(bits), bits.shape[1] + labels.shape[1]), device=self.device)
        result[:, : bits.shape[1]] = bits
        result[:, bits.shape[1] :] = torch.from_numpy(labels)
        return result


def _device_of(arrays: Iterable[ArrayLike]) -> torch.device:
    """Return the device of the first tensor that is not on the CPU, or else the CPU."""
    devices = (array.device for array in arrays if isinstance(array, Tensor))
    return next((device for device in devices if device.type != "cpu"), torch.device("cpu"))


def _slices(length: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, length, step))


def _label_words(labels: npt.NDArray[np.uint8]) -> Words:
    return as_words(np.packbits(labels, axis=1))


def _average_precision(relevant: npt.NDArray[np.bool_]) -> Floats:
    """Compute it from rankings: (q, k), relevant or not from the first rank on -> (q,)."""
    found = relevant.cumsum(1)
    precision = found / np.arange(1, relevant.shape[1] + 1)
    number = found[:, -1]
    total = (precision * relevant).sum(1)
    return np.where(number > 0, total / np.maximum(number, 1), 0.0)


def _rank(top_k: int | None, items: int) -> int:
    return items if top_k is None else min(whole_number("top_k", top_k, 1), items)


def _as_labels(
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    queries: int,
    items: int,
    of: tuple[str, str],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return both as uint8, see `of`: the names of what each has a row for."""
    result = []
    for name, labels, rows, items_name in (
        ("query_labels", query_labels, queries, of[0]),
        ("database_labels", database_labels, items, of[1]),
    ):
        if labels is None:
            raise ValueError(f"{name} is None: evaluation needs labels, but this dataset has none")
        array = plain_array(name, labels)
        if array.ndim != 2 or len(array) != rows:
            raise ValueError(
                f"{name} must be multi-hot with shape ({rows}, C), got {array.shape}: it needs a "
                f"row per row of {items_name}"
            )
        if not rows:
            raise ValueError(f"{name} is empty: nothing to evaluate, as {items_name} has no rows")
        if array.dtype.kind == "c" or not ((array == 0) | (array == 1)).all():
            raise ValueError(
                f"{name} must be multi-hot: only 0 and 1, got {array.dtype} {array.shape} with "
                f"other numbers"
            )
        result.append(array.astype(np.uint8))
    if result[0].shape[1] != result[1].shape[1]:
        raise ValueError(
            f"query_labels and database_labels differ in width: {result[0].shape[1]} and "
            f"{result[1].shape[1]}"
        )
    return result[0], result[1]
