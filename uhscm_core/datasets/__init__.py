"""Datasets: images to hash, labels for evaluation, and splits from a seed."""

from __future__ import annotations

import dataclasses
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from uhscm_core.datasets.benchmarks import (
    load_cifar10,
    load_flickr25k,
    load_index_files,
    load_nuswide,
)
from uhscm_core.datasets.dataset import ImageDataset, random_splits
from uhscm_core.datasets.folder import load_folder
from uhscm_core.datasets.images import ArrayImages, ImageFiles
from uhscm_core.datasets.postcards import load_postcards
from uhscm_core.datasets.reading import PixelLimitError, read_image

__all__ = [
    "ArrayImages",
    "ImageDataset",
    "ImageFiles",
    "PixelLimitError",
    "load_dataset",
    "random_splits",
    "read_image",
]

_BENCHMARKS = {"cifar10": load_cifar10, "flickr25k": load_flickr25k, "nuswide": load_nuswide}
_SPLITS = ("n_train", "n_database", "n_query", "seed")
_SETTINGS = (*_SPLITS, "progress", "warn", "download", "n_labels")


def load_dataset(
    source: str | PathLike[str],
    *,
    root: str | PathLike[str] | None = None,
    index: str | PathLike[str] | None = None,
    **split: Any,
) -> ImageDataset:
    """Load a dataset.

    Args:
        source: ``"postcards"``, the painted world that ships with the package; a folder of photos
            (sub-folders are labels and optional; folders ``train`` and ``test`` become database
            and queries); or ``"cifar10"``, ``"flickr25k"`` or ``"nuswide"`` with `root`.
        root: folder of the benchmark.
        index: for a benchmark, a folder of index files (``train.txt``, ``database.txt``,
            ``test.txt``) of a published split, used in place of the benchmark's own labels.
        split: ``n_train`` (by default at most 5,000), ``n_database``, ``n_query``, ``seed``, and
            further arguments of that source's loader. Images in no split are left out.

    Returns:
        The dataset; files that could not be read are in ``skipped``.

    Raises:
        FileNotFoundError, NotADirectoryError: there is nothing; the message says what to put where.
        ValueError: no readable image, labels that do not match, a split larger than the data.
    """
    if unknown := split.keys() - _SETTINGS:
        raise TypeError(
            f"load_dataset has no argument {', '.join(sorted(unknown))}: "
            f"expected some of {', '.join(_SETTINGS)}"
        )
    split = {k: int(v) if isinstance(v, np.integer) else v for k, v in split.items()}
    request = {"source": str(source), "root": root and str(root), "index": index and str(index)}
    if source == "postcards":
        if root is not None or index is not None:
            raise ValueError("postcards are painted and take no root and no index")
        dataset = load_postcards(**split)
    elif source in _BENCHMARKS:
        if root is None:
            raise ValueError(f"the dataset {source!r} needs its folder: root=...")
        if index is not None:
            dataset = load_index_files(Path(root), Path(index), **split)
        else:
            dataset = _BENCHMARKS[str(source)](Path(root), **split)
    else:
        if root is not None or index is not None:
            raise ValueError(
                f"root and index are only for {', '.join(_BENCHMARKS)}, not for a folder"
            )
        if isinstance(source, str) and not Path(source).expanduser().exists():
            raise NotADirectoryError(
                f"no dataset {source!r}: expected a folder of photos or one of postcards, "
                f"{', '.join(_BENCHMARKS)}"
            )
        request["source"] = str(Path(source).expanduser().absolute())
        dataset = load_folder(Path(source).expanduser(), **split)
    return dataclasses.replace(dataset.without_unused(), source={**request, **split})
