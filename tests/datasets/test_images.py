"""Lazy sequences of images: files are read when asked for, and known by a digest."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uhscm_core.datasets import ArrayImages, ImageFiles
from uhscm_core.datasets.content import keys_of


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


def noise(width: int = 32, height: int = 24) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def painted_over(path: Path) -> None:
    """Change the middle of a file; its size, its ends and its times stay."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("suffix", ["bmp", "ppm"])
def test_a_picture_painted_over_in_its_middle_has_another_key(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    noise(240, 240).save(path)
    before = ImageFiles(tmp_path, [path.name])
    key, digest = before.keys[0], before.digest
    painted_over(path)
    after = ImageFiles(tmp_path, [path.name])
    assert after.old_digest == before.old_digest  # which is why the rule is new
    assert after.keys[0] != key
    assert after.digest != digest
    with pytest.raises(
        OSError, match=rf"a\.{suffix}: changed since the folder was loaded: load it"
    ):
        before.unchanged(0)
    assert after.unchanged(0).size == (240, 240)


def test_keys_stay_with_the_images_and_name_a_file_that_cannot_be_read(tmp_path):
    for number in range(3):
        noise(4 + number, 4).save(tmp_path / f"{number}.png")
    names = ["0.png", "1.png", "2.png"]
    files = ImageFiles(tmp_path, names)
    assert files.take([2, 0]).keys == files.keys[::-2]
    (tmp_path / "1.png").unlink()
    assert files.take([1]).keys == files.keys[1:2]  # known already
    with pytest.raises(OSError, match=r"1\.png: no such file"):
        ImageFiles(tmp_path, names).keys  # noqa: B018


def test_pixels_that_change_after_they_were_hashed_are_an_error():
    images = ArrayImages(np.zeros((3, 4, 5, 3), dtype=np.uint8))
    assert len(set(images.keys)) == 1  # equal pixels
    images.pixels[1] = 9
    assert images.unchanged(0).size == (5, 4)
    with pytest.raises(ValueError, match=r"pixels\[1\] changed since the dataset was made"):
        images.unchanged(1)


def test_images_without_keys_are_known_by_digest_and_position():
    plain = [noise(), noise()]
    assert len({*keys_of(plain, "one"), *keys_of(plain, "two")}) == 4
    assert keys_of(plain, "one") == keys_of(plain, "one")
