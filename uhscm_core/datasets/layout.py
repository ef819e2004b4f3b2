"""What the folders of a collection of photos mean: splits, labels, or neither.

A reading that a person might not expect is said in a sentence. The rules:

1. A folder that holds all the others (``images/``, ``data/images/``) means nothing.
2. Folders such as ``train/``, ``val/`` and ``test/`` next to each other are splits, in any case.
   They may also lie within each class (``cat/train/``).
3. The next folder is the label. Deeper ones belong to it.
4. Dates and folders of cameras (``2019/06/``, ``DCIM/100CANON/``) are no labels, nor is a folder
   that holds all images: if each image has the same label, every ranking is perfect.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from uhscm_core.datasets.finding import normalized
from uhscm_core.support.notices import listed
from uhscm_core.support.ways import LABELS

__all__ = ["Layout", "read_layout"]

_SPLIT_WORDS = {
    "train": "train training trn",
    "database": "database gallery db",
    "val": "val valid validation dev",
    "query": "test testing query queries",
}
_TAKEN_AS = {"train": "the database", "database": "the database", "query": "the queries"}
_KINDS = {word: kind for kind, words in _SPLIT_WORDS.items() for word in words.split()}
_SPLIT = re.compile(
    rf"(?:\w+[-_ ])?({'|'.join(_KINDS)})(?:[-_ ]?(?:set|split|data|images?|imgs?|\d{{1,4}}))?"
)
# trainA, part 2, images_001: they count something, or are a split among other folders.
_COUNTED = re.compile(
    rf"(?:{'|'.join(_KINDS)})[ab]?|(?:batch|chunk|fold|folder|images?|img|new folder|part|photos?|"
    r"set|shard|split|untitled folder)[-_ ]?\(?\d*\)?"
)
_WRAPPERS = (
    "all annotations archive augmented backup copies cropped data dataset edited files images "
    "image img imgs jpegimages jpeg jpg labels masks original originals photos photo pics pictures "
    "png previews resized samples thumbnails thumbs unknown unlabeled unlabelled unsup"
)
_GENERIC = frozenset(_WRAPPERS.split())
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    rf"{_YEAR}(?:[-_. ]?{_MONTH}(?:[-_. ]?{_DAY}(?:\b.*|_.*)?)?)?"
    rf"|{_DAY}[-_. ]{_MONTH}[-_. ]{_YEAR}|{_MONTH}[-_. ]{_YEAR}"
    rf"|(?:{_YEAR}[-_. ])?(?:{_MONTH}[-_. ])?{_MONTHS}(?:[-_. ]{_YEAR})?"
    r"|dcim|camera(?: roll)?|screenshots?|\d{3}(?=\w*[a-z_])\w{5}"
)
_YEAR_WITHIN = re.compile(rf"(?<!\d){_YEAR}(?!\d)")
_HASH = re.compile("[0-9a-f]{2}")
_PART_OF_DATE = re.compile(r"\d{1,2}")


@dataclass(frozen=True)
class Layout:
    """What the folders of N images mean.

    Attributes:
        labels: the label of each image, or None.
        splits: ``"train"``, ``"database"`` or ``"query"`` for each image, or None where it belongs
            to no split; None as a whole where there are no folders of splits.
        split_notes: what there is to say about splits.
        label_notes: what there is to say about labels.
    """

    labels: list[str | None]
    splits: list[str | None] | None
    split_notes: list[str]
    label_notes: list[str]


def read_layout(names: Sequence[str]) -> Layout:
    """Read what the folders of images mean.

    Args:
        names: N paths of images with forward slashes.
    """
    folders = [tuple(normalized(name).split("/")[:-1]) for name in names]
    depth = _depth_of_wrappers(folders)
    above = [folder[:depth] for folder in folders]
    folders = [folder[depth:] for folder in folders]
    splits, split_notes, folders = _read_splits(names, folders)
    labels, label_notes = _read_labels(names, above, folders, splits)
    return Layout(labels, splits, split_notes, label_notes)


def _depth_of_wrappers(folders: Sequence[tuple[str, ...]]) -> int:
    """Return how many folders deep all folders are the only ones of their level."""
    depth = 0
    while True:
        if len({folder[depth] for folder in folders if len(folder) > depth}) != 1:
            return depth
        depth += 1


def _kind(folder: str) -> str | None:
    match = _SPLIT.fullmatch(folder.casefold())
    return _KINDS[match[1]] if match else None


def _is_generic(folder: str) -> bool:
    return folder.casefold() in _GENERIC or _COUNTED.fullmatch(folder.casefold()) is not None


def _read_splits(
    names: Sequence[str], folders: list[tuple[str, ...]]
) -> tuple[list[str | None] | None, list[str], list[tuple[str, ...]]]:
    """Return the split of each image, what there is to say, and the folders below the splits."""
    level = _level_of_splits(folders)
    if level is None:
        tops = {folder[0] for folder in folders if folder}
        if tops and all(map(_kind, tops)):  # train/ and training/: one split under two names
            folders = [folder[1:] for folder in folders]
        return None, [], folders
    kinds = [_kind(folder[level]) if len(folder) > level else None for folder in folders]
    called = {
        kind: f"{folder[level]}/"
        for folder, kind in sorted(zip(folders, kinds, strict=True), key=lambda pair: pair[0])
        if kind
    }
    counts = Counter(kinds)
    role = {"train": "train", "database": "database", "query": "query", "val": "query"}
    notes = []
    if "val" in called:
        count = f"{called['val']} ({counts['val']:,} images)"
        if "query" in called:
            role["val"] = "database" if "database" in called or "train" not in called else "train"
            notes.append(f"{count} joins the database")
        else:
            notes.append(f"there is no test/ folder, so {count} is taken as the queries")
    if {"train", "database"} <= called.keys():
        notes.append(
            f"{called['database']} is the database, so the images of {called['train']} are only "
            f"trained on"
        )
    for kind in dict.fromkeys(role.values()):
        same = sorted(
            {f"{folder[level]}/" for folder, of in zip(folders, kinds, strict=True) if of == kind}
        )
        if len(same) > 1:
            notes.append(f"{', '.join(same)} together are taken as {_TAKEN_AS[kind]}")
    outside = [name for name, kind in zip(names, kinds, strict=True) if kind is None]
    if outside:
        notes.append(
            f"{len(outside):,} images outside {', '.join(sorted(called.values()))} are left out "
            f"({listed(outside, 2)})"
        )
    splits = [role[kind] if kind else None for kind in kinds]
    below = [folder[:level] + folder[level + 1 :] for folder in folders]
    return splits, notes, below if level else _without_wrappers(below, kinds)


def _level_of_splits(folders: Sequence[tuple[str, ...]]) -> int | None:
    """Return how many folders deep the splits lie: at the top, or all of them within classes."""
    tops = {_kind(folder[0]) for folder in folders if folder}
    if _are_splits(tops):
        return 0
    within = {_kind(folder[1]) if len(folder) > 1 else None for folder in folders}
    return 1 if None not in within and _are_splits(within) else None


def _are_splits(kinds: set[str | None]) -> bool:
    return bool(kinds & {"train", "database", "val"}) and (
        "query" in kinds or {"train", "val"} <= kinds or {"database", "val"} <= kinds
    )


def _without_wrappers(
    folders: list[tuple[str, ...]], kinds: Sequence[str | None]
) -> list[tuple[str, ...]]:
    """Remove folders that hold a whole split: train/train/, test/images/, test/unknown/."""
    below = list(folders)
    for kind in dict.fromkeys(kinds):
        members = [i for i, of in enumerate(kinds) if of == kind]
        while True:
            tops = {below[i][0] for i in members if below[i]}
            if len(tops) != 1 or not (_is_generic(*tops) or _kind(*tops)):
                break
            for i in members:
                below[i] = below[i][1:]
    return below


def _read_labels(
    names: Sequence[str],
    above: Sequence[tuple[str, ...]],
    folders: Sequence[tuple[str, ...]],
    splits: Sequence[str | None] | None,
) -> tuple[list[str | None], list[str]]:
    used = {i for i in range(len(names)) if splits is None or splits[i] is not None}
    labels = [folders[i][0] if i in used and folders[i] else None for i in range(len(names))]
    found = sorted({label for i in used if (label := labels[i]) is not None})
    wrapped_by_date = any(_is_date(part) for i in sorted(used) for part in above[i])
    dates = [
        label
        for label in found
        if _is_date(label) or (wrapped_by_date and _PART_OF_DATE.fullmatch(label))
    ]
    none: list[str | None] = [None] * len(names)
    if not found and splits is None:
        wrappers = dict.fromkeys(part for i in sorted(used) for part in above[i])
        only = [part for part in wrappers if not (_is_generic(part) or _is_date(part))][:1]
        if only:
            return none, [
                f"{listed(only)} would be the only label, so no labels are taken: with one label "
                f"for all images every ranking is perfect. {LABELS}"
            ]
    if found and dates == found:
        return none, [
            f"the folders {listed(found)} are dates or a camera's folders, so no labels are "
            f"taken. {LABELS}"
        ]
    notes: list[str] = []
    taken = f"the labels are the folders {listed(found)}"
    deeper = sorted({part for i in used for part in folders[i][1:] if not _is_generic(part)})
    generic = [label for label in found if _is_generic(label)]
    if deeper:
        notes.append(f"{taken}; deeper ones such as {listed(deeper)} are none. {LABELS}")
    elif dates or (dates := _of_years(found)):
        notes.append(f"{taken}, of which {listed(dates)} look like dates. {LABELS}")
    elif _are_hashes(found):
        notes.append(f"{taken}, which look like the beginnings of digests. {LABELS}")
    elif generic:
        notes.append(f"{taken}, of which {listed(generic)} may be no labels. {LABELS}")
    return labels, notes


def _of_years(labels: Sequence[str]) -> list[str]:
    """Return the labels that differ in a year alone, where they are most: Photos from 2019."""
    texts = {label: _YEAR_WITHIN.sub("", label) for label in labels}
    counts = Counter(text for label, text in texts.items() if text != label)
    dates = [label for label, text in texts.items() if counts[text] > 1]
    return dates if 2 * len(dates) > len(labels) else []


def _are_hashes(labels: Sequence[str]) -> bool:
    """Whether the labels are two hexadecimal digits, as in 0a, 1f, ff, and not numbers or words."""
    mixed = any(re.search(r"\d", label) and re.search("[a-f]", label) for label in labels)
    return mixed and all(map(_HASH.fullmatch, labels))


def _is_date(folder: str) -> bool:
    return _DATE.fullmatch(folder.casefold()) is not None
