"""A folder of photos of any size and mode, with labels and splits from its folders if it has them.

`uhscm_core.datasets.layout` says what folders mean, `uhscm_core.datasets.labels` how to say it.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from uhscm_core.datasets import labels as given_labels
from uhscm_core.datasets.copies import labels_of_copies
from uhscm_core.datasets.dataset import ImageDataset, random_splits
from uhscm_core.datasets.doubts import doubts, loosely
from uhscm_core.datasets.finding import normalized
from uhscm_core.datasets.formats import FORMATS, READ, READ_SUFFIXES, image_kind
from uhscm_core.datasets.images import ImageFiles
from uhscm_core.datasets.labels import TABLES, Labels
from uhscm_core.datasets.layout import Layout, read_layout
from uhscm_core.datasets.verdicts import readable
from uhscm_core.datasets.walking import walk
from uhscm_core.support.notices import listed, printable
from uhscm_core.support.ways import LABEL_SOURCES, LABELS_OR_NONE, LISTED

__all__ = ["as_label_source", "load_folder"]


def load_folder(
    root: Path,
    *,
    labels: str | None = "auto",
    follow_links: bool = False,
    progress: bool = True,
    **split: Any,
) -> ImageDataset:
    """Load a folder of photos.

    Every file is decoded once and the result cached by digest, so that unreadable, truncated,
    empty or enormous images are known before anything is computed from the folder.

    Args:
        root: the folder.
        labels: ``"auto"``, ``"folder"``, a pattern, the path of a table, or None; see
            `load_dataset`.
        follow_links: also follow links that lead out of the folder.
        progress: show a bar while the images are checked.
        split: see `random_splits`.

    Returns:
        The readable images in order of their names; ``skipped`` lists the others with the reason,
        and ``notes`` say how the folder was understood.

    Raises:
        NotADirectoryError: no such folder.
        ValueError: no readable image, labels that are not where `labels` says, or queries with a
            label that no database image has.
    """
    if not root.is_dir():
        what = f"{root} is a file" if root.exists() else f"there is no folder {root}"
        raise NotADirectoryError(f"expected a folder of photos, but {what}")
    listing = walk(root, follow_links=follow_links)
    kinds = {name: kind for name in listing.names if (kind := image_kind(root / name))}
    names = [name for name, kind in kinds.items() if kind == READ]
    skipped = {
        name: why
        for name, why in listing.skipped.items()
        if name.endswith("/") or image_kind(root / name)
    }
    skipped |= {name: kind for name, kind in kinds.items() if kind != READ}
    if not names and not skipped:
        read = ", ".join(f".{name.lower()}" for name in FORMATS)
        raise ValueError(
            f"{root}: no image in this folder ({read} or another ending of these formats)"
        )
    images = ImageFiles(root, names)
    if names:
        images, problems = readable(images, progress)
        skipped |= problems
    notes = []
    if skipped:
        first = "; ".join(f"{printable(name)}: {why}" for name, why in list(skipped.items())[:3])
        more = "; ..." if len(skipped) > 3 else ""
        message = f"{len(skipped)} of {len(images) + len(skipped)} images in {root} skipped"
        if not len(images):
            raise ValueError(f"no readable image: {message} ({first}{more})")
        notes.append(f"{message} ({first}{more}){LISTED}")
    if hidden := [name for name in listing.hidden if _is_hidden_image(name)]:
        what = "image is" if len(hidden) == 1 else "images are"
        notes.append(f"{len(hidden):,} hidden {what} left out ({listed(hidden, 2)})")

    layout = read_layout(images.names)
    known = [*images.names, *(name for name in skipped if not name.endswith("/"))]
    of_image, label_notes = _labels(labels, known, layout)
    of_image = of_image[: len(images)]
    notes += layout.split_notes + label_notes
    multi_hot, label_names = given_labels.as_multi_hot(of_image)
    if multi_hot is not None and _only_queries_have_labels(of_image, layout):
        multi_hot, label_names = None, ()
        notes.append("only the queries have labels, so no labels are taken")
    if multi_hot is not None:
        notes += _about_labels(of_image, layout)
        notes += labels_of_copies(images, images.names, of_image)
        _check_labels(root, of_image, layout)
    return ImageDataset(
        images=images,
        labels=multi_hot,
        label_names=label_names,
        splits=_splits(layout, len(images), split),
        digest=images.digest,
        names=images.names,
        skipped=skipped,
        notes=tuple(notes),
    )


def as_label_source(labels: Any, root: Path) -> str | None:
    """Check the argument `labels` of `load_dataset`, and make the path of a table absolute.

    Raises:
        TypeError: neither text nor a path nor None.
        ValueError: none of what `labels` can be.
    """
    if labels is None:
        return None
    expected = f'{LABEL_SOURCES} such as "{{label}}/*" or the path of a table ({", ".join(TABLES)})'
    if not isinstance(labels, str | PathLike):
        raise TypeError(f"{expected}, got {labels!r} ({type(labels).__name__})")
    text = str(labels)
    if text in ("auto", "folder"):
        return text
    if text.lower().endswith(TABLES):
        table = Path(text).expanduser()
        return str((table if table.is_file() else root / table).absolute())
    if "{" in text or "*" in text:
        return text
    raise ValueError(f"{expected}, got {text!r}")


def _labels(labels: str | None, names: list[str], layout: Layout) -> tuple[Labels, list[str]]:
    if labels is None:
        return [()] * len(names), []
    if labels == "auto":
        return [() if label is None else (label,) for label in layout.labels], layout.label_notes
    if labels == "folder":
        parents = [normalized(name).split("/")[:-1] for name in names]
        return [tuple(parts[-1:]) for parts in parents], []
    if labels.lower().endswith(TABLES):
        return given_labels.from_table(Path(labels), names)
    return given_labels.by_pattern(labels, names), []


def _about_labels(of_image: Labels, layout: Layout) -> list[str]:
    """Return what there is to say about images without labels and labels on every image."""
    splits = layout.splits or ["photo"] * len(of_image)
    notes = []
    for split, what in (("photo", "images"), ("query", "queries"), ("train", "images of train/")):
        members = [row for row, of in zip(of_image, splits, strict=True) if of == split]
        without = sum(not row for row in members)
        if without:
            notes.append(f"{without:,} of {len(members):,} {what} have no label")
    used = [row for row, of in zip(of_image, splits, strict=True) if of and row]
    everywhere = set(used[0]).intersection(*used) if used else set()
    if everywhere:
        notes.append(
            f"every image with labels has {listed(sorted(everywhere))}, so every ranking is perfect"
        )
    return notes + doubts(used)


def _only_queries_have_labels(of_image: Labels, layout: Layout) -> bool:
    splits = layout.splits or ["train"] * len(of_image)
    return {split for split, row in zip(splits, of_image, strict=True) if row} <= {"query", None}


def _check_labels(root: Path, of_image: Labels, layout: Layout) -> None:
    if layout.splits is None:
        return
    of_query: set[str] = set()
    of_database: set[str] = set()
    for split, row in zip(layout.splits, of_image, strict=True):
        if split is not None:
            (of_query if split == "query" else of_database).update(row)
    if unknown := sorted(of_query - of_database):
        known = {loosely(label): label for label in sorted(of_database)}
        similar = [known[loosely(label)] for label in unknown if loosely(label) in known]
        helps = (
            f"{listed(similar)} there {'is' if len(similar) == 1 else 'are'} of similar spelling, "
            f"so use one spelling"
            if similar
            else "move these images"
        )
        raise ValueError(
            f"{root}: labels do not match, {listed(unknown)} "
            f"{'appears' if len(unknown) == 1 else 'appear'} in the folder of queries (test/) but "
            f"not in that of the database (train/); {helps}, or {LABELS_OR_NONE}"
        )


def _splits(layout: Layout, n: int, split: dict[str, Any]) -> dict[str, Any]:
    if layout.splits is None:
        return random_splits(np.arange(n), **split)
    of = np.array([name or "" for name in layout.splits])
    train, database, query = (np.flatnonzero(of == name) for name in ("train", "database", "query"))
    if not len(database):
        return random_splits(train, query, **split)
    return random_splits(database, query, train if len(train) else None, **split)


def _is_hidden_image(name: str) -> bool:
    """Return whether it is an image, and not the metadata that macOS keeps in ``._`` files."""
    return Path(name).suffix.lower() in READ_SUFFIXES and not Path(name).name.startswith("._")
