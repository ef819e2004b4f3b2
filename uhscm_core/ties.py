r"""Retrieval metrics of rankings with ties, as closed forms over all orders of the ties.

Everything here follows from one array, ``counts_by_distance`` (q, R, G): for each query, how many
items lie at each of R Hamming distances and share 0, 1, ..., G - 1 labels with it. All items at one
distance are a tie group.

For a group of n items, r of them relevant, after t items with R relevant, the expected sum of the
precisions at its relevant items is

.. math::

    \frac{r}{n}\Bigl[(R+1)\,S_1 + \frac{r-1}{n-1}\,S_2\Bigr], \quad
    S_1 = H_{t+n} - H_t, \quad S_2 = n - (t+1)\,S_1

with :math:`H` the harmonic numbers (McSherry and Najork 2008). The group that rank k cuts is
weighted hypergeometrically by how many of its relevant items fall above the cut.

Symbols: q queries, k the rank to cut at.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

__all__ = [
    "Ties",
    "ideal_gain",
    "label_gains",
    "rank_discounts",
    "tied_average_precision",
    "tied_gain",
    "tied_relevant",
]

Ties = Literal["index", "expected", "best", "worst"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _TieGroups:
    """Tie groups of each query up to rank k: n items, r relevant, after t items with R relevant.

    Attributes:
        n, r, t, R: (q, radii), of the groups entirely above the cut; 0 items elsewhere.
        cut_n, cut_r, cut_t: (q,), of the group that rank k cuts; 0 where it cuts none.
        m: (q,), how many items of the cut group lie above the cut.
        relevant_before_cut: (q,), relevant items of the whole groups.
    """

    def __init__(self, counts_by_distance: Ints, k: int) -> None:
        n = counts_by_distance.sum(2)  # (q, radii)
        r = counts_by_distance[:, :, 1:].sum(2)
        end = n.cumsum(1)
        whole = end <= k
        inside = ~whole & (end - n < k)  # at most one group per query: the one k falls inside
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


def tied_average_precision(counts_by_distance: Ints, k: int, ties: Ties) -> Floats:
    """Compute average precision at rank k over the orders of the ties.

    Args:
        counts_by_distance: (q, R, G), see the module.
        k: rank to cut at, from 1 to the number of items.
        ties: ``"expected"``, ``"best"`` or ``"worst"``.

    Returns:
        (q,) values in [0, 1].
    """
    groups = _TieGroups(counts_by_distance, k)
    items = int(counts_by_distance[0].sum())
    harmonic = np.concatenate([[0.0], (1 / np.arange(1, items + 2)).cumsum()])

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
    fewest, most = groups.cut_bounds()
    for q in np.flatnonzero(groups.m):
        above = np.arange(fewest[q], most[q] + 1)  # relevant items of the cut group above the cut
        sums = total[q] + precisions(groups.m[[q]], above, groups.cut_t[[q]], found[[q]])
        values = np.where(found[q] + above > 0, sums / np.maximum(found[q] + above, 1), 0.0)
        if ties == "expected":
            weights = hypergeom.pmf(above, groups.cut_n[q], groups.cut_r[q], groups.m[q])
            result[q] = values @ weights
        else:
            # More relevant items need not mean more average precision: they may come late.
            result[q] = values.max() if ties == "best" else values.min()
    return result


def tied_relevant(counts_by_distance: Ints, k: int, ties: Ties) -> npt.NDArray[Any]:
    """Count the relevant items among the first k over the orders of the ties.

    Args: as `tied_average_precision`.

    Returns:
        (q,) numbers from 0 to k; with ``"expected"`` they need not be whole.
    """
    groups = _TieGroups(counts_by_distance, k)
    fewest, most = groups.cut_bounds()
    cut = {
        "expected": groups.m * groups.cut_r / np.maximum(groups.cut_n, 1),
        "best": most,
        "worst": fewest,
    }[ties]
    return np.asarray(groups.relevant_before_cut + cut)


def tied_gain(counts_by_distance: Ints, k: int, ties: Ties) -> Floats:
    """Compute the discounted cumulative gain of the first k over the orders of the ties.

    Args: as `tied_average_precision`.

    Returns:
        (q,) values from 0 to `ideal_gain`.
    """
    gains = label_gains(np.arange(counts_by_distance.shape[2]))  # (G,)
    if ties == "expected":
        sizes = counts_by_distance.sum(2)
        return _gain_of_runs(sizes, counts_by_distance @ gains / np.maximum(sizes, 1), k)
    step = -1 if ties == "best" else 1
    runs = counts_by_distance[:, :, ::step].reshape(len(counts_by_distance), -1)
    return _gain_of_runs(runs, np.tile(gains[::step], counts_by_distance.shape[1]), k)


def ideal_gain(counts_by_distance: Ints, k: int) -> Floats:
    """Compute the discounted cumulative gain of the best ranking of the same items, (q,)."""
    gains = label_gains(np.arange(counts_by_distance.shape[2]))
    return _gain_of_runs(counts_by_distance.sum(1)[:, ::-1], gains[::-1], k)


def label_gains(shared: Ints) -> Floats:
    r"""Compute :math:`2^g - 1`, the gain of an item that shares g labels with the query."""
    return np.asarray(2.0**shared - 1)


def rank_discounts(k: int) -> Floats:
    r"""Compute :math:`1 / \log_2(1 + \mathrm{rank})` of the ranks 1 to k."""
    return np.asarray(1 / np.log2(np.arange(2, k + 2)))


def _gain_of_runs(sizes: Ints, gains: npt.NDArray[Any], k: int) -> Floats:
    """Sum the discounted gains of runs of `sizes` items, each run of one gain: (q, runs) -> (q,)"""
    total = np.concatenate([[0.0], rank_discounts(k).cumsum()])  # total[i]: of the first i
    stop = np.minimum(sizes.cumsum(1), k)
    start = np.concatenate([np.zeros((len(stop), 1), dtype=np.int64), stop[:, :-1]], axis=1)
    return np.asarray((gains * (total[stop] - total[start])).sum(1))
