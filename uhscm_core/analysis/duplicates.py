r"""Near-duplicates: images whose codes lie close together, whose features and looks agree.

Codes alone cannot tell: a code keeps what an image shows, so many different images share one, and
the features of two beaches may agree as well as those of a beach and its copy. There are therefore
up to three tests, each more exact and more costly than the last. A pair is a near-duplicate when

.. math:: d_H(b_i, b_j) \le r, \quad \cos(f_i, f_j) \ge t \quad\text{and}\quad
          \max(a_i \cdot a_j,\; a_i \cdot \bar a_j) \ge s,

where :math:`a_i` is the image's sketch, a few gray values of unit length, and :math:`\bar a_j` a
mirrored one.

With the defaults, on 2,295 photos, all mirrored copies, 95 % of those at half the size and 7 % of
the cropped came back, with 1 wrong pair (`benchmarks/results/tidy-2026-11-27.md`). Without the
sketches there were 295,530 wrong pairs at t = 0.9 on 2,000 small photos (`tidy-2026-11-22.md`).

The last test leaves the fewest pairs by far, and `uhscm_core.analysis.sketches` finds those without
a look at the others; the other two tests are made of these alone. Without sketches, distances and
cosines of all pairs are computed, a block at a time.

All images of a group are near-duplicates of each other: where a chain of pairs has ends that are
not, complete linkage cuts it, and an image that this leaves alone makes a group of two with the
image nearest to it. Of a group's pairs only those that hold it together are kept, a spanning tree
of large cosines. Only of one chain at a time are all pairs held; one of more than 4,096 images is
left whole.

Symbols: N images, D embedding width, L code length in bits, p pairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from jaxtyping import Float, UInt8
from torch import Tensor

from uhscm_core.analysis.sketches import EDGE, ROUNDING, LookAlikes, likenesses, look_alike
from uhscm_core.codes import as_codes, as_words, differing_bits, hamming_distance
from uhscm_core.support.checks import (
    check_unit_rows,
    code_length,
    plain_array,
    real_number,
    shown,
    whole_number,
)
from uhscm_core.support.progress import progress_bar

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "COSINE",
    "COSINE_ALONE",
    "LIKENESS",
    "LONGEST_CHAIN",
    "NOTHING_FOUND",
    "NearDuplicates",
    "near_duplicates",
    "near_duplicates_so_far",
]

# Images whose cosines are held at a time: 2 MB of them.
_ROWS, _COLUMNS = 256, 2048
COSINE, LIKENESS = 0.8, 0.97
"""Defaults of t and s, see `benchmarks/results/tidy-2026-11-27.md`."""
COSINE_ALONE = 0.9
"""Default of t without sketches, where the features have to tell the images apart."""
LONGEST_CHAIN = 4096
"""Images of a chain that is cut: an array of all their pairs takes 70 MB, and there are several."""
_SKETCHED = 4096  # images whose look-alikes are looked for at a time
_HELD = 4_000_000  # pairs: 64 MB
_NEVER = 9.0  # more than any 1 - cosine: two images that are in no group together

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Groups of images that are nearly the same.

    Attributes:
        groups: the images of each group, by id; the group with the strongest pair first.
        pairs: (p, 2) ids, i < j: the pairs that hold the groups together, group by group, the
            strongest first.
        group_of: (p,) the group of each pair.
        distances: (p,) Hamming distances in bits.
        cosines: (p,) of the features.
        chains: how many chains were cut, whose images are not all near each other.
        all_pairs: (q, 2) all pairs that pass the tests; None where they are too many to be held.
    """

    groups: tuple[tuple[int, ...], ...]
    pairs: Ids
    group_of: Ids
    distances: npt.NDArray[np.int32]
    cosines: npt.NDArray[np.float32]
    chains: int = 0
    all_pairs: Ids | None = field(default=None, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair: ``group``, ``i``, ``j``, ``bits`` apart and ``cosine``."""
        return pd.DataFrame(
            {
                "group": self.group_of,
                "i": self.pairs[:, 0],
                "j": self.pairs[:, 1],
                "bits": self.distances,
                "cosine": self.cosines,
            }
        )


NOTHING_FOUND = NearDuplicates(
    (), np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0, np.int32), np.zeros(0, np.float32)
)
"""What is found before anything was compared."""


def near_duplicates(
    codes: UInt8[Tensor, "n bytes"],
    bits: int,
    features: Float[Tensor, "n d"],
    radius: int | None = None,
    cosine: float | None = None,
    sketches: Float[Tensor, "n g"] | None = None,
    likeness: float = LIKENESS,
    among: Ids | None = None,
) -> NearDuplicates:
    """Find the images that are nearly the same.

    Args:
        codes: (N, ⌈L/8⌉) packed.
        bits: L.
        features: (N, D) rows of unit length.
        radius: r, the largest distance of two codes in bits, 0 for equal ones; None for L / 4.
        cosine: t, the smallest cosine of two features, in [-1, 1]; None for 0.8 with sketches and
            0.9 without.
        sketches: (N, G + 1) of `sketch`; None to leave out the third test.
        likeness: s, the smallest likeness of two sketches, in [-1, 1].
        among: (q, 2) pairs of images, the only ones that are tested, if all that pass are known to
            be among them: those of `LookAlikes`, or the ``all_pairs`` of a search that asked for
            less. None to find them among all.

    Returns:
        The groups; none where no two images are near. An image is in two of them where it is the
        nearest to one that its own group leaves out.

    Raises:
        TypeError: no arrays, or a setting that is no number.
        ValueError: the codes are not of this length, the features differ from them in number, are
            not finite or not of unit length, a radius or cosine is out of range, or `among` has
            something else than pairs of two of the images.
    """
    tests = _Tests.checked(codes, bits, features, radius, cosine, sketches, likeness)
    if among is not None:
        among = _pairs_of(among, len(features))
    if among is None and sketches is not None:
        similar = LookAlikes(likeness)
        for start in range(0, len(sketches), _SKETCHED):
            similar.add(sketches[start : start + _SKETCHED])
        among = None if similar.crowded else similar.pairs
    if among is not None:
        return tests.among(among)
    return deque(tests.among_all(), maxlen=1).pop()


def near_duplicates_so_far(
    codes: UInt8[Tensor, "n bytes"],
    bits: int,
    features: Float[Tensor, "n d"],
    radius: int | None = None,
    cosine: float | None = None,
    sketches: Float[Tensor, "n g"] | None = None,
    likeness: float = LIKENESS,
) -> Iterator[NearDuplicates]:
    """Yield what `near_duplicates` has found, the last time all of it.

    Cosines of all pairs are computed, and sketches compared after that: it takes long, but needs
    little memory where many images look the same. How far it is can be heard, see
    `report_progress_to`.

    Args and errors: as `near_duplicates`.
    """
    tests = _Tests.checked(codes, bits, features, radius, cosine, sketches, likeness)
    return tests.among_all()


def _pairs_of(pairs: Ids, n: int) -> Ids:
    """Return pairs of n images in order, each once."""
    given = plain_array("among", pairs)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise ValueError(
            f"among must be an array of shape (q, 2) with numbers of images, got {shown(pairs)}"
        )
    low, high = given.min(1).astype(np.int64), given.max(1).astype(np.int64)
    if len(given) and (low.min() < 0 or high.max() >= n or (low == high).any()):
        raise ValueError(f"among must have pairs of two of {n} images, numbered from 0")
    keys = np.unique(low * n + high)
    return np.stack([keys // max(n, 1), keys % max(n, 1)], axis=1)


@dataclass(frozen=True)
class _Tests:
    """The three tests of some images, with settings that are in order."""

    packed: npt.NDArray[np.uint8]
    features: Tensor
    radius: int
    cosine: float
    sketches: Tensor | None
    likeness: float

    @classmethod
    def checked(
        cls,
        codes: UInt8[Tensor, "n bytes"],
        bits: int,
        features: Float[Tensor, "n d"],
        radius: int | None,
        cosine: float | None,
        sketches: Float[Tensor, "n g"] | None,
        likeness: float,
    ) -> _Tests:
        bits = code_length(bits)
        packed = as_codes(codes, bits)
        radius = bits // 4 if radius is None else whole_number("radius", radius, 0, bits)
        if cosine is None:
            cosine = COSINE_ALONE if sketches is None else COSINE
        cosine = real_number("cosine", cosine, -1, 1)
        likeness = real_number("likeness", likeness, -1, 1)
        check_unit_rows(features=features)
        if len(packed) != len(features):
            raise ValueError(
                f"codes and features must be of the same images, got {len(packed)} codes but "
                f"{len(features)} features"
            )
        if sketches is not None:
            check_unit_rows(sketches=sketches)
            expected = (len(features), EDGE * EDGE + 1)
            if tuple(sketches.shape) != expected:
                raise ValueError(
                    f"sketches must have shape {expected}, got {tuple(sketches.shape)}"
                )
        return cls(packed, features, radius, cosine - ROUNDING, sketches, likeness - ROUNDING)

    def among(self, pairs: Ids) -> NearDuplicates:
        """Test these pairs alone."""
        i, j = pairs[:, 0], pairs[:, 1]
        near = hamming_distance(self.packed[i], self.packed[j], paired=True).numpy() <= self.radius
        i, j = i[near], j[near]
        cosines = (self.features[i] * self.features[j]).sum(1).numpy()
        passed = cosines >= self.cosine
        if self.sketches is not None:
            passed &= look_alike(self.sketches, np.stack([i, j], axis=1), self.likeness)
        links = _Links(len(self.packed))
        links.add(i[passed], j[passed], cosines[passed])
        return self._grouped(links)

    def among_all(self) -> Iterator[NearDuplicates]:
        """Test all pairs, block by block; yield the groups each time twice as many are done."""
        n = len(self.packed)
        links = _Links(n)
        # Images of similar codes together: fewer blocks have a pair that is near.
        by_code = np.lexsort(self.packed.T[::-1])
        words, features = as_words(self.packed[by_code]), self.features[by_code]
        sketches = None if self.sketches is None else self.sketches[by_code]
        told = n // 16
        with progress_bar("comparing images", n, shown=False) as bar:
            for top in range(0, n, _ROWS):
                rows = slice(top, min(top + _ROWS, n))
                for left in range(top, n, _COLUMNS):
                    columns = np.arange(left, min(left + _COLUMNS, n))
                    near = differing_bits(words[:, rows, None], words[:, None, columns])
                    passed = (near <= self.radius) & (columns > np.arange(n)[rows, None])
                    if not (some := passed.any(0)).any():
                        continue
                    columns, passed = columns[some], passed[:, some]
                    cosines = (features[rows] @ features[columns].T).numpy()
                    passed &= cosines >= self.cosine
                    if sketches is not None and passed.any():
                        looks = likenesses(sketches[rows], sketches[columns])
                        passed &= looks >= self.likeness
                    links.add_block(by_code[rows], by_code[columns], cosines, passed)
                bar.update(rows.stop - top)
                if told < rows.stop < n:
                    yield self._grouped(links)
                    told = 2 * rows.stop
        yield self._grouped(links)

    def _passing(self, ids: Ids) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
        """Return which of all pairs of some images pass, (m, m), and their cosines."""
        # By numpy, which multiplies small arrays in microseconds; torch's threads wait for each
        # other, tens of milliseconds where something else runs.
        features = self.features[ids].numpy()
        agreement: npt.NDArray[np.float32] = features @ features.T
        near = hamming_distance(self.packed[ids], self.packed[ids]).numpy() <= self.radius
        near &= agreement >= self.cosine
        if self.sketches is not None:
            near &= likenesses(self.sketches[ids], self.sketches[ids]) >= self.likeness
        return near, agreement

    def _grouped(self, links: _Links) -> NearDuplicates:
        i, j, group_of, chains = _cut_chains(*links.forest(), self._passing)
        distances = hamming_distance(self.packed[i], self.packed[j], paired=True).numpy()
        cosines = (self.features[i] * self.features[j]).sum(1).numpy()
        order = _strongest_first(group_of, cosines)
        i, j, group_of = i[order], j[order], group_of[order]
        names, starts = np.unique(group_of, return_index=True)
        place = np.empty(len(names), np.int64)
        place[starts.argsort()] = np.arange(len(names))
        numbered = place[np.searchsorted(names, group_of)]
        members = (
            np.unique([i[part], j[part]])
            for part in np.split(np.arange(len(i)), np.flatnonzero(np.diff(numbered)) + 1)
            if len(part)
        )
        return NearDuplicates(
            tuple(tuple(ids.tolist()) for ids in members),
            np.stack([np.minimum(i, j), np.maximum(i, j)], axis=1),
            numbered,
            distances[order],
            cosines[order],
            chains,
            links.all_pairs(),
        )


class _Links:
    """Those pairs of n images that connect the groups, and each image's strongest pair."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.component: Ids = np.arange(n)  # of each image, by the pairs so far
        self.best = np.full(n, -np.inf, np.float32)  # cosine of each image's strongest pair
        self.partner = np.full(n, -1)
        self.links: list[tuple[Ids, Ids, npt.NDArray[np.float32]]] = []
        self._pairs: list[Ids] | None = []
        self._held = 0

    def add(self, i: Ids, j: Ids, cosines: npt.NDArray[np.float32]) -> None:
        """Take in pairs one by one."""
        for images, partners in ((i, j), (j, i)):
            better = cosines > self.best[images]
            np.maximum.at(self.best, images[better], cosines[better])
            won = better & (cosines == self.best[images])
            self.partner[images[won]] = partners[won]
        self._hold(i, j, len(i))
        self._link(i, j, cosines)

    def add_block(
        self,
        rows: Ids,
        columns: Ids,
        cosines: npt.NDArray[np.float32],
        passed: npt.NDArray[np.bool_],
    ) -> None:
        """Take in those pairs of some images with others that passed.

        Args:
            rows, columns: (a,) and (b,) images.
            cosines: (a, b), which change.
            passed: (a, b).
        """
        if not passed.any():
            return
        if self._pairs is not None:
            self._hold(rows, columns, int(passed.sum()), passed)
        apart = self.component[rows][:, None] != self.component[columns]
        r, c = np.nonzero(passed & apart)
        self._link(rows[r], columns[c], cosines[r, c])
        cosines[~passed] = -np.inf
        for images, partners, axis in ((rows, columns, 1), (columns, rows, 0)):
            at = cosines.argmax(axis)
            best = np.take_along_axis(cosines, np.expand_dims(at, axis), axis).ravel()
            better = best > self.best[images]
            self.best[images[better]] = best[better]
            self.partner[images[better]] = partners[at[better]]

    def all_pairs(self) -> Ids | None:
        """Return (q, 2) all pairs, or None if they are too many to be held."""
        return (
            None
            if self._pairs is None
            else np.concatenate([np.zeros((0, 2), np.int64), *self._pairs])
        )

    def _hold(
        self, i: Ids, j: Ids, count: int, passed: npt.NDArray[np.bool_] | None = None
    ) -> None:
        self._held += count
        if self._held > _HELD:
            self._pairs = None
        if self._pairs is not None:
            r, c = (slice(None), slice(None)) if passed is None else np.nonzero(passed)
            self._pairs.append(np.stack([i[r], j[c]], axis=1))

    def _link(self, i: Ids, j: Ids, cosines: npt.NDArray[np.float32]) -> None:
        from scipy.sparse.csgraph import connected_components

        a, b = self.component[i], self.component[j]
        order = np.flatnonzero(a != b)
        order = order[np.argsort(-cosines[order], kind="stable")]
        low, high = np.minimum(a, b)[order], np.maximum(a, b)[order]
        _, strongest = np.unique(low * self.n + high, return_index=True)  # of two components
        kept = order[strongest]
        if len(kept):
            self.links.append((i[kept], j[kept], cosines[kept]))
            graph = _graph(np.ones(len(kept)), a[kept], b[kept], self.n)
            merged: Ids = connected_components(graph, directed=False)[1].astype(np.int64)
            self.component = merged[self.component]

    def forest(self) -> tuple[Ids, Ids, Ids]:
        """Find a spanning forest of the largest cosines: ids i, ids j and the component of each."""
        from scipy.sparse.csgraph import minimum_spanning_tree

        paired = np.flatnonzero(self.partner >= 0)
        ends = [(i, j, c) for i, j, c in self.links]
        ends.append((paired, self.partner[paired], self.best[paired]))
        i, j, cosines = (np.concatenate(parts) for parts in zip(*ends, strict=True))
        low, high = np.minimum(i, j), np.maximum(i, j)
        _, once = np.unique(low * self.n + high, return_index=True)
        # Small where the cosine is large, and never 0, which would mean no pair.
        weights = 2 - cosines[once].astype(np.float64)
        graph = _graph(weights, low[once], high[once], self.n)
        tree = minimum_spanning_tree(graph).tocoo()
        i, j = (ends.astype(np.int64) for ends in tree.coords)
        return i, j, self.component[i]


def _cut_chains(
    i: Ids,
    j: Ids,
    component: Ids,
    passing: Callable[[Ids], tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]],
) -> tuple[Ids, Ids, Ids, int]:
    """Cut the components of a forest into groups all of whose pairs pass.

    Args:
        i, j: (p,) the pairs of the forest.
        component: (p,) of each pair.
        passing: which pairs of some images pass, and their cosines.

    Returns:
        The pairs that hold the groups together, the group of each, and how many components were
        cut.
    """
    found: list[tuple[Ids, Ids]] = []
    chains = 0
    order = np.argsort(component, kind="stable")
    for of_one in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        ids = np.unique([i[of_one], j[of_one]])
        if 2 < len(ids) <= LONGEST_CHAIN:
            passes, cosines = passing(ids)
            if not passes.all():
                chains += 1
                found += [(ids[a], ids[b]) for a, b in _groups_of(passes, cosines)]
                continue
        found.append((i[of_one], j[of_one]))
    sizes = [len(first) for first, _ in found]
    first, second = (np.concatenate(ends).astype(np.int64) for ends in zip(*found, strict=True))
    return first, second, np.repeat(np.arange(len(found)), sizes), chains


def _groups_of(
    passes: npt.NDArray[np.bool_], cosines: npt.NDArray[np.float32]
) -> Iterator[tuple[Ids, Ids]]:
    """Yield the pairs that hold each group of one chain together, by complete linkage."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import squareform

    apart = np.where(passes, np.clip(1.0 - cosines, 0, None), _NEVER)
    np.fill_diagonal(apart, 0)
    merges = linkage(squareform(apart, checks=False), "complete")
    cluster = fcluster(merges, _NEVER / 2, "distance")
    for name in np.unique(cluster):
        members = np.flatnonzero(cluster == name)
        if len(members) == 1:  # with the image nearest to it, which another group has taken
            others = np.where(passes[members[0]], cosines[members[0]], -np.inf)
            others[members[0]] = -np.inf
            # The first of equal ones, whatever rounding says.
            yield members, np.flatnonzero(others >= others.max() - ROUNDING)[:1]
        elif len(members) == 2:
            yield members[:1], members[1:]
        else:
            # Small where the cosine is large, and never 0, which would mean no pair.
            tree = minimum_spanning_tree(2 - cosines[np.ix_(members, members)]).tocoo()
            a, b = tree.coords
            yield members[a], members[b]


def _graph(weights: npt.NDArray[np.float64], i: Ids, j: Ids, n: int) -> csr_array:
    from scipy.sparse import coo_array

    # The graph algorithms of scipy before 1.17.1 take indices of 32 bits alone.
    pairs = (i.astype(np.int32), j.astype(np.int32))
    return coo_array((weights, pairs), shape=(n, n)).tocsr()


def _strongest_first(group_of: Ids, cosines: npt.NDArray[np.float32]) -> Ids:
    """Order pairs group by group, the group of the strongest pair first."""
    strongest = np.full(int(group_of.max(initial=0)) + 1, -np.inf)
    np.maximum.at(strongest, group_of, cosines)
    return np.lexsort((-cosines, group_of, -strongest[group_of]))
