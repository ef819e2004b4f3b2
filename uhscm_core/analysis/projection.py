r"""Images on a plane: PCA at once, UMAP for neighbourhoods, and one picture turned onto another.

What the explorers call alike is a cosine throughout: of features, of concept distributions
(:math:`S = 2\cos - 1`, which the codes learn; Hellinger's distance would compare distributions as
such, but not as the method does) and of codes as ±1 (:math:`1 - 2d/L` with Hamming distance d).
So each source becomes rows of unit length, and cosine distance is the one metric of the maps.
"""

from __future__ import annotations

import threading
import warnings

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import eigh, orthogonal_procrustes

from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.codes import unpack_codes

__all__ = ["MOST", "NEIGHBOURS", "aligned", "pca", "umap_layout", "unit_vectors", "unpiled"]

Vectors = npt.NDArray[np.float32]
Points = npt.NDArray[np.float32]
NEIGHBOURS = 15  # UMAP's own default
MOST = 60_000  # images UMAP is fitted on: a minute on two cores
_ALIKE = 5  # decimals; a model that reads the same image in another batch differs after them
_PLACED_BY = 3  # fitted neighbours that say where an image lies that was not fitted
_ONE_AT_A_TIME = threading.Lock()  # numba's threads may end the process when two fits share them


def unit_vectors(pictures: StudyImages, ids: npt.NDArray[np.int64], source: str) -> Vectors:
    """Rows of unit length whose cosine is what `uhscm_core.analysis.pairs.similarities` shows.

    Args:
        pictures: where the numbers come from.
        ids: (n,).
        source: ``"features"``, ``"concepts"`` or ``"codes"``.

    Returns:
        (n, d).

    Raises:
        ValueError: codes without a network, or another source.
    """
    if source == FEATURES:
        rows = pictures.features[ids]
    elif source == CONCEPTS:
        rows = pictures.distribution[ids]
    elif source == CODES:
        if pictures.codes is None or pictures.study.network is None:
            raise ValueError("codes need a hash network on features: study.train(bits=64)")
        rows = unpack_codes(pictures.codes[ids], pictures.study.network.bits)
    else:
        raise ValueError(f"source must be {FEATURES!r}, {CONCEPTS!r} or {CODES!r}, got {source!r}")
    return torch.nn.functional.normalize(rows.float(), dim=1).numpy()


def pca(vectors: npt.ArrayLike) -> Points:
    """The two directions along which the vectors differ most.

    Of each direction and its opposite, the one whose largest part is positive, so that the same
    vectors always give the same picture.

    Args:
        vectors: (n, d), n and d at least 1.

    Returns:
        (n, 2) around 0; zeros where the vectors differ by no more than rounding, and in the second
        column where they have one direction alone.

    Raises:
        ValueError: another shape, NaN or infinity.
    """
    rows = _checked(vectors)
    centred = rows - rows.mean(0, dtype=np.float64)  # (n, d)
    d = centred.shape[1]
    covariance = centred.T @ centred / len(rows)  # (d, d)
    variances, axes = eigh(covariance, subset_by_index=[max(d - 2, 0), d - 1])
    variances, axes = variances[::-1], axes[:, ::-1]  # largest first
    largest = np.abs(axes).argmax(0)
    axes = axes * np.where(axes[largest, range(axes.shape[1])] < 0, -1, 1)
    axes = axes * (variances > 1e-10 * np.square(rows, dtype=np.float64).sum(1).mean())
    points = np.zeros((len(rows), 2), np.float32)
    points[:, : axes.shape[1]] = centred @ axes
    first, back = _distinct(rows)
    return np.ascontiguousarray(points[first][back])  # equal vectors: the same point to the bit


def umap_layout(vectors: npt.ArrayLike, seed: int = 0, most: int = MOST) -> Points:
    """A plane on which near vectors stay near: UMAP by cosine distance.

    Neighbours are exact, found by products of matrices: sooner than UMAP's own approximate search
    is compiled. The layout begins as the PCA, which keeps its large structure (Kobak and Linderman
    2021). Equal vectors count once and lie on one point. Takes seconds to import, once.

    Args:
        vectors: (n, d).
        seed: for the same numbers again on the same machine.
        most: fitted at the most, drawn at random from more than that; each of the others lies
            between the three fitted ones nearest to it.

    Returns:
        (n, 2).

    Raises:
        ValueError: as `pca`, or no more different vectors than UMAP looks at neighbours.
    """
    rows = _checked(vectors)
    first, back = _distinct(rows)
    different = _unit(rows[first])  # (m, d)
    if len(different) <= NEIGHBOURS:
        raise ValueError(
            f"UMAP needs more than {NEIGHBOURS} images that differ, got {len(different)}"
        )
    fitted = np.arange(len(different))
    generator = np.random.default_rng(seed)
    if len(different) > most:
        fitted = np.sort(generator.permutation(len(different))[:most])
    chosen = different[fitted]
    start = pca(chosen).astype(np.float64)
    start += generator.normal(scale=1e-4 * (start.std() or 1.0), size=start.shape)  # no axis is 0
    ids, distances = _nearest(chosen, chosen, NEIGHBOURS)
    with _ONE_AT_A_TIME:
        import umap

        # Nothing is transformed later, so no search index is given, and UMAP need not warn.
        warnings.filterwarnings("ignore", "precomputed_knn.2. .knn_search_index. is not")
        model = umap.UMAP(
            n_neighbors=NEIGHBOURS,
            metric="cosine",
            precomputed_knn=(ids, distances),
            init=start.astype(np.float32),
            random_state=seed,
            n_jobs=1,  # as a seed has it
        )
        layout = np.asarray(model.fit_transform(chosen), np.float32)
    points = layout
    if len(fitted) < len(different):
        ids, distances = _nearest(different, chosen, _PLACED_BY)
        weights = 1 / (distances + 1e-6)  # (m, 3); a fitted one is its own nearest
        weights /= weights.sum(1, keepdims=True)
        points = np.einsum("mk,mkc->mc", weights, layout[ids])
        points[fitted] = layout
    return np.ascontiguousarray(points[back], dtype=np.float32)


def aligned(points: npt.ArrayLike, to: npt.ArrayLike) -> Points:
    """A layout moved, turned or mirrored, and scaled as a whole onto the picture before.

    Rotation and reflection are those of Procrustes; the scale gives both the same spread. The
    scale of least squares would shrink a layout to a dot that has little to do with the other.

    Args:
        points: (n, 2).
        to: (n, 2), the same images before.

    Returns:
        (n, 2).

    Raises:
        ValueError: shapes that differ.
    """
    new, old = np.asarray(points, np.float64), np.asarray(to, np.float64)
    if new.shape != old.shape or new.ndim != 2:
        raise ValueError(f"expected points of the same shape, got {new.shape} and {old.shape}")
    middle, place = new.mean(0), old.mean(0)
    new, old = new - middle, old - place
    spread, wanted = np.linalg.norm(new), np.linalg.norm(old)
    if spread == 0 or wanted == 0:  # nothing to turn by: each stays as large as it is
        return np.asarray(new + place, np.float32)
    turn, _ = orthogonal_procrustes(new / spread, old / wanted)
    return np.asarray(new / spread @ turn * wanted + place, np.float32)


def unpiled(points: npt.ArrayLike, step: float = 0.0015) -> Points:
    """Points of the same place side by side, as the seeds of a sunflower, so that all can be seen.

    Args:
        points: (n, 2).
        step: between neighbours, as a share of the picture's longer side.

    Returns:
        (n, 2); the first of each pile, and whatever lies alone, stays where it is.
    """
    spread = np.array(points, np.float64)
    _, pile, sizes = np.unique(spread, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(pile, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    turn = np.empty(len(spread))  # 0, 1, 2, ... within each pile
    turn[order] = np.arange(len(spread)) - np.repeat(starts, sizes)
    side = float(np.ptp(spread, axis=0).max()) or 1.0
    angle = turn * np.pi * (3 - np.sqrt(5))  # the golden angle
    radius = step * side * np.sqrt(turn)
    aside = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(spread + aside, np.float32)


def _checked(vectors: npt.ArrayLike) -> Vectors:
    rows = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"vectors must have shape (n, d), n and d at least 1, got {rows.shape}")
    wrong = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(wrong):
        raise ValueError(f"vectors must be finite, but row {wrong[0]} holds NaN or infinity")
    return rows


def _distinct(rows: Vectors) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The first row of each kind, and for each row which of them it equals."""
    rounded = np.ascontiguousarray(np.round(rows, _ALIKE) + 0.0)  # + 0: no -0 beside 0
    whole = rounded.view(np.dtype((np.void, rounded.dtype.itemsize * rounded.shape[1])))[:, 0]
    _, first, back = np.unique(whole, return_index=True, return_inverse=True)
    return first, back


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _nearest(
    rows: Vectors, among: Vectors, k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """(n, k) positions of the nearest by cosine distance, nearest first, and how far they are."""
    database = torch.from_numpy(among).T
    ids, distances = [], []
    for part in torch.split(torch.from_numpy(rows), 512):  # 512 x 60,000 products: 120 MB
        cosines, found = (part @ database).topk(k, dim=1)
        ids.append(found.int())
        distances.append((1 - cosines).clamp(min=0))
    return torch.cat(ids).numpy(), torch.cat(distances).numpy()
