"""The pixels of an image of any mode as RGB, by what its file says of their numbers.

Unsigned samples of 9 to 16 bits keep their upper 8 bits; signed samples of 8 and 16 bits are moved
to start at 0 first.

Real numbers and integers of 32 bits come without a range. It is taken from their 1st and 99th
percentile, so that a few odd pixels do not move it:

1. the first of [0, 1] (real numbers only), [0, 255] and [0, 65535] that holds both with 1 % to
   spare, if they are at least a quarter of it apart, as in most photos, or equal;
2. otherwise the two percentiles themselves: elevations of 300 to 2,850 m would be black in
   [0, 65535].

NaN, infinity and GDAL's value for "no data" are left out and become black. So does, where 1. fails,
the smallest or largest number of all if it is that of 1 % of the pixels and farther from the others
than these are from each other, such as -9999 among elevations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

__all__ = ["as_rgb", "transparency_of_16_bits"]

_BITS, _PHOTOMETRIC, _COLORMAP, _EXTRA, _SAMPLES, _NO_DATA = 258, 262, 320, 338, 339, 42_113
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PGM = ("I", "PPM")  # Pillow scales it to 16 bits, whatever its maximum
_TILE = 1024
_EQUAL = 1e-4  # of the numbers themselves: the picture is of one value, and what differs is noise
_MANY = 17  # distinct values: a picture has at least these, a mask of a few classes fewer
_MOST_VOIDS = 4


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB: upright by its EXIF tag, on white if transparent.

    Args:
        image: an image of Pillow's, opened from a file or made in memory.

    Returns:
        An RGB image without any metadata; the same one if there is nothing to convert.

    Raises:
        ValueError: it has no pixel.
    """
    if not all(image.size):
        raise ValueError(f"an image needs at least one pixel, got {image.width} x {image.height}")
    if type(image) is Image.Image and image.mode == "RGB" and not image.info:
        return image
    image.load()
    turn = _turn_of(image)
    rgb = _on_white(_in_8_bits(image))
    if turn is not None:
        rgb = rgb.transpose(turn)
    rgb.info.clear()  # read again, it is not turned again
    return rgb


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow meets bad metadata with errors of many classes; pixels are good
        return None


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return the image in one of the modes that Pillow converts to RGB as they are meant."""
    tags: Any = getattr(image, "tag_v2", {})
    if image.mode == "RGBA" and (image.format == "BMP" or (tags and _EXTRA not in tags)):
        # Where nothing says that the fourth sample is opacity, all zeros are no opacity.
        nothing = image.getchannel("A").getextrema() == (0, 0)
        return image.convert("RGB") if nothing else image
    if image.mode in ("P", "PA") and _COLORMAP in tags and max(tags[_COLORMAP]) < 256:
        return _with_palette(image, tags[_COLORMAP])
    signed = tags.get(_SAMPLES, (1,))[0] == 2 and tags.get(_BITS, (8,))[0] <= 16
    if image.mode in ("I", "F") or image.mode.startswith("I;16") or (signed and image.mode == "L"):
        return _grey(image, tags, signed)
    return image


def _with_palette(image: Image.Image, colormap: tuple[int, ...]) -> Image.Image:
    """Apply a TIFF's palette whose colors were written with 8 bits, not with 16 as they should."""
    colors = np.array(colormap, np.uint8).reshape(3, -1).T
    indexed = image.copy()
    indexed.putpalette(colors.tobytes(), "RGB")
    return indexed


def _grey(image: Image.Image, tags: Any, signed: bool) -> Image.Image:
    """Return one channel of deep samples as 8 bits, with opacity if one value is transparent."""
    if tags:
        bits = tags.get(_BITS, (1,))[0]
    else:
        bits = 16 if image.mode.startswith("I;16") or (image.mode, image.format) == _PGM else 32
    unsigned = bool(tags) and image.mode == "I" and tags.get(_SAMPLES, (1,))[0] == 1
    no_data = _number(tags.get(_NO_DATA))
    low, high, voids = (0, 0, ()) if bits <= 16 else _range(image, unsigned, no_data)

    clear = image.info.get("transparency")
    grey = Image.new("L", image.size)
    alpha = Image.new("L", image.size, 255) if isinstance(clear, int) else None
    for box in _tiles(image.size):
        values = _values(image.crop(box), unsigned)
        if bits <= 16:
            if signed:
                values = values.astype(np.int8 if bits == 8 else np.int16).astype(np.int32)
                values += 1 << (bits - 1)
            shown = (values >> (bits - 8)).astype(np.uint8)
        else:
            shown = _scaled(values, low, high)
        # Of deep samples, Pillow leaves it to others that 0 is white here.
        if tags.get(_PHOTOMETRIC) == 0:
            shown = 255 - shown
        if bits > 16:
            shown[_is_void(values, voids)] = 0
        grey.paste(Image.fromarray(shown), box)
        if alpha is not None:
            alpha.paste(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)), box)
    return grey if alpha is None else Image.merge("LA", (grey, alpha))


def _tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes that cover the image, so that no array of ours is as large as a large image."""
    width, height = size
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield left, top, min(left + _TILE, width), min(top + _TILE, height)


def _values(image: Image.Image, unsigned: bool) -> npt.NDArray[Any]:
    values = np.asarray(image)
    return values.view(np.uint32) if unsigned else values


def _is_void(values: npt.NDArray[Any], voids: Sequence[float]) -> npt.NDArray[np.bool_]:
    void: npt.NDArray[np.bool_] = ~np.isfinite(values)
    with np.errstate(over="ignore"):
        for value in voids:
            void |= values == value
    return void


def _range(
    image: Image.Image, unsigned: bool, no_data: float
) -> tuple[float, float, Sequence[float]]:
    """Return what is black, what is white and what is no value, see the top of the module."""
    few = image.resize([min(side, _TILE) for side in image.size], Image.Resampling.NEAREST)
    sample, voids = _values(few, unsigned), [no_data]
    tops = (255.0, 65_535.0) if image.mode == "I" else (1.0, 255.0, 65_535.0)
    for _ in range(_MOST_VOIDS):
        values = sample[~_is_void(sample, voids)].astype(np.float64)
        if not len(values):
            break
        low, high = np.percentile(values, (1, 99)).tolist()
        top = next((top for top in tops if -0.01 * high <= low and high <= 1.01 * top), None)
        if top is not None and (high - low >= top / 4 or high - low <= _EQUAL * high):
            return 0.0, top, voids
        apart = _value_apart(values)
        if apart is None:
            return low, high, voids
        voids.append(apart)
    return 0.0, 1.0, voids


def _value_apart(values: npt.NDArray[np.float64]) -> float | None:
    """Return a value that is no measurement like the others, if there is one."""
    for value in (values.min(), values.max()):
        others = values[values != value]
        if len(others) > 0.99 * len(values) or len(np.unique(others)) < _MANY:
            continue
        low, high = np.percentile(others, (1, 99))
        if min(abs(low - value), abs(high - value)) > high - low:
            return float(value)
    return None


def _scaled(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values.astype(np.float64) - low) * (255 / max(high - low, 1e-300))
        return np.ceil(scaled.clip(0, 255) - 0.5).astype(np.uint8)


def _number(text: object) -> float:
    try:
        return float(str(text).strip(" \0"))
    except ValueError:
        return math.nan  # equal to no value


def transparency_of_16_bits(high: Image.Image, low: Image.Image) -> Image.Image:
    """Return an RGB image's opacity where one color of 16 bits per channel is transparent.

    Args:
        high: the pixels' upper bytes as RGB, with that color under ``info["transparency"]``.
        low: their lower bytes as RGB.

    Returns:
        The upper bytes as RGBA.
    """
    color = high.info["transparency"]
    alphas = []
    for image, shift in ((high, 8), (low, 0)):
        image.info["transparency"] = tuple(sample >> shift & 255 for sample in color)
        alphas.append(image.convert("RGBA").getchannel("A"))
    opaque = ImageChops.lighter(*alphas)  # transparent where both bytes are that color's
    del high.info["transparency"]
    rgba = high.convert("RGBA")
    rgba.putalpha(opaque)
    return rgba
