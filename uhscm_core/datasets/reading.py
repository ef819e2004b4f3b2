"""The reading of one image file: its pixels as RGB, or the reason why there are none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from uhscm_core.datasets.formats import FORMATS, open_regular

__all__ = [
    "READER_VERSION",
    "PixelLimitError",
    "as_rgb",
    "is_lasting",
    "problem_of",
    "read_image",
    "reason_of",
]

# Cached features and verdicts are found by it. It rises whenever a file that was read before gives
# other pixels, or whether a file can be read changes.
READER_VERSION = 2


class PixelLimitError(ValueError):
    """An image has more pixels than Pillow's limit, ``Image.MAX_IMAGE_PIXELS`` (89 million)."""


def read_image(path: Path, content: bytes | None = None) -> Image.Image:
    """Read one image file as RGB, upright, on white where it is transparent.

    Args:
        path: the file.
        content: its bytes, if they have been read; then the file is only named.

    Raises:
        PixelLimitError: more pixels than Pillow's limit; its size is read before its pixels.
        OSError: missing, unreadable, truncated, or not an image of a known format.
    """
    try:
        file = open_regular(path) if content is None else io.BytesIO(content)
        with file, Image.open(file, formats=FORMATS) as image:
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
        reason = reason_of(error)
        if isinstance(error, UnidentifiedImageError):
            size = path.stat().st_size if content is None else len(content)
            reason = reason if size else "the file is empty"
        failed = OSError(f"{path}: {reason}")
        failed.errno = getattr(error, "errno", None)  # the system's, see `is_lasting`
        raise failed from error


def is_lasting(error: Exception) -> bool:
    """Say whether reading the same bytes again would fail again.

    It would for bytes that are no image and for too many pixels. It need not where the system says
    why (`OSError` with an ``errno``: too many open files, a missing permission, a failing disk) or
    where memory is short.
    """
    if isinstance(error, OSError):
        return error.errno is None
    return isinstance(error, PixelLimitError)


def reason_of(error: Exception) -> str:
    """Return an error of reading in a few words, without the file's name."""
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


def problem_of(path: Path, content: bytes | None = None) -> str | None:
    """Return the reason why a file cannot be read as an image, or None; see `read_image`."""
    try:
        read_image(path, content)
    except (OSError, PixelLimitError) as error:
        return str(error).removeprefix(f"{path}: ")
    return None
