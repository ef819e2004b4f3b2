"""Copies among the images of a dataset that make its results better or worse than they are.

Equal images have equal content keys (`uhscm_core.datasets.content`). Copies in other sizes have
not: they are looked for only where files have the same names under several labels, as in
``small/1.jpg`` and ``large/1.jpg``. So have files that are numbered per class (``cat/1.jpg``,
``dog/1.jpg``): a few pictures decide, which have to agree all.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from uhscm_core.datasets.finding import normalized
from uhscm_core.datasets.labels import Labels
from uhscm_core.support.notices import listed, printable
from uhscm_core.support.ways import LABELS

__all__ = ["equal_images", "labels_of_copies"]

# What is added to the name of a copy: 1_thumb.jpg, 1-150x150.jpg, 1_s.jpg, 1@2x.jpg
_SIZE = re.compile(r"[-_.@ ](?:thumb(?:nail)?|small|medium|large|\d+x\d*|\d+(?:px|w)|[a-z])$")
_COMPARED = 6  # pairs of pictures
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in the gray that a picture becomes
_SIDE = 16  # pixels of what is compared of them
_LEAST = 0.98  # correlation; copies that were made smaller and saved as JPEG have 0.99 and more


def equal_images(
    names: Sequence[str],
    keys: Sequence[Hashable],
    splits: Mapping[str, npt.NDArray[np.int64]],
    labels: Tensor | None,
) -> list[str]:
    """Say which images are both queries and not, and which have other labels as a copy.

    Args:
        names, keys: of N images.
        splits: of `ImageDataset`.
        labels: (N, C), or None.
    """
    notes = []
    queries, database, train = (splits[name].tolist() for name in ("query", "database", "train"))
    known = {keys[i]: i for i in [*train, *database]}
    leaks = [(i, known[keys[i]]) for i in queries if keys[i] in known]
    if leaks:
        notes.append(
            f"{len(leaks):,} of {len(queries):,} queries are exact copies of images that are "
            f"searched or trained on ({_pair(names, *leaks[0])}), so that results are better than "
            f"on new images; keep one of each"
        )
    if labels is not None:
        first: dict[Hashable, int] = {}
        pairs = [(first.setdefault(key, i), i) for i, key in enumerate(keys)]
        differ = [(i, j) for i, j in pairs if i != j and not torch.equal(labels[i], labels[j])]
        if differ:
            notes.append(
                f"{len(differ):,} of {len(keys):,} images are exact copies of images with other "
                f"labels ({_pair(names, *differ[0])}); keep one of each, with all of its labels"
            )
    return notes


def labels_of_copies(
    images: Sequence[Image.Image], names: Sequence[str], labels: Labels
) -> list[str]:
    """Say that labels are sizes or other versions of the same pictures: small/1.jpg, large/1.jpg.

    Args:
        images: N images, of which at most a dozen are read.
        names: their N paths.
        labels: of each image, as in `uhscm_core.datasets.labels`.
    """
    places: dict[str, dict[str, int]] = {}
    for i, (name, row) in enumerate(zip(names, labels, strict=True)):
        if len(row) == 1:
            places.setdefault(_apart_from(name, *row), {}).setdefault(*row, i)
    several = [of for of in places.values() if len(of) > 1]
    if len(several) < 2 or 2 * sum(map(len, several)) < sum(map(bool, labels)):
        return []
    spread = np.unique(np.linspace(0, len(several) - 1, _COMPARED).round().astype(int))
    if not all(_are_versions(images, *list(several[i].values())[:2]) for i in spread):
        return []
    found = sorted({label for of in several for label in of})
    return [
        f"the labels {listed(found)} hold the same pictures in other sizes or colors, under the "
        f"same file names; {LABELS}"
    ]


def _pair(names: Sequence[str], first: int, second: int) -> str:
    return f"'{printable(names[first])}' and '{printable(names[second])}'"


def _apart_from(name: str, label: str) -> str:
    """Return a path without the folder of its label, the suffix, and what says a size."""
    *folders, file = normalized(name).casefold().split("/")
    stem = _SIZE.sub("", file.rpartition(".")[0] or file)
    return "/".join([*(folder for folder in folders if folder != label.casefold()), stem])


def _are_versions(images: Sequence[Image.Image], first: int, second: int) -> bool:
    """Whether two images show the same picture, in two sizes or one in color and one in gray."""
    try:
        pair = [images[first], images[second]]
    except OSError:  # gone meanwhile; the encoding will say so
        return False
    small = [
        np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX), float) for image in pair
    ]
    grey = [np.ptp(pixels, axis=2).max() < 8 for pixels in small]
    if pair[0].size == pair[1].size and grey[0] == grey[1]:
        return False
    a, b = (luma - luma.mean() for luma in (pixels @ _LUMA for pixels in small))
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    flat = bool(min(lengths) <= _SIDE)
    return not flat and bool((a * b).sum() > _LEAST * lengths[0] * lengths[1])
