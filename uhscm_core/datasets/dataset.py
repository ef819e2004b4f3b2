"""A dataset: images, labels for evaluation, and three splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from jaxtyping import UInt8
from torch import Tensor

from uhscm_core.datasets.generated import GeneratedImages
from uhscm_core.datasets.given import GivenImages
from uhscm_core.datasets.images import ArrayImages, ImageFiles
from uhscm_core.support.checks import shown, whole_number
from uhscm_core.support.notices import printable

__all__ = ["ImageDataset", "random_splits"]

Indices = npt.NDArray[np.int64]
SPLITS = ("train", "database", "query")
_SHOWN = 1200  # characters of the notes in a dataset's short table


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """N images with labels and splits.

    Attributes:
        images: N RGB images, read on access.
        labels: (N, C) uint8 multi-hot, or None. For evaluation only: training never sees them.
        label_names: the C names.
        splits: int64 indices into ``images``. ``query`` shares none with ``database`` or ``train``;
            ``train`` may lie outside the database, as in some published splits.
        digest: content digest of the images; None for that of the images themselves.
        names: N names, such as file names, to show next to the images.
        skipped: file name -> reason why it was skipped.
        notes: sentences on how the input was understood, each also a `UHSCMWarning`.
        source: arguments of `load_dataset`, so that a saved study can load it again.
    """

    images: ArrayImages | GivenImages | ImageFiles | GeneratedImages
    labels: UInt8[Tensor, "n c"] | None
    label_names: tuple[str, ...]
    splits: Mapping[str, Indices]
    digest: str
    names: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.images)
        if not n:
            raise ValueError("a dataset needs at least one image, got none")
        if len(self.names) != n:
            raise ValueError(
                f"names must have one entry per image: {n} images, got {len(self.names)} names"
            )
        if cast("str | None", self.digest) is None:
            digest = getattr(self.images, "digest", None)
            if digest is None:
                raise ValueError(
                    "digest must be a text that is another one for other images, got None: "
                    f"{type(self.images).__name__} has no digest of its own"
                )
            object.__setattr__(self, "digest", digest)
        expected = (n, len(self.label_names))
        if not isinstance(self.labels, Tensor | None):
            raise TypeError(
                f"labels must be a tensor of shape {expected} or None, got {shown(self.labels)}"
            )
        if self.labels is not None and tuple(self.labels.shape) != expected:
            raise ValueError(
                f"labels must have shape {expected}, one row per image and one column per label, "
                f"got {tuple(self.labels.shape)}"
            )
        if set(self.splits) != set(SPLITS):
            raise ValueError(f"splits must be {', '.join(SPLITS)}, got {', '.join(self.splits)}")
        for name, ids in self.splits.items():
            if not isinstance(ids, np.ndarray) or (ids.size and ids.dtype.kind not in "iu"):
                raise TypeError(
                    f"split {name!r} must be an array of whole numbers, got {shown(ids)}"
                )
            if len(ids) and not (ids.min() >= 0 and ids.max() < n):
                raise ValueError(f"split {name!r} points outside the {n} images")
            if len(np.unique(ids)) != len(ids):
                raise ValueError(f"split {name!r} must name each image once")
        if not len(self.splits["database"]):
            raise ValueError("the database split is empty: it needs at least one image")
        if np.intersect1d(self.splits["query"], self.splits["database"]).size:
            raise ValueError("an image is in both the query and the database split")
        if np.intersect1d(self.splits["query"], self.splits["train"]).size:
            raise ValueError("an image is in both the query and the train split")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        sizes = [f"{name} {len(self.splits[name]):,}" for name in SPLITS]
        lines = [
            f"ImageDataset: {len(self):,} images, digest {self.digest}",
            f"  labels   {self._label_counts()}",
            f"  splits   {', '.join(sizes)}",
        ]
        if self.skipped:
            first = [f"{name} ({why})" for name, why in list(self.skipped.items())[:2]]
            more = ", ..." if len(self.skipped) > 2 else ""
            shown = ", ".join(_shortened(printable(text), 80) for text in first)
            lines.append(f"  skipped  {len(self.skipped):,}: {shown}{more}")
        room = _SHOWN
        for number, note in enumerate(self.notes):
            text = _shortened(printable(note), _SHOWN)
            if len(text) > room:
                lines.append(f"  note     ... {len(self.notes) - number} more in dataset.notes")
                break
            lines.append(f"  note     {text}")
            room -= len(text)
        return "\n".join(lines)

    def _label_counts(self) -> str:
        if self.labels is None:
            return "none"
        counts = self.labels.sum(0).tolist()
        shown = [
            f"{_shortened(printable(name), 24)} {count:,}"
            for name, count in list(zip(self.label_names, counts, strict=True))[:8]
        ]
        if len(counts) > len(shown):
            shown.append("...")
        without = int((~self.labels.bool().any(1)).sum())
        unlabelled = f"; {without:,} images have none" if without else ""
        return f"{len(counts):,}: {', '.join(shown)}{unlabelled}"

    @property
    def has_pixels(self) -> bool:
        """Whether there are images to look at, not placeholder tiles for features alone."""
        return not isinstance(self.images, GivenImages) or self.images.has_pixels

    def without_unused(self) -> ImageDataset:
        """Return this dataset without the images in no split, so that they are never encoded."""
        used = np.unique(np.concatenate(list(self.splits.values())))
        if len(used) == len(self):
            return self
        images = self.images.take(used.tolist())
        return replace(
            self,
            images=images,
            labels=None if self.labels is None else self.labels[used],
            splits={name: np.searchsorted(used, ids) for name, ids in self.splits.items()},
            digest=images.digest,
            names=images.names,
        )

    def labels_of(self, index: int) -> tuple[str, ...]:
        """Return the names of one image's labels."""
        if self.labels is None:
            return ()
        flags = self.labels[index].tolist()
        return tuple(name for name, flag in zip(self.label_names, flags, strict=True) if flag)


def random_splits(
    pool: Indices,
    query: Indices | None = None,
    train: Indices | None = None,
    *,
    n_train: int | None = None,
    n_database: int | None = None,
    n_query: int | None = None,
    seed: int = 0,
) -> dict[str, Indices]:
    """Split at random, without looking at labels.

    Args:
        pool: images to draw the database from, and the queries too if `query` is None.
        query: images to draw the queries from.
        train: images to draw the training images from; None for the database.
        n_train: number of training images; None for at most 5,000 of the database, or for all of
            `train`.
        n_database: None for all of the pool that are no queries.
        n_query: None for all of `query`, or for at most 1,000 and at most a tenth of the pool.
        seed: seed of the draw.

    Raises:
        TypeError: a number or seed that is no whole number.
        ValueError: more images requested than there are, or none left to train on.
    """
    generator = np.random.default_rng(whole_number("seed", seed, 0))
    pool = generator.permutation(pool)
    if query is None:
        n_query = _size("n_query", n_query, min(1000, len(pool) // 10), 0, len(pool))
        query, pool = pool[:n_query], pool[n_query:]
    else:
        n_query = _size("n_query", n_query, len(query), 0, len(query))
        query = generator.permutation(query)[:n_query]
    if not len(pool) or (train is not None and not len(train)):
        raise ValueError(f"no image is left to train on: {len(pool)} in the database")
    n_database = _size("n_database", n_database, len(pool), 1, len(pool))
    database = pool[:n_database]
    if train is None:
        n_train = _size("n_train", n_train, min(5000, n_database), 1, n_database)
        train = database[:n_train]
    else:
        n_train = _size("n_train", n_train, len(train), 1, len(train))
        train = generator.permutation(train)[:n_train]
    return {
        "train": np.sort(train).astype(np.int64),
        "database": np.sort(database).astype(np.int64),
        "query": np.sort(query).astype(np.int64),
    }


def _size(name: str, requested: int | None, default: int, low: int, available: int) -> int:
    return default if requested is None else whole_number(name, requested, low, available)


def _shortened(text: str, most: int) -> str:
    """Return a text cut in its middle, because names often differ at their ends."""
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"
