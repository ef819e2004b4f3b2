"""NUS-WIDE (Chua et al. 2009), as it is distributed.

``ImageList/Imagelist.txt`` names 269,648 images, ``Groundtruth/AllLabels/Labels_<label>.txt`` has
one 0 or 1 per line for each, and the images lie in ``Flickr/``, or all in one folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from uhscm_core.datasets.dataset import ImageDataset
from uhscm_core.datasets.finding import dataset_of_listed, decoded, find
from uhscm_core.datasets.walking import walk
from uhscm_core.support.checks import whole_number

__all__ = ["load_nuswide"]

_WHERE = "Get NUS-WIDE from the NUS Lab for Media Search page"


def load_nuswide(
    root: Path, *, n_labels: int = 21, follow_links: bool = False, **split: Any
) -> ImageDataset:
    """Load the images of NUS-WIDE that have one of its most frequent labels.

    Args:
        root: folder with ``Imagelist.txt``, ``AllLabels/Labels_*.txt`` and the images, each at any
            depth. Images are found by their paths, or else by their file names.
        n_labels: how many of the most frequent of the 81 labels to keep; hashing papers use 21.
        follow_links: also follow links that lead out of `root`.
        split: see `random_splits`.

    Raises:
        FileNotFoundError: a part of the layout or most of the images are missing; the message says
            where to get it.
        ValueError: label files whose lengths differ from that of the image list.
    """
    n_labels = whole_number("n_labels", n_labels, 1, 81)
    listing = walk(root, follow_links=follow_links)
    lists = [name for name in listing.names if name.lower().split("/")[-1] == "imagelist.txt"]
    truth: dict[str, str] = {}
    for name in listing.names:
        if match := re.search(r"(?:^|/)AllLabels/Labels_([^/]+)\.txt$", name, re.IGNORECASE):
            truth.setdefault(match[1], name)
    if not lists or not truth:
        what = "ImageList/Imagelist.txt" if not lists else "Groundtruth/AllLabels/Labels_*.txt"
        raise FileNotFoundError(f"no {what} below {root}. {_WHERE}")
    lines = decoded(root / lists[0]).rstrip().split("\n")
    listed = [line.strip().replace("\\", "/") for line in lines]
    table = np.stack([_flags(root / name, len(listed)) for name in truth.values()], axis=1)
    notes = []
    if len(lists) > 1:
        notes.append(f"there are {len(lists)} image lists below {root}; {lists[0]} is read")
    if len(truth) < n_labels:
        notes.append(f"there are {len(truth)} label files below {root}, and n_labels is {n_labels}")
    frequent = np.sort(np.argsort(-table.sum(0), kind="stable")[:n_labels])
    used = np.flatnonzero(table[:, frequent].any(1))
    listed = [listed[i] for i in used]
    rows, by_file_name = find(listed, listing.names)
    if by_file_name and max(rows) >= 0:
        notes.append("the images were found by their file names, because their folders differ")
    return dataset_of_listed(
        root,
        listing,
        listed,
        torch.from_numpy(table[np.ix_(used, frequent)]),
        tuple(list(truth)[i] for i in frequent),
        rows,
        notes,
        split,
        np.arange(len(used)),
    )


def _flags(path: Path, n: int) -> npt.NDArray[np.uint8]:
    """Return n flags, read as bytes: there are 81 files of 269,648 lines."""
    characters = np.frombuffer(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), dtype=np.uint8)
    flags = characters[characters > ord(" ")] - ord("0")
    if len(flags) != n or (flags > 1).any():
        raise ValueError(
            f"{path}: expected 0 or 1 on {n} lines, one per image listed in Imagelist.txt, "
            f"got {len(path.read_bytes().split())} lines"
        )
    return flags
