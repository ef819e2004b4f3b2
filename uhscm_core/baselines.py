r"""Classical unsupervised hashing on the same features, from FAISS, and two ceilings.

- **LSH** (Charikar 2002): signs of random projections of the centred features.
- **PCA sign**: signs of the L leading principal components.
- **ITQ** (Gong and Lazebnik 2011): the components rotated so that their signs lose least.

The ceilings rank without hashing: by cosine of the model's features, and by cosine of the concept
distributions, which is the ranking that the hash network learns from.

Symbols: D width of the features, L code length in bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from uhscm_core.codes import pack_codes
from uhscm_core.mining import check_features

__all__ = ["BASELINES", "BaselineHash", "fit_baseline"]


@dataclass(frozen=True, eq=False)
class BaselineHash:
    """A linear hash function: the signs of :math:`A(x - b)`.

    Attributes:
        name: ``"LSH"``, ``"PCA sign"`` or ``"ITQ"``.
        bits: L.
        width: D, of the features.
        project: (n, D) -> (n, L), whose signs are the codes.
    """

    name: str
    bits: int
    width: int
    project: Callable[[np.ndarray], np.ndarray]

    def encode(self, features: Float[Tensor, "n d"]) -> UInt8[Tensor, "n bytes"]:
        """Packed codes of (n, D) features.

        Raises:
            ValueError: another width than fitted on, or a feature is not finite.
        """
        check_features(features=features)
        if features.shape[1] != self.width:
            raise ValueError(
                f"{self.name} was fitted on features of width {self.width}, "
                f"got {tuple(features.shape)}"
            )
        rows = np.ascontiguousarray(features.cpu().numpy(), dtype=np.float32)
        return pack_codes(torch.from_numpy(self.project(rows)))


def fit_baseline(
    name: str, features: Float[Tensor, "n d"], bits: int, seed: int = 0
) -> BaselineHash:
    """Fit a baseline on training features.

    Args:
        name: one of `BASELINES`.
        features: (N, D) training features.
        bits: L; at most D, and for PCA and ITQ at most N.
        seed: of LSH's projections and ITQ's first rotation.

    Returns:
        The fitted hash function.

    Raises:
        ValueError: an unknown name, more bits than directions, or a feature is not finite.
    """
    if name not in BASELINES:
        raise ValueError(f"unknown baseline {name!r}: expected one of {', '.join(BASELINES)}")
    check_features(features=features)
    x = np.ascontiguousarray(features.cpu().numpy(), dtype=np.float32)
    n, width = x.shape
    most = width if name == "LSH" and n else min(n, width)
    if not 1 <= bits <= most:
        raise ValueError(
            f"{name} on {n} features of width {width} gives 1 to {most} bits, not {bits}"
        )
    return BaselineHash(name, bits, width, BASELINES[name](x, bits, seed))


def _lsh(x: np.ndarray, bits: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    rotation = faiss.RandomRotationMatrix(x.shape[1], bits)
    rotation.init(seed)
    mean = x.mean(0)
    return lambda rows: np.asarray(rotation.apply(rows - mean))


def _pca_sign(x: np.ndarray, bits: int, _seed: int) -> Callable[[np.ndarray], np.ndarray]:
    pca = faiss.PCAMatrix(x.shape[1], bits)
    pca.train(x)
    return lambda rows: np.asarray(pca.apply(rows))


def _itq(x: np.ndarray, bits: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    itq = faiss.ITQTransform(x.shape[1], bits, True)
    itq.itq.seed = seed
    itq.train(x)
    return lambda rows: np.asarray(itq.apply(rows))


BASELINES = {"LSH": _lsh, "PCA sign": _pca_sign, "ITQ": _itq}
