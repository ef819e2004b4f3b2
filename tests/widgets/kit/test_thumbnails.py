"""Thumbnails: their size, what part of an image they show, and how many are kept."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from uhscm_core.datasets import ArrayImages
from widgets.kit.thumbnails import Thumbnails, checked_ids, thumbnail


def opened(data):
    return Image.open(io.BytesIO(data), formats=("JPEG",))


@given(
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    edge=st.integers(1, 200),
    mode=st.sampled_from(["RGB", "RGBA", "L", "P", "1", "I;16", "CMYK", "F"]),
)
def test_whatever_comes_the_thumbnail_is_a_square_of_the_edge(size, edge, mode):
    made = opened(thumbnail(Image.new(mode, size), edge))
    assert (made.size, made.mode) == ((edge, edge), "RGB")


@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_square_is_shown(turned):
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    for third in range(3):
        pixels[:, 100 * third : 100 * (third + 1), third] = 255
    image = Image.fromarray(pixels.transpose(1, 0, 2) if turned else pixels)
    shown = np.asarray(opened(thumbnail(image, 40))).astype(int)
    assert (shown[2:-2, 2:-2, 1] > 230).all()  # the green third alone, but for its borders
    assert (shown[2:-2, 2:-2, [0, 2]] < 40).all()


def test_a_small_photo_is_enlarged_without_smearing():
    stripes = np.zeros((32, 32, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    image = Image.fromarray(stripes)
    smeared = np.asarray(image.resize((168, 168), Image.Resampling.BILINEAR)).astype(float)
    made = np.asarray(opened(thumbnail(image, 168))).astype(float)
    assert np.abs(made - 127.5).mean() > 1.15 * np.abs(smeared - 127.5).mean()


def test_what_is_transparent_becomes_white():
    assert opened(thumbnail(Image.new("RGBA", (9, 9), (255, 0, 0, 0)), 9)).getpixel((4, 4)) == (
        255,
        255,
        255,
    )


@pytest.mark.parametrize(
    ("size", "edge", "reason"), [((0, 5), 8, "no pixels: 0 x 5"), ((5, 5), 0, "at least 1 pixel")]
)
def test_what_has_no_pixels_is_an_error(size, edge, reason):
    with pytest.raises(ValueError, match=reason):
        thumbnail(Image.new("RGB", size), edge)


class Counted:
    """Images that count how often each is read; the fourth cannot be."""

    def __init__(self, n=10):
        self.n, self.reads = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.reads.append(i)
        if i == 3:
            raise OSError("b.jpg: image file is truncated")
        return Image.new("RGB", (4, 4), (25 * i, 0, 0))


def test_thumbnails_are_kept_up_to_a_number_the_latest_ones():
    images = Counted()
    thumbnails = Thumbnails(images, 8, cached=2)
    assert len(thumbnails) == 10
    for i in (0, 1, 0, np.int64(1), 2, 2, 0):
        thumbnails[i]
    assert images.reads == [0, 1, 2, 0]


def test_an_image_that_cannot_be_read_gives_its_reason_and_spoils_no_other():
    images = Counted()
    thumbnails = Thumbnails(images, 8)
    (first, nothing), (broken, reason), (last, _) = thumbnails.read([2, 3, 4])
    assert (opened(first).size, nothing, opened(last).size) == ((8, 8), "", (8, 8))
    assert (broken, reason) == (b"", "image 3: b.jpg: image file is truncated")
    with pytest.raises(OSError, match="truncated"):
        thumbnails[3]


@pytest.mark.parametrize("ids", [[], [0, 4, 4], range(5), np.array([4], dtype=np.uint8)])
def test_ids_become_a_read_only_array(ids):
    made = checked_ids(ids, 5)
    assert (made.tolist(), made.dtype) == (list(ids), np.int64)
    with pytest.raises(ValueError, match="read-only"):
        made[:] = 0


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([-1, 2], "between 0 and 4, got -1 to 2"),
        ([5], "between 0 and 4, got 5 to 5"),
        (np.array([2**64 - 1], dtype=np.uint64), "got 18446744073709551615"),
        ([0.5], "whole numbers, got float64"),
        ([[1, 2]], r"whole numbers, got int64 \(1, 2\)"),
        ([True], "whole numbers, got bool"),
        (["1"], "whole numbers"),
    ],
)
def test_ids_that_no_image_has_are_an_error(ids, reason):
    with pytest.raises(ValueError, match=reason):
        checked_ids(ids, 5)


def test_images_of_a_data_set_are_read_by_position():
    pixels = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    pixels[1] = 255
    assert opened(Thumbnails(ArrayImages(pixels), 4)[1]).getpixel((0, 0)) == (255, 255, 255)
