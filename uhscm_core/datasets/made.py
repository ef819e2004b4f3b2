"""Images that a function makes: each one when it is asked for, then kept in a file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import SupportsIndex, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from uhscm_core.support import store

__all__ = ["MadeImages"]

_CHECK = 4  # bytes


class MadeImages(Sequence[Image.Image]):
    """Square RGB images made from whole numbers, such as the seeds of painted scenes.

    The file has one record an image, at a fixed place: its pixels and their CRC-32. A record that
    is missing, torn or half-written is made again, so processes that share the file need no lock:
    two of them that make the same image write the same bytes. What a full disk does not take is
    made each time.

    Args:
        make: number -> (side, side, 3) uint8; a function that pickle finds by name.
        numbers: what each image is made from.
        side: of the images, in pixels.
        names: of the images.
        path: the file; one for each `make` and `numbers`.
        digest: content digest of the images.
        records: where in the file each image lies; None for one after the other.
    """

    def __init__(
        self,
        make: Callable[[int], npt.NDArray[np.uint8]],
        numbers: Sequence[int],
        side: int,
        names: Iterable[str],
        path: Path,
        digest: str,
        records: Sequence[int] | None = None,
    ) -> None:
        self.make = make
        self.numbers = tuple(numbers)
        self.side = side
        self.names = tuple(names)
        self.path = path
        self.digest = digest
        self.records = range(len(self.numbers)) if records is None else tuple(records)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> MadeImages: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | MadeImages:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        number, record = self.numbers[index], self.records[index]
        pixels = self._kept(record)
        if pixels is None:
            pixels = self.make(number).tobytes()
            self._keep(record, pixels)
        return Image.frombytes("RGB", (self.side, self.side), pixels)

    def take(self, ids: Iterable[int]) -> MadeImages:
        """The images of these indices alone, from the same file."""
        ids = list(ids)
        return MadeImages(
            self.make,
            [self.numbers[i] for i in ids],
            self.side,
            (self.names[i] for i in ids),
            self.path,
            store.digest_of(self.digest, ids),
            [self.records[i] for i in ids],
        )

    @property
    def _size(self) -> int:
        return self.side * self.side * 3

    def _kept(self, record: int) -> bytes | None:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(record * (self._size + _CHECK))
                read = file.read(self._size + _CHECK) or b""
        except OSError:
            return None
        pixels, check = read[: self._size], read[self._size :]
        return pixels if check == zlib.crc32(pixels).to_bytes(_CHECK, "little") else None

    def _keep(self, record: int, pixels: bytes) -> None:
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(self.path, flags, 0o666), "r+b", buffering=0) as file:
                file.seek(record * (len(pixels) + _CHECK))
                file.write(pixels + zlib.crc32(pixels).to_bytes(_CHECK, "little"))
