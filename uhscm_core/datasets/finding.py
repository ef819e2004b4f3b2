"""Find the files that a list names: below a folder, under other prefixes, or by name alone."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uhscm_core.datasets.dataset import ImageDataset, Indices, random_splits
from uhscm_core.datasets.images import ImageFiles
from uhscm_core.datasets.walking import LINK_OUT, Listing
from uhscm_core.support.notices import listed as in_words
from uhscm_core.support.notices import printable
from uhscm_core.support.ways import LISTED

__all__ = ["dataset_of_listed", "decoded", "find", "normalized"]


def normalized(name: str) -> str:
    """Return a name as it is compared: café is one word, however its é is stored."""
    return unicodedata.normalize("NFC", name)


def decoded(path: Path) -> str:
    """Return the text of a list; bytes that are not UTF-8 are kept as in file names.

    Raises:
        ValueError: it begins as UTF-16 text does, and is none.
    """
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not readable UTF-16 text; save it as UTF-8") from error
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def find(
    listed: Sequence[str], names: Sequence[str], *, without_suffix: bool = False
) -> tuple[list[int], bool]:
    """Find the file for each listed path.

    A path and a file belong together if one is the end of the other: ``data/img/1.jpg`` in a list
    is the file ``img/1.jpg``, and ``img/1.jpg`` in a list is the file ``data/img/1.jpg``. If that
    finds less than half of them, file names alone decide where they are unique.

    Args:
        listed: paths in any spelling, with forward or backward slashes.
        names: paths of files with forward slashes.
        without_suffix: whether a listed path may lack the file's suffix.

    Returns:
        The position in `names` of each listed path, or -1; and whether file names alone decided.

    Raises:
        ValueError: a listed path is the end of several files' paths.
    """
    position = {name: row for row, name in enumerate(names)}
    files = [_parts(name) for name in names]
    by_base: dict[str, list[int]] = {}
    for row, parts in enumerate(files):
        bases = {parts[-1], parts[-1].rpartition(".")[0]} if without_suffix else {parts[-1]}
        for base in bases - {""}:
            by_base.setdefault(base, []).append(row)
    paths = [_parts(path.replace("\\", "/")) for path in listed]
    found = []
    for path, parts in zip(listed, paths, strict=True):
        folders = parts[:-1]
        fitting = [
            row for row in by_base.get(parts[-1], ()) if _one_ends_the_other(folders, files[row])
        ]
        exact = [row for row in fitting if files[row][:-1] == folders]
        fitting = [position[path]] if path in position else exact or fitting
        if len(fitting) > 1:
            raise ValueError(
                f"'{printable(path)}' is listed and could be any of "
                f"{in_words(names[row] for row in fitting)}; list the path from the folder"
            )
        found.append(fitting[0] if fitting else -1)
    if 2 * sum(row >= 0 for row in found) >= len(found):
        return found, False
    listed_bases = Counter(parts[-1] for parts in set(paths))
    found = [
        by_base[base][0]
        if row < 0 and listed_bases[base] == 1 and len(by_base.get(base, ())) == 1
        else row
        for row, base in zip(found, (parts[-1] for parts in paths), strict=True)
    ]
    return found, True


def dataset_of_listed(
    root: Path,
    listing: Listing,
    listed: Sequence[str],
    labels: Tensor,
    label_names: tuple[str, ...],
    rows: Sequence[int],
    notes: Sequence[str],
    split: Mapping[str, Any],
    pool: Indices,
    query: Indices | None = None,
    train: Indices | None = None,
) -> ImageDataset:
    """Make the dataset of a list, of which some files may be missing.

    Args:
        root: folder that the names are relative to.
        listing: the files there.
        listed: N paths as they are listed.
        labels: (N, C) labels.
        label_names: C names.
        rows: the position of each listed path in ``listing.names``, or -1.
        notes: what there is to say already.
        split: sizes and seed for `random_splits`.
        pool, query, train: what it draws from, as positions in the list.

    Raises:
        FileNotFoundError: most of the files are missing.
        ValueError: a split larger than what is there.
    """
    there = np.array(rows) >= 0
    missing = [path for path, found in zip(listed, there, strict=True) if not found]
    if len(missing) > len(listed) / 2:
        links = [name for name, why in listing.skipped.items() if why == LINK_OUT]
        hint = f"; not followed: {in_words(links)}, {LINK_OUT}" if links else ""
        raise FileNotFoundError(
            f"{len(missing):,} of {len(listed):,} images are missing below {root}, first "
            f"'{printable(missing[0])}'{hint}"
        )
    if missing:
        notes = [
            *notes,
            f"{len(missing):,} of {len(listed):,} listed images are not below {root} and are left "
            f"out ({in_words(missing, 2)}){LISTED}",
        ]
    images = ImageFiles(root, (listing.names[row] for row in rows if row >= 0))
    number = np.cumsum(there) - 1

    def kept(ids: Indices) -> Indices:
        return np.asarray(number[ids[there[ids]]], dtype=np.int64)

    return ImageDataset(
        images=images,
        labels=labels[torch.from_numpy(there)],
        label_names=label_names,
        splits=random_splits(
            kept(pool),
            None if query is None else kept(query),
            None if train is None else kept(train),
            **split,
        ),
        digest=images.digest,
        names=images.names,
        skipped=dict.fromkeys(missing, "listed, but not in the folder"),
        notes=tuple(notes),
    )


def _parts(path: str) -> tuple[str, ...]:
    parts = [part for part in normalized(path).split("/") if part not in ("", ".", "..")]
    return tuple(parts) or ("",)


def _one_ends_the_other(folders: tuple[str, ...], file: tuple[str, ...]) -> bool:
    shared = min(len(folders), len(file) - 1)
    return not shared or folders[-shared:] == file[-shared - 1 : -1]
