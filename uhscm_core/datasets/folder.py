"""A folder of photos of any size and mode; sub-folders are labels and optional.

Folders ``train`` and ``test`` directly below it become the database and the queries.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uhscm_core.datasets.dataset import ImageDataset, random_splits
from uhscm_core.datasets.formats import FORMATS, READ, image_kind
from uhscm_core.datasets.images import ImageFiles
from uhscm_core.datasets.verdicts import readable

__all__ = ["load_folder"]


def load_folder(
    root: Path,
    *,
    n_train: int | None = None,
    n_database: int | None = None,
    n_query: int | None = None,
    seed: int = 0,
    progress: bool = True,
    warn: bool = True,
) -> ImageDataset:
    """Load a folder of photos.

    Every file is decoded once and the result cached by digest, so that unreadable, truncated,
    empty or enormous images are known before anything is computed from the folder.

    Args:
        root: the folder.
        n_train, n_database, n_query, seed: see `random_splits`.
        progress: show a bar while the images are checked.
        warn: warn if files were skipped, and say how many.

    Returns:
        The readable images in order of their names; ``skipped`` lists the others with the reason.

    Raises:
        NotADirectoryError: no such folder.
        ValueError: no readable image, or queries with a label that no database image has.
    """
    if not root.is_dir():
        raise NotADirectoryError(f"no such folder of photos: {root}")
    skipped: dict[str, str] = {}
    kinds = dict(sorted(_image_kinds(root, skipped)))
    files = ImageFiles(root, (name for name, kind in kinds.items() if kind == READ))
    skipped |= {name: kind for name, kind in kinds.items() if kind != READ}
    if not files and not skipped:
        read = ", ".join(f".{name.lower()}" for name in FORMATS)
        raise ValueError(f"{root}: no image in this folder ({read} or another name of these)")
    images = files
    if files:
        images, problems = readable(files, progress)
        skipped |= problems
    if skipped:
        listed = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:3])
        more = "; ..." if len(skipped) > 3 else ""
        total = len(images) + len(skipped)
        message = f"{len(skipped)} of {total} images in {root} skipped ({listed}{more})"
        if not images:
            raise ValueError(f"no readable image: {message}")
        if warn:
            warnings.warn(f"{message}; `dataset.skipped` lists them", stacklevel=3)

    parts = [Path(name).parts for name in images.names]
    tops = {part[0] for part in parts if len(part) > 1}
    given: dict[str, Any] = {"n_train": n_train, "n_database": n_database, "n_query": n_query}
    if {"train", "test"} <= tops:
        is_query = np.array([part[0] == "test" for part in parts])
        in_split = np.array([part[0] in ("train", "test") for part in parts])
        splits = random_splits(
            np.flatnonzero(in_split & ~is_query), np.flatnonzero(is_query), **given, seed=seed
        )
        label_of = [part[1] if len(part) > 2 else None for part in parts]
        _check_labels(root, label_of, is_query)
    else:
        splits = random_splits(np.arange(len(images)), **given, seed=seed)
        label_of = [part[0] if len(part) > 1 else None for part in parts]
    labels, label_names = _multi_hot(label_of)
    return ImageDataset(
        images=images,
        labels=labels,
        label_names=label_names,
        splits=splits,
        digest=images.digest,
        names=images.names,
        skipped=skipped,
    )


def _image_kinds(root: Path, unread: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and kind of each image below `root`; put folders not listed into `unread`."""

    def note(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        unread[f"{name}/"] = (error.strerror or str(error)).lower()

    seen = set()
    for folder, subfolders, files in os.walk(root, onerror=note, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in files:
            path = Path(folder, name)
            if not name.startswith(".") and (kind := image_kind(path)):
                yield path.relative_to(root).as_posix(), kind


def _check_labels(root: Path, label_of: list[str | None], is_query: np.ndarray) -> None:
    sides = [{label for label, q in zip(label_of, is_query, strict=True) if q == s} for s in (0, 1)]
    unknown = sorted(str(label) for label in sides[1] - sides[0] if label is not None)
    if unknown:
        raise ValueError(
            f"{root}: labels do not match, {', '.join(map(repr, unknown[:5]))} "
            f"{'appears' if len(unknown) == 1 else 'appear'} in test/ but not in train/"
        )


def _multi_hot(label_of: list[str | None]) -> tuple[Tensor | None, tuple[str, ...]]:
    label_names = sorted({label for label in label_of if label is not None})
    if not label_names:
        return None, ()
    column = {label: i for i, label in enumerate(label_names)}
    labels = torch.zeros(len(label_of), len(label_names), dtype=torch.uint8)
    for row, label in enumerate(label_of):
        if label is not None:
            labels[row, column[label]] = 1
    return labels, tuple(label_names)
