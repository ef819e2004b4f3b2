"""Retrieval: exact Hamming search over packed codes, on FAISS.

Hamming distances are small integers, so ties are the rule. Results are ordered by distance and,
within a distance, by id, so that the same codes always give the same answer.

A flat scan is the fastest exact search up to some ten million codes of 16 to 128 bits.
"""

from __future__ import annotations

import itertools
from os import PathLike
from typing import NamedTuple

import faiss
import numpy as np
import torch
from jaxtyping import Int32, Int64, UInt8
from torch import Tensor

from uhscm_core.codes import as_codes
from uhscm_core.support.checks import code_length, whole_number
from uhscm_core.support.paths import as_path
from uhscm_core.support.store import load_tensors, save_tensors, sweep

__all__ = ["HammingIndex", "Neighbours"]


class Neighbours(NamedTuple):
    """What a search found, ordered by distance, then id."""

    distances: Int32[Tensor, "*q k"]
    ids: Int64[Tensor, "*q k"]


class HammingIndex:
    """An immutable index of n packed codes; the id of a code is its row.

    Args:
        codes: (n, ⌈L/8⌉) uint8.
        bits: L, the code length.

    Raises:
        TypeError: no array, or bits that are no whole number.
        ValueError: the codes are not packed codes of this length, or there are none.
    """

    def __init__(self, codes: UInt8[Tensor, "n bytes"], bits: int) -> None:
        bits = code_length(bits)
        # A copy, so that later changes to `codes` cannot make it differ from what FAISS searches.
        self._codes = as_codes(codes, bits).copy()
        if not len(self._codes):
            raise ValueError("codes: an index needs at least one code, got none")
        self.bits = bits
        self._index = faiss.IndexBinaryFlat(self._codes.shape[1] * 8)
        # Counting is faster than a heap at large k.
        self._index.use_heap = False  # type: ignore[attr-defined]
        self._index.add(self._codes)

    def __len__(self) -> int:
        return len(self._codes)

    def __reduce__(self) -> tuple[type[HammingIndex], tuple[Tensor, int]]:
        return HammingIndex, (self.codes, self.bits)  # FAISS's own index cannot be copied

    @property
    def codes(self) -> UInt8[Tensor, "n bytes"]:
        """The (n, ⌈L/8⌉) indexed codes, in order of id."""
        return torch.from_numpy(self._codes)

    def add(self, codes: UInt8[Tensor, "m bytes"]) -> HammingIndex:
        """Return an index of these codes and m more, whose ids follow.

        Args:
            codes: (m, ⌈L/8⌉) uint8, of the same length.

        Raises:
            TypeError: no array.
            ValueError: the codes are not packed codes of this length.
        """
        added = as_codes(codes, self.bits)
        return HammingIndex(torch.from_numpy(np.concatenate([self._codes, added])), self.bits)

    def search(self, codes: UInt8[Tensor, "q bytes"], k: int) -> Neighbours:
        """Find the k nearest codes of each query.

        Args:
            codes: (q, ⌈L/8⌉) uint8 queries.
            k: how many, at least 1; more than n gives n.

        Returns:
            ``distances`` (q, k) int32 in bits and ``ids`` (q, k) int64.

        Raises:
            TypeError: no array, or k that is no whole number.
            ValueError: the codes are not of this length, or k is below 1.
        """
        queries = as_codes(codes, self.bits)
        k = min(whole_number("k", k, 1), len(self))
        if not len(queries):
            return Neighbours(torch.zeros(0, k, dtype=torch.int32), torch.zeros(0, k).long())
        distances, ids = self._index.search(queries, k)
        # FAISS orders by distance alone.
        order = np.lexsort((ids, distances), axis=1)
        return Neighbours(
            torch.from_numpy(np.take_along_axis(distances, order, 1).astype(np.int32)),
            torch.from_numpy(np.take_along_axis(ids, order, 1).astype(np.int64)),
        )

    def within(self, codes: UInt8[Tensor, "q bytes"], radius: int) -> list[Neighbours]:
        """Find all codes within a Hamming radius of each query.

        Args:
            codes: (q, ⌈L/8⌉) uint8 queries.
            radius: largest distance in bits, 0 for equal codes.

        Returns:
            For each query its neighbours, as many as there are.

        Raises:
            TypeError: no array, or a radius that is no whole number.
            ValueError: the codes are not of this length, or the radius is negative.
        """
        queries = as_codes(codes, self.bits)
        radius = min(whole_number("radius", radius, 0), self.bits)
        if not len(queries):
            return []
        limits, distances, ids = self._index.range_search(queries, radius + 1)  # FAISS means <
        found = []
        for start, stop in itertools.pairwise(limits.tolist()):
            d, i = distances[start:stop], ids[start:stop]
            order = np.lexsort((i, d))
            found.append(
                Neighbours(
                    torch.from_numpy(d[order].astype(np.int32)),
                    torch.from_numpy(i[order].astype(np.int64)),
                )
            )
        return found

    def save(self, path: str | PathLike[str]) -> None:
        """Write codes and code length to one safetensors file, which replaces the old one whole."""
        path = as_path("path", path)
        save_tensors(path, {"codes": self.codes}, {"bits": self.bits})
        sweep(path.parent)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> HammingIndex:
        """Read an index that `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not such an index, or is damaged.
        """
        path = as_path("path", path)
        tensors, metadata = load_tensors(path)
        if "codes" not in tensors or type(metadata.get("bits")) is not int:
            raise ValueError(f"{path}: not a Hamming index")
        try:
            return cls(tensors["codes"], metadata["bits"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
