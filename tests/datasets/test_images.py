"""Lazy sequences of images: files are read when asked for, and known by a digest."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from uhscm_core.datasets import ArrayImages, ImageFiles


def test_files_are_read_when_asked_for(tmp_path):
    for i in range(3):
        Image.new("RGB", (4, 4), (i, i, i)).save(tmp_path / f"{i}.png")
    files = ImageFiles(tmp_path, ["0.png", "1.png", "2.png"])
    assert len(files) == 3
    assert [image.getpixel((0, 0))[0] for image in files] == [0, 1, 2]
    assert files[-1].getpixel((0, 0)) == (2, 2, 2)
    tail = files[1:]
    assert (tail.names, tail.path(0)) == (("1.png", "2.png"), tmp_path / "1.png")
    with pytest.raises(IndexError):
        files[3]
    (tmp_path / "1.png").unlink()
    with pytest.raises(OSError, match=r"1\.png: no such file"):
        files[1]


def test_the_digest_knows_names_and_content_and_not_the_place(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "a.png").write_bytes(b"a" * 100_000)
        (folder / "b.png").write_bytes(b"b")
    names = ["a.png", "b.png"]
    digest = ImageFiles(first, names).digest
    assert ImageFiles(second, names).digest == digest
    assert ImageFiles(first, ["a.png"]).digest != digest
    (second / "b.png").rename(second / "c.png")
    assert ImageFiles(second, ["a.png", "c.png"]).digest != digest
    for place in (0, -1):
        data = bytearray(b"a" * 100_000)
        data[place] ^= 1
        (first / "a.png").write_bytes(data)
        assert ImageFiles(first, names).digest != digest
    (first / "a.png").write_bytes(b"a" * 100_001)
    assert ImageFiles(first, names).digest != digest


def test_a_small_files_last_byte_counts(tmp_path):
    # Shorter than one of the two pieces that are hashed, and between one and two of them.
    for size in (10, 40_000):
        digests = set()
        for last in b"xy":
            (tmp_path / "a.png").write_bytes(b"a" * (size - 1) + bytes([last]))
            digests.add(ImageFiles(tmp_path, ["a.png"]).digest)
        assert len(digests) == 2


def test_pixels_in_memory_are_images():
    pixels = np.zeros((3, 4, 5, 3), dtype=np.uint8)
    pixels[1] = 9
    images = ArrayImages(pixels)
    assert (len(images), images.names, images[1].size) == (3, ("0", "1", "2"), (5, 4))
    assert images[1].getpixel((0, 0)) == (9, 9, 9)
    assert images[1:].names == ("1", "2")
    assert images[1:].digest != images.digest
    assert ArrayImages(pixels.copy()).digest == images.digest
    assert ArrayImages(pixels.reshape(3, 5, 4, 3)).digest != images.digest


def test_pixels_of_another_shape_or_type_are_refused(as_users_run_it):
    for wrong in (np.zeros((3, 4, 5)), np.zeros((3, 4, 5, 3)), np.zeros((2, 4, 5, 4), np.uint8)):
        with pytest.raises(ValueError, match=r"pixels must be uint8 .* got " + str(wrong.dtype)):
            ArrayImages(wrong)
