"""An image is opened as Pillow does, without what Pillow would print on the user's screen."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from uhscm_core.datasets.formats import FORMATS
from uhscm_core.datasets.opening import open_image

PICTURE = Image.fromarray(np.arange(24 * 16 * 3, dtype=np.uint8).reshape(16, 24, 3))


def saved(name: str, **how: object) -> bytes:
    """The picture in a format."""
    file = io.BytesIO()
    PICTURE.save(file, name, **how)
    return file.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_opened_as_pillow_opens_it(name):
    content = saved(name)
    with open_image(io.BytesIO(content), FORMATS) as image, Image.open(io.BytesIO(content)) as same:
        assert (image.format, image.size, image.mode) == (same.format, same.size, same.mode)
        assert image.tobytes() == same.tobytes()


def test_other_formats_than_those_asked_for_are_unknown():
    with pytest.raises(UnidentifiedImageError, match="not an image of a known format"):
        open_image(io.BytesIO(saved("PNG")), ["JPEG", "GIF"])
    for content in (b"", b"P", b"no image at all, but a text"):
        with pytest.raises(UnidentifiedImageError):
            open_image(io.BytesIO(content), FORMATS)


def test_a_jpeg_whose_further_pictures_are_damaged_is_a_jpeg_without_a_word():
    content = saved("MPO", save_all=True, append_images=[PICTURE])
    place = content.index(b"MPF\0")
    damaged = content[: place + 4] + b"??" + content[place + 6 :]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with Image.open(io.BytesIO(damaged)) as image:
            assert image.format == "JPEG"
        assert len(warned) == 1  # of Pillow, so the file is one that this test is about
        with open_image(io.BytesIO(damaged), FORMATS) as image:
            assert image.size == PICTURE.size
            image.load()
    assert len(warned) == 1
