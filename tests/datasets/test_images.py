"""One file becomes one RGB image, or an error that says why not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from uhscm_core.datasets import ArrayImages, ImageFiles, PixelLimitError, read_image

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))


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


def test_grey_has_three_equal_channels(tmp_path):
    Image.new("L", (4, 4), 70).save(tmp_path / "grey.png")
    assert (pixels_of(tmp_path / "grey.png") == 70).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_upper_byte(tmp_path, suffix):
    values = np.array([[0, 256, 30_000, 65_535]], dtype=np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    assert pixels_of(path)[0, :, 0].tolist() == [0, 1, 117, 255]


def test_grey_of_real_numbers_is_stretched_to_its_range(tmp_path):
    values = np.array([[-2.0, 0.0, 2.0, np.nan]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "real.tif")
    assert pixels_of(tmp_path / "real.tif")[0, :, 0].tolist() == [0, 127, 255, 0]


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bit.png")
    assert pixels_of(tmp_path / "bit.png")[0, :, 0].tolist() == [255, 0]


def test_a_palette_gives_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png")
    assert pixels_of(tmp_path / "palette.png").tolist() == [[list(RED), list(GREEN)]]


def test_a_palettes_transparent_colour_becomes_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "clear.png", transparency=1)
    image.save(tmp_path / "clear.gif", transparency=1)
    for name in ("clear.png", "clear.gif"):
        assert pixels_of(tmp_path / name).tolist() == [[list(RED), list(WHITE)]]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(tmp_path, mode):
    black = Image.new(mode, (3, 1), (0,) * len(mode))
    for x, alpha in enumerate((255, 128, 0)):
        black.putpixel((x, 0), (0,) * (len(mode) - 1) + (alpha,))
    black.save(tmp_path / "alpha.png")
    assert pixels_of(tmp_path / "alpha.png")[0, :, 0].tolist() == [0, 127, 255]


def test_cmyk_jpeg_keeps_its_colours(tmp_path):
    Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK").save(tmp_path / "print.jpg")
    assert np.abs(pixels_of(tmp_path / "print.jpg").astype(int) - (200, 40, 90)).max() <= 6


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (0, 1))])
def test_a_photo_stands_upright_whatever_its_exif_says(tmp_path, orientation, corner):
    stored = Image.new("RGB", (32, 32), "black")
    stored.paste("white", (0, 0, 16, 16))  # white at the upper left as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    pixels = pixels_of(tmp_path / "phone.jpg")
    corners = {(row, column): pixels[4 + 24 * row, 4 + 24 * column, 0] for row, column in QUARTERS}
    assert max(corners, key=corners.get) == corner


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
def test_an_unreadable_file_is_named_with_the_reason(tmp_path, damage):
    path = tmp_path / "photo.jpg"
    damage(path)
    with pytest.raises(OSError, match=r"photo\.jpg: ") as caught:
        read_image(path)
    assert BROKEN[damage] in str(caught.value)
    assert (
        ImageFiles(tmp_path, ["photo.jpg"]).problems(False)["photo.jpg"].startswith(BROKEN[damage])
    )


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
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_enormous_image_is_refused_before_it_is_decoded(
    png_of_size, tmp_path, monkeypatch, side
):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(side, side))
    assert path.stat().st_size < 200_000

    def decode(image):
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(PixelLimitError, match=r"bomb\.png: .*the limit (is|of)"):
        read_image(path)


def test_the_pixel_limit_holds_where_its_warning_is_an_error(png_of_size, tmp_path):
    # pyproject.toml makes warnings errors: Pillow's own comes before our check then.
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(10_000, 10_000))
    with pytest.raises(PixelLimitError, match=r"bomb\.png"):
        read_image(path)


def test_a_large_image_within_the_limit_is_read(png_of_size, tmp_path):
    path = tmp_path / "wide.png"
    path.write_bytes(png_of_size(20_000, 10))
    assert read_image(path).size == (20_000, 10)


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


def test_bytes_that_were_read_before_give_the_same_as_the_file(tmp_path):
    path = tmp_path / "noise.png"
    noise().save(path)
    content = path.read_bytes()
    expected = pixels_of(path)
    path.unlink()
    assert (np.asarray(read_image(path, content)) == expected).all()
    with pytest.raises(OSError, match=r"noise\.png: the file is empty"):
        read_image(path, b"")
