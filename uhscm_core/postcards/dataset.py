"""Postcards as a data set: painted once, kept under ``home()/postcards``, found again by digest."""

from __future__ import annotations

import os
from pathlib import Path

import filelock
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from uhscm_core import store
from uhscm_core.datasets.dataset import ImageDataset
from uhscm_core.datasets.images import ArrayImages
from uhscm_core.postcards.brush import SIZE
from uhscm_core.postcards.paint import GENERATOR_VERSION, paint
from uhscm_core.postcards.scene import LABELS, make_scene
from uhscm_core.progress import progress_bar

__all__ = ["load_postcards", "scene_seeds"]

# Far from the seeds that the model was trained on (scripts/train_postcards.py): 10 and 20 million.
_FIRST, _SPAN = 1_000_000_000, 1_000_000
_QUERIES = _SPAN // 2  # queries stay the same whatever the size of the database


def load_postcards(
    n_database: int = 10_000,
    n_train: int | None = None,
    n_query: int = 1_000,
    seed: int = 0,
    *,
    progress: bool = True,
) -> ImageDataset:
    """Load a data set of postcards; paint it where it is not in the cache.

    Args:
        n_database: pictures in the database. A larger one begins with the pictures of a smaller.
        n_train: how many of the database to train on; None for at most 5,000.
        n_query: pictures that are queries.
        seed: another seed, other pictures.
        progress: show a bar while anything is painted.

    Returns:
        The database's pictures, then the queries'; labels as in `LABELS`.

    Raises:
        ValueError: a size or seed out of range.
        OSError: a full disk; nothing half-written stays.
    """
    n_train = min(5_000, n_database) if n_train is None else n_train
    for name, wanted, least, most in (
        ("n_database", n_database, 1, _QUERIES),
        ("n_train", n_train, 1, n_database),
        ("n_query", n_query, 0, _QUERIES),
        ("seed", seed, 0, 2**31),
    ):
        if not least <= wanted <= most:
            raise ValueError(f"{name} must lie between {least} and {most:,}, got {wanted}")
    seeds = scene_seeds(n_database, n_query, seed)
    digest = store.digest_of("postcards", GENERATOR_VERSION, seed, n_database, n_query)
    pixels = _pixels(store.home() / "postcards" / f"{digest}.npy", seeds, progress)
    numbers = {label: column for column, label in enumerate(LABELS)}
    labels = torch.zeros(len(seeds), len(LABELS), dtype=torch.uint8)
    for row, scene_seed in enumerate(seeds):
        labels[row, [numbers[label] for label in make_scene(scene_seed).labels]] = 1
    database = np.arange(n_database, dtype=np.int64)
    names = tuple(f"postcard {scene_seed - _FIRST}" for scene_seed in seeds)
    return ImageDataset(
        images=ArrayImages(pixels, names),
        labels=labels,
        label_names=LABELS,
        splits={
            "train": database[:n_train],
            "database": database,
            "query": np.arange(n_database, n_database + n_query, dtype=np.int64),
        },
        digest=digest,
        names=names,
    )


def scene_seeds(n_database: int, n_query: int, seed: int) -> list[int]:
    """The seeds of the scenes of a data set: the database's, then the queries'."""
    first = _FIRST + seed * _SPAN
    return [
        *range(first, first + n_database),
        *range(first + _QUERIES, first + _QUERIES + n_query),
    ]


def _pixels(path: Path, seeds: list[int], progress: bool) -> npt.NDArray[np.uint8]:
    shape = (len(seeds), SIZE, SIZE, 3)
    cached = _cached(path, shape)
    if cached is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):  # two notebooks paint once
            cached = _cached(path, shape)
            if cached is None:
                pixels = _painted(seeds, progress)
                with store.replacing(path) as file:
                    np.save(file, pixels, allow_pickle=False)
                cached = _cached(path, shape)
                assert cached is not None, path  # noqa: S101  # written a line above
    return cached


def _cached(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8] | None:
    try:
        pixels: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def _painted(seeds: list[int], progress: bool) -> npt.NDArray[np.uint8]:
    workers = min(8, os.cpu_count() or 1) if len(seeds) > 512 else 0
    loader = DataLoader(_Scenes(seeds), batch_size=64, num_workers=workers)
    pixels = np.empty((len(seeds), SIZE, SIZE, 3), dtype=np.uint8)
    row = 0
    with progress_bar("painting postcards", len(seeds), progress) as bar:
        for batch in loader:
            pixels[row : row + len(batch)] = batch.numpy()
            row += len(batch)
            bar.update(len(batch))
    return pixels


class _Scenes(Dataset[Tensor]):
    def __init__(self, seeds: list[int]) -> None:
        self.seeds = seeds

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(paint(make_scene(self.seeds[index])))
