"""Content keys: what an image is known by, wherever it lies and whatever it is called.

The key of a file is the SHA-256 of all its bytes. A time or a size would be cheaper and would miss
the picture that was painted over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from uhscm_core.datasets.formats import open_regular

__all__ = ["content_key", "file_key", "images_digest", "keys_of", "read_regular"]

_PART_BYTES = 1 << 18


def content_key(content: bytes) -> str:
    """Return the key of these bytes: 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def file_key(path: Path | str) -> str:
    """Return the key of a whole file.

    Raises:
        OSError: it cannot be read.
    """
    total = hashlib.sha256()
    # On small files this takes a quarter of the time of Path.open and hashlib.file_digest.
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        while part := file.read(_PART_BYTES):
            total.update(part)
    return total.hexdigest()


def read_regular(path: Path) -> bytes:
    """Read a whole file; what is no regular file, such as a pipe, is an `OSError`."""
    with open_regular(path) as file:
        return file.read()


def images_digest(names: Iterable[str], keys: Iterable[str]) -> str:
    """Return the digest of a dataset: of its images' names and keys, in order."""
    total = hashlib.sha256()
    for name, key in zip(names, keys, strict=True):
        total.update(f"{name}\0{key}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()[:20]


def keys_of(images: Sequence[Image.Image], digest: str) -> Sequence[str]:
    """Return one key per image: a sequence's own ``keys``, or else by `digest` and position."""
    keys: Sequence[str] | None = getattr(images, "keys", None)
    if keys is None:
        return [content_key(f"{digest} {i}".encode()) for i in range(len(images))]
    return keys
