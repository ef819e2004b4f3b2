r"""Other unsupervised hashing, to compare the method with.

- **LSH** (Charikar 2002) of features: signs of random projections of the centered rows. The
  projections are orthogonal, as FAISS draws them, so that there are at most D.
- **PCA sign** of features: signs of the L leading principal components.
- **ITQ** (Gong and Lazebnik 2011) of features: the components rotated so that their signs lose
  least, see `_itq`.
- **ITQ of concepts**: the same of the distributions over the kept concepts. It learns no network,
  so it shows how much of a result the concepts have of their own.
- **CIBHash**, **CroVCA**, **DUH-EG**, **k-means + OrthoHash**: newer methods that train a network
  on features, see `uhscm_core.peers`. `Study.compare` has them if they are asked for by name.
  Their two views of an image are its features with noise, or the features of augmented copies.

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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from uhscm_core.codes import TooManyBitsError, pack_codes
from uhscm_core.peers.cibhash import fit_cibhash
from uhscm_core.peers.crovca import fit_crovca
from uhscm_core.peers.duheg import fit_duheg
from uhscm_core.peers.orthohash import fit_orthohash
from uhscm_core.support.checks import (
    MANY,
    MOST_BITS,
    check_features,
    code_length,
    flag,
    function,
    instance,
    one_of,
    seed_number,
    whole_number,
)
from uhscm_core.support.progress import progress_bar

__all__ = [
    "BASELINES",
    "Baseline",
    "BaselineHash",
    "TooManyBitsError",
    "fit_baseline",
    "rotated_components",
]

Project = Callable[[np.ndarray], np.ndarray]
Floats = npt.NDArray[np.float64]

_ITERATIONS = 50  # of ITQ, as published
_ROWS = 8192  # computed in double precision at a time
_NOISE = 8 * float(np.finfo(np.float32).eps)  # of a number, relative to the largest of them


@dataclass(frozen=True)
class Baseline:
    """One way of hashing, as `BASELINES` lists it by name.

    Attributes:
        fit: takes (n, D) float32 training rows, L and a seed, and returns a function from (m, D)
            rows to (m, L) numbers whose signs are the codes. With `texts`, it also takes the (K, D)
            float32 text features of the kept concepts.
        space: what it reads of the images: ``"features"`` of the vision-language model, or
            ``"concepts"``, their distributions over the kept concepts.
        max_bits: takes n and D and returns the largest L; by default the smaller of the two.
        version: raise it when the same rows, L and seed begin to give other codes, so that an
            `Experiment` computes them again instead of reading what an earlier version gave.
        texts: whether `fit` also takes the text features of the kept concepts.
        trains: whether it trains a network, which takes seconds or minutes: `Study.compare` then
            has it only if it is asked for by name.
        augments: whether `fit` also takes ``copies=``, (C, n, D) float32 features of augmented
            copies of the training images, or None for views of another kind.
    """

    fit: Callable[..., Project]
    space: Literal["features", "concepts"] = "features"
    max_bits: Callable[[int, int], int] = min
    version: int = 1
    texts: bool = False
    trains: bool = False
    augments: bool = False

    def __post_init__(self) -> None:
        function("fit", self.fit)
        one_of("space", self.space, ("features", "concepts"))
        function("max_bits", self.max_bits)
        whole_number("version", self.version, 1, MANY)
        flag("texts", self.texts)
        flag("trains", self.trains)
        flag("augments", self.augments)

    @property
    def reads_concepts(self) -> bool:
        """Whether other kept concepts give other codes."""
        return self.texts or self.space == "concepts"


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


def fit_baseline(
    name: str,
    x: Float[Tensor, "n d"],
    bits: int,
    seed: int = 0,
    *,
    texts: Float[Tensor, "k d"] | None = None,
    copies: Float[Tensor, "c n d"] | None = None,
) -> BaselineHash:
    """Fit a baseline on training images.

    Args:
        name: one of `BASELINES`.
        x: (N, D) of the training images, in the space that the baseline reads.
        bits: L; for LSH at most D, and for PCA sign at most the number of directions in which the
            rows differ.
        seed: of LSH's projections, ITQ's first rotation, and whatever a training draws.
        texts: (K, D) text features of the kept concepts, for a baseline that reads them too.
        copies: (C, N, D) features of at least two augmented copies of each image, for a baseline
            that takes views of them (`uhscm_core.peers.augmenting`); None for views of `x`.

    Returns:
        The fitted hash function.

    Raises:
        TypeError: an argument of another kind.
        ValueError: the name is unknown, the baseline reads texts and there are none or the other
            way round, copies of another shape or for a baseline without views, the baseline cannot
            give so many bits, such as any of rows that are all equal (`TooManyBitsError`), or a
            value is not finite.
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
            f"bits and x: {name} on {n} rows of width {width} gives at most {max_bits} bits, "
            f"not {bits}"
        )
    more = _texts(name, x, texts)
    views = _copies(name, x, copies)
    return BaselineHash(name, bits, width, baseline.fit(rows, bits, seed, *more, **views))


def _texts(name: str, x: Tensor, texts: Tensor | None) -> tuple[np.ndarray, ...]:
    if (texts is not None) != BASELINES[name].texts:
        takes = "takes" if texts is None else "takes no"
        raise ValueError(f"texts: {name} {takes} text features of the kept concepts")
    if texts is None:
        return ()
    check_features(x=x, texts=texts)
    return (np.ascontiguousarray(texts.cpu().numpy(), dtype=np.float32),)


def _copies(name: str, x: Tensor, copies: Tensor | None) -> dict[str, np.ndarray]:
    if copies is None:
        return {}
    if not BASELINES[name].augments:
        raise ValueError(f"copies: {name} takes no views of images")
    instance("copies", copies, Tensor, "(C, N, D) features")
    if copies.ndim != 3 or copies.shape[0] < 2 or copies.shape[1:] != x.shape:
        n, width = x.shape
        raise ValueError(
            f"copies must have shape (C, {n}, {width}) with C of 2 or more, got "
            f"{tuple(copies.shape)}"
        )
    check_features(x=x, copies=copies.flatten(0, 1))
    return {"copies": np.ascontiguousarray(copies.cpu().numpy(), dtype=np.float32)}


def _lsh(x: np.ndarray, bits: int, seed: int) -> Project:
    rotation = faiss.RandomRotationMatrix(x.shape[1], bits)
    rotation.init(seed)
    mean = x.mean(0)
    return lambda rows: np.asarray(rotation.apply(rows - mean))


def _pca_sign(x: np.ndarray, bits: int, _seed: int) -> Project:
    mean, axes = _components(x, bits)
    if axes.shape[1] < bits:
        raise TooManyBitsError(
            f"bits and x: {len(x)} rows that differ in {axes.shape[1]} directions give PCA sign "
            f"at most {axes.shape[1]} bits, not {bits}"
        )
    return _projection(mean, axes)


def _itq(x: np.ndarray, bits: int, seed: int) -> Project:
    return _projection(*rotated_components(x, bits, seed))


def rotated_components(x: np.ndarray, bits: int, seed: int) -> tuple[Floats, Floats]:
    r"""Rotate the r leading components of the rows, :math:`V` (N, r), by alternation.

    .. math:: B = \mathrm{sign}(V R), \qquad
        R = \arg\min_{R R^\top = I} |B - V R|^2 = W U^\top
        \ \text{with}\ B^\top V = U \Sigma W^\top

    from a random start, 50 times, as published. R is a rotation where the rows differ in at least L
    directions. Where they do not, r is the number of these directions, and R (r, L) lifts them to L
    bits without changing a distance, which the published algorithm leaves open.

    The same seed gives the same codes with any number of threads, except where components of
    exactly equal variance can be told apart by rounding alone.

    Args:
        x: (N, D) rows.
        bits: L.
        seed: of the first rotation.

    Returns:
        The mean (D,) of the rows, and axes (D, L): the signs of ``(x - mean) @ axes`` are codes.

    Raises:
        TooManyBitsError: all rows are equal.
    """
    mean, axes = _components(x, bits)
    directions = axes.shape[1]
    if directions == 0:
        raise TooManyBitsError(
            f"x: {len(x)} rows that are all equal have no direction for ITQ to hash by"
        )
    v = _projection(mean, axes)(x)  # (n, r)
    normal = np.random.default_rng(seed).standard_normal((bits, directions))
    start, upper = np.linalg.qr(normal)  # (L, r)
    rotation = (start * np.sign(np.diag(upper))).T  # (r, L), uniform over all of them
    for _ in progress_bar("rotating", _ITERATIONS, shown=False, items=range(_ITERATIONS)):
        b_times_v = sum(np.where(rows @ rotation > 0, 1.0, -1.0).T @ rows for rows in _blocks(v))
        left, _, right = np.linalg.svd(b_times_v, full_matrices=False)  # (L, r), (r,), (r, r)
        rotation = (left @ right).T
    return mean, axes @ rotation


def _components(x: np.ndarray, most: int) -> tuple[Floats, Floats]:
    """Return the mean (D,) of rows, and their leading principal components (D, r).

    Args:
        x: (n, D).
        most: r is this, or less where the rows differ in fewer directions by more than rounding.
    """
    mean = x.mean(0, dtype=np.float64)
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for rows in _blocks(x):
        centered = rows - mean
        covariance += centered.T @ centered / len(x)
    variances, axes = np.linalg.eigh(covariance)  # ascending
    noise = _NOISE * float(np.abs(x).max())
    # Of noise alone, the largest variance is about this (Marchenko and Pastur).
    real = variances > (noise * (1 + np.sqrt(x.shape[1] / len(x)))) ** 2
    axes = axes[:, real][:, ::-1][:, :most]
    # An eigenvector's sign is the solver's choice; this one does not depend on it.
    signs = np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    return mean, axes * signs


def _projection(mean: Floats, axes: Floats) -> Project:
    def project(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([(block - mean) @ axes for block in _blocks(rows)])

    return project


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + _ROWS] for start in range(0, max(len(rows), 1), _ROWS))


def _any_number(n: int, width: int) -> int:
    return MOST_BITS if n and width else 0


def _peer(fit: Callable[..., Project], version: int = 1, texts: bool = False) -> Baseline:
    return Baseline(fit, "features", _any_number, version, texts, trains=True, augments=True)


BASELINES: dict[str, Baseline] = {
    "LSH": Baseline(_lsh, max_bits=lambda n, width: width if n else 0),
    "PCA sign": Baseline(_pca_sign),
    "ITQ": Baseline(_itq, max_bits=_any_number),
    "ITQ of concepts": Baseline(_itq, "concepts", _any_number),
    "CIBHash": _peer(fit_cibhash),
    "CroVCA": _peer(fit_crovca),
    "DUH-EG": _peer(fit_duheg, version=2, texts=True),
    "k-means + OrthoHash": _peer(fit_orthohash),
}
