"""Postcards as a dataset: painted on access, then cached under ``home()/postcards``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from uhscm_core.datasets.dataset import ImageDataset
from uhscm_core.datasets.generated import GeneratedImages
from uhscm_core.support import store
from uhscm_core.support.progress import progress_bar
from uhscm_postcards.brush import SIZE
from uhscm_postcards.paint import GENERATOR_VERSION, paint
from uhscm_postcards.scene import LABELS, make_scene

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
    """Load a dataset of postcards; each is painted on first access.

    Args:
        n_database: pictures in the database. A larger one starts with those of a smaller one.
        n_train: how many of the database to train on; None for at most 5,000.
        n_query: number of queries.
        seed: another seed gives other pictures.
        progress: show a bar while the scenes, which determine the labels, are drawn.

    Returns:
        The database's pictures, then the queries'; labels in the order of `LABELS`.

    Raises:
        ValueError: a size or seed out of range.
    """
    n_train = min(5_000, n_database) if n_train is None else n_train
    for name, wanted, low, high in (
        ("n_database", n_database, 1, _QUERIES),
        ("n_train", n_train, 1, n_database),
        ("n_query", n_query, 0, _QUERIES),
        ("seed", seed, 0, 2**31),
    ):
        if not low <= wanted <= high:
            raise ValueError(f"{name} must lie between {low} and {high:,}, got {wanted}")
    seeds = scene_seeds(n_database, n_query, seed)
    old_digest = store.digest_of("postcards", GENERATOR_VERSION, seed, n_database, n_query)
    numbers = {label: column for column, label in enumerate(LABELS)}
    labels = torch.zeros(len(seeds), len(LABELS), dtype=torch.uint8)
    bar = progress_bar("drawing scenes", len(seeds), progress, seeds)
    for row, scene_seed in enumerate(bar):
        labels[row, [numbers[label] for label in make_scene(scene_seed).labels]] = 1
    database = np.arange(n_database, dtype=np.int64)
    names = tuple(f"postcard {scene_seed - _FIRST}" for scene_seed in seeds)
    path = store.home() / "postcards" / old_digest
    version = f"postcards {GENERATOR_VERSION}"
    images = GeneratedImages(_paint, seeds, SIZE, names, path, version, old_digest)
    return ImageDataset(
        images=images,
        labels=labels,
        label_names=LABELS,
        splits={
            "train": database[:n_train],
            "database": database,
            "query": np.arange(n_database, n_database + n_query, dtype=np.int64),
        },
        digest=images.digest,
        names=names,
    )


def scene_seeds(n_database: int, n_query: int, seed: int) -> list[int]:
    """Return the seeds of a dataset's scenes: the database's, then the queries'."""
    first = _FIRST + seed * _SPAN
    return [
        *range(first, first + n_database),
        *range(first + _QUERIES, first + _QUERIES + n_query),
    ]


def _paint(seed: int) -> npt.NDArray[np.uint8]:
    return paint(make_scene(seed))
