r"""Near-duplicates: images whose codes lie close together, whose features and looks agree.

Codes alone cannot tell: a code keeps what an image shows, so many different images share one, and
the features of two beaches may agree as well as those of a beach and its copy. There are therefore
up to three tests, each more exact and more costly than the last. A pair is a near-duplicate when

.. math:: d_H(b_i, b_j) \le r, \quad \cos(f_i, f_j) \ge t \quad\text{and}\quad
          \max(a_i \cdot a_j,\; a_i \cdot \bar a_j) \ge s,

where :math:`a_i` is the image's sketch, a few gray values of unit length, and :math:`\bar a_j` a
mirrored one.

With the defaults, on 2,000 photos, 59 % of the planted variants came back and 3 of 241 pairs were
wrong; without the sketches there were 295,530 wrong pairs (`benchmarks/results/tidy-*.md`).

All images of a group are near-duplicates of each other: where a chain of pairs has ends that are
not, complete linkage cuts it, and an image that this leaves alone makes a group of two with the
image nearest to it. Equal codes are looked up once, cosines are computed a block at a time, and of
a group's pairs only those that hold it together are kept, a spanning tree of the largest cosines.
Only of one chain at a time are all pairs held; one of more than 4,096 images is left whole.

Symbols: N images, D embedding width, L code length in bits, p pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import squareform
from torch import Tensor

from uhscm_core.codes import as_codes, hamming_distance
from uhscm_core.index import HammingIndex
from uhscm_core.support.checks import (
    check_unit_rows,
    code_length,
    instance,
    real_number,
    whole_number,
)

__all__ = ["LONGEST_CHAIN", "NearDuplicates", "likenesses", "near_duplicates", "sketch"]

# Images whose cosines are held at a time: 2 MB of them.
_ROWS, _COLUMNS = 256, 2048
LONGEST_CHAIN = 4096
"""Images of a chain that is cut: an array of all their pairs takes 70 MB, and there are several."""
_EDGE = 8  # of a sketch, in its own pixels
_FAINT = 2.0  # gray levels
_ROUNDING = 1e-6  # of the cosine of two equal features
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
    """

    groups: tuple[tuple[int, ...], ...]
    pairs: Ids
    group_of: Ids
    distances: npt.NDArray[np.int32]
    cosines: npt.NDArray[np.float32]
    chains: int = 0

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


def near_duplicates(
    codes: UInt8[Tensor, "n bytes"],
    bits: int,
    features: Float[Tensor, "n d"],
    radius: int | None = None,
    cosine: float = 0.9,
    sketches: Float[Tensor, "n g"] | None = None,
    likeness: float = 0.97,
) -> NearDuplicates:
    """Find the images that are nearly the same.

    Args:
        codes: (N, ⌈L/8⌉) packed.
        bits: L.
        features: (N, D) rows of unit length.
        radius: r, the largest distance of two codes in bits, 0 for equal ones; None for L / 4.
        cosine: t, the smallest cosine of two features, in [-1, 1].
        sketches: (N, G + 1) of `sketch`; None to leave out the third test.
        likeness: s, the smallest likeness of two sketches, in [-1, 1].

    Returns:
        The groups; none where no two images are near. An image is in two of them where it is the
        nearest to one that its own group leaves out.

    Raises:
        TypeError: no arrays, or a setting that is no number.
        ValueError: the codes are not of this length, the features differ from them in number, are
            not finite or not of unit length, or a radius or cosine is out of range.
    """
    bits = code_length(bits)
    packed = as_codes(codes, bits)
    radius = bits // 4 if radius is None else whole_number("radius", radius, 0, bits)
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
        expected = (len(features), _EDGE * _EDGE + 1)
        if tuple(sketches.shape) != expected:
            raise ValueError(f"sketches must have shape {expected}, got {tuple(sketches.shape)}")
    links = _Links(len(packed))
    for i, j, cosines in _near(packed, bits, features, radius, cosine, sketches, likeness):
        links.add(i, j, cosines)
    i, j, component = links.forest()

    def passing(ids: Ids) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
        """Which of all pairs of some images pass the tests, (m, m), and their cosines."""
        agreement = (features[ids] @ features[ids].T).numpy()
        near = hamming_distance(packed[ids], packed[ids]).numpy() <= radius
        near &= agreement >= cosine - _ROUNDING
        if sketches is not None:
            near &= likenesses(sketches[ids], sketches[ids]) >= likeness - _ROUNDING
        return near, agreement

    i, j, group_of, chains = _cut_chains(i, j, component, passing)
    distances = hamming_distance(packed[i], packed[j], paired=True).numpy()
    cosines = (features[i] * features[j]).sum(1).numpy()
    order = _strongest_first(group_of, cosines)
    i, j, group_of = i[order], j[order], group_of[order]
    names, starts = np.unique(group_of, return_index=True)
    number = {int(name): k for k, name in enumerate(names[starts.argsort()])}
    numbered = np.array([number[int(name)] for name in group_of], dtype=np.int64)
    members = (np.unique([i[numbered == k], j[numbered == k]]) for k in range(len(number)))
    return NearDuplicates(
        tuple(tuple(ids.tolist()) for ids in members),
        np.stack([np.minimum(i, j), np.maximum(i, j)], axis=1),
        numbered,
        distances[order],
        cosines[order],
        chains,
    )


def sketch(image: Image.Image) -> npt.NDArray[np.float32]:
    """Reduce an image to the gray values of a small square, to compare by dot product.

    The mean is subtracted, so brightness does not count. One more number, the size of a faint
    pattern, is added, so that plain images are similar to each other and not to noise.

    Returns:
        (G + 1,) of unit length.
    """
    instance("image", image, Image.Image, "of PIL")
    small = image.convert("L").resize((_EDGE, _EDGE), Image.Resampling.BOX, reducing_gap=3.0)
    gray = np.asarray(small, dtype=np.float32).ravel()
    values = np.append(gray - gray.mean(), np.float32(_FAINT * _EDGE))
    unit: npt.NDArray[np.float32] = (values / np.linalg.norm(values)).astype(np.float32)
    return unit


def likenesses(a: Float[Tensor, "p g"], b: Float[Tensor, "q g"]) -> npt.NDArray[np.float32]:
    """Compute (p, q) dot products of sketches, `b` as it is or mirrored, whichever is larger."""
    gray = b[:, :-1].reshape(-1, _EDGE, _EDGE).flip(2).reshape(len(b), -1)
    mirrored = torch.cat([gray, b[:, -1:]], dim=1)
    best: npt.NDArray[np.float32] = torch.maximum(a @ b.T, a @ mirrored.T).numpy()
    return best


def _near(
    packed: npt.NDArray[np.uint8],
    bits: int,
    features: Tensor,
    radius: int,
    cosine: float,
    sketches: Tensor | None,
    likeness: float,
) -> Iterator[tuple[Ids, Ids, npt.NDArray[np.float32]]]:
    """Yield all pairs that pass the tests, once each, in blocks: ids i, ids j and cosines."""
    if not len(packed):
        return
    unique, inverse, counts = np.unique(packed, axis=0, return_inverse=True, return_counts=True)
    by_code = np.argsort(
        inverse.reshape(-1), kind="stable"
    )  # images, those of equal codes together
    starts = np.concatenate([[0], np.cumsum(counts)])  # of each unique code in `by_code`
    sorted_features = features[by_code]
    looks = None if sketches is None else sketches[by_code]
    index = HammingIndex(torch.from_numpy(unique), bits)
    first = 0
    while first < len(unique):  # a block of codes, as many as have some _ROWS images
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _ROWS, "right")) - 1)
        within = index.within(torch.from_numpy(unique[first:last]), radius)
        codes = np.unique(np.concatenate([found.ids.numpy() for found in within]))
        codes = codes[codes >= first]  # the pairs with earlier ones were found with them
        columns = np.concatenate([np.arange(starts[c], starts[c + 1]) for c in codes])
        for top in range(starts[first], starts[last], _ROWS):
            rows = np.arange(top, min(top + _ROWS, starts[last]))
            for left in range(0, len(columns), _COLUMNS):
                block = columns[left : left + _COLUMNS]
                cosines = (sorted_features[rows] @ sorted_features[block].T).numpy()
                passed = (cosines >= cosine - _ROUNDING) & (block > rows[:, None])
                if looks is not None:
                    passed &= likenesses(looks[rows], looks[block]) >= likeness - _ROUNDING
                r, c = np.nonzero(passed)
                i, j = by_code[rows[r]], by_code[block[c]]
                near = hamming_distance(packed[i], packed[j], paired=True).numpy() <= radius
                r, c = r[near], c[near]
                if len(r):
                    yield by_code[rows[r]], by_code[block[c]], cosines[r, c]
        first = last


class _Links:
    """Those pairs of n images that connect the groups, and each image's strongest pair."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.component: Ids = np.arange(n)  # of each image, by the pairs so far
        self.best = np.full(n, -np.inf, np.float32)  # cosine of each image's strongest pair
        self.partner = np.full(n, -1)
        self.links: list[tuple[Ids, Ids, npt.NDArray[np.float32]]] = []

    def add(self, i: Ids, j: Ids, cosines: npt.NDArray[np.float32]) -> None:
        for images, partners in ((i, j), (j, i)):
            better = cosines > self.best[images]
            np.maximum.at(self.best, images[better], cosines[better])
            won = better & (cosines == self.best[images])
            self.partner[images[won]] = partners[won]
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
    apart = np.where(passes, np.clip(1.0 - cosines, 0, None), _NEVER)
    np.fill_diagonal(apart, 0)
    merges = linkage(squareform(apart, checks=False), "complete")
    cluster = fcluster(merges, _NEVER / 2, "distance")
    for name in np.unique(cluster):
        members = np.flatnonzero(cluster == name)
        if len(members) == 1:  # with the image nearest to it, which another group has taken
            others = np.where(passes[members[0]], cosines[members[0]], -np.inf)
            others[members[0]] = -np.inf
            yield members, np.array([others.argmax()])
        else:
            # Small where the cosine is large, and never 0, which would mean no pair.
            tree = minimum_spanning_tree(2 - cosines[np.ix_(members, members)]).tocoo()
            a, b = tree.coords
            yield members[a], members[b]


def _graph(weights: npt.NDArray[np.float64], i: Ids, j: Ids, n: int) -> csr_array:
    # The graph algorithms of scipy before 1.17.1 take indices of 32 bits alone.
    pairs = (i.astype(np.int32), j.astype(np.int32))
    return coo_array((weights, pairs), shape=(n, n)).tocsr()


def _strongest_first(group_of: Ids, cosines: npt.NDArray[np.float32]) -> Ids:
    """Order pairs group by group, the group of the strongest pair first."""
    strongest = np.full(int(group_of.max(initial=0)) + 1, -np.inf)
    np.maximum.at(strongest, group_of, cosines)
    return np.lexsort((-cosines, group_of, -strongest[group_of]))
