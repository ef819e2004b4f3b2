"""Datasets: images to hash, labels for evaluation, and splits from a seed."""

from __future__ import annotations

import dataclasses
import os
import secrets
from os import PathLike
from pathlib import Path
from typing import Any

from uhscm_core.datasets.cifar10 import load_cifar10
from uhscm_core.datasets.content import keys_of
from uhscm_core.datasets.copies import equal_images
from uhscm_core.datasets.dataset import ImageDataset, random_splits
from uhscm_core.datasets.flickr25k import load_flickr25k
from uhscm_core.datasets.folder import as_label_source, load_folder
from uhscm_core.datasets.images import ArrayImages, ImageFiles
from uhscm_core.datasets.index_files import load_index_files
from uhscm_core.datasets.nuswide import load_nuswide
from uhscm_core.datasets.postcards import load_postcards
from uhscm_core.datasets.reading import PixelLimitError, read_image
from uhscm_core.support.checks import whole_number
from uhscm_core.support.notices import say

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
_SIZES = ("n_train", "n_database", "n_query")
# Further arguments, and the sources that take them.
_FOLDER, _INDEX = "a folder of photos", "index files"
_TAKEN_BY = {
    "labels": (_FOLDER,),
    "follow_links": (_FOLDER, "flickr25k", "nuswide", _INDEX),
    "download": ("cifar10",),
    "n_labels": ("nuswide",),
}
_FLAGS = ("progress", "warn", "follow_links", "download")
_SETTINGS = (*_SIZES, "seed", *_FLAGS, "labels", "n_labels")


def load_dataset(
    source: str | PathLike[str],
    *,
    root: str | PathLike[str] | None = None,
    index: str | PathLike[str] | None = None,
    **split: Any,
) -> ImageDataset:
    """Load a dataset.

    Args:
        source: ``"postcards"``, the painted world that ships with the package; a folder of photos;
            or ``"cifar10"``, ``"flickr25k"`` or ``"nuswide"`` with `root`. In a folder of photos,
            sub-folders are labels and optional, and folders such as ``train``, ``val`` and ``test``
            become database and queries.
        root: folder of the benchmark.
        index: for a benchmark, a folder of index files (``train.txt``, ``database.txt``,
            ``test.txt``) of a published split, used in place of the benchmark's own labels.
        split: further arguments:

            - ``n_train`` (by default at most 5,000), ``n_database``, ``n_query``: numbers of
              images; images in no split are left out.
            - ``seed``: of the random split, 0 by default; None draws one, which is kept in
              ``dataset.source``.
            - ``labels``, for a folder: ``"auto"`` reads the folders, ``"folder"`` takes each
              image's innermost folder, a pattern such as ``"{label}/*"`` or
              ``"*/{label}_*.jpg"`` describes their paths, the path of a CSV or JSON file lists
              them (a path that is not found is searched for in the folder of photos), and None
              takes none. See `uhscm_core.datasets.labels`.
            - ``follow_links`` (False): also follow links that lead out of the folder.
            - ``n_labels``, for NUS-WIDE: 21 by default, of 81.
            - ``download``, for CIFAR-10: True by default.
            - ``progress``, ``warn`` (True): show a bar; warn with the dataset's notes.

    Returns:
        The dataset. Files that could not be read are in ``skipped``, and ``notes`` say in sentences
        how the files were understood; each is also a `UHSCMWarning`.

    Raises:
        FileNotFoundError, NotADirectoryError: there is nothing; the message says what to put where.
        TypeError: an argument of another type, or of no such name.
        ValueError: no readable image, labels that do not match, a split larger than the data.
    """
    given = _checked(split)
    source = _as_path("source", source)
    folder = Path(source).expanduser().absolute()
    request: dict[str, Any] = {"source": source}
    for name, place in (("root", root), ("index", index)):
        at = None if place is None else Path(_as_path(name, place)).expanduser().absolute()
        request[name] = at and str(at)
    is_folder = source != "postcards" and source not in _BENCHMARKS
    kind = _FOLDER if is_folder else source if index is None else _INDEX
    for name, takers in _TAKEN_BY.items():
        if name in given and kind not in takers:
            raise ValueError(f"{name} is only for {', '.join(takers)}, not for {kind}")
    if is_folder:
        request["source"] = str(folder)
        if "labels" in given:
            given["labels"] = as_label_source(given["labels"], folder)
    settings = {name: value for name, value in given.items() if name != "warn"}
    if source != "postcards" and not is_folder:
        settings.pop("progress", None)

    if source == "postcards":
        if root is not None or index is not None:
            raise ValueError("postcards are painted and take no root and no index")
        dataset = load_postcards(**settings)
    elif is_folder:
        if root is not None or index is not None:
            raise ValueError(
                f"root and index are only for {', '.join(_BENCHMARKS)}, not for a folder"
            )
        if not os.path.exists(folder):  # noqa: PTH110  # Path.exists raises on very long names
            raise NotADirectoryError(
                f"no dataset {source[:200]!r}: expected a folder of photos or one of postcards, "
                f"{', '.join(_BENCHMARKS)}"
            )
        dataset = load_folder(folder, **settings)
    elif request["root"] is None:
        raise ValueError(f"the dataset {source!r} needs its folder: root=...")
    elif not Path(request["root"]).is_dir() and source != "cifar10":
        raise NotADirectoryError(f"root must be the folder of {source}, got {request['root']}")
    elif index is not None:
        dataset = load_index_files(Path(request["root"]), Path(request["index"]), **settings)
    else:
        dataset = _BENCHMARKS[source](Path(request["root"]), **settings)
    dataset = dataset.without_unused()
    keys = keys_of(dataset.images, dataset.digest)
    copies = equal_images(dataset.names, keys, dataset.splits, dataset.labels)
    notes = (*dataset.notes, *copies)
    if given.get("warn", True):
        say(*notes)
    return dataclasses.replace(dataset, notes=notes, source={**request, **given})


def _checked(split: dict[str, Any]) -> dict[str, Any]:
    """Return the further arguments of `load_dataset` as Python's own types; a seed may be drawn."""
    if unknown := split.keys() - _SETTINGS:
        raise TypeError(
            f"load_dataset has no argument {', '.join(sorted(unknown))}: "
            f"expected some of {', '.join(_SETTINGS)}"
        )
    given = {k: v for k, v in split.items() if v is not None or k in ("labels", "seed")}
    for name in given.keys() & set(_SIZES):
        given[name] = whole_number(name, given[name], 0)
    for name in given.keys() & set(_FLAGS):
        if not isinstance(given[name], bool):
            raise TypeError(
                f"{name} must be True or False, got {given[name]!r} ({type(given[name]).__name__})"
            )
    if "seed" in given:
        seed = given["seed"]
        given["seed"] = secrets.randbelow(2**31) if seed is None else whole_number("seed", seed, 0)
    return given


def _as_path(name: str, value: Any) -> str:
    """Return a name or path as text.

    Raises:
        TypeError: neither text nor a path.
        ValueError: empty text, which would be the working folder.
    """
    if not isinstance(value, str | PathLike) or not isinstance(text := os.fspath(value), str):
        what = "a dataset's name or the path of a folder" if name == "source" else "a path"
        raise TypeError(f"{name} must be {what}, got {value!r} ({type(value).__name__})")
    if not text.strip():
        raise ValueError(f"{name} is empty; the working folder is '.'")
    return text
