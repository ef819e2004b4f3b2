"""CIFAR-10 (Krizhevsky 2009), through torchvision, which downloads it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch

from uhscm_core.datasets.dataset import ImageDataset, random_splits
from uhscm_core.datasets.images import ArrayImages

__all__ = ["load_cifar10"]

_FOLDER = "cifar-10-batches-py"


def load_cifar10(root: Path, *, download: bool = True, **split: Any) -> ImageDataset:
    """Load CIFAR-10: the 50,000 training images as database, the 10,000 test images as queries.

    Args:
        root: folder that contains ``cifar-10-batches-py``, or where to put it; that folder itself
            and one further up are found too.
        download: download it through torchvision if it is missing.
        split: see `random_splits`.

    Raises:
        FileNotFoundError: it is missing and could not be downloaded.
    """
    from torchvision.datasets import CIFAR10  # torchvision takes a second to import

    places = [root.parent if root.name == _FOLDER else root, *sorted(root.glob("*/"))]
    place = next((place for place in places if (place / _FOLDER).is_dir()), places[0])
    absent = [folder for folder in (place, *place.parents) if not folder.exists()]
    try:
        parts = [CIFAR10(str(place), train=train, download=download) for train in (True, False)]
    except (RuntimeError, URLError, OSError) as error:
        for folder in absent:  # torchvision has made them for the download
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise FileNotFoundError(
            f"CIFAR-10 is not in {root} and could not be downloaded ({error}): put the extracted "
            f"folder {_FOLDER} (python version) there"
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
