r"""Classical unsupervised hashing, from FAISS, to compare the method with.

- **LSH** (Charikar 2002): signs of random projections of the centered features.
- **PCA sign**: signs of the L leading principal components.
- **ITQ** (Gong and Lazebnik 2011): the components rotated so that their signs lose least.

`BASELINES` is the only list of them. To add a baseline, register it under its name; it then appears
in `Study.compare`, in the comparison explorer and in the benchmarks' tables::

    def fit_top(x, bits, seed):  # (n, D) float32 training rows
        columns = np.argsort(-x.var(0))[:bits]
        middle = np.median(x[:, columns], axis=0)
        return lambda rows: rows[:, columns] - middle  # (m, D) -> (m, L), whose signs are codes

    BASELINES["most varied"] = Baseline(fit_top, space="concepts")

Symbols: D width of what a baseline reads, L code length in bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from uhscm_core.codes import pack_codes
from uhscm_core.support.checks import check_features, code_length, function, one_of, seed_number

__all__ = ["BASELINES", "Baseline", "BaselineHash", "TooManyBitsError", "fit_baseline"]

Project = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """One way of hashing, as `BASELINES` lists it by name.

    Attributes:
        fit: takes (n, D) float32 training rows, L and a seed, and returns a function from (m, D)
            rows to (m, L) numbers whose signs are the codes.
        space: what it reads of the images: ``"features"`` of the vision-language model, or
            ``"concepts"``, their distributions over the kept concepts.
        max_bits: takes n and D and returns the largest L; by default the smaller of the two.
    """

    fit: Callable[[np.ndarray, int, int], Project]
    space: Literal["features", "concepts"] = "features"
    max_bits: Callable[[int, int], int] = min

    def __post_init__(self) -> None:
        function("fit", self.fit)
        one_of("space", self.space, ("features", "concepts"))
        function("max_bits", self.max_bits)


class TooManyBitsError(ValueError):
    """A baseline cannot give codes of this length."""


@dataclass(frozen=True, eq=False)
class BaselineHash:
    """A fitted hash function: the signs of a projection.

    Attributes:
        name: of the baseline, see `BASELINES`.
        bits: L.
        width: D, of what it was fitted on.
        project: (n, D) -> (n, L), whose signs are the codes.
    """

    name: str
    bits: int
    width: int
    project: Project

    def encode(self, x: Float[Tensor, "n d"]) -> UInt8[Tensor, "n bytes"]:
        """Compute the packed codes of (n, D) rows of the space that the baseline reads.

        Raises:
            ValueError: the width is not the one fitted on, a value is not finite, or the baseline
                gives another number of bits.
        """
        check_features(x=x)
        if x.shape[1] != self.width:
            raise ValueError(
                f"x: {self.name} was fitted on features of width {self.width}, got {tuple(x.shape)}"
            )
        rows = np.ascontiguousarray(x.cpu().numpy(), dtype=np.float32)
        outputs = np.asarray(self.project(rows))
        if outputs.shape != (len(rows), self.bits):
            raise ValueError(
                f"baseline {self.name!r} must give shape {(len(rows), self.bits)} for "
                f"{len(rows)} rows and {self.bits} bits, got {outputs.shape}"
            )
        return pack_codes(torch.from_numpy(outputs))


def fit_baseline(name: str, x: Float[Tensor, "n d"], bits: int, seed: int = 0) -> BaselineHash:
    """Fit a baseline on training images.

    Args:
        name: one of `BASELINES`.
        x: (N, D) of the training images, in the space that the baseline reads.
        bits: L; at most D, and for PCA sign and ITQ at most N.
        seed: of LSH's projections and ITQ's first rotation.

    Returns:
        The fitted hash function.

    Raises:
        TypeError: an argument of another kind.
        ValueError: the name is unknown, there are more bits than directions (`TooManyBitsError`),
            or a value is not finite.
    """
    baseline = BASELINES[one_of("name", name, BASELINES)]
    check_features(x=x)
    bits = code_length(bits)
    seed = seed_number("seed", seed, 31)  # FAISS's own seeds are no larger
    rows = np.ascontiguousarray(x.cpu().numpy(), dtype=np.float32)
    n, width = rows.shape
    max_bits = baseline.max_bits(n, width)
    if bits > max_bits:
        raise TooManyBitsError(
            f"bits and x: {name} on {n} features of width {width} gives 1 to {max_bits} bits, "
            f"not {bits}"
        )
    return BaselineHash(name, bits, width, baseline.fit(rows, bits, seed))


def _lsh(x: np.ndarray, bits: int, seed: int) -> Project:
    rotation = faiss.RandomRotationMatrix(x.shape[1], bits)
    rotation.init(seed)
    mean = x.mean(0)
    return lambda rows: np.asarray(rotation.apply(rows - mean))


def _pca_sign(x: np.ndarray, bits: int, _seed: int) -> Project:
    pca = faiss.PCAMatrix(x.shape[1], bits)
    pca.train(x)
    return lambda rows: np.asarray(pca.apply(rows))


def _itq(x: np.ndarray, bits: int, seed: int) -> Project:
    itq = faiss.ITQTransform(x.shape[1], bits, True)
    itq.itq.seed = seed
    itq.train(x)
    return lambda rows: np.asarray(itq.apply(rows))


BASELINES: dict[str, Baseline] = {
    "LSH": Baseline(_lsh, max_bits=lambda n, width: width if n else 0),
    "PCA sign": Baseline(_pca_sign),
    "ITQ": Baseline(_itq),
}
