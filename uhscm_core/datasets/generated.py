"""Images that a function generates on access and a file caches."""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import SupportsIndex, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from uhscm_core.datasets.content import content_key, images_digest
from uhscm_core.support import store

__all__ = ["GeneratedImages"]

_CHECK = 4  # bytes


class GeneratedImages(Sequence[Image.Image]):
    """Square RGB images generated from integers, such as the seeds of painted scenes.

    The file has one record per image, at a fixed place: its pixels and their CRC-32. A missing or
    damaged record is computed again, so processes that share the file need no lock: two of them
    that generate the same image write the same bytes. If the disk is full, images are generated
    at each access.

    Args:
        generate: number -> (side, side, 3) uint8; a function that pickle finds by its name.
        numbers: the number that each image is generated from.
        side: width and height of the images, in pixels.
        names: names of the images.
        path: the file; one per combination of `generate` and `numbers`.
        version: of `generate`: a text that is another one if the same number gives another image.
        old_digest: the digest of the images by the rule of versions before 0.3.
        records: record of each image in the file; None for 0, 1, 2, ...
    """

    def __init__(
        self,
        generate: Callable[[int], npt.NDArray[np.uint8]],
        numbers: Sequence[int],
        side: int,
        names: Iterable[str],
        path: Path,
        version: str,
        old_digest: str,
        records: Sequence[int] | None = None,
    ) -> None:
        self.generate = generate
        self.numbers = tuple(numbers)
        self.side = side
        self.names = tuple(names)
        self.path = path
        self.version = version
        self.old_digest = old_digest
        self.records = range(len(self.numbers)) if records is None else tuple(records)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> GeneratedImages: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | GeneratedImages:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        number, record = self.numbers[index], self.records[index]
        pixels = self._read(record)
        if pixels is None:
            pixels = self.generate(number).tobytes()
            self._write(record, pixels)
        return Image.frombytes("RGB", (self.side, self.side), pixels)

    def take(self, ids: Iterable[int]) -> GeneratedImages:
        """Return only the images with these indices, from the same file."""
        ids = list(ids)
        return GeneratedImages(
            self.generate,
            [self.numbers[i] for i in ids],
            self.side,
            (self.names[i] for i in ids),
            self.path,
            self.version,
            store.digest_of(self.old_digest, ids),
            [self.records[i] for i in ids],
        )

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The content keys: what an image depends on, so that none has to be generated."""
        return tuple(content_key(f"{self.version} {n}".encode()) for n in self.numbers)

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the names and keys."""
        return images_digest(self.names, self.keys)

    @property
    def _size(self) -> int:
        return self.side * self.side * 3

    def _read(self, record: int) -> bytes | None:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(record * (self._size + _CHECK))
                stored = file.read(self._size + _CHECK) or b""
        except OSError:
            return None
        pixels, check = stored[: self._size], stored[self._size :]
        return pixels if check == zlib.crc32(pixels).to_bytes(_CHECK, "little") else None

    def _write(self, record: int, pixels: bytes) -> None:
        with suppress(OSError):
            store.make_folder(self.path.parent)
            flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0)
            flags |= getattr(os, "O_NOFOLLOW", 0)  # a planted link leads to another file
            with os.fdopen(os.open(self.path, flags, 0o666), "r+b", buffering=0) as file:
                file.seek(record * (len(pixels) + _CHECK))
                file.write(pixels + zlib.crc32(pixels).to_bytes(_CHECK, "little"))
