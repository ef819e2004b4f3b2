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

from uhscm_core.datasets.content import content_key, file_key, images_digest, read_regular
from uhscm_core.datasets.reading import PixelLimitError, read_image, reason_of

__all__ = ["HASHED_TOGETHER", "ArrayImages", "ImageFiles", "in_threads", "read_unchanged"]

_EDGE_BYTES = 32_768
HASHED_TOGETHER = 32  # files, of which most are small

P = TypeVar("P", Path, str)
T = TypeVar("T")


class ImageFiles(Sequence[Image.Image]):
    """Image files, read on access; each item is an RGB image.

    Args:
        root: folder that the names are relative to.
        names: the files' paths below `root`, with forward slashes.
        keys: content keys of the files, if they are known.
    """

    def __init__(self, root: Path, names: Iterable[str], keys: Iterable[str] | None = None) -> None:
        self.root = Path(root)
        self.names = tuple(names)
        if keys is not None:
            self.keys = tuple(keys)

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
        ids = list(ids)
        keys = [self.keys[i] for i in ids] if "keys" in vars(self) else None
        return ImageFiles(self.root, (self.names[i] for i in ids), keys)

    def path(self, index: SupportsIndex) -> Path:
        """Return the path of one image."""
        return self.root / self.names[index]

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The content keys of the files as they were when first asked for.

        Raises:
            OSError: a file cannot be read; the message names it.
        """
        # As text, because making 25,000 `Path`s takes longer than reading as many small files.
        paths = (f"{self.root}/{name}" for name in self.names)
        return tuple(in_threads(_named(file_key), paths, together=HASHED_TOGETHER))

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the names and keys, but not of the folder."""
        return images_digest(self.names, self.keys)

    @functools.cached_property
    def old_digest(self) -> str:
        """The digest by the rule of versions before 0.3: of names, sizes and both 32 kB ends."""
        total = hashlib.sha256()
        for name, edges in zip(
            self.names, in_threads(_edges, map(self.path, range(len(self)))), strict=True
        ):
            total.update(name.encode("utf-8", "surrogateescape") + b"\0" + edges)
        return total.hexdigest()[:20]

    def unchanged(self, index: SupportsIndex) -> Image.Image:
        """Read one image, if it is still the one of its key.

        Raises:
            OSError: it is not, or it cannot be read.
        """
        return read_unchanged(self.path(index), self.keys[index])


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
    def keys(self) -> tuple[str, ...]:
        """The content keys of the images as they were when first asked for."""
        return tuple(map(_pixels_key, self.pixels))

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the names and keys."""
        return images_digest(self.names, self.keys)

    def unchanged(self, index: SupportsIndex) -> Image.Image:
        """Return one image, if it is still the one of its key.

        Raises:
            ValueError: it is not.
        """
        if _pixels_key(self.pixels[index]) != self.keys[index]:
            raise ValueError(
                f"pixels[{index}] changed since the dataset was made: make another of the new ones"
            )
        return self[index]

    @functools.cached_property
    def old_digest(self) -> str:
        """The digest by the rule of versions before 0.3: of all pixels."""
        shape = str(self.pixels.shape).encode()
        return hashlib.sha256(shape + np.ascontiguousarray(self.pixels).tobytes()).hexdigest()[:20]


def in_threads(function: Callable[[P], T], paths: Iterable[P], *, together: int = 1) -> Iterator[T]:
    """Map over paths in threads, in order; file reading and Pillow release the interpreter lock.

    Args:
        function: of a path.
        paths: taken 512 at a time.
        together: number of paths that a thread takes at a time. To hand over a path takes longer
            than to hash a small file.
    """

    def each(part: list[P]) -> list[T]:
        return [function(path) for path in part]

    paths = iter(paths)
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
        while chunk := list(itertools.islice(paths, 512)):
            parts = [chunk[at : at + together] for at in range(0, len(chunk), together)]
            for values in pool.map(each, parts):
                yield from values


def read_unchanged(path: Path, key: str) -> Image.Image:
    """Read the image of a file from the bytes that its content key is compared with.

    Raises:
        OSError: the file has another content now, or cannot be read as an image. A published list
            keeps its images, so that none of them is left out unasked.
    """
    content = _named(read_regular)(path)
    if content_key(content) != key:
        raise OSError(f"{path}: changed since the folder was loaded: load it again")
    try:
        return read_image(path, content)
    except (OSError, PixelLimitError) as error:
        raise OSError(
            f"{error}; replace this file, or delete it and load the dataset again: images that are "
            f"missing are left out and counted"
        ) from error


def _named(function: Callable[[P], T]) -> Callable[[P], T]:
    """Make the error of a file that cannot be read name it as `read_image` does."""

    def named(path: P) -> T:
        try:
            return function(path)
        except OSError as error:
            raise OSError(f"{path}: {reason_of(error)}") from error

    return named


def _pixels_key(pixels: npt.NDArray[np.uint8]) -> str:
    return content_key(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes())


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
