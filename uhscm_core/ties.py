r"""Retrieval metrics of rankings with ties, as closed forms over all orders of the ties.

Everything here follows from one array, ``counts_by_distance`` (q, R, G): for each query, how many
items lie at each of R Hamming distances and share 0, 1, ..., G - 1 labels with it. All items at one
distance are a tie group.

For a group of n items, r of them relevant, after t items with R relevant, the expected sum of the
precisions at its relevant items is

.. math::

    \frac{r}{n}\Bigl[(R+1)\,S_1 + \frac{r-1}{n-1}\,S_2\Bigr], \quad
    S_1 = H_{t+n} - H_t, \quad S_2 = n - (t+1)\,S_1

with :math:`H` the harmonic numbers (McSherry and Najork 2008).

Of the group that rank k cuts, m items lie above the cut, and the number X of relevant ones among
them is hypergeometric. Average precision at k divides by the relevant items found, which depend on
X, so its mean has no closed form; it is the sum over the values of X within

.. math::

    |X - \mathrm{E} X| \le u, \quad u = \sqrt{\tfrac{s}{2} \ln \tfrac{2}{\varepsilon}}, \quad
    s = \min(m, n - m, r, n - r), \quad \varepsilon = 10^{-12}.

By Hoeffding (1963), :math:`P(|X - \mathrm{E} X| > u) \le 2 e^{-2 u^2 / m}`. The number of items of
one kind on one side of the cut determines the other three such numbers, which deviate as much and
whose laws exchange m, n - m, r and n - r; so s may stand in the place of m. What is left out has at
most the probability :math:`\varepsilon`, and the mean of values in [0, 1] moves by no more.

Symbols: q queries, k the rank to cut at.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from uhscm_core.codes import row_blocks

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

_LEFT_OUT = 1e-12  # probability of what the mean over a cut group may leave out, see above


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
    cut = np.flatnonzero(groups.m)
    if not len(cut):
        return result
    n, r, t, m, before, so_far = (
        values[cut, None]
        for values in (groups.cut_n, groups.cut_r, groups.cut_t, groups.m, found, total)
    )
    fewest, most = (bound[cut, None] for bound in groups.cut_bounds())
    first, last = _likely(n, r, m, fewest, most) if ties == "expected" else (fewest, most)
    width = int((last - first).max()) + 1
    for rows in row_blocks(len(cut), width):
        # Relevant items of the cut group above the cut; `most` again where a row has fewer values.
        above = np.minimum(first[rows] + np.arange(width), most[rows])  # (block, width)
        sums = so_far[rows] + precisions(m[rows], above, t[rows], before[rows])
        values = sums / np.maximum(before[rows] + above, 1)  # nothing found: 0 / 1
        if ties == "expected":
            values = (values * _probabilities(above, n[rows], r[rows], m[rows])).sum(1)
        else:
            # More relevant items need not mean more average precision: they may come late.
            values = values.max(1) if ties == "best" else values.min(1)
        result[cut[rows]] = values
    return result


def _likely(n: Ints, r: Ints, m: Ints, fewest: Ints, most: Ints) -> tuple[Ints, Ints]:
    """Return the bounds of the numbers of relevant items above the cut that the mean is over."""
    mean = m * r / n
    s = np.minimum(np.minimum(m, n - m), np.minimum(r, n - r))
    u = np.sqrt(s / 2 * np.log(2 / _LEFT_OUT))
    first = np.maximum(np.floor(mean - u).astype(np.int64), fewest)
    return first, np.minimum(np.ceil(mean + u).astype(np.int64), most)


def _probabilities(above: Ints, n: Ints, r: Ints, m: Ints) -> Floats:
    """Compute how likely each number of relevant items above the cut is, of those in its row.

    The ratio of two neighbors is a fraction of small numbers, so that no difference of large
    logarithms of factorials loses digits. After the largest number possible all ratios are 0.
    """
    with np.errstate(divide="ignore"):
        ratios = np.log((r - above) * (m - above)) - np.log((above + 1) * (n - r - m + above + 1))
    logs = np.zeros(above.shape)
    ratios[:, :-1].cumsum(1, out=logs[:, 1:])
    weights = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True))


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
