r"""Images on a plane: PCA at once, UMAP for neighbourhoods, and one layout aligned with another.

Similarity in the explorers is always a cosine: of features, of concept distributions
(:math:`S = 2\cos - 1`, which the codes learn; Hellinger's distance would compare distributions as
such, but not as the method does) and of codes as ±1 (:math:`1 - 2d/L` with Hamming distance d).
So each source becomes rows of unit length, and cosine distance is the one metric of the maps.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.codes import unpack_codes
from uhscm_core.support.progress import progress_bar

__all__ = [
    "EPOCHS",
    "MOST",
    "NEIGHBOURS",
    "aligned",
    "pca",
    "spread_overlaps",
    "umap_layout",
    "unit_vectors",
]

Vectors = npt.NDArray[np.float32]
Points = npt.NDArray[np.float32]
NEIGHBOURS = 15  # UMAP's own default
MOST = 60_000  # images UMAP is fitted on: a minute on two cores
EPOCHS = "epochs of UMAP"
"""What is reported of a fit once the neighbors are found; before, images are counted."""
_DECIMALS = 5  # the same image encoded in another batch differs in later decimals
_PLACED_BY = 3  # fitted neighbours that place an image that was not fitted
_ONE_AT_A_TIME = threading.Lock()  # numba's threads may end the process when two fits share them


def unit_vectors(pictures: StudyImages, ids: npt.NDArray[np.int64], source: str) -> Vectors:
    """Return rows of unit length whose cosines are those of `analysis.pairs.similarities`.

    Args:
        pictures: the images of the study.
        ids: (n,) images.
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
    """Project vectors onto the two directions along which they differ most.

    Each direction points to where its largest part is positive, so that the same vectors always
    give the same layout.

    Args:
        vectors: (n, d), n and d at least 1.

    Returns:
        (n, 2) around 0; zeros if the vectors differ only by rounding, and in the second column if
        they differ in one direction only.

    Raises:
        ValueError: another shape, NaN or infinity.
    """
    from scipy.linalg import eigh

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


def umap_layout(vectors: npt.ArrayLike, seed: int = 0, limit: int = MOST) -> Points:
    """Lay vectors out on a plane so that near ones stay near: UMAP by cosine distance.

    Neighbours are exact, found by matrix products, which is faster than compiling UMAP's own
    approximate search. The layout starts from the PCA, which preserves its large structure (Kobak
    and Linderman 2021). Equal vectors count once and share one point. The first call takes seconds
    to import UMAP.

    How far it is can be heard, see `report_progress_to`: images while their neighbors are found,
    then epochs (`EPOCHS`), if the installed version of UMAP can be heard.

    Args:
        vectors: (n, d).
        seed: the same seed gives the same numbers on the same machine.
        limit: number of vectors to fit at most, drawn at random; each of the others is placed
            between its three nearest fitted ones.

    Returns:
        (n, 2).

    Raises:
        ValueError: as `pca`, or too few different vectors for the number of neighbours.
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
    if len(different) > limit:
        fitted = np.sort(generator.permutation(len(different))[:limit])
    chosen = different[fitted]
    start = pca(chosen).astype(np.float64)
    start += generator.normal(
        scale=1e-4 * (start.std() or 1.0), size=start.shape
    )  # no axis is all 0
    ids, distances = _nearest(chosen, chosen, NEIGHBOURS)
    with _ONE_AT_A_TIME:
        import umap

        # Nothing is transformed later, so UMAP needs no search index and its warning is moot.
        warnings.filterwarnings("ignore", "precomputed_knn.2. .knn_search_index. is not")
        model = umap.UMAP(
            n_neighbors=NEIGHBOURS,
            metric="cosine",
            precomputed_knn=(ids, distances),
            init=start.astype(np.float32),
            random_state=seed,
            n_jobs=1,  # a seed requires it
        )
        with _reported_epochs():
            layout = np.asarray(model.fit_transform(chosen), np.float32)
    points = layout
    if len(fitted) < len(different):
        ids, distances = _nearest(different, chosen, _PLACED_BY)
        weights = 1 / (distances + 1e-6)  # (m, 3); a fitted one is nearest to itself
        weights /= weights.sum(1, keepdims=True)
        points = np.einsum("mk,mkc->mc", weights, layout[ids])
        points[fitted] = layout
    return np.ascontiguousarray(points[back], dtype=np.float32)


def aligned(points: npt.ArrayLike, to: npt.ArrayLike) -> Points:
    """Move, rotate or mirror, and scale a layout so that it matches an earlier one.

    Rotation and reflection are those of Procrustes; the scale gives both the same spread. A least
    squares scale would shrink a layout to a dot if it has little in common with the other.

    Args:
        points: (n, 2).
        to: (n, 2), the same images in the earlier layout.

    Returns:
        (n, 2).

    Raises:
        ValueError: the shapes differ.
    """
    from scipy.linalg import orthogonal_procrustes

    new, old = np.asarray(points, np.float64), np.asarray(to, np.float64)
    if new.shape != old.shape or new.ndim != 2:
        raise ValueError(f"expected points of the same shape, got {new.shape} and {old.shape}")
    centre = old.mean(0)
    new, old = new - new.mean(0), old - centre
    new_spread, old_spread = np.linalg.norm(new), np.linalg.norm(old)
    if new_spread == 0 or old_spread == 0:  # no rotation or scale is defined
        return np.asarray(new + centre, np.float32)
    rotation, _ = orthogonal_procrustes(new / new_spread, old / old_spread)
    return np.asarray(new / new_spread @ rotation * old_spread + centre, np.float32)


def spread_overlaps(points: npt.ArrayLike, step: float = 0.0015) -> Points:
    """Spread points at the same place like the seeds of a sunflower, so that all are visible.

    Args:
        points: (n, 2).
        step: distance of neighbours, as a share of the layout's longer side.

    Returns:
        (n, 2); the first point at each place does not move.
    """
    spread = np.array(points, np.float64)
    _, place, sizes = np.unique(spread, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    number = np.empty(len(spread))  # 0, 1, 2, ... at each place
    number[order] = np.arange(len(spread)) - np.repeat(starts, sizes)
    side = float(np.ptp(spread, axis=0).max()) or 1.0
    angle = number * np.pi * (3 - np.sqrt(5))  # the golden angle
    radius = step * side * np.sqrt(number)
    offset = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(spread + offset, np.float32)


def _checked(vectors: npt.ArrayLike) -> Vectors:
    rows = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"vectors must have shape (n, d), n and d at least 1, got {rows.shape}")
    wrong = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(wrong):
        raise ValueError(f"vectors must be finite, but row {wrong[0]} contains NaN or infinity")
    return rows


def _distinct(rows: Vectors) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the first of each group of equal rows, and for each row its group."""
    rounded = np.ascontiguousarray(np.round(rows, _DECIMALS) + 0.0)  # + 0 turns -0 into 0
    whole = rounded.view(np.dtype((np.void, rounded.dtype.itemsize * rounded.shape[1])))[:, 0]
    _, first, back = np.unique(whole, return_index=True, return_inverse=True)
    return first, back


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _nearest(
    rows: Vectors, among: Vectors, k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return (n, k) positions of the nearest by cosine distance, nearest first, and distances."""
    database = torch.from_numpy(among).T
    ids, distances = [], []
    with progress_bar("finding neighbors", len(rows), shown=False) as bar:
        for part in torch.split(torch.from_numpy(rows), 512):  # 512 x 60,000 products: 120 MB
            cosines, found = (part @ database).topk(k, dim=1)
            ids.append(found.int())
            distances.append((1 - cosines).clamp(min=0))
            bar.update(len(part))
    return torch.cat(ids).numpy(), torch.cat(distances).numpy()


@contextlib.contextmanager
def _reported_epochs() -> Iterator[None]:
    """Let the epochs of a fit in this thread be reported, if UMAP counts them with tqdm.

    UMAP hands settings to its bar (`tqdm_kwds`), but no function. A `file` there would hear a bar
    of text; in a kernel the bar is a widget, which writes to none and would appear in some cell.
    """
    import umap

    loops: Any = getattr(umap, "layouts", None)
    theirs = getattr(loops, "tqdm", None)
    if theirs is None:
        yield
        return
    ours = threading.get_ident()

    def bar(epochs: Any, *args: Any, **settings: Any) -> Any:
        if threading.get_ident() != ours or not isinstance(epochs, range):
            return theirs(epochs, *args, **settings)
        return progress_bar(EPOCHS, len(epochs), shown=False, items=epochs)

    loops.tqdm = bar
    try:
        yield
    finally:
        loops.tqdm = theirs
