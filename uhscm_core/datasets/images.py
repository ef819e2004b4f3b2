"""Lazy sequences of RGB images."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import SupportsIndex, TypeVar, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from uhscm_core.datasets.reading import problem_of, read_image, reason_of
from uhscm_core.support.progress import progress_bar

__all__ = ["ArrayImages", "ImageFiles"]

_EDGE_BYTES = 32_768

T = TypeVar("T")


class ImageFiles(Sequence[Image.Image]):
    """Image files, read on access; each item is an RGB image.

    Args:
        root: folder that the names are relative to.
        names: the files' paths below `root`, with forward slashes.
    """

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        self.root = Path(root)
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> ImageFiles: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | ImageFiles:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        return read_image(self.path(index))

    def take(self, ids: Iterable[int]) -> ImageFiles:
        """Return only the images with these indices."""
        return ImageFiles(self.root, (self.names[i] for i in ids))

    def path(self, index: SupportsIndex) -> Path:
        """Return the path of one image."""
        return self.root / self.names[index]

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the files' names, sizes, and first and last 32 kB, but not of the folder."""
        total = hashlib.sha256()
        for name, edges in zip(
            self.names, in_threads(_edges, map(self.path, range(len(self)))), strict=True
        ):
            total.update(name.encode("utf-8", "surrogateescape") + b"\0" + edges)
        return total.hexdigest()[:20]

    def problems(self, progress: bool) -> dict[str, str]:
        """Decode every file and return the reason for each that cannot be: name -> reason."""
        checked = in_threads(problem_of, map(self.path, range(len(self))))
        bar = progress_bar("checking images", len(self), progress, checked)
        return {
            name: reason for name, reason in zip(self.names, bar, strict=True) if reason is not None
        }


class ArrayImages(Sequence[Image.Image]):
    """Images held in memory as one (n, height, width, 3) uint8 array."""

    def __init__(self, pixels: npt.NDArray[np.uint8], names: Iterable[str] | None = None) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
            raise ValueError(
                f"pixels must be uint8 with shape (n, height, width, 3), "
                f"got {pixels.dtype} {pixels.shape}"
            )
        self.pixels = pixels
        numbered = (str(i) for i in range(len(pixels)))
        self.names = tuple(numbered if names is None else names)

    def __len__(self) -> int:
        return len(self.pixels)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> ArrayImages: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | ArrayImages:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        return Image.fromarray(self.pixels[index])

    def take(self, ids: Iterable[int]) -> ArrayImages:
        """Return only the images with these indices."""
        ids = list(ids)
        return ArrayImages(self.pixels[ids], (self.names[i] for i in ids))

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the pixels."""
        shape = str(self.pixels.shape).encode()
        return hashlib.sha256(shape + np.ascontiguousarray(self.pixels).tobytes()).hexdigest()[:20]


def in_threads(function: Callable[[Path], T], paths: Iterable[Path]) -> Iterator[T]:
    """Map over paths in threads, in order; file reading and Pillow release the interpreter lock."""
    paths = iter(paths)
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
        while chunk := list(itertools.islice(paths, 512)):
            yield from pool.map(function, chunk)


def _edges(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(_EDGE_BYTES)
            file.seek(max(size - _EDGE_BYTES, len(head)))
            return size.to_bytes(8, "little") + hashlib.sha256(head + file.read()).digest()
    except OSError as error:
        return reason_of(error).encode()
