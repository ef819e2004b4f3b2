"""One file becomes one RGB image, or an error that says why not and whether that will last."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from uhscm_core.datasets import ImageFiles, PixelLimitError, read_image, reading
from uhscm_core.datasets.reading import is_lasting
from uhscm_core.datasets.verdicts import readable

RED, GREEN = (255, 0, 0), (0, 255, 0)


def noise(width: int = 32, height: int = 24) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def pixels_of(path: Path) -> np.ndarray:
    image = read_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tif", "gif", "webp", "jpg", "avif"])
def test_each_format_is_read_as_rgb(tmp_path, suffix):
    path = tmp_path / f"red.{suffix}"
    Image.new("RGB", (16, 8), RED).save(path, quality=95)
    pixels = pixels_of(path)
    assert pixels.shape == (8, 16, 3)
    assert np.abs(pixels.astype(int) - RED).max() <= 4  # the lossy formats'


def test_a_file_of_two_pictures_gives_the_first(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    for name in ("two.gif", "two.tif", "two.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], quality=100)
        assert np.abs(pixels_of(tmp_path / name).astype(int) - RED).max() <= 4
    frames[0].save(tmp_path / "camera.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(pixels_of(tmp_path / "camera.jpg").astype(int) - RED).max() <= 4


def test_one_pixel_is_an_image(tmp_path):
    Image.new("RGB", (1, 1), GREEN).save(tmp_path / "one.png")
    assert pixels_of(tmp_path / "one.png").tolist() == [[list(GREEN)]]


def unreadable_text(path: Path) -> None:
    path.write_text("not an image at all\n")


def unreadable_empty(path: Path) -> None:
    path.touch()


def unreadable_truncated(path: Path) -> None:
    noise(64, 64).save(path)
    path.write_bytes(path.read_bytes()[:-1500])


def unreadable_loop(path: Path) -> None:
    path.symlink_to(path)


def unreadable_dangling(path: Path) -> None:
    path.symlink_to(path.with_name("gone"))


def unreadable_postscript(path: Path) -> None:
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EOF\n")


BROKEN = {
    unreadable_text: "not an image of a known format",
    unreadable_empty: "the file is empty",
    unreadable_truncated: "image file is truncated",
    unreadable_loop: "too many levels of symbolic links",
    unreadable_dangling: "no such file or directory",
    # Pillow would start Ghostscript on it.
    unreadable_postscript: "not an image of a known format",
}


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_an_unreadable_file_is_named_with_the_reason(tmp_path, damage, as_users_run_it):
    path = tmp_path / "photo.jpg"
    damage(path)
    with pytest.raises(OSError, match=r"photo\.jpg: ") as caught:
        read_image(path)
    assert BROKEN[damage] in str(caught.value)
    _, problems = readable(ImageFiles(tmp_path, ["photo.jpg"]), False)
    assert problems["photo.jpg"].startswith(BROKEN[damage])


def test_a_file_that_may_not_be_read_is_named_with_the_reason(public_folder, permissions_bite):
    path = public_folder / "private.png"
    noise().save(path)
    path.chmod(0)
    with permissions_bite, pytest.raises(OSError, match=r"private\.png: permission denied"):
        read_image(path)


# Damage as bad disks and bad programs make it. Pillow's readers meet it with errors of many
# classes (struct.error, KeyError, RuntimeError, ...); callers are promised two.
@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif", "webp", "bmp", "ppm", "avif"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_bytes_give_an_image_or_an_os_error(tmp_path, suffix):
    path = tmp_path / f"damaged.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    keywords = {} if suffix in ("gif", "bmp", "ppm") else {"exif": exif}
    noise().save(path, **keywords)
    whole = path.read_bytes()
    chance = random.Random(suffix)
    outcomes = set()
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 2, 6))):
            place = chance.randrange(min(len(data), 200))
            if chance.random() < 0.8:
                data[place] = chance.choice((0, 127, 128, 255))
            else:
                del data[place : place + 3]
        path.write_bytes(data)
        try:
            outcomes.add(read_image(path).mode)
        except (OSError, PixelLimitError) as error:
            outcomes.add("named" if str(path) in str(error) else str(error))
    assert outcomes == {"RGB", "named"}


@pytest.mark.parametrize("side", [20_000, 10_000])  # above, and within, twice Pillow's limit
def test_an_enormous_image_is_refused_before_it_is_decoded(
    png_of_size, tmp_path, monkeypatch, side
):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(side, side))
    assert path.stat().st_size < 200_000

    def decode(image):
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    pixels = f"{side:,} x {side:,} = {side * side:,} pixels"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(PixelLimitError, match=f"bomb.png: {pixels}, the limit is 89,478,485"):
            read_image(path)
    assert not warned  # it would be red below the cell, next to the table that lists the file


def test_a_large_image_within_the_limit_is_read(png_of_size, tmp_path):
    path = tmp_path / "wide.png"
    path.write_bytes(png_of_size(20_000, 10))
    assert read_image(path).size == (20_000, 10)


def test_bytes_that_were_read_before_give_the_same_as_the_file(tmp_path):
    path = tmp_path / "noise.png"
    noise().save(path)
    content = path.read_bytes()
    expected = pixels_of(path)
    path.unlink()
    assert (np.asarray(read_image(path, content)) == expected).all()
    with pytest.raises(OSError, match=r"noise\.png: the file is empty"):
        read_image(path, b"")


def error_of(path: Path) -> Exception:
    """The error of reading a file, which must come at once."""
    caught: list[Exception] = []

    def read() -> None:
        try:
            read_image(path)
        except Exception as error:
            caught.append(error)

    reading = threading.Thread(target=read, daemon=True)  # it may wait for ever
    reading.start()
    reading.join(20)
    assert caught, f"reading {path.name} gave no error"
    return caught[0]


def test_a_named_pipe_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    error = error_of(tmp_path / "pipe.png")
    assert isinstance(error, OSError)
    assert str(error).endswith("pipe.png: not a regular file")
    assert str(error_of(Path("/dev/zero"))).endswith("zero: not a regular file")
    assert str(error_of(tmp_path)).endswith("not a regular file")


def test_bad_bytes_last_and_what_the_system_says_may_pass(tmp_path, monkeypatch):
    (tmp_path / "text.png").write_text("no image")
    assert is_lasting(error_of(tmp_path / "text.png"))
    Image.new("RGB", (8, 8), RED).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:45])
    assert is_lasting(error_of(tmp_path / "cut.png"))
    assert not is_lasting(error_of(tmp_path / "gone.png"))
    os.mkfifo(tmp_path / "pipe.png")
    assert not is_lasting(error_of(tmp_path / "pipe.png"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 63)
    assert is_lasting(error_of(tmp_path / "good.png"))

    for passing in (errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES):
        with monkeypatch.context() as patch:

            def fails(*_, code=passing, **__):
                raise OSError(code, os.strerror(code))

            patch.setattr(os, "open", fails)
            error = error_of(tmp_path / "good.png")
        assert isinstance(error, OSError)
        assert error.errno == passing
        assert os.strerror(passing).lower() in str(error)
        assert not is_lasting(error)
    assert not is_lasting(MemoryError())


def test_a_limit_of_pixels_that_is_raised_or_none_is_honored(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    Image.new("RGB", (30, 20), RED).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 599)
    with pytest.raises(PixelLimitError, match=r"photo\.png: 30 x 20 = 600 pixels.* is 599"):
        read_image(path)
    for limit in (600, None):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert read_image(path).size == (30, 20)


def test_a_file_far_larger_than_any_image_of_the_limit_is_not_read(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(1 << 40)  # it takes no place on the disk
    with pytest.raises(PixelLimitError, match=r"huge\.png: 1,099,511,627,776 bytes, the limit is"):
        read_image(path)


def test_a_large_picture_of_real_numbers_is_converted_in_pieces(tmp_path):
    path = tmp_path / "large.tif"
    Image.new("F", (3000, 4000), 0.5).save(path, compression="tiff_deflate")
    tracemalloc.start()
    try:
        assert read_image(path).getpixel((0, 0)) == (127, 127, 127)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64_000_000  # one copy as float64 takes 96 MB


def test_large_pictures_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    Image.new("RGB", (100, 100), RED).save(path)
    running, most, at_once = [0], {}, threading.Lock()
    load = ImageFile.ImageFile.load

    def watched(image):
        with at_once:
            running[0] += 1
            most[name] = max(most.get(name, 0), running[0])
        together.wait(1) if name == "small" else time.sleep(0.02)
        with at_once:
            running[0] -= 1
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    for case, total in (("large", 200_000), ("larger than all", 1000), ("small", 1_000_000)):
        name = case
        together = threading.Barrier(4)  # the small ones meet here
        monkeypatch.setattr(reading, "_memory", reading._Memory(total))
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read_image, [path] * 4))
    assert most == {"large": 1, "larger than all": 1, "small": 4}


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tif", "gif", "webp", "jpg", "avif"])
def test_reading_leaves_the_warning_filters_alone(tmp_path, monkeypatch, suffix):
    """They belong to all threads: one that puts its own back loses what another one recorded."""
    path, entered = tmp_path / f"noise.{suffix}", []
    noise().save(path)
    read_image(path)  # what Pillow imports at first use
    with monkeypatch.context() as patch:  # undone before pytest enters it itself
        patch.setattr(warnings.catch_warnings, "__enter__", lambda self: entered.append(self))
        patch.setattr(warnings.catch_warnings, "__exit__", lambda *_: None)
        read_image(path)
    assert not entered


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_while_a_picture_is_decoded_can_decode(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 8), RED).save(path)
    with reading._memory.share(1 << 60):
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # it may wait for ever
            os._exit(0 if read_image(path).size == (8, 8) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_a_format_that_is_not_read_is_named(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(OSError, match=r"known format .*Pillow does not read HEIC, save it as JPEG"):
        read_image(path)


def test_a_search_for_a_pipe_is_an_error(trained, tmp_path):
    os.mkfifo(tmp_path / "query.png")
    answers: list[object] = []

    def search() -> None:
        try:
            answers.append(trained.search(tmp_path / "query.png"))
        except OSError as error:
            answers.append(str(error))

    asking = threading.Thread(target=search, daemon=True)
    asking.start()
    asking.join(60)
    assert answers == [f"{tmp_path}/query.png: not a regular file"]
