r"""Two rankings of the same images for one query: what moved, and how much they agree.

Hamming distances are small integers, so an image's rank is mostly a range: an image at a distance
that n images share, behind t nearer ones, has a rank from t + 1 to t + n, and none of these is more
right than another. So the numbers here are expectations over all orders of the ties:

- **Overlap@k**: the expected share of the first k that both rankings have, over all orders of their
  ties, :math:`\frac{1}{k}\sum_i a_i(k)\,b_i(k)`, with :math:`a_i(k)` the share of orders that put
  image i among the first k of one ranking and :math:`b_i(k)` that of the other.
- **Rank-biased overlap** (RBO; Webber, Moffat and Zobel 2010), meant for the top of long rankings:
  the mean of overlap@d over depths d, weighted :math:`(1 - p)\,p^{d-1}`, as an expectation over
  all orders of the ties too, cf. Corsi and Urbano (SIGIR 2024, arXiv 2406.07121).
- **Moves**: from the middle of one range to the middle of the other. Which images are listed among
  the first k does depend on an order; a move is certain when no order of the ties undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from uhscm_core.datasets import ImageDataset

__all__ = [
    "Ranking",
    "Ranks",
    "label_matches",
    "moves",
    "overlap_at",
    "rank_biased_overlap",
    "tied_ranks",
]

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DEPTHS = 5  # times k: what lies deeper weighs less than one percent


class Ranks(NamedTuple):
    """The first and the last rank, from 1, that each item can have in its tie; (n,) each."""

    first: Ids
    last: Ids

    @property
    def middle(self) -> Floats:
        """The mean rank over all orders of the tie."""
        return (self.first + self.last) / 2

    def within(self, k: int) -> Floats:
        """Compute the share of the tie's orders that put each item among the first k."""
        return np.clip((k + 1 - self.first) / (self.last + 1 - self.first), 0.0, 1.0)


def tied_ranks(distances: npt.ArrayLike) -> Ranks:
    """Rank items by their distances, nearest first; equal distances are a tie."""
    values = np.asarray(distances)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(values)]) + 1
    sizes = np.diff(ends, prepend=0)
    first, last = np.empty(len(values), np.int64), np.empty(len(values), np.int64)
    first[order], last[order] = np.repeat(ends - sizes + 1, sizes), np.repeat(ends, sizes)
    return Ranks(first, last)


@dataclass(frozen=True, eq=False)
class Ranking:
    """A database ranked for one query.

    Attributes:
        items: (n,) images of the database, without the query itself; the same for each ranking of
            this query.
        distances: (n,) of each of them from the query.
    """

    items: Ids
    distances: npt.NDArray[np.float64] | npt.NDArray[np.int64]

    @cached_property
    def order(self) -> Ids:
        """(n,) positions in `items`, nearest first; ties by position, one of their orders."""
        return np.argsort(self.distances, kind="stable")

    @cached_property
    def ranks(self) -> Ranks:
        """The ranks of `items`."""
        return tied_ranks(self.distances)

    def first(self, k: int) -> Ids:
        """Return the first k images."""
        return self.items[self.order[:k]]


def overlap_at(left: Ranks, right: Ranks, k: int) -> float:
    """Compute the expected share of the first k that two rankings have in common.

    Args:
        left, right: ranks of the same n items.
        k: from 1 to n.
    """
    return float(left.within(k) @ right.within(k) / k)


def rank_biased_overlap(left: Ranks, right: Ranks, k: int) -> float:
    """Compute the rank-biased overlap for a user who looks at k results: p = 1 - 1/k.

    Args:
        left, right: ranks of the same n items.
        k: the mean number of results looked at, at least 1.

    Returns:
        A value in [0, 1]: 1 for two equal rankings without ties. Depths beyond five times k weigh
        less than one percent, and count with the overlap reached there.
    """
    p = 1 - 1 / k
    deepest = min(_DEPTHS * k, len(left.first))
    near = (left.first <= deepest) & (right.first <= deepest)  # no other item is in any overlap
    left, right = (Ranks(ranks.first[near], ranks.last[near]) for ranks in (left, right))
    overlaps = np.array([overlap_at(left, right, d) for d in range(1, deepest + 1)])
    weights = (1 - p) * p ** np.arange(deepest)
    return float(weights @ overlaps + p**deepest * overlaps[-1])


def moves(left: Ranking, right: Ranking, k: int) -> pd.DataFrame:
    """List what is among the first k of either ranking, and how far it moved from left to right.

    Args:
        left, right: rankings of the same items.
        k: how many are looked at.

    Returns:
        A row per image, with ``change`` ("came in", "went out" or "in both", of the first k as
        listed), ``moved`` (ranks, from the middle of its tie on the left to that on the right;
        positive: nearer on the right), ``certain`` (whether each order of the ties has this change,
        and for an image in both whether its two ranges of ranks are apart), ``left_first``,
        ``left_last``, ``right_first``, ``right_last`` and both distances. What came in is first,
        then what went out, then what is in both; the largest moves first in each.

    Raises:
        ValueError: the rankings are of different items.
    """
    if not np.array_equal(left.items, right.items):
        raise ValueError("left and right must rank the same images for the same query")
    n = len(left.items)
    in_left, in_right = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    in_left[left.order[:k]], in_right[right.order[:k]] = True, True
    rows = np.flatnonzero(in_left | in_right)
    a, b = (Ranks(r.ranks.first[rows], r.ranks.last[rows]) for r in (left, right))
    kind = np.where(~in_left[rows], 0, np.where(~in_right[rows], 1, 2))
    certain = np.choose(
        kind,
        [
            (a.first > k) & (b.last <= k),
            (a.last <= k) & (b.first > k),
            (a.last < b.first) | (b.last < a.first),
        ],
    )
    frame = pd.DataFrame(
        {
            "image": left.items[rows],
            "change": np.array(["came in", "went out", "in both"])[kind],
            "moved": a.middle - b.middle,
            "certain": certain.astype(bool),
            "left_first": a.first,
            "left_last": a.last,
            "right_first": b.first,
            "right_last": b.last,
            "left_distance": left.distances[rows],
            "right_distance": right.distances[rows],
        }
    )
    order = np.lexsort((rows, -np.abs(frame["moved"].to_numpy()), kind))
    return frame.iloc[order].reset_index(drop=True)


def label_matches(dataset: ImageDataset, query: int, images: Ids) -> list[bool | None]:
    """Tell whether each image shares a label with the query; None where that is unknown.

    Args:
        dataset: with labels or without.
        query: an image of it.
        images: (n,) of it.
    """
    if dataset.labels is None or not dataset.labels[query].any():
        return [None] * len(images)
    labels = dataset.labels.numpy()
    return [bool(match) for match in (labels[images] & labels[query]).any(1)]
