r"""The three benchmarks of the paper, in the layouts in which they are distributed.

- **CIFAR-10** (Krizhevsky 2009), through torchvision, which downloads it.
- **MIRFlickr-25K** (Huiskes and Lew 2008): ``im1.jpg`` ... ``im25000.jpg`` and, next to or below
  them, the annotation files (``sky.txt``, ...), each a list of image numbers.
- **NUS-WIDE** (Chua et al. 2009): ``ImageList/Imagelist.txt``, ``Groundtruth/AllLabels/`` or
  ``AllTags81``-style label files with one 0 or 1 per line, and the images in ``Flickr/``.

A published split comes as index files, ``train.txt``, ``database.txt`` and ``test.txt``, each line
with an image's path and its labels as 0 or 1, as deep-hashing papers distribute them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
import torchvision
from torch import Tensor

from uhscm_core.datasets.dataset import ImageDataset, random_splits
from uhscm_core.datasets.images import ArrayImages, ImageFiles

__all__ = ["load_cifar10", "load_flickr25k", "load_index_files", "load_nuswide"]

_WHERE = {
    "flickr25k": "get MIRFlickr-25K and its annotations from the LIACS MIRFLICKR page",
    "nuswide": "get NUS-WIDE from the NUS Lab for Media Search page",
}


def load_cifar10(root: Path, *, download: bool = True, **split: Any) -> ImageDataset:
    """Load CIFAR-10: the 50,000 training images as database, the 10,000 test images as queries.

    Args:
        root: folder that contains ``cifar-10-batches-py``, or where to put it.
        download: download it through torchvision if it is missing.
        split: see `random_splits`.

    Raises:
        FileNotFoundError: it is missing and could not be downloaded.
    """
    try:
        parts = [
            torchvision.datasets.CIFAR10(str(root), train=train, download=download)
            for train in (True, False)
        ]
    except (RuntimeError, URLError, OSError) as error:
        raise FileNotFoundError(
            f"CIFAR-10 is not in {root} and could not be downloaded ({error}): put the extracted "
            f"folder cifar-10-batches-py (python version) there"
        ) from error
    images = ArrayImages(np.concatenate([part.data for part in parts]))
    n_database = len(parts[0])
    targets = torch.tensor([target for part in parts for target in part.targets])
    return ImageDataset(
        images=images,
        labels=torch.nn.functional.one_hot(targets, 10).to(torch.uint8),
        label_names=tuple(parts[0].classes),
        splits=random_splits(np.arange(n_database), np.arange(n_database, len(images)), **split),
        digest=images.digest,
        names=images.names,
    )


def load_flickr25k(root: Path, **split: Any) -> ImageDataset:
    """Load MIRFlickr-25K with its 24 potential labels (or those of the annotation files there).

    Args:
        root: folder with ``im*.jpg`` at any depth and the annotation ``.txt`` files at any depth;
            files of relevant labels (``sky_r1.txt``) and of one image (``tags1.txt``) are left out.
        split: see `random_splits`.

    Raises:
        FileNotFoundError: no images or no annotations below `root`; the message says where to get
            them.
        ValueError: an annotation names an image that is not there.
    """
    jpegs = sorted(root.rglob("im*.jpg"))
    found = {int(m[1]): p for p in jpegs if (m := re.fullmatch(r"im(\d+)", p.stem))}
    annotations = {
        path.stem: path
        for path in sorted(root.rglob("*.txt"))
        if path.stem.lower() != "readme" and not path.stem[-1].isdigit()
    }
    numbered = {name: ids for name, p in annotations.items() if (ids := _numbers(p)) is not None}
    if not found or not numbered:
        what = "images im1.jpg, im2.jpg, ..." if not found else "annotation files such as sky.txt"
        raise FileNotFoundError(f"no {what} below {root}. {_WHERE['flickr25k']}")
    order = sorted(found)
    row = {number: i for i, number in enumerate(order)}
    labels = torch.zeros(len(order), len(numbered), dtype=torch.uint8)
    for column, (name, ids) in enumerate(numbered.items()):
        missing = [number for number in ids if number not in row]
        if missing:
            raise ValueError(f"{annotations[name]}: im{missing[0]}.jpg is not below {root}")
        labels[[row[number] for number in ids], column] = 1
    names = [found[number].relative_to(root).as_posix() for number in order]
    return _of_files(root, names, labels, tuple(numbered), split)


def load_nuswide(root: Path, *, n_labels: int = 21, **split: Any) -> ImageDataset:
    """Load the images of NUS-WIDE that have one of its most frequent labels.

    Args:
        root: folder with ``ImageList/Imagelist.txt``, ``Groundtruth/AllLabels/Labels_*.txt`` and
            the images in ``Flickr/``.
        n_labels: how many of the most frequent of the 81 labels to keep; hashing papers use 21.
        split: see `random_splits`.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message says where to get it.
        ValueError: label files whose lengths differ from that of the image list.
    """
    listing = _only(root.rglob("Imagelist.txt"))
    truth = sorted(root.rglob("AllLabels/Labels_*.txt"))
    if listing is None or not truth:
        what = (
            "ImageList/Imagelist.txt" if listing is None else "Groundtruth/AllLabels/Labels_*.txt"
        )
        raise FileNotFoundError(f"no {what} below {root}. {_WHERE['nuswide']}")
    names = [
        f"Flickr/{line.strip()}".replace("\\", "/") for line in listing.read_text().splitlines()
    ]
    columns = []
    for path in truth:
        flags = path.read_text(errors="replace").split()
        if len(flags) != len(names) or not set(flags) <= {"0", "1"}:
            raise ValueError(
                f"{path}: expected 0 or 1 on {len(names)} lines, one per image listed in "
                f"{listing.name}, got {len(flags)} lines"
            )
        columns.append(np.array(flags, dtype=np.uint8))
    table = np.stack(columns, axis=1)  # (all images, 81)
    frequent = np.sort(np.argsort(-table.sum(0), kind="stable")[:n_labels])
    rows = np.flatnonzero(table[:, frequent].any(1))
    label_names = tuple(truth[i].stem.removeprefix("Labels_") for i in frequent)
    labels = torch.from_numpy(table[np.ix_(rows, frequent)])
    return _of_files(root, [names[i] for i in rows], labels, label_names, split)


def load_index_files(root: Path, index: Path) -> ImageDataset:
    """Load a published split: ``train.txt``, ``database.txt`` and ``test.txt`` in `index`.

    Args:
        root: folder that the paths in the files are relative to.
        index: folder with the three files; each line is a path and its labels as 0 or 1.

    Raises:
        FileNotFoundError: an index file or an image is missing.
        ValueError: a line of another form or number of labels; the message names it.
    """
    rows: dict[str, list[int]] = {}
    splits = {}
    width = None
    for split, file in (("train", "train"), ("database", "database"), ("query", "test")):
        path = index / f"{file}.txt"
        if not path.is_file():
            raise FileNotFoundError(f"no index file {path}")
        names = []
        text = path.read_text(encoding="utf-8", errors="surrogateescape")  # as in file names
        for number, line in enumerate(text.splitlines(), start=1):
            name, *flags = line.split() or [""]
            width = len(flags) if width is None else width
            if not flags or len(flags) != width or not set(flags) <= {"0", "1"}:
                raise ValueError(
                    f"{path}, line {number}: expected a path and {width or 'its'} labels of 0 or 1"
                )
            rows.setdefault(name, [int(flag) for flag in flags])
            names.append(name)
        if not names:
            raise ValueError(f"{path}: no image in this index file")
        splits[split] = names
    position = {name: i for i, name in enumerate(rows)}
    labels = torch.tensor(list(rows.values()), dtype=torch.uint8)
    label_names = tuple(f"label {i}" for i in range(labels.shape[1]))
    indices = {s: np.unique([position[name] for name in names]) for s, names in splits.items()}
    indices["database"] = np.union1d(indices["database"], indices["train"])
    return _of_files(root, list(rows), labels, label_names, indices)


def _of_files(
    root: Path,
    names: list[str],
    labels: Tensor,
    label_names: tuple[str, ...],
    split: dict[str, Any],
) -> ImageDataset:
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(names)} images are missing below {root}, first {missing[0]}"
        )
    images = ImageFiles(root, names)
    splits = split if "train" in split else random_splits(np.arange(len(names)), **split)
    return ImageDataset(
        images=images,
        labels=labels,
        label_names=label_names,
        splits=splits,
        digest=images.digest,
        names=images.names,
    )


def _numbers(path: Path) -> list[int] | None:
    """Return the image numbers of an annotation file, or None for any other text file."""
    words = path.read_text(errors="replace").split()
    return [int(word) for word in words] if words and all(w.isdigit() for w in words) else None


def _only(paths: Iterable[Path]) -> Path | None:
    return next(iter(sorted(paths)), None)
