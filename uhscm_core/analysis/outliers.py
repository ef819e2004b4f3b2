r"""Outliers: images that are far from all others, by their codes or by their features.

An image's score is the distance to its k-th nearest other image, after Ramaswamy, Rastogi and Shim
(*Efficient algorithms for mining outliers from large data sets*, SIGMOD 2000). One neighbour would
not do: two copies of the same strange image would vouch for each other.

By features the distance is one minus the cosine. By codes it is the Hamming distance, which is
quick, but a hash network is trained to give every image, even a strange one, a code among the
others': what is foreign to the collection is found by features (`benchmarks/tidy.py` measures
both).

Hamming distances are small integers, so ties are the rule. They are broken by the mean distance to
the k neighbours (Angiulli and Pizzuti, PKDD 2002, rank by it alone), and then by how little the
features agree with those neighbours' features.

Symbols: N images, D embedding width, L code length in bits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from uhscm_core.index import HammingIndex
from uhscm_core.support.checks import check_unit_rows, whole_number
from uhscm_core.support.progress import progress_bar

__all__ = [
    "Outliers",
    "Ranking",
    "rank_outliers",
    "rank_outliers_by_features",
    "ranking_by_codes",
    "ranking_by_features",
]

_BLOCK = 1024  # images that are looked up at a time
_ROWS = 256  # rows of cosines with all images that are held at a time


@dataclass(frozen=True, eq=False)
class Outliers:
    """All images, those farthest from the others first.

    Attributes:
        ids: (N,) the images in this order.
        distances: (N,) of each to its k-th nearest other image: in bits, or one minus the cosine.
        means: (N,) mean distance to its k nearest.
        cosines: (N,) mean cosine of its features with those k images' features.
        k: how many neighbours.
    """

    ids: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float32]
    means: npt.NDArray[np.float32]
    cosines: npt.NDArray[np.float32]
    k: int

    def to_frame(self) -> pd.DataFrame:
        """A row per image: ``rank`` from 1, ``image``, ``distance``, ``mean`` and ``cosine``."""
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(self.ids) + 1),
                "image": self.ids,
                "distance": self.distances,
                "mean": self.means,
                "cosine": self.cosines,
            }
        )


def rank_outliers(
    codes: UInt8[Tensor, "n bytes"], bits: int, features: Float[Tensor, "n d"], k: int = 5
) -> Outliers:
    """Rank images by how far their codes are from the others'.

    Args:
        codes: (N, ⌈L/8⌉) packed, at least two.
        bits: L.
        features: (N, D) rows of unit length.
        k: which nearest neighbour counts, at least 1; more than N − 1 means N − 1.

    Returns:
        All images in order; equal ones in order of id.

    Raises:
        TypeError: no arrays, or a setting that is no whole number.
        ValueError: there are fewer than two images, the codes are not of this length, the features
            differ from them in number, are not finite or not of unit length, or k is below 1.
    """
    return ranking_by_codes(codes, bits, features, k).finish()


def rank_outliers_by_features(features: Float[Tensor, "n d"], k: int = 5) -> Outliers:
    """Rank images by how far their features are from the others'.

    Args:
        features: (N, D) rows of unit length, at least two.
        k: which nearest neighbour counts, at least 1; more than N − 1 means N − 1.

    Returns:
        All images in order; equal ones in order of id.

    Raises:
        TypeError: no tensor, or k that is no whole number.
        ValueError: there are fewer than two images, a row is not finite or not of unit length, or k
            is below 1.
    """
    return ranking_by_features(features, k).finish()


class Ranking:
    """The ranking of all images, block by block: what was ended continues where it was.

    Args:
        n: N.
        k: which nearest neighbour counts.
        block: how many images at a time.
        scores: returns the three numbers of a block of images, from the first one's id: the
            distance to the k-th, the mean distance, and the mean cosine.

    Attributes:
        found: all images in order; None before.
    """

    def __init__(
        self, n: int, k: int, block: int, scores: Callable[[int], tuple[Tensor, Tensor, Tensor]]
    ) -> None:
        self.found: Outliers | None = None
        self._n, self._k, self._block, self._scores = n, k, block, scores
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []
        self._lock = threading.Lock()

    def finish(self) -> Outliers:
        """Return all images in order; how far it is can be heard, see `report_progress_to`."""
        with self._lock:
            if self.found is None:
                self.found = self._finish()
            return self.found

    def _finish(self) -> Outliers:
        done = self._block * len(self._parts)
        with progress_bar("ranking outliers", self._n, shown=False) as bar:
            bar.update(done)
            for start in range(done, self._n, self._block):
                self._parts.append(self._scores(start))
                bar.update(len(self._parts[-1][0]))
        distances, means, cosines = (
            torch.cat(part).numpy() for part in zip(*self._parts, strict=True)
        )
        ids = np.lexsort((cosines, -means, -distances)).astype(np.int64)
        return Outliers(ids, distances[ids], means[ids], cosines[ids], self._k)


def ranking_by_codes(
    codes: UInt8[Tensor, "n bytes"], bits: int, features: Float[Tensor, "n d"], k: int
) -> Ranking:
    """Begin what `rank_outliers` does; arguments and errors are the same."""
    k = _checked(features, k)
    index, n = HammingIndex(codes, bits), len(features)
    if len(index) != n:
        raise ValueError(
            f"codes and features must be of the same images, got {len(index)} codes but {n} "
            f"features"
        )
    return Ranking(n, k, _BLOCK, lambda start: _scores(index, features, start, k))


def ranking_by_features(features: Float[Tensor, "n d"], k: int) -> Ranking:
    """Begin what `rank_outliers_by_features` does; arguments and errors are the same."""
    k = _checked(features, k)

    def scores(start: int) -> tuple[Tensor, Tensor, Tensor]:
        block = features[start : start + _ROWS] @ features.T  # (b, N)
        rows = torch.arange(len(block))
        block[rows, start + rows] = -torch.inf  # an image is not its own neighbour
        nearest = block.topk(k, dim=1).values
        return 1 - nearest[:, -1], 1 - nearest.mean(dim=1), nearest.mean(dim=1)

    return Ranking(len(features), k, _ROWS, scores)


def _checked(features: Tensor, k: int) -> int:
    check_unit_rows(features=features)
    n = len(features)
    if n < 2:
        raise ValueError(
            f"features: outliers need others to be far from: expected 2 images or more, got {n}"
        )
    return min(whole_number("k", k, 1), n - 1)


def _scores(
    index: HammingIndex, features: Tensor, start: int, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the k-th and the mean distance, and the mean cosine, of a block of images."""
    codes = index.codes[start : start + _BLOCK]
    images = torch.arange(start, start + len(codes))
    distances, ids = index.search(codes, k + 1)
    # The image itself is among them, or else k + 1 others with the same code: drop one of those.
    others = ids != images[:, None]
    others[others.all(dim=1), -1] = False
    distances = distances[others].reshape(-1, k)
    neighbours = features[ids[others].reshape(-1, k)]  # (b, k, D)
    cosines = torch.einsum("bd,bkd->bk", features[images], neighbours)
    bits = distances.float()
    return bits[:, -1], bits.mean(dim=1), cosines.mean(dim=1)
