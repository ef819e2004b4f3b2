"""Lazy sequences of RGB images, and the reading of one image file."""

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
from PIL import Image, ImageOps, UnidentifiedImageError

from uhscm_core.support.progress import progress_bar

__all__ = ["ArrayImages", "ImageFiles", "PixelLimitError", "as_rgb", "read_image"]

# A fixed list, because some of Pillow's other readers start programs (EPS) or read video. MPO is
# read as the JPEG that it starts with.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_EDGE_BYTES = 32_768

T = TypeVar("T")


class PixelLimitError(ValueError):
    """An image has more pixels than Pillow's limit, ``Image.MAX_IMAGE_PIXELS`` (89 million)."""


def read_image(path: Path) -> Image.Image:
    """Read one image file as RGB, upright, on white where it is transparent.

    Raises:
        PixelLimitError: more pixels than Pillow's limit; its size is read before its pixels.
        OSError: missing, unreadable, truncated, or not an image of a known format.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            limit = Image.MAX_IMAGE_PIXELS or 89_478_485
            if image.width * image.height > limit:
                raise PixelLimitError(
                    f"{path}: {image.width} x {image.height} pixels, the limit is {limit:,}"
                )
            image.load()
            return as_rgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = Image.MAX_IMAGE_PIXELS or 89_478_485
        raise PixelLimitError(f"{path}: more pixels than the limit of {limit:,}") from error
    except (PixelLimitError, MemoryError):
        raise
    except Exception as error:  # on damaged files each of Pillow's readers raises errors of its own
        reason = _reason(error)
        if isinstance(error, UnidentifiedImageError) and not path.stat().st_size:
            reason = "the file is empty"
        raise OSError(f"{path}: {reason}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format"
    return str(error) or type(error).__name__


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB: upright by its EXIF tag, on white if transparent."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        values = np.asarray(image, dtype=np.float64)
        low, high = np.nanmin(values), np.nanmax(values)
        scaled = (values - low) * (255 / max(high - low, 1e-12))
        image = Image.fromarray(np.nan_to_num(scaled).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


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
        checked = in_threads(_problem, map(self.path, range(len(self))))
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
        return _reason(error).encode()


def _problem(path: Path) -> str | None:
    try:
        read_image(path)
    except (OSError, PixelLimitError) as error:
        return str(error).removeprefix(f"{path}: ")
    return None
