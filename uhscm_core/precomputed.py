"""A study of features that were computed elsewhere: its dataset and its encoder.

The images are known by their features alone, and the concepts by their text vectors. Everything
works that needs no pixels and no text encoder: mining, training, codes, search, evaluation. What
needs them is refused with the way around it.

Symbols: N images, M candidate concepts, D embedding width, C labels.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from uhscm_core.concepts import ConceptSet
from uhscm_core.datasets.dataset import SPLITS, ImageDataset, random_splits
from uhscm_core.datasets.given import GivenImages
from uhscm_core.support import store
from uhscm_core.support.checks import is_ordered, plain_array, real_number, seed_number, shown
from uhscm_core.support.notices import listed as in_words
from uhscm_core.support.paths import as_path

__all__ = [
    "PrecomputedEncoder",
    "precomputed_dataset",
    "row_keys",
    "unit_rows",
    "unit_vector",
    "with_text_notes",
]

_TOLERANCE = 1e-3  # how far a row may be from unit length before it is normalized


class PrecomputedEncoder:
    """An `Encoder` that knows the vectors it was given, and no others.

    Args:
        image_features: (N, D) rows of unit length.
        concepts: the M names that the text features are of.
        text_features: (M, D) rows of unit length.
        logit_scale: the factor that the model which made the features puts before its cosines.
    """

    name = "precomputed features"

    def __init__(
        self,
        image_features: Float32[Tensor, "n d"],
        concepts: ConceptSet,
        text_features: Float32[Tensor, "m d"],
        logit_scale: float,
    ) -> None:
        if len(text_features) != len(concepts):
            raise ValueError(
                f"text_features must have one row per concept: {len(concepts)} concepts, got "
                f"{len(text_features)} rows"
            )
        if text_features.shape[1] != image_features.shape[1]:
            raise ValueError(
                f"image_features and text_features must have the same width, got "
                f"{tuple(image_features.shape)} and {tuple(text_features.shape)}"
            )
        self.image_features, self.text_features = image_features, text_features
        self.concepts = concepts
        self.logit_scale = real_number("logit_scale", logit_scale, above=0)
        self.embed_dim = int(image_features.shape[1])
        self._images_digest = _content(image_features)
        self.digest = store.digest_of(
            "precomputed", self.logit_scale, concepts.names, _content(image_features, text_features)
        )

    def with_concepts(
        self, concepts: ConceptSet, text_features: Float32[Tensor, "m d"]
    ) -> PrecomputedEncoder:
        """Return an encoder of the same images that knows other concepts."""
        return PrecomputedEncoder(self.image_features, concepts, text_features, self.logit_scale)

    def features_of(self, dataset: ImageDataset) -> Float32[Tensor, "n d"]:
        """Return the features of all images of the dataset that they were given for.

        Raises:
            ValueError: another dataset.
        """
        if dataset.digest != self._images_digest:
            raise ValueError(
                "dataset has other images than the features are of; use Study.from_features for "
                "the features of these images"
            )
        return self.image_features

    def encode_images(
        self,
        images: Sequence[Image.Image],  # noqa: ARG002  # the Encoder's signature
    ) -> Float32[Tensor, "n d"]:
        """Raise a ValueError: there is no image encoder."""
        raise ValueError(
            "this study was made from features and cannot encode an image; encode it with the "
            "model that made the features and use search(image_features=...)"
        )

    def encode_texts(self, texts: ConceptSet | Sequence[str]) -> Float32[Tensor, "m d"]:
        """Return the vectors of concepts that are known.

        Raises:
            ValueError: a concept or a template whose vectors were not given, or a free text.
        """
        if not isinstance(texts, ConceptSet):
            raise ValueError(
                "this study was made from features and cannot encode a text; encode it with the "
                "model that made the features and use search(text_features=...)"
            )
        rows = {name: row for row, name in enumerate(self.concepts.names)}
        unknown = [name for name in texts.names if name not in rows]
        if unknown or texts.templates != self.concepts.templates:
            what = (
                f"the concepts {', '.join(map(repr, unknown[:5]))}"
                if unknown
                else f"the template {' + '.join(map(repr, texts.templates))}"
            )
            raise ValueError(
                f"this study was made from features and has no vectors for {what}; use "
                f"with_(concepts=..., text_features=...)"
            )
        return self.text_features[[rows[name] for name in texts.names]]


def precomputed_dataset(
    image_features: Float32[Tensor, "n d"],
    labels: Any = None,
    label_names: Iterable[str] | None = None,
    splits: Mapping[str, npt.ArrayLike] | None = None,
    seed: int = 0,
    images: Iterable[Image.Image | str | PathLike[str]] | None = None,
    names: Iterable[str] | None = None,
    notes: Sequence[str] = (),
) -> ImageDataset:
    """Make the dataset of a study from features; for the arguments see `Study.from_features`."""
    n = len(image_features)
    items: list[Image.Image | Path | None] = [None] * n
    if images is not None:
        _check_listed("images", images, "images or paths")
        items = [_as_item(number, image) for number, image in enumerate(images)]
    if names is None:
        names = [
            item.name if isinstance(item, Path) else f"image {number}"
            for number, item in enumerate(items)
        ]
    named = _as_names("names", names)
    for what, values in (("images", items), ("names", named)):
        if len(values) != n:
            raise ValueError(
                f"{what} must have one entry per row of image_features, {n}, got {len(values)}"
            )
    seed = seed_number("seed", seed)
    multi_hot, labelled = _multi_hot(labels, label_names, n)
    return ImageDataset(
        images=GivenImages(items, named),
        labels=multi_hot,
        label_names=labelled,
        splits=random_splits(np.arange(n), seed=seed) if splits is None else _as_splits(splits, n),
        digest=_content(image_features),
        names=named,
        notes=tuple(notes),
    )


def with_text_notes(dataset: ImageDataset, notes: Sequence[str]) -> ImageDataset:
    """Return the dataset with what was said about other text features replaced by `notes`."""
    kept = (note for note in dataset.notes if not note.startswith("text_features: "))
    return dataclasses.replace(dataset, notes=(*kept, *notes))


def row_keys(rows: Float32[Tensor, "n d"]) -> list[int]:
    """Return one key per row, the same for equal rows."""
    return [hash(row.tobytes()) for row in rows.numpy()]


def unit_rows(
    name: str, rows: Any, width: int | None = None
) -> tuple[Float32[Tensor, "n d"], tuple[str, ...]]:
    """Check feature rows and normalize those that are not of unit length.

    Args:
        name: the argument's name, for messages.
        rows: (n, D) numbers, numpy or torch.
        width: the D expected; None for any.

    Returns:
        A float32 copy with rows of unit length on the CPU, and what there is to say about it: a
        sentence where rows had to be normalized, for the caller to warn with.

    Raises:
        ValueError: another shape, no numbers, or rows that are zero or not finite, which are named.
    """
    array = plain_array(name, rows)
    wanted = f"(n, {'d' if width is None else width})"
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.shape[1] or not len(array):
        raise ValueError(
            f"{name} must be numbers with shape {wanted}, at least one row, got "
            f"{array.dtype} {array.shape}"
        )
    if width is not None and array.shape[1] != width:
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    values = array.astype(np.float64, order="C")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(values, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths))
    if len(bad):
        raise ValueError(
            f"{name}: rows must be finite; NaN, infinity or numbers too large to square in "
            f"{_listed(bad, n=len(values))}"
        )
    zero = np.flatnonzero(lengths == 0)
    if len(zero):
        raise ValueError(
            f"{name}: rows must have a direction; all zeros in {_listed(zero, n=len(values))}"
        )
    off = np.abs(lengths - 1) > _TOLERANCE
    notes: tuple[str, ...] = ()
    if off.any():
        values[off] /= lengths[off, None]
        notes = (
            f"{name}: {off.sum():,} of {len(values):,} rows did not have unit length (lengths "
            f"{lengths[off].min():.3g} to {lengths[off].max():.3g}) and were normalized",
        )
    return torch.from_numpy(values.astype(np.float32)), notes


def unit_vector(
    name: str, vector: Any, width: int
) -> tuple[Float32[Tensor, " d"], tuple[str, ...]]:
    """Check one feature vector as `unit_rows` checks rows: (D,) numbers -> (D,) float32."""
    array = plain_array(name, vector)
    if array.shape != (width,):
        raise ValueError(f"{name} must be a vector of shape ({width},), got {array.shape}")
    rows, notes = unit_rows(name, array[None], width)
    return rows[0], notes


def _as_names(name: str, values: Iterable[object]) -> tuple[str, ...]:
    _check_listed(name, values, "names")
    listed = tuple(values)
    if None in listed:
        raise TypeError(f"{name}[{listed.index(None)}] must be a name, got None")
    return tuple(map(str, listed))


def _check_listed(name: str, values: object, what: str) -> None:
    if not is_ordered(values):
        raise TypeError(f"{name} must be a sequence of {what}, got {shown(values)}")


def _as_item(number: int, image: object) -> Image.Image | Path:
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, str | PathLike):
        return as_path(f"images[{number}]", image)
    raise TypeError(f"images[{number}] must be an image or a path, got {type(image).__name__}")


def _multi_hot(
    labels: Any, label_names: Iterable[str] | None, n: int
) -> tuple[Tensor | None, tuple[str, ...]]:
    given = () if label_names is None else _as_names("label_names", label_names)
    if labels is None:
        if given:
            raise ValueError("label_names needs labels, and there are none")
        return None, ()
    array = plain_array("labels", labels)
    if array.ndim not in (1, 2) or len(array) != n or 0 in array.shape:
        raise ValueError(
            f"labels must have shape ({n}, C) of 0 and 1 or ({n},) of class numbers, one row per "
            f"row of image_features, got "
            f"{array.shape}"
        )
    if array.ndim == 1:
        if array.dtype.kind not in "iu" or array.min() < 0:
            raise ValueError(
                f"labels of shape ({n},) must be class numbers from 0 on, got {array.dtype} "
                f"such as {array[array < 0][0] if array.dtype.kind == 'i' else array[0]}"
            )
        multi_hot = np.zeros((n, max(int(array.max()) + 1, len(given))), np.uint8)
        multi_hot[np.arange(n), array] = 1
    elif array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise ValueError(f"labels of shape {array.shape} must be 0 and 1 only")
    else:
        multi_hot = array.astype(np.uint8, order="C")
    classes = multi_hot.shape[1]
    names = given if label_names is not None else tuple(f"label {c}" for c in range(classes))
    if len(names) != classes:
        raise ValueError(f"label_names must have one name per label, {classes}, got {len(names)}")
    if wrong := [name for name, n in Counter(given).items() if n > 1 or not name.strip()]:
        raise ValueError(f"label_names must differ and not be blank, got {in_words(wrong)}")
    return torch.from_numpy(multi_hot), names


def _as_splits(splits: Mapping[str, npt.ArrayLike], n: int) -> dict[str, npt.NDArray[np.int64]]:
    if not isinstance(splits, Mapping):
        raise TypeError(f"splits must be a dict of {', '.join(SPLITS)}, got {shown(splits)}")
    if set(splits) != set(SPLITS):
        got = ", ".join(map(str, splits)) or shown(splits)
        raise ValueError(f"splits must have the keys {', '.join(SPLITS)}, got {got}")
    rows_of = {name: _as_ids(name, rows, n) for name, rows in splits.items()}
    if not len(rows_of["train"]):
        raise ValueError("splits['train'] must name at least one row: concepts are mined from it")
    return rows_of


def _as_ids(name: str, rows: npt.ArrayLike, n: int) -> npt.NDArray[np.int64]:
    array = plain_array(f"splits[{name!r}]", rows)
    if array.dtype == bool:
        if array.shape != (n,):
            raise ValueError(f"splits[{name!r}]: a mask must have shape ({n},), got {array.shape}")
        return np.flatnonzero(array).astype(np.int64)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"splits[{name!r}] must be a mask or a list of row numbers, got {array.dtype} "
            f"{array.shape}"
        )
    if array.size and not (array.min() >= 0 and array.max() < n):
        raise ValueError(
            f"splits[{name!r}] must hold rows from 0 to {n - 1}, got {array.min()} to {array.max()}"
        )
    if len(np.unique(array)) != len(array):
        raise ValueError(f"splits[{name!r}] must name each row once; a mask must be of type bool")
    return array.astype(np.int64)


def _content(*arrays: Tensor) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{tuple(array.shape)}".encode() + array.numpy().tobytes())
    return total.hexdigest()[:20]


def _listed(rows: npt.NDArray[np.int64], n: int) -> str:
    shown = ", ".join(map(str, rows[:5].tolist())) + (", ..." if len(rows) > 5 else "")
    return f"{len(rows):,} of {n:,} rows: {shown}"
