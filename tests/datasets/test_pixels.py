"""Samples of any depth, mode and container as 8-bit RGB, against values written by hand."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.containers import case, chunk, png, tiff
from uhscm_core.datasets import read_image
from uhscm_core.datasets.reading import as_rgb

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def pixels_of(path: Path) -> np.ndarray:
    image = read_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


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


def test_a_tiff_stands_upright_too():
    grey = np.array([[10, 20, 30]], np.uint8)
    assert rows_of(tiff(grey, orientation=6)) == [[10], [20], [30]]
    assert rows_of(tiff(grey, orientation=99)) == [[10, 20, 30]]


def rows_of(content: bytes) -> list[list[int]]:
    """The grey of each pixel, row by row."""
    rgb = np.asarray(read_image(Path("file"), content))
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0].tolist()


def colors_of(content: bytes) -> list[tuple[int, ...]]:
    return [tuple(color) for color in np.asarray(read_image(Path("file"), content))[0].tolist()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("white.pgm", "white.png"),
        ("halves.pgm", "halves.png"),
        ("ramp_inf.tif", "ramp.tif"),
        ("cutout16.png", "cutout8.png"),
    ],
)
def test_one_picture_in_two_containers_has_the_same_pixels(one, other):
    first, second = (pixels_of(case(f"deep_grey/{name}")).astype(int) for name in (one, other))
    assert np.abs(first - second).max() <= 1


def test_deep_grey_has_the_values_of_its_file():
    assert (pixels_of(case("deep_grey/white.pgm")) == 255).all()
    assert np.unique(pixels_of(case("deep_grey/halves.pgm"))).tolist() == [78, 156]
    assert pixels_of(case("deep_grey/ramp_inf.tif")).mean() == pytest.approx(127.5, abs=0.5)
    assert (pixels_of(case("deep_grey/cutout16.png"))[0, 0] == 255).all()


def test_a_bitmaps_fourth_byte_of_zeros_is_no_opacity():
    assert (pixels_of(case("deep_grey/screenshot32.bmp")) == (200, 20, 10)).all()
    unsaid = np.array([[[200, 20, 10, 0], [1, 2, 3, 0]]], np.uint8)
    assert colors_of(tiff(unsaid, photometric=2)) == [(200, 20, 10), (1, 2, 3)]
    assert colors_of(tiff(unsaid, photometric=2, extra=2)) == [WHITE, WHITE]  # it is said here


DEEP = np.array([[0, 1000, 40_000, 65_535]], np.uint16)
UPPER = [[0, 3, 156, 255]]


@pytest.mark.parametrize("order", "<>")
def test_a_tiffs_samples_keep_the_range_of_their_type(order):
    assert rows_of(tiff(DEEP, order)) == UPPER
    signed = (DEEP.astype(int) - 32_768).astype(np.int16)
    assert rows_of(tiff(signed, order)) == UPPER
    assert rows_of(tiff(np.array([[-128, 0, 127]], np.int8), order)) == [[0, 128, 255]]
    assert colors_of(tiff(np.stack([DEEP] * 3, 2), order, photometric=2))[2] == (156,) * 3
    # Dark pictures stay dark: the range is the type's, not the picture's own.
    assert rows_of(tiff(np.array([[0, 600]], np.uint16), order)) == [[0, 2]]


def test_white_is_zero_where_the_file_says_so():
    assert rows_of(tiff(np.array([[0, 55, 255]], np.uint8), photometric=0)) == [[255, 200, 0]]
    assert rows_of(tiff(DEEP, photometric=0)) == [[255, 252, 99, 0]]
    real = np.array([[0, 0.2, 1]], np.float32)
    assert rows_of(tiff(real, photometric=0)) == [[255, 204, 0]]


@pytest.mark.parametrize("order", "<>")
def test_numbers_without_a_range_are_read_in_the_usual_ones(order):
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    expected = np.arange(256).reshape(16, 16).tolist()
    for scale in (1, 255, 65_535):
        assert rows_of(tiff(ramp * scale, order)) == expected
    # A dim picture within the range stays dim.
    assert rows_of(tiff(ramp * 0.5, order))[15][15] == 127
    whole = (ramp * 255).round().astype(np.int32)
    assert rows_of(tiff(whole, order)) == expected
    assert rows_of(tiff(whole * 257, order)) == expected


def test_integers_of_32_bits_reach_beyond_2_to_the_31():
    wide = np.array([[0, 1 << 31, (1 << 32) - 1]], np.uint32)
    assert rows_of(tiff(wide)) == [[0, 128, 255]]


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, -9999.0])
def test_pixels_without_a_value_are_black_and_move_no_range(odd):
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    expected = rows_of(tiff(ramp))
    for scale in (1, 1e6, 1e9):
        holes = ramp * np.float32(scale)
        holes[3:7] = odd
        got = rows_of(tiff(holes, no_data=b"-9999\0"))
        assert got[3:7] == [[0] * 16] * 4
        worst = np.abs(np.array(got) - expected)[[0, 1, 2, *range(7, 16)]].max()
        assert worst <= (0 if scale == 1 else 9)
    nothing = np.full((4, 4), odd, np.float32)
    assert np.unique(rows_of(tiff(nothing, no_data=b"-9999\0"))).tolist() == [0]


def measured(low: float, high: float, seed: int = 0) -> np.ndarray:
    """A smooth surface between two heights, 64 x 64."""
    coarse = np.random.default_rng(seed).random((5, 5)).astype(np.float32)
    fine = np.asarray(Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC))
    share = (fine - fine.min()) / np.ptp(fine)
    return (low + (high - low) * share).astype(np.float32)


MEASURED = {  # what is measured, and what stands where nothing is
    "elevation": (300, 2850, -9999),
    "elevation from the sea to the top": (0, 8848, -9999),
    "elevation, without a tag by ESRI": (300, 2850, -3.4028235e38),
    "elevation as the shuttle's": (-20, 1200, -32_768),
    "sea, by netCDF": (270, 305, 9.96921e36),
    "temperature in Celsius": (-40, 50, -999),
    "temperature of rooms": (15, 30, -99),
    "rare event": (0.001, 0.03, -1),
    "vegetation index": (-1, 1, -9999),
    "reflectance times 10,000": (0, 10_000, -9999),
    "dark reflectance": (0.02, 0.2, -9999),
    "radar in decibel": (-30, 0, -9999),
    "scan in Hounsfield units": (-1000, 2000, -9999),
    "depth in millimeters": (500, 10_000, 1e20),
    "sensor of 12 bits": (64, 4095, 1e9),
    "high dynamic range": (0.01, 8, 1e30),
}


@pytest.mark.parametrize("share", [0, 1 / 4096, 1 / 50, 1 / 3], ids=str)
@pytest.mark.parametrize("what", MEASURED)
@pytest.mark.parametrize("tagged", [False, True])
def test_measurements_give_a_picture_one_can_see(what, share, tagged):
    low, high, nothing = MEASURED[what]
    values = measured(low, high)
    holes = np.zeros(values.size, bool)
    holes[: round(share * values.size)] = True
    holes = holes.reshape(values.shape)
    values[holes] = nothing
    tag = {"no_data": b"%g\0" % nothing} if tagged else {}
    seen = np.array(rows_of(tiff(values, **tag)))
    assert np.ptp(seen[~holes]) > 225
    assert np.corrcoef(seen[~holes], measured(low, high)[~holes])[0, 1] > 0.99
    assert share < 1 / 100 or (seen[holes] == 0).all()
    if low == int(low) and high > 100:
        whole = np.clip(values.astype(float), -(2**31), 2**31 - 1).astype(np.int32)
        seen = np.array(rows_of(tiff(whole)))
        assert np.ptp(seen[~holes]) > 225


KEPT = {  # numbers, and the range that is meant
    "shares": (measured(0, 1), 1),
    "shares, half as bright": (measured(0, 0.5), 1),
    "a photo as real numbers": (measured(12, 240).round(), 255),
    "a mask": ((measured(0, 1) > 0.5).astype(np.float32), 1),
    "black on white paper": (np.where(measured(0, 1) > 0.8, measured(0, 0.3), 1), 1),
    "16 bits": (measured(0, 60_000), 65_535),
    "one shade": (np.full((9, 9), 0.5, np.float32), 1),
    "one shade of 255, and noise": (
        np.full((9, 9), 100, np.float32) + measured(0, 1e-3)[:9, :9],
        255,
    ),
    "nothing": (np.zeros((9, 9), np.float32), 1),
}


@pytest.mark.parametrize("what", KEPT)
def test_numbers_that_fill_a_usual_range_are_not_stretched(what):
    values, top = KEPT[what]
    seen = np.array(rows_of(tiff(values.astype(np.float32))))
    assert np.abs(seen - values * 255 / top).max() <= 1


def test_classes_as_numbers_are_told_apart():
    for classes in ([0, 1], [0, 1, 2, 255], [-1, 0, 1, 2], [7, 8, 9, 10, 11]):
        values = np.array(classes, np.int32)[np.arange(40) % len(classes)].reshape(5, 8)
        for dtype in (np.int32, np.float32):
            seen = rows_of(tiff(values.astype(dtype)))
            distinct = {tuple(pair) for pair in zip(values.ravel(), np.ravel(seen), strict=True)}
            assert len({grey for _, grey in distinct}) >= len(classes) - 1


def test_a_few_extreme_pixels_do_not_darken_the_rest():
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    ramp[0, 0], ramp[0, 1] = 3e38, -3e38  # two of 256
    got = rows_of(tiff(ramp))
    assert got[15][15] == 255
    assert got[8][0] == 128


def test_a_tiffs_palette_of_8_bits_is_seen():
    index = np.array([[1, 0]], np.uint8)
    colors = np.zeros((3, 256), int)
    colors[:, 1] = 200, 20, 10
    for scale in (1, 257):
        content = tiff(index, photometric=3, colors=(colors * scale).ravel().tolist())
        assert colors_of(content) == [(200, 20, 10), (0, 0, 0)]


def test_premultiplied_colors_are_told_from_others():
    half = np.array([[[100, 10, 5, 128]]], np.uint8)
    assert colors_of(tiff(half, photometric=2, extra=1)) == [(227, 137, 132)]
    with contextlib.suppress(OSError):  # older releases of Pillow refuse it
        assert rows_of(tiff(np.array([[[64, 128]]], np.uint8), extra=1)) == [[191]]
    assert as_rgb(Image.new("LA", (1, 1), (0, 128)).convert("La")).getpixel((0, 0)) == (127,) * 3


@pytest.mark.parametrize(
    ("depth", "row", "clear", "expected"),
    [
        (1, 0b0101_0000, 1, [0, 255, 0, 255]),
        (2, 0b0001_1011, 1, [0, 255, 170, 255]),
        (4, 0x5A, 5, [255, 170]),
        (8, 5, 5, [255]),
        (8, 5, 0x0105, [255]),  # only the samples' own bits count
    ],
)
def test_the_transparent_grey_of_a_png_has_the_pixels_depth(depth, row, clear, expected):
    content = png(
        (len(expected), 1), depth, 0, [bytes([row])], chunk(b"tRNS", clear.to_bytes(2, "big"))
    )
    assert rows_of(content) == [expected]


def test_the_transparent_color_of_a_deep_png_is_that_color_alone():
    near = struct.pack(">9H", 256, 512, 768, 256, 512, 769, 0, 512, 768)
    clear = chunk(b"tRNS", struct.pack(">3H", 256, 512, 768))
    assert colors_of(png((3, 1), 16, 2, [near], clear)) == [WHITE, (1, 2, 3), (0, 2, 3)]
    grey = struct.pack(">2H", 256, 257)
    assert rows_of(png((2, 1), 16, 0, [grey], chunk(b"tRNS", b"\1\0"))) == [[255, 1]]


def test_a_palettes_degrees_of_transparency_are_kept():
    colors = chunk(b"PLTE", bytes([*RED, *GREEN, 0, 0, 0]))
    content = png((3, 1), 8, 3, [bytes([0, 1, 2])], colors, chunk(b"tRNS", b"\xff\0\x80"))
    assert colors_of(content) == [RED, WHITE, (127, 127, 127)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"P5 2 1 1023\n" + struct.pack(">2H", 512, 1023), [128, 255]),
        (b"P5 2 1 4095\n" + struct.pack(">2H", 0, 4095), [0, 255]),
        (b"P5 2 1 65535\n" + struct.pack(">2H", 40_000, 100), [156, 0]),
        (b"P5 2 1 15\n\x07\x0f", [119, 255]),
        (b"P2 2 1 1023\n256 1023\n", [64, 255]),
        (b"P4 2 1\n\x80", [0, 255]),
        (b"P1 2 1\n1 0\n", [0, 255]),
        (b"Pf 2 1\n-1.0\n" + struct.pack("<2f", 0.5, 1), [127, 255]),
    ],
)
def test_the_largest_value_of_a_pnm_is_white(content, expected):
    assert rows_of(content) == [expected]


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, WHITE),
        ("L", 7, (7, 7, 7)),
        ("CMYK", (0, 255, 255, 0), RED),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("HSV", (0, 255, 255), RED),
        ("LAB", (128, 128, 128), (119, 119, 119)),
        ("RGBX", (1, 2, 3, 4), (1, 2, 3)),
        ("I;16", 40_000, (156, 156, 156)),
        ("I;16B", 40_000, (156, 156, 156)),
        ("I", 200, (200, 200, 200)),
        ("I", 40_000, (156, 156, 156)),
        ("F", 200.0, (200, 200, 200)),
        ("F", 1.0, WHITE),
    ],
)
def test_each_mode_has_the_colors_that_are_meant(mode, value, expected):
    assert as_rgb(Image.new(mode, (1, 1), value)).getpixel((0, 0)) == expected


def test_an_rgb_image_is_returned_as_it_is_and_turned_once(tmp_path):
    plain = Image.new("RGB", (3, 2), RED)
    assert as_rgb(plain) is plain
    exif = Image.Exif()
    exif[0x0112] = 6
    plain.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        once = as_rgb(opened)
    assert (once.size, as_rgb(once).size) == ((2, 3), (2, 3))


def naive(samples: np.ndarray, top: int) -> np.ndarray:
    """Each sample as a share of its largest value."""
    return samples.astype(np.float64) * 255 / top


def test_random_pictures_come_back_from_each_container_and_depth(tmp_path):
    random = np.random.default_rng(20_261_126)
    for number in range(60):
        height, width = random.integers(1, 40, 2).tolist()
        grey = random.integers(0, 65_536, (height, width), dtype=np.uint16)
        color = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        alpha = random.integers(0, 256, (height, width, 1), dtype=np.uint8)
        low = grey % 1024
        real = grey.astype(np.float32) / np.float32(65_535)
        over_white = color * (alpha / 255) + 255 * (1 - alpha / 255)
        big = [row.astype(">u2").tobytes() for row in grey]
        files = {
            "png16": (png((width, height), 16, 0, big), naive(grey, 65_535)),
            "pgm16": (b"P5 %d %d 65535\n" % (width, height) + b"".join(big), naive(grey, 65_535)),
            "pgm10": (
                b"P5 %d %d 1023\n" % (width, height) + low.astype(">u2").tobytes(),
                naive(low, 1023),
            ),
            "tiff16": (tiff(grey, "<>"[number % 2]), naive(grey, 65_535)),
            "tiff16 0 is white": (tiff(grey, photometric=0), 255 - naive(grey, 65_535)),
            "tiff rgb": (tiff(color, "<>"[number % 2], photometric=2), color),
            "tiff rgba": (tiff(np.dstack([color, alpha]), photometric=2, extra=2), over_white),
        }
        if grey.size >= 16:
            real.flat[0] = 1  # else a dim picture of few pixels may lie in a smaller range
            files["tiff float"] = (tiff(real, "<>"[number % 2]), naive(real, 1))
        for suffix, mode in (("png", "RGB"), ("bmp", "RGB"), ("ppm", "RGB"), ("webp", "RGBA")):
            image = Image.fromarray(color)
            if mode == "RGBA":
                image.putalpha(Image.fromarray(alpha[..., 0]))
            path = tmp_path / f"picture.{suffix}"
            image.save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
            files[suffix] = (path.read_bytes(), over_white if mode == "RGBA" else color)
        for name, (content, expected) in files.items():
            got = np.asarray(read_image(Path(name), content)).astype(float)
            expected = expected if expected.ndim == 3 else expected[..., None]
            assert np.abs(got - expected).max() <= 1.01, (number, name)


def test_an_image_without_a_pixel_is_refused():
    with pytest.raises(ValueError, match="an image needs at least one pixel, got 0 x 5"):
        as_rgb(Image.new("RGB", (0, 5)))
