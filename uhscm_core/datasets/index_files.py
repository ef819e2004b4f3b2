r"""Index files of published splits, as deep-hashing papers distribute them.

- ``train.txt``, ``database.txt`` and ``test.txt``: each line has an image's path and its labels as
  0 or 1, with spaces, tabs or commas between them, or the number of its class. The path may contain
  spaces.
- Or pairs: ``train_img.txt`` has a path per line, and ``train_label_onehot.txt`` (or
  ``train_label.txt``) the labels on the same lines, as 0 and 1 or as the number of one class.

``labels.txt`` next to them names the labels, one per line. Paths are found below the folder of the
images under any prefix, and with either slash.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uhscm_core.datasets.dataset import ImageDataset
from uhscm_core.datasets.finding import dataset_of_listed, decoded, find, normalized
from uhscm_core.datasets.walking import walk
from uhscm_core.support.notices import listed as in_words
from uhscm_core.support.notices import printable

__all__ = ["load_index_files"]

# Split -> how its files are called.
_STEMS = {
    "train": ("train",),
    "pool": ("database", "db", "retrieval"),
    "query": ("test", "query"),
}
_LINE = re.compile(r"(?P<path>.*?\S)[\s,]+(?P<flags>[01](?:[\s,]+[01])*|\d+)")
_MOST_CLASSES = 30_000  # ImageNet has 21,841; a larger number is something else
_NOT_READ = ("val", "valid", "validation")
_NAMES = ("labels.txt", "label_names.txt", "classes.txt")

# What an index file lists: where it says so, a path, and its labels, or the number of its class.
Entry = tuple[str, str, tuple[int, ...] | int]


def load_index_files(
    root: Path, index: Path, *, follow_links: bool = False, **split: Any
) -> ImageDataset:
    """Load a published split; training images may lie outside its database.

    Args:
        root: folder with the images.
        index: folder with the index files.
        follow_links: also follow links that lead out of `root`.
        split: see `random_splits`. Numbers of images are drawn from the published split; by default
            all of it is used.

    Raises:
        FileNotFoundError: an index file or most of the images are missing.
        NotADirectoryError: `index` is not a folder.
        ValueError: a line of another form or number of labels, or an image with two sets of labels;
            the message names it.
    """
    if not index.is_dir():
        raise NotADirectoryError(
            f"index must be a folder with train.txt, database.txt and test.txt, got {index}"
        )
    files = {path.name.lower(): path for path in sorted(index.iterdir())}
    entries = {split_name: _entries(files, index, split_name) for split_name in _STEMS}
    listing = walk(root, follow_links=follow_links)
    numbered, everything = _one_hot([entry for part in entries.values() for entry in part])
    found, by_file_name = find([path for _, path, _ in everything], listing.names)

    rows: dict[int | str, int] = {}  # file, or the path of a missing one -> its row
    first: list[tuple[str, str, tuple[int, ...]]] = []
    places: list[int] = []
    row_of = []
    for entry, place in zip(everything, found, strict=True):
        where, path, flags = entry
        key = place if place >= 0 else normalized(path)
        row = rows.setdefault(key, len(rows))
        if row == len(first):
            first.append(entry)
            places.append(place)
        if len(flags) != len(first[0][2]):
            raise ValueError(
                f"{where}: expected a path and {len(first[0][2])} labels of 0 or 1, as in "
                f"{first[0][0]}, got {len(flags)} labels"
            )
        if flags != first[row][2]:
            raise ValueError(
                f"{where}: '{printable(path)}' has other labels here than in {first[row][0]}"
            )
        row_of.append(row)
    notes = []
    if numbered and not any(name.endswith("_img.txt") for name in files):
        notes.append("the one number next to each image is taken as the number of its class")
    if unread := [f"{stem}.txt" for stem in _NOT_READ if f"{stem}.txt" in files]:
        notes.append(f"{in_words(unread)} next to the index files is not read")
    if by_file_name and max(found) >= 0:
        notes.append("the images were found by their file names, because their folders differ")
    pools = {}
    for name, part in entries.items():
        pools[name] = np.unique(row_of[: len(part)])
        row_of = row_of[len(part) :]
        if repeated := len(part) - len(pools[name]):
            notes.append(f"{repeated:,} lines of {_STEMS[name][0]}.txt list an image again")
    if outside := len(np.setdiff1d(pools["train"], pools["pool"])):
        notes.append(
            f"{outside:,} of {len(pools['train']):,} training images are not in the database, as "
            f"published"
        )
    return dataset_of_listed(
        root,
        listing,
        [path for _, path, _ in first],
        torch.tensor([flags for _, _, flags in first], dtype=torch.uint8),
        _label_names(files, len(first[0][2])),
        places,
        notes,
        split,
        **pools,
    )


def _entries(files: dict[str, Path], index: Path, split: str) -> list[Entry]:
    """Return what the index file, or the pair of files, of one split lists."""
    for stem in _STEMS[split]:
        if path := files.get(f"{stem}.txt"):
            entries = [_entry(path, *line) for line in _lines(path)]
            break
        if path := files.get(f"{stem}_img.txt"):
            entries = _of_pair(path, files, stem)
            break
    else:
        raise FileNotFoundError(f"no index file {index / _STEMS[split][0]}.txt")
    if not entries:
        raise ValueError(f"{path}: no image in this index file")
    return entries


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the numbers and texts of the lines that are not blank.

    Only line feeds end them: file names may contain what else counts as the end of a line.
    """
    lines = enumerate(decoded(path).split("\n"), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _entry(path: Path, number: int, line: str) -> Entry:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(
            f"{path}, line {number}: expected a path and its labels of 0 or 1, got "
            f"'{printable(line[:60])}'"
        )
    flags = tuple(map(int, re.findall(r"\d+", match["flags"])))
    where = f"{path}, line {number}"
    return where, _unquoted(match["path"]), flags if len(flags) > 1 else flags[0]


def _of_pair(images: Path, files: dict[str, Path], stem: str) -> list[Entry]:
    names = (f"{stem}_label_onehot.txt", f"{stem}_labels_onehot.txt", f"{stem}_label.txt")
    path = next((files[name] for name in names if name in files), None)
    if path is None:
        raise FileNotFoundError(f"no {names[0]} with the labels for {images}")
    listed, labels = _lines(images), _lines(path)
    if len(listed) != len(labels):
        raise ValueError(f"{path} has {len(labels)} lines, and {images} has {len(listed)}")
    rows = [re.split(r"[\s,]+", line) for _, line in labels]
    for (number, _), row in zip(labels, rows, strict=True):
        if not all(re.fullmatch("[0-9]+" if len(row) == 1 else "[01]", word) for word in row):
            raise ValueError(
                f"{path}, line {number}: expected labels of 0 or 1, or the number of one class"
            )
    return [
        (
            f"{images}, line {number}",
            _unquoted(line),
            int(row[0]) if len(row) == 1 else tuple(map(int, row)),
        )
        for (number, line), row in zip(listed, rows, strict=True)
    ]


def _one_hot(entries: list[Entry]) -> tuple[bool, list[tuple[str, str, tuple[int, ...]]]]:
    """Return whether labels are numbers of classes, and the entries with labels of 0 and 1."""
    flagged = [(*entry[:2], entry[2]) for entry in entries if isinstance(entry[2], tuple)]
    if len(flagged) == len(entries):
        return False, flagged
    numbered = [(*entry[:2], entry[2]) for entry in entries if isinstance(entry[2], int)]
    if flagged:
        raise ValueError(
            f"{numbered[0][0]}: expected a path and {len(flagged[0][2])} labels of 0 or 1, as in "
            f"{flagged[0][0]}, got 1 label"
        )
    where, _, most = max(numbered, key=lambda entry: entry[2])
    if most >= _MOST_CLASSES:
        raise ValueError(
            f"{where}: expected the number of a class below {_MOST_CLASSES:,}, got {most}"
        )
    flags = {c: tuple(int(i == c) for i in range(most + 1)) for c in {n for *_, n in numbered}}
    return True, [(where, path, flags[number]) for where, path, number in numbered]


def _unquoted(path: str) -> str:
    quoted = len(path) > 1 and path[0] == path[-1] and path[0] in "\"'"
    return path[1:-1] if quoted else path


def _label_names(files: dict[str, Path], n: int) -> tuple[str, ...]:
    path = next((files[name] for name in _NAMES if name in files), None)
    if path is None:
        return tuple(f"label {i}" for i in range(n))
    names = tuple(normalized(line) for _, line in _lines(path))
    if len(names) != n or len(set(names)) != n:
        again = [name for name in names if names.count(name) > 1]
        also = f", of which {in_words(dict.fromkeys(again))} more than once" if again else ""
        raise ValueError(
            f"{path}: expected the names of {n} labels, one per line, got {len(names)}{also}"
        )
    return names
