"""Brushes: the primitives that every picture is painted with.

The canvas is (3, 96, 96) float64 in [0, 1], one plane per colour channel, so that the same
operation on all three runs along whole rows. Large soft shapes (sky, ridges, water) are computed at
the picture's own resolution with analytic edges, only on the rows that they touch; objects with
outlines are drawn by Pillow at four times the size and averaged down. The precision is double,
because the last bit of a sine differs between processors and must not reach a rounded pixel.

A colour is (3,), or (3, h, w) where it varies over the picture.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

__all__ = [
    "SIZE",
    "X",
    "Y",
    "Light",
    "Pen",
    "blend",
    "fractal_line",
    "mix",
    "noise",
    "planes",
    "rgb",
    "stretched",
    "unit",
    "wavy",
]

SIZE = 96
SUPER = 4
Floats = npt.NDArray[np.float64]
Number = float | int  # both, because 1 is no float to the tests' run-time type check
Y, X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
COLUMNS = np.arange(SIZE, dtype=np.float64)


@functools.cache
def rgb(code: str) -> Floats:
    """Convert ``"#rrggbb"`` to (3,) in [0, 1]; the result is cached and must not be written to."""
    colour: Floats = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return colour


def planes(colour: Floats) -> Floats:
    """Return a colour as (3, 1, 1) or (3, h, w), so that it broadcasts with (h, w) values."""
    return colour[:, None, None] if colour.ndim == 1 else colour


def unit(values: Floats) -> Floats:
    """Clip to [0, 1] in place."""
    return np.minimum(np.maximum(values, 0, out=values), 1, out=values)


def mix(a: Floats, b: Floats, t: Number | Floats) -> Floats:
    """Interpolate from colour `a` at t = 0 to colour `b` at t = 1; t is a number or (h, w)."""
    if a.ndim == 3 or b.ndim == 3 or isinstance(t, np.ndarray):
        a, b = planes(a), planes(b)
    result = (b - a) * t
    result += a
    return result


def _fractal_bank(size: int, octaves: int, seed: int) -> Floats:
    """Return tileable value noise in [0, 1], summed over octaves."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size))
    for octave in range(octaves):
        cells = 4 * 2**octave
        grid = np.pad(rng.random((cells, cells)), ((0, 1), (0, 1)), mode="wrap")
        at = np.arange(size) * cells / size
        low = at.astype(int)
        t = at - low
        t = t * t * (3 - 2 * t)
        rows = grid[low] * (1 - t)[:, None] + grid[low + 1] * t[:, None]
        total += (rows[:, low] * (1 - t) + rows[:, low + 1] * t) * 0.5**octave
    total -= total.min()
    return np.asarray(total / total.max())


_CLOUDY = np.tile(_fractal_bank(256, 6, 11), (2, 2))
_RIDGED = 1 - np.abs(2 * _fractal_bank(256, 6, 12) - 1)
# Light from the left on a rough slope: the difference of heights along x and a little along y.
_ROCK = _RIDGED - np.roll(_RIDGED, (2, 3), (0, 1))
_ROCK = np.tile(np.clip(_ROCK * 7, -1, 1), (2, 2))


_GRAIN = np.random.default_rng(13).random((2 * SIZE, 2 * SIZE))
_BANKS = {"cloudy": _CLOUDY, "rock": _ROCK, "grain": _GRAIN}


def noise(rng: np.random.Generator, kind: str = "cloudy", step: int = 1) -> Floats:
    """Return a (96, 96) view of a noise bank, one pixel in `step`; it must not be written to."""
    bank = _BANKS[kind]
    x, y = rng.integers(0, len(bank) // 2 - 1, 2).tolist()
    return bank[y : y + SIZE * step : step, x : x + SIZE * step : step]


@functools.cache
def _stretched_bank(fx: Number, fy: Number) -> Floats:
    at = np.arange(256 + SIZE)
    rows, columns = ((at * f).astype(int) % 256 for f in (fy, fx))
    return np.ascontiguousarray(_CLOUDY[rows[:, None], columns])


def stretched(rng: np.random.Generator, fx: Number, fy: Number) -> Floats:
    """Return (96, 96) noise, stretched in x and y by `fx` and `fy` below 1; do not write to it."""
    x, y = rng.integers(0, 256, 2).tolist()
    return _stretched_bank(fx, fy)[y : y + SIZE, x : x + SIZE]


def wavy(rng: np.random.Generator, depth: Floats) -> Floats:
    """Return (h, 96) noise for rows at h depths in [0, 1], finer where the depth is small."""
    x, y = rng.integers(0, 255, 2).tolist()
    rows = (np.sqrt(depth) * 150 + y).astype(int) % 256
    columns = (COLUMNS * 0.8 + x).astype(int) % 256
    return np.asarray(_CLOUDY.take(rows[:, None] * _CLOUDY.shape[1] + columns))


@functools.cache
def _hats(roughness: Number, octaves: int) -> Floats:
    """Return (knots, 96): what each knot of each octave adds to a line by interpolation."""
    rows = []
    for octave in range(octaves):
        number = 2 + 2 * 2**octave
        knots = np.linspace(-4, SIZE + 4, number)
        rows += [roughness**octave * np.interp(COLUMNS, knots, hat) for hat in np.eye(number)]
    return np.stack(rows)


def fractal_line(rng: np.random.Generator, roughness: Number, octaves: int = 5) -> Floats:
    """Return (96,) heights in about [-1, 1] that wander from left to right."""
    hats = _hats(roughness, octaves)
    return np.asarray(rng.uniform(-1, 1, len(hats)) @ hats)


GLASS, LAMP = rgb("#3d4a5c"), rgb("#ffd27f")


class Light:
    """The light of a scene: how a colour looks from near and from far.

    Attributes:
        tint: (3,) factors that multiply a colour.
        haze: (3,) colour that distant objects fade into.
        dark: whether windows are lit.
    """

    def __init__(self, tint: Floats, haze: Floats, dark: bool) -> None:
        self.tint = tint
        self.haze = haze
        self.dark = dark

    def on(self, colour: Floats, distance: Number | Floats = 0.0) -> Floats:
        """Return a colour in this light, at a `distance` from 0 (viewer) to 1 (horizon)."""
        tint = planes(self.tint) if colour.ndim == 3 else self.tint
        return mix(colour * tint, self.haze, distance)


def blend(canvas: Floats, colour: Floats, alpha: Floats) -> None:
    """Blend a colour into the canvas, or into rows of it (3, h, 96), with `alpha` (h, 96)."""
    change = planes(colour) - canvas
    change *= alpha
    canvas += change


class Pen:
    """Draws outlined shapes in a box of the canvas, enlarged and then averaged down.

    Args:
        width, height: size of the box, in pixels of the canvas.
    """

    def __init__(self, width: Number, height: Number) -> None:
        self.width = max(2, round(width))
        self.height = max(2, round(height))
        # Four plain channels: colours are 0 where alpha is, so averaging premultiplies them.
        self._image = Image.new("CMYK", (self.width * SUPER, self.height * SUPER), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)
        self._lamps: list[tuple[Number, Number, Number, Number]] = []

    def window(
        self, x0: Number, y0: Number, x1: Number, y1: Number, light: Light, glass: Floats = GLASS
    ) -> None:
        """Draw a window: glass by day, lit from inside in the dark."""
        self.rect(x0, y0, x1, y1, glass)
        if light.dark:
            self._lamps.append((x0, y0, x1, y1))

    @staticmethod
    def _ink(colour: Floats, alpha: Number = 1.0) -> tuple[int, int, int, int]:
        scale = alpha * 255
        r, g, b = colour.tolist()
        return (
            int((0.0 if r < 0 else 1.0 if r > 1 else r) * scale + 0.5),
            int((0.0 if g < 0 else 1.0 if g > 1 else g) * scale + 0.5),
            int((0.0 if b < 0 else 1.0 if b > 1 else b) * scale + 0.5),
            int(scale + 0.5),
        )

    def poly(
        self, points: Sequence[tuple[Number, Number]], colour: Floats, a: Number = 1.0
    ) -> None:
        """Draw a filled polygon; the box runs from (0, 0) top left to (1, 1) bottom right."""
        w, h = self.width * SUPER, self.height * SUPER
        flat = [(x * w, y * h) for x, y in points]
        self._draw.polygon(flat, fill=self._ink(colour, a))

    def rect(
        self, x0: Number, y0: Number, x1: Number, y1: Number, colour: Floats, a: Number = 1.0
    ) -> None:
        """Draw a filled rectangle."""
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, a)

    def oval(
        self, x0: Number, y0: Number, x1: Number, y1: Number, colour: Floats, a: Number = 1.0
    ) -> None:
        """Draw a filled ellipse, given its bounding box."""
        w, h = self.width * SUPER, self.height * SUPER
        self._draw.ellipse((x0 * w, y0 * h, x1 * w, y1 * h), fill=self._ink(colour, a))

    def line(
        self,
        points: Sequence[tuple[Number, Number]],
        colour: Floats,
        width: Number,
        a: Number = 1.0,
    ) -> None:
        """Draw a line; `width` is in pixels of the canvas."""
        w, h = self.width * SUPER, self.height * SUPER
        flat = [(x * w, y * h) for x, y in points]
        thick = max(1, round(width * SUPER))
        self._draw.line(flat, fill=self._ink(colour, a), width=thick, joint="curve")

    def onto(
        self,
        canvas: Floats,
        x: Number,
        y: Number,
        light: Light | None = None,
        distance: Number = 0.0,
        flip: bool = False,
    ) -> None:
        """Composite the box onto the canvas, top left corner at (x, y), in the scene's light."""
        self._composite(canvas, x, y, light, distance, flip)
        if self._lamps:
            shining = Pen(self.width, self.height)
            for corners in self._lamps:
                shining.rect(*corners, LAMP)
            shining._composite(canvas, x, y, None, 0.0, flip)

    def _composite(
        self,
        canvas: Floats,
        x: Number,
        y: Number,
        light: Light | None,
        distance: Number,
        flip: bool,
    ) -> None:
        left, top = round(x), round(y)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + self.width, SIZE), min(top + self.height, SIZE)
        if x0 >= x1 or y0 >= y1:
            return
        small = np.asarray(self._image.reduce(SUPER))
        if flip:
            small = small[:, ::-1]
        inside = small[y0 - top : y1 - top, x0 - left : x1 - left]
        colours: Floats = np.divide(inside.transpose(2, 0, 1), 255.0, order="C")
        colours, alpha = colours[:3], colours[3]
        if light is not None:
            colours *= planes(light.tint * (1 - distance))
            if distance:
                colours += planes(light.haze * distance) * alpha
        window = canvas[:, y0:y1, x0:x1]
        window *= 1 - alpha
        window += colours
