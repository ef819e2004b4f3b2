"""MIRFlickr-25K (Huiskes and Lew 2008), as it is distributed.

``im1.jpg`` ... ``im25000.jpg`` and, at any other place, 24 annotation files (``sky.txt``, ...),
each a list of image numbers. There are some 100,000 further text files, which are never opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from uhscm_core.datasets.dataset import ImageDataset
from uhscm_core.datasets.finding import dataset_of_listed, decoded
from uhscm_core.datasets.walking import walk
from uhscm_core.support.notices import listed

__all__ = ["FLICKR_LABELS", "load_flickr25k"]

# The "potential" labels, as hashing papers use them; not the "relevant" ones such as sky_r1.
_LABELS = (
    "animals baby bird car clouds dog female flower food indoor lake male night people plant_life "
    "portrait river sea sky structures sunset transport tree water"
)
FLICKR_LABELS = tuple(_LABELS.split())
_WHERE = "Get MIRFlickr-25K and its annotations from the LIACS MIRFLICKR page"


def load_flickr25k(root: Path, *, follow_links: bool = False, **split: Any) -> ImageDataset:
    """Load MIRFlickr-25K with its 24 potential labels.

    Images with none of them are left out, as papers do, which leaves 24,581.

    Args:
        root: folder with ``im*.jpg`` and the annotation files, each at any depth.
        follow_links: also follow links that lead out of `root`.
        split: see `random_splits`.

    Raises:
        FileNotFoundError: no images or no annotations below `root`, or most images are missing; the
            message says where to get them.
        ValueError: an annotation file that is no list of image numbers.
    """
    listing = walk(root, follow_links=follow_links)
    files: dict[int, int] = {}  # image number -> position in the listing
    annotations: dict[str, dict[str, str]] = {}  # folder -> label -> file
    for position, name in enumerate(listing.names):
        folder, _, file = name.rpartition("/")
        stem, _, suffix = file.lower().rpartition(".")
        if suffix == "txt":
            if stem in FLICKR_LABELS:
                annotations.setdefault(folder, {})[stem] = name
        elif suffix in ("jpg", "jpeg") and stem.startswith("im") and stem[2:].isdecimal():
            number = int(stem[2:])
            if number not in files or _depth(name) < _depth(listing.names[files[number]]):
                files[number] = position
    if not files or not annotations:
        what = "images im1.jpg, im2.jpg, ..." if not files else "annotation files such as sky.txt"
        raise FileNotFoundError(f"no {what} below {root}. {_WHERE}")
    chosen = max(annotations.values(), key=len)
    numbers_of = {label: _numbers(root / name) for label, name in sorted(chosen.items())}
    numbers = sorted(set().union(*numbers_of.values()))
    row = {number: i for i, number in enumerate(numbers)}
    labels = torch.zeros(len(numbers), len(numbers_of), dtype=torch.uint8)
    for column, labelled in enumerate(numbers_of.values()):
        labels[[row[number] for number in labelled], column] = 1
    notes = []
    if absent := [label for label in FLICKR_LABELS if label not in numbers_of]:
        notes.append(
            f"{len(absent)} of the 24 annotation files of MIRFlickr-25K are not below {root}: "
            f"{listed(absent)}"
        )
    if without := len(files.keys() - row.keys()):
        notes.append(
            f"{without:,} of {len(files):,} images have none of the {len(numbers_of)} labels and "
            f"are left out, as papers do"
        )
    return dataset_of_listed(
        root,
        listing,
        [f"im{number}.jpg" for number in numbers],
        labels,
        tuple(numbers_of),
        [files.get(number, -1) for number in numbers],
        notes,
        split,
        np.arange(len(numbers)),
    )


def _numbers(path: Path) -> set[int]:
    words = decoded(path).split()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError(f"{path}: expected image numbers, one per line")
    return {int(word) for word in words}


def _depth(name: str) -> int:
    return name.count("/")
