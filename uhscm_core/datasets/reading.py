"""The reading of one image file: its pixels as RGB, or the reason why there are none.

Large pictures wait for each other: what all threads decode at once is bounded in bytes.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from uhscm_core.datasets.formats import FORMATS, READ, kind_of_bytes, open_regular
from uhscm_core.datasets.metadata import PNG_SIGNATURE, without_metadata
from uhscm_core.datasets.opening import PixelLimitError, open_image
from uhscm_core.datasets.pixels import as_rgb, transparency_of_16_bits

__all__ = [
    "READER_VERSION",
    "PixelLimitError",
    "as_rgb",
    "is_lasting",
    "most_bytes",
    "read_image",
    "reason_of",
]

# Cached features and verdicts are found by it. It rises whenever a file that was read before gives
# other pixels, or whether a file can be read changes.
READER_VERSION = 3

# Pillow's pixels before and after the conversion, and the decoders' own buffers.
_BYTES_PER_PIXEL = 12
_BUDGET = 3 << 29  # bytes, 1.5 GiB: five photos of 24 megapixels at once, and one of 89

# Pillow's blocks of 16 MB stay with the thread that freed them, glibc gives back those above 32 MB:
# eight threads that decoded 89 megapixels one after the other held 3.3 GB.
Image.core.set_block_size(64 << 20)  # type: ignore[attr-defined]  # it has no types

# Of pictures within others: Pillow warns of them, which is an error where warnings are errors.
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def read_image(path: Path, content: bytes | None = None) -> Image.Image:
    """Read one image file as RGB, upright, on white where it is transparent.

    Of several frames or pages, the first is read. `uhscm_core.datasets.pixels` says what becomes of
    samples of more than 8 bits.

    Args:
        path: the file.
        content: its bytes, if they have been read; then the file is only named.

    Raises:
        PixelLimitError: more pixels than Pillow's limit; its size is read before its pixels.
        OSError: missing, not a regular file, unreadable, truncated, or not an image of a known
            format; see `is_lasting`.
        MemoryError: too little memory.
    """
    start = b""
    try:
        with open_regular(path) if content is None else io.BytesIO(content) as file:
            start = file.read(64)
            return _decoded(file)
    except _BOMBS as error:
        raise PixelLimitError(
            f"{path}: more pixels than the limit of {Image.MAX_IMAGE_PIXELS:,}"
        ) from error
    except PixelLimitError as error:
        raise PixelLimitError(f"{path}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # on damaged files each of Pillow's readers raises errors of its own
        reason = reason_of(error)
        if isinstance(error, UnidentifiedImageError):
            reason = _unidentified(start)
        failed = OSError(f"{path}: {reason}")
        failed.errno = getattr(error, "errno", None)  # the system's, see `is_lasting`
        raise failed from error


def most_bytes() -> int | None:
    """Return the size from which a file is refused unread, by Pillow's limit on pixels."""
    limit = Image.MAX_IMAGE_PIXELS
    return None if limit is None else 16 * limit + (64 << 20)


def is_lasting(error: Exception) -> bool:
    """Say whether reading the same bytes again would fail again.

    It would for bytes that are no image and, under the same limit, for too many pixels. It need not
    where the system says why (`OSError` with an ``errno``: too many open files, a missing
    permission, a failing disk) or where memory is short.
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


def _unidentified(start: bytes) -> str:
    if not start:
        return "the file is empty"
    kind = kind_of_bytes(start)
    more = "damaged, or a variant that Pillow does not read" if kind == READ else kind
    return "not an image of a known format" + (f" ({more})" if more else "")


def _decoded(file: io.BufferedReader | io.BytesIO) -> Image.Image:
    """Decode a file, without its metadata where that would stand in the way of its pixels."""
    size, most = file.seek(0, os.SEEK_END), most_bytes()
    if most is not None and size > most:
        raise PixelLimitError(f"{size:,} bytes, the limit is {most:,}")
    file.seek(0)
    rgb = None
    if file.read(len(PNG_SIGNATURE)) != PNG_SIGNATURE:  # a PNG's texts can change its pixels
        try:
            rgb = _in_its_turn(file, {})
        except (*_BOMBS, PixelLimitError, MemoryError):
            raise
        except Exception:  # of any class, see `read_image`; it is told if it comes again
            rgb = None
    if rgb is None:
        file.seek(0)
        content, notes = without_metadata(file.read())
        rgb = _in_its_turn(io.BytesIO(content), notes)
    return rgb


def _in_its_turn(file: io.BufferedReader | io.BytesIO, notes: dict[str, Any]) -> Image.Image:
    """Hold the share of memory until nothing but the result is left of what was decoded."""
    with contextlib.ExitStack() as share:
        return _as_it_is(file, notes, share)


def _as_it_is(
    file: io.BufferedReader | io.BytesIO, notes: dict[str, Any], share: contextlib.ExitStack
) -> Image.Image:
    """Decode a file of whose metadata `notes` were kept aside."""
    with open_image(file, FORMATS) as image:
        share.enter_context(_memory.share(image.width * image.height * _BYTES_PER_PIXEL))
        image.load()
        image.info.update(notes)
        if image.format == "PNG" and isinstance(image.info.get("transparency"), tuple):
            return as_rgb(_with_opacity(image, file))
        return as_rgb(image)


def _with_opacity(image: Image.Image, file: io.BufferedReader | io.BytesIO) -> Image.Image:
    """Return an RGB image of a PNG in which one color is transparent as RGBA."""
    file.seek(24)
    if file.read(1) != b"\x10":
        return image
    with open_image(file, ["PNG"]) as low:
        low.tile = [low.tile[0]._replace(args="RGB;16L")]  # the other byte of the two
        return transparency_of_16_bits(image, low)


class _Memory:
    """A number of bytes that threads share; who needs more than are free waits."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.reset()

    def reset(self) -> None:
        """Forget who holds a share; threads do not survive a fork."""
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def share(self, wanted: int) -> Iterator[None]:
        """Hold this many bytes, or all of them."""
        wanted = min(wanted, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._used + wanted <= self._total)
            self._used += wanted
        try:
            yield
        finally:
            with self._changed:
                self._used -= wanted
                self._changed.notify_all()


_memory = _Memory(_BUDGET)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_memory.reset)
