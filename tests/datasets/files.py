"""Small files for the tests of loaders."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from PIL import Image

from uhscm_core import ImageDataset


def photo(path: Path, grey: int | None = None) -> Path:
    """Write a picture in one color; by default, in one that no other path has."""
    number = zlib.crc32(os.fsencode(path))
    color = (number & 255, number >> 8 & 255, number >> 16 & 255) if grey is None else (grey,) * 3
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), color).save(path, "PNG")
    return path


def text(path: Path, *lines: object, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode("utf-8", "surrogateescape"))
    return path


def named(dataset: ImageDataset, split: str) -> list[str]:
    return [dataset.names[i] for i in dataset.splits[split]]


def labels_by_name(dataset: ImageDataset) -> dict[str, tuple[str, ...]]:
    return {name: dataset.labels_of(i) for i, name in enumerate(dataset.names)}
