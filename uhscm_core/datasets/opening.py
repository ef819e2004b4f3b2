"""The opening of an image: its format and size, before any of its pixels.

``PIL.Image.open`` does the same, and warns of a picture above its limit of pixels. Python's filters
of warnings belong to the whole process, so nothing but opening it ourselves keeps that warning from
what a user sees of a folder whose large pictures are left out and listed.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence

from PIL import Image, JpegImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile

__all__ = ["PixelLimitError", "open_image"]

# With it, Pillow looks for further pictures in a JPEG, and warns where these are damaged.
_OPENED_AS: dict[str, Callable[..., ImageFile]] = {"JPEG": JpegImagePlugin.JpegImageFile}


class PixelLimitError(ValueError):
    """An image has more pixels than Pillow's limit, ``Image.MAX_IMAGE_PIXELS`` (89 million).

    The limit can be raised, or None for no limit. A file of more than 16 bytes per pixel of the
    limit is refused too.
    """


def open_image(file: io.BufferedReader | io.BytesIO, formats: Sequence[str]) -> ImageFile:
    """Open an image of one of Pillow's formats.

    Raises:
        PixelLimitError: more pixels than Pillow's limit.
        UnidentifiedImageError: none of these formats. Damaged files raise errors of any class.
    """
    file.seek(0)
    start = file.read(16)
    for name in formats:
        if name not in Image.OPEN:
            Image.init()
        # What accepts a file returns a text, not True, where Pillow was built without its decoder.
        reader, accepts = Image.OPEN.get(name, (None, None))
        try:
            if reader is None or (accepts is not None and accepts(start) is not True):
                continue
            file.seek(0)
            image = _OPENED_AS.get(name, reader)(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # by which it says "not mine"
            continue
        _check_size(image)
        return image
    raise UnidentifiedImageError("not an image of a known format")


def _check_size(image: Image.Image) -> None:
    limit, pixels = Image.MAX_IMAGE_PIXELS, image.width * image.height
    if limit is not None and pixels > limit:
        raise PixelLimitError(
            f"{image.width:,} x {image.height:,} = {pixels:,} pixels, the limit is {limit:,}"
        )
