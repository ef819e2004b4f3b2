"""Paint a scene: sky, ridges, water or land, and the objects on them, from far to near.

Each object has its own random generator, so removing one leaves the others where they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from uhscm_postcards import objects as draw
from uhscm_postcards.brush import (
    COLUMNS,
    SIZE,
    Floats,
    Light,
    Number,
    Pen,
    X,
    Y,
    blend,
    fractal_line,
    mix,
    noise,
    planes,
    rgb,
    stretched,
    unit,
    wavy,
)
from uhscm_postcards.scene import BUILDINGS, Scene, SceneObject

__all__ = ["GENERATOR_VERSION", "paint"]

GENERATOR_VERSION = 2  # part of the dataset's digest: raise it when any picture changes

Rng = np.random.Generator

# Sky from the zenith over the middle to the horizon.
_SKIES = {
    "day": (
        "#3f7fc4 #8fc0e8 #dcecf2",
        "#2f6fb4 #7db4dc #f2e9d4",
        "#4a94c8 #a5d3e6 #ecf4ea",
        "#5a8ad0 #a9c6ee #e6e9f4",
    ),
    "morning": ("#7a9cc6 #e3bdb8 #fbe6c8", "#8fb0c8 #d8d0cc #fbeed8", "#8a94c4 #d4b4c8 #fde0cc"),
    "overcast": ("#8391a0 #a6b1b8 #cfd4d3", "#76828f #98a2a8 #c4c8c4"),
    "sunset": (
        "#3b3a78 #c8567a #ffb765",
        "#2f4a80 #e0705a #ffd683",
        "#5a2f68 #e8654f #ffc96f",
        "#41508c #e89a8a #ffe0a0",
    ),
    "night": ("#0b1433 #1c2f5c #46628c", "#10142f #2a2c5e #5c5a94", "#07182c #14405a #3f7484"),
}
_LIGHTS = {
    "day": (1.0, 0.99, 0.95),
    "morning": (0.98, 0.9, 0.84),
    "overcast": (0.78, 0.81, 0.84),
    "sunset": (0.86, 0.6, 0.52),
    "night": (0.36, 0.43, 0.6),
}
_LAND = {
    "spring": ("#8cb852", "#9cc45f", "#7fae58"),
    "summer": ("#629c40", "#74a548", "#8fa84a"),
    "autumn": ("#b08a3c", "#a8793a", "#94913f"),
    "winter": ("#eef3f8", "#e6edf5", "#f4f5f6"),
}
_ROCK = ("#66738a", "#746f82", "#56707a", "#7f7468")
_VIGNETTE = 255 * (1 - 0.1 * (((X - 47.5) ** 2 + (Y - 47.5) ** 2) / 4512) ** 1.5)
_PETALS = ("#e2445a", "#f2c53d", "#ffffff", "#b06ad0", "#f28ab0", "#f07f2f", "#5a7ae0")
_HUES = np.stack(
    [rgb(c) for c in ("#ef4a40", "#f99a3a", "#f9e25a", "#5cc46a", "#4a8ae0", "#8a5ac8")], 1
)  # (3, 6)
_WHITE = np.ones(3)


class _Picture:
    """The canvas and the terrain of a scene that is being painted."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rng = np.random.default_rng([scene.seed, 2])
        rng = self.rng
        skies = _SKIES[scene.time]
        self.sky = [rgb(code) for code in skies[int(rng.integers(len(skies)))].split()]
        haze = mix(self.sky[2], self.sky[1], 0.35)
        self.light = Light(np.array(_LIGHTS[scene.time]), haze, scene.time == "night")
        self.horizon = float(rng.uniform(0.44, 0.58)) * SIZE
        self.canvas = np.empty((3, SIZE, SIZE))
        land = _LAND[scene.season]
        self.land = unit(rgb(land[int(rng.integers(len(land)))]) + rng.uniform(-0.03, 0.03, 3))
        self.sun_x = float(rng.uniform(0.15, 0.85)) * SIZE
        self.sun_y = self.horizon - float(rng.uniform(2, 13))

    def rng_of(self, item: SceneObject) -> Rng:
        return np.random.default_rng(item.seed)

    def ridge(
        self,
        heights: Floats,
        colour: Floats,
        texture: Floats | None = None,
        until: Number = SIZE,
        fade: Number = 0.0,
    ) -> None:
        """Paint everything below a line of heights.

        Args:
            heights: (96,) row of the line in each column.
            colour: colour of the ground.
            texture: (96, 96), added to the colour.
            until: row from which something else will cover the ground.
            fade: how much of the haze the foot of the ridge fades into, in [0, 1].
        """
        band = _band(heights.min(), until)
        below = Y[band] - heights
        shade = planes(colour)
        if texture is not None:
            shade = shade + texture[band]
        if fade:
            shade = mix(shade, self.light.haze, unit(below / 30) * fade)
        below += 0.5
        blend(self.canvas[:, band], shade, unit(below))


def _band(top: Number, bottom: Number = SIZE) -> slice:
    """Return the rows that a soft shape between two heights can touch."""
    return slice(min(max(int(top) - 1, 0), SIZE - 1), min(max(int(bottom) + 2, 1), SIZE))


def _column(x: Number) -> int:
    return int(min(max(x, 0), SIZE - 1))


def paint(scene: Scene) -> npt.NDArray[np.uint8]:
    """Paint a scene from far to near.

    Returns:
        (96, 96, 3) uint8.
    """
    picture = _Picture(scene)
    _sky(picture)
    _far(picture)
    {"coast": _coast, "lake": _lake, "land": _land}[scene.place](picture)
    _flying(picture)
    return _finish(picture)


# -- above --------------------------------------------------------------------------------------


def _sky(p: _Picture) -> None:
    scene, rng = p.scene, p.rng
    top, middle, low = p.sky
    t = np.minimum(COLUMNS / (p.horizon + 4), 1)[:, None]  # (96, 1): one value per row
    colours = np.where(
        t < 0.55, mix(top, middle, t / 0.55), mix(middle, low, (t - 0.55) / 0.45)
    )  # (3, 96, 1)
    wisps = (stretched(rng, 0.6, 1.6) - 0.5) * 0.07
    np.add(colours, wisps, out=p.canvas)
    if scene.time == "night":
        x, y, size = rng.random((3, 70))
        rows, columns = (y * p.horizon).astype(int), (x * SIZE).astype(int)
        shine = 0.25 + 0.7 * size**3
        p.canvas[:, rows, columns] += (1 - p.canvas[:, rows, columns]) * shine
    if scene.time == "sunset":
        _disc(p, p.sun_x, p.sun_y, float(rng.uniform(5, 8)), rgb("#fff0b8"), rgb("#ffb45e"), 24)
    elif scene.sun:
        y = float(rng.uniform(10, 24))
        _disc(p, p.sun_x, y, float(rng.uniform(4, 6)), rgb("#fffbe0"), rgb("#fff2c0"), 14)
    if moon := scene.get("moon"):
        _moon(p, moon)
    if clouds := scene.get("clouds"):
        _clouds(p, clouds)
    if rainbow := scene.get("rainbow"):
        _rainbow(p, rainbow)


def _glow(p: _Picture, x: Number, y: Number, colour: Floats, reach: Number, share: Number) -> None:
    """Paint a halo that falls off as a Gaussian and is invisible at three times its reach."""
    rows, columns = _band(y - 3 * reach, y + 3 * reach), _band(x - 3 * reach, x + 3 * reach)
    down = share * np.exp(-(((COLUMNS[rows] - y) / reach) ** 2))
    across = np.exp(-(((COLUMNS[columns] - x) / reach) ** 2))
    blend(p.canvas[:, rows, columns], colour, down[:, None] * across)


def _disc(
    p: _Picture, x: Number, y: Number, radius: Number, colour: Floats, halo: Floats, reach: Number
) -> None:
    _glow(p, x, y, halo, reach, 0.75)
    rows, columns = _band(y - radius, y + radius), _band(x - radius, x + radius)
    distance = np.hypot(X[rows, columns] - x, Y[rows, columns] - y)
    blend(p.canvas[:, rows, columns], colour, unit(radius - distance + 0.5))


def _moon(p: _Picture, moon: SceneObject) -> None:
    rng = p.rng_of(moon)
    x, y = moon.x * SIZE, float(rng.uniform(9, 24))
    radius = 5.2 * moon.size + 1
    _glow(p, x, y, rgb("#dfe6f4"), radius * 2.3, 0.45)
    rows, columns = _band(y - radius, y + radius), _band(x - radius, x + radius)
    dx, dy = X[rows, columns] - x, Y[rows, columns] - y
    alpha = unit(radius - np.hypot(dx, dy) + 0.5)
    if moon.kind == "crescent":
        side = rng.choice([-1, 1]) * radius * 0.62
        alpha *= unit(np.hypot(dx - side, dy + radius * 0.2) - radius + 0.5)
    craters = (noise(rng)[rows, columns] - 0.5) * 0.3
    blend(p.canvas[:, rows, columns], unit(planes(rgb("#f8f4e2")) + craters), alpha)


def _clouds(p: _Picture, clouds: SceneObject) -> None:
    rng = p.rng_of(clouds)
    overcast = p.scene.time == "overcast"
    lit = {
        "day": "#ffffff",
        "morning": "#fff1e6",
        "overcast": "#dde1e3",
        "sunset": "#ffc9a0",
        "night": "#7484a8",
    }[p.scene.time]
    dim = {
        "day": "#b4c3d6",
        "morning": "#c4b0bc",
        "overcast": "#6f7a86",
        "sunset": "#a85a78",
        "night": "#222f52",
    }[p.scene.time]
    bright, dark = rgb(lit), rgb(dim)
    if clouds.kind == "streaks":
        y, high = rng.uniform(10, 26), rng.uniform(8, 13)
        rows = slice(0, round(p.horizon) + 6)
        bands = stretched(rng, 0.55, 2.4)[rows]
        envelope = np.exp(-(((COLUMNS[rows, None] - y) / high) ** 2))
        alpha = unit((bands * 1.2 + (envelope * 0.8 - 0.98)) * 6) * 0.95
        shade = unit((bands - 0.45) * 3)
        blend(p.canvas[:, rows], mix(bright, dark, (1 - shade) * 0.8), alpha)
        return
    for i in range(clouds.count + 2 * overcast):
        x = clouds.x * SIZE + i * rng.uniform(22, 34)
        x = (x + 14) % (SIZE + 28) - 14
        y = rng.uniform(0.16, 0.66) * p.horizon
        wide = clouds.size * rng.uniform(10, 18) * (1.3 if overcast else 1)
        high = wide * rng.uniform(0.42, 0.6)
        # The bumps of the outline stay within |u|, |v| < 1.4.
        rows = _band(y - 1.4 * high, min(y + 0.54 * high, p.horizon + 4))
        columns = _band(x - 1.4 * wide, x + 1.4 * wide)
        u, v = (COLUMNS[columns] - x) / wide, (COLUMNS[rows] - y) / high
        below = np.where(v > 0, v * 2.6, v)
        bumps = noise(rng, "cloudy", 2)[rows, columns] - 0.5
        body = (1 - below * below)[:, None] - u * u + bumps * 1.9
        alpha = unit(body * 2.6) * (0.96 if not overcast else 0.9)
        shade = unit((0.45 - v * 0.75)[:, None] + bumps * 1.1)
        blend(p.canvas[:, rows, columns], mix(dark, bright, shade), alpha)


def _rainbow(p: _Picture, rainbow: SceneObject) -> None:
    rng = p.rng_of(rainbow)
    radius = float(rng.uniform(34, 56))
    x = rainbow.x * SIZE
    y = p.horizon + rng.uniform(-2, 10)
    width = float(rng.uniform(6.5, 10)) * (0.7 + 0.3 * rainbow.size)
    rows = slice(0, round(p.horizon) + 3)
    t = (radius - np.hypot(X[rows] - x, Y[rows] - y)) / width  # 0 outside (red) to 1 (violet)
    row, column = np.nonzero((t > 0) & (t < 1))
    t = t[row, column]
    alpha = np.minimum(4 * np.minimum(t, 1 - t), 1) * float(rng.uniform(0.6, 0.85))
    stops = np.linspace(0, 1, len(_HUES[0]))
    bands = np.stack([np.interp(t, stops, hue) for hue in _HUES])
    under = p.canvas[:, row, column]
    p.canvas[:, row, column] = under + (bands - under) * alpha


def _flying(p: _Picture) -> None:
    if plane := p.scene.get("plane"):
        rng = p.rng_of(plane)
        y = float(rng.uniform(0.14, 0.5)) * p.horizon
        draw.plane(p.canvas, p.light, rng, plane.x * SIZE, y, 0.85 * plane.size)
    if birds := p.scene.get("birds"):
        rng = p.rng_of(birds)
        white = birds.kind == "gulls" and p.scene.time in ("day", "overcast") and rng.random() < 0.5
        count = birds.count if birds.kind == "gulls" else birds.count + 5
        size = (0.95 if birds.kind == "gulls" else 0.55) * max(birds.size, 0.75)
        size *= 1.25 if count == 1 else 1.0
        cx, cy = birds.x * SIZE, float(rng.uniform(0.25, 0.8)) * p.horizon
        for _ in range(count):
            x, y = (
                min(max(rng.normal(cx, 15), 4), 92),
                min(max(rng.normal(cy, 7), 5), p.horizon + 6),
            )
            draw.bird(p.canvas, p.light, rng, x, y, size * rng.uniform(0.75, 1.15), white)


# -- far away -----------------------------------------------------------------------------------


def _far(p: _Picture) -> None:
    scene = p.scene
    winter = scene.season == "winter"
    covered = p.horizon + 8  # below this row something nearer always covers it
    if mountain := scene.get("mountain"):
        rng = p.rng_of(mountain)
        rock = rgb(_ROCK[int(rng.integers(len(_ROCK)))])
        layers = 1 if mountain.kind == "peak" else int(rng.integers(2, 4))
        for layer in range(layers):
            near = (layer + 1) / layers
            base = p.horizon - 1 + 2 * near
            rise = float(rng.uniform(15, 24)) * (1.25 - 0.5 * near) * (0.75 + 0.25 * mountain.size)
            if mountain.kind == "peak":
                slope = np.abs(COLUMNS - mountain.x * SIZE) / rng.uniform(30, 46)
                heights = base - rise * 1.45 * (1 - slope) + fractal_line(rng, 0.62, 6) * 2.2
            else:
                heights = base - rise * (0.75 + 0.42 * fractal_line(rng, 0.5, 6))
            rows = _band(heights.min(), covered)
            below = Y[rows] - heights
            texture = noise(rng, "rock", 2)[rows]
            colour = p.light.on(rock, 0.62 - 0.3 * near)
            shaded = unit(planes(colour) + texture * planes(p.light.tint * 0.16))
            if winter:
                cap = below / rise + 0.45 * (noise(rng)[rows] - 0.5) - texture * 0.12
                white = p.light.on(np.array([0.97, 0.98, 1.0]), 0.25)
                shaded = mix(shaded, planes(white) + texture * 0.128, unit((0.72 - cap) * 6))
            shaded = mix(shaded, p.light.haze, unit(below / (rise * 1.6)) * 0.6)
            blend(p.canvas[:, rows], shaded, unit(below + 0.5))
    elif scene.place == "land":
        heights = p.horizon - 2 - 4 * fractal_line(p.rng, 0.45, 4)
        p.ridge(heights, p.light.on(p.land * 0.85, 0.66), until=covered, fade=0.5)


def _hill(
    p: _Picture, rng: Rng, base: Number, rise: Number, distance: Number, until: Number
) -> Floats:
    heights = base - rise * (0.4 + 0.6 * fractal_line(rng, 0.35, 3))
    texture = (stretched(rng, 1.2, 2.2) - 0.5) * (0.16 * (1 - distance))
    texture += unit(1 - (Y - heights) / 9) * 0.06
    p.ridge(heights, p.light.on(p.land * (0.8 + 0.2 * (1 - distance)), distance), texture, until)
    return heights


def _thicket(p: _Picture, rng: Rng, heights: Floats, distance: Number) -> None:
    """Paint a distant line of woods: no single tree can be made out, so it has no label."""
    bumps = np.interp(COLUMNS, np.linspace(0, 95, 40), rng.uniform(0.4, 2.6, 40))
    inside = unit(fractal_line(rng, 0.5, 3) * 2.2 + 0.4)
    top = heights - bumps * inside
    colour = p.light.on(mix(p.land, rgb("#3f5a48"), 0.6) * 0.8, distance)
    rows = _band(top.min(), heights.max() + 1)
    alpha = unit(Y[rows] - top + 0.5) * unit(heights + 1.5 - Y[rows])
    alpha *= inside > 0.05
    blend(p.canvas[:, rows], colour, alpha)


# -- buildings and trees --------------------------------------------------------------------------


def _stand(
    p: _Picture, item: SceneObject, x: Number, y: Number, scale: Number, distance: Number
) -> None:
    rng = p.rng_of(item)
    s = scale * item.size
    canvas, light = p.canvas, p.light
    if item.label == "castle":
        draw.castle(canvas, light, rng, x, y + 1.5, s, distance)
    elif item.label == "temple":
        draw.temple(canvas, light, rng, x, y + 1.5, s, distance, item.kind)
    elif item.label == "tower":
        draw.tower(canvas, light, rng, x, y + 1.5, s, distance, item.kind)
    elif item.label == "house":
        for i in range(item.count):
            side = (1 if i % 2 else -1) * ((i + 1) // 2)
            dx = side * rng.uniform(13, 18) * s
            shrink = rng.uniform(0.75, 1.05)
            draw.house(
                canvas, light, rng, x + dx, y + 1.5 + rng.uniform(-0.5, 1), s * shrink, distance
            )


def _group(
    p: _Picture,
    item: SceneObject,
    ground: Callable[[float], float],
    scale: Number,
    distance: Number,
) -> None:
    """Paint a group of trees, the farthest first."""
    rng = p.rng_of(item)
    lots = sorted(
        (
            (item.x * SIZE + rng.normal(0, 5 + 6 * item.count), rng.uniform(0, 4))
            for _ in range(item.count)
        ),
        key=lambda lot: lot[1],
    )
    for i, (x, y) in enumerate(lots):
        x = item.x * SIZE if i == len(lots) - 1 else x
        s = scale * item.size * rng.uniform(0.7, 1.1)
        at = ground(min(max(x, 0), SIZE - 1)) + y * scale + 1
        draw.tree(p.canvas, p.light, rng, x, at, s, distance, item.kind, p.scene.season)


def _standing(p: _Picture) -> list[SceneObject]:
    return [item for item in p.scene.objects if item.label in BUILDINGS]


# -- water ----------------------------------------------------------------------------------------


def _water_colour(p: _Picture, rng: Rng) -> Floats:
    deep = {
        "day": ("#2f7fa0", "#2a6f9a", "#3a94a0", "#24688f"),
        "morning": ("#6a93a8", "#7a8fae"),
        "overcast": ("#5f7482", "#56707a"),
        "sunset": ("#5a4a78", "#6a4a6a", "#3f4a7a"),
        "night": ("#12284a", "#16304f"),
    }[p.scene.time]
    return rgb(deep[int(rng.integers(len(deep)))])


def _ripples(rng: Rng, row: int, top: Number, strength: Number) -> Floats:
    """Return (96 - row, 96) light and dark strokes, finer towards the water's far edge `top`."""
    depth = np.maximum((COLUMNS[row:] - top) / (SIZE - top), 0)
    waves = wavy(rng, depth)
    waves -= 0.5
    waves *= (strength * (0.4 + depth))[:, None]
    return waves


def _glitter(p: _Picture, rng: Rng, top: Number) -> None:
    """Paint the reflection of sun or moon on the water."""
    moon = p.scene.get("moon")
    if p.scene.time == "sunset":
        x, colour = p.sun_x, rgb("#ffdf9a")
    elif moon is not None and p.scene.time == "night":
        x, colour = moon.x * SIZE, rgb("#d8e2f4")
    else:
        return
    rows = slice(int(top) + 1, SIZE)
    spread = 2.0 + 0.16 * (Y[rows] - top)
    path = np.exp(-(((X[rows] - x) / spread) ** 2))
    strokes = unit((stretched(rng, 0.5, 5.0)[rows] - 0.38) * 5)
    blend(p.canvas[:, rows], colour, path * strokes * 0.85)


def _boats(p: _Picture, low: Number, high: Number) -> None:
    boats = p.scene.get("boats")
    if boats is None:
        return
    rng = p.rng_of(boats)
    depths = sorted(rng.uniform(0, 1, boats.count).tolist())
    for i, depth in enumerate(depths):
        x = boats.x * SIZE if i == len(depths) - 1 else float(rng.uniform(8, 88))
        y = low + (high - low) * depth
        s = (0.5 + 0.6 * depth) * boats.size
        before = p.canvas.copy()
        draw.boat(p.canvas, p.light, rng, x, y, s, 0.25 * (1 - depth), boats.kind)
        _mirror(p, before, y, 12 * s)


def _mirror(p: _Picture, before: Floats, y: Number, length: Number) -> None:
    """Reflect in the water what was just drawn above row y."""
    row = round(y) + 1
    reach = min(round(length), row, SIZE - row)
    if reach <= 0:
        return
    above = slice(row - reach, row)
    change = (p.canvas[:, above] - before[:, above])[:, ::-1]
    change *= np.linspace(0.5, 0.12, reach)[:, None]
    change += p.canvas[:, row : row + reach]
    p.canvas[:, row : row + reach] = unit(change)


def _suspension(p: _Picture, bridge: SceneObject, y: Number) -> None:
    rng = p.rng_of(bridge)
    options = ("#b5402f", "#5a6a78", "#8a4a3a", "#40607a", "#7a2f2a")
    colour = rgb(options[int(rng.integers(len(options)))])
    s = 0.75 + 0.35 * bridge.size
    height = 26 * s
    pen = Pen(SIZE, height + 4)
    h = pen.height
    deck = 1 - 7 / h
    a, b = 0.22 + 0.06 * rng.random(), 0.72 + 0.08 * rng.random()
    us = np.linspace(0, 1, 33)
    outer = np.maximum(1 - us / a, 0) ** 1.3 + np.maximum((us - b) / (1 - b), 0) ** 1.3
    inner = 0.86 * np.maximum(1 - ((2 * us - a - b) / (b - a)) ** 2, 0)
    # Cables hang from the tops of the towers (row 0) towards the deck.
    sag = 0.04 + 0.96 * deck * np.where((us < a) | (us > b), 1 - np.abs(1 - outer) ** 1.0, inner)
    for u, v in zip(us, sag, strict=True):
        pen.line([(u, v), (u, deck)], colour * 0.9, 0.4)
    pen.line(list(zip(us.tolist(), sag.tolist(), strict=True)), colour, 1.1)
    pen.rect(0, deck, 1, deck + 2.4 / h, colour * 0.8)
    pen.rect(0, deck, 1, deck + 0.8 / h, unit(colour * 1.2))
    for u in (a, b):
        pen.rect(u - 0.016, 0, u + 0.016, 1.0, colour)
        pen.rect(u, 0, u + 0.016, 1.0, colour * 0.75)
    pen.onto(p.canvas, 0, y - h + 3, p.light, 0.12)


def _arches(p: _Picture, bridge: SceneObject, y: Number, high: Number = 0.0) -> float:
    """Paint a stone bridge on round arches with its feet at row y; return the row of its deck."""
    rng = p.rng_of(bridge)
    options = ("#b8aa94", "#a8988a", "#c4a583", "#9a9488")
    stone = rgb(options[int(rng.integers(len(options)))])
    arches = int(rng.integers(3, 6))
    height = high + (11 + 5 * rng.random()) * (0.7 + 0.35 * bridge.size)
    pen = Pen(SIZE, height)
    h = pen.height
    edge = 1 / arches
    pier = edge * 0.12
    top = 4.2 / h
    pen.rect(0, 0.9 / h, 1, top + 0.05, stone)
    pen.rect(0, 0, 1, 1.4 / h, unit(stone * 1.14))
    pen.rect(0, top - 1.2 / h, 1, top - 0.4 / h, stone * 0.78)
    us = np.linspace(0, 1, 13)
    for i in range(arches):
        left, right = i * edge + pier, (i + 1) * edge - pier
        inner = [(left + (right - left) * u, top + (1 - top) * (1 - np.sin(np.pi * u))) for u in us]
        # Spandrels: the wall between the deck and the arch.
        pen.poly(
            [
                (i * edge, top),
                ((i + 1) * edge, top),
                ((i + 1) * edge, 1),
                *inner[::-1],
                (i * edge, 1),
            ],
            stone * 0.92,
        )
        pen.line(inner, stone * 0.68, 0.8)
    pen.onto(p.canvas, 0, y - h + 1, p.light, 0.12)
    return y - h + 1


def _coast(p: _Picture) -> None:
    scene, rng = p.scene, p.rng
    top = p.horizon
    deep = _water_colour(p, rng)
    shallow = mix(deep, p.sky[1], 0.45)
    rows = _band(top)
    t = np.maximum((COLUMNS[rows] - top) / (SIZE - top), 0)[:, None]
    sea = mix(mix(p.sky[2], deep, unit(t * 3 + 0.25)), shallow, t * 0.35)  # (3, h, 1)
    sea = unit(sea + _ripples(rng, rows.start, top, 0.32))
    blend(p.canvas[:, rows], sea, unit(COLUMNS[rows, None] - top + 0.5))
    _glitter(p, rng, top)
    if standing := _standing(p):
        side = 1.0 if standing[0].x > 0.5 else 0.0
        reach = np.abs(COLUMNS / SIZE - side)
        rise = rng.uniform(11, 17)
        heights = (
            top + 6 - rise * np.clip(1.15 - reach * 1.75, -1, 1) + fractal_line(rng, 0.5, 5) * 1.2
        )
        foot = top + 5 + rng.uniform(0, 3)
        before = p.canvas.copy()
        for i, item in enumerate(standing):
            x = SIZE * (side + (0.15 + 0.23 * i) * (1 if side == 0 else -1))
            _stand(p, item, x, float(heights[_column(x)]) + 1, 0.62, 0.12)
        rows = _band(heights.min(), foot)
        below = Y[rows] - heights
        rock = mix(rgb("#8a7f72"), p.land, unit(1 - below / 5))
        rock += noise(rng, "rock")[rows] * 0.14
        alpha = unit(below + 0.5) * unit(foot - COLUMNS[rows, None] + 0.5)
        blend(p.canvas[:, rows], p.light.on(unit(rock), 0.12), alpha)
        _mirror(p, before, foot, 14)
    if bridge := scene.get("bridge"):
        before = p.canvas.copy()
        y = top + 7 + 3 * bridge.depth
        (_suspension if bridge.kind == "suspension" else _arches)(p, bridge, y)
        _mirror(p, before, y, 16)
    beach = scene.get("beach")
    near = scene.get("road") or scene.get("horses") or scene.get("flowers") or scene.get("cars")
    edge = np.full(SIZE, float(SIZE))
    if beach:
        beach_rng = p.rng_of(beach)
        bend = beach_rng.uniform(-0.22, 0.22)
        edge = beach_rng.uniform(71, 79) + bend * (COLUMNS - 48)
        edge += 2.5 * fractal_line(beach_rng, 0.5, 3)
    elif near or scene.get("tree"):
        edge = rng.uniform(77, 82) + 2.5 * fractal_line(rng, 0.45, 4)
    _boats(p, top + 4, float(min(edge.min() - 2, 84)))
    if beach:
        _sand(p, p.rng_of(beach), edge)
    elif edge.min() < SIZE:
        _meadow(p, rng, edge)
    _near(p, edge)


def _sand(p: _Picture, rng: Rng, edge: Floats) -> None:
    """Paint the beach below `edge`, wet where the last wave was, and foam."""
    tint = rgb(("#ecd5a4", "#f0dfba", "#e2c08c", "#f3e8d4")[int(rng.integers(4))])
    rows = _band(edge.min() - 6)
    band = p.canvas[:, rows]
    depth = Y[rows] - edge
    foam = np.exp(-(((depth + 1.5 + 2 * noise(rng)[rows]) / 1.4) ** 2))
    white = p.light.on(_WHITE)
    blend(band, white, foam * 0.9)
    wet = 1 - 0.26 * unit(1 - depth / 5)
    grains = (noise(rng, "cloudy", 2)[rows] - 0.5) * 0.12
    blend(band, unit(planes(p.light.on(tint)) * wet + grains), unit(depth + 0.5))
    blend(band, white, 0.75 * np.exp(-(((depth - 0.5) / 0.9) ** 2)))


def _lake(p: _Picture) -> None:
    scene, rng = p.scene, p.rng
    shore = float(p.horizon + rng.uniform(3, 7))
    heights = _hill(p, rng, shore - 3, float(rng.uniform(5, 10)), 0.42, shore + 1)
    if waterfall := scene.get("waterfall"):
        _waterfall(p, waterfall, shore)
    _thicket(p, rng, heights + 1, 0.45)
    bank = shore - 1.6 + 0.5 * fractal_line(rng, 0.5, 4)
    p.ridge(bank, p.light.on(p.land * 0.82, 0.22), until=shore + 1)
    tree = scene.get("tree")
    if tree and tree.depth > 0.45:
        _group(p, tree, lambda _: shore - 1, 0.7, 0.18)
    # A train passes in front of the buildings.
    ground = shore - 7 if scene.get("train") else shore - 0.5
    for i, item in enumerate(_standing(p)):
        _stand(p, item, item.x * SIZE, ground, 0.72 if i == 0 else 0.64, 0.14)
    if (train := scene.get("train")) is not None:
        s = 0.72 * max(train.size, 0.8)
        draw.train(p.canvas, p.light, p.rng_of(train), train.x * SIZE, shore, s, 0.1, train.kind)
    row = round(shore) + 1
    down = np.arange(SIZE - row)
    sway = np.sin(down * 1.9 + rng.uniform(0, 6)) * (0.4 + 0.035 * down)
    sway += rng.uniform(-0.6, 0.6, len(down))
    source = np.maximum(row - 1 - down, 0)[:, None]
    columns = (np.arange(SIZE) - np.rint(sway).astype(int)[:, None]) % SIZE
    reflected = p.canvas[:, source, columns] * 0.94
    water_colour = mix(_water_colour(p, rng), p.sky[1], 0.25)
    water = mix(reflected, water_colour, np.linspace(0.28, 0.7, len(down))[:, None])
    water += _ripples(rng, row, shore, 0.2)
    p.canvas[:, row:] = unit(water)
    line = 0.5 * np.exp(-(((COLUMNS[row - 2 : row + 3] - row) / 0.7) ** 2))
    blend(p.canvas[:, row - 2 : row + 3], p.light.on(_WHITE, 0.3), line[:, None])
    _glitter(p, rng, shore)
    if bridge := scene.get("bridge"):
        before = p.canvas.copy()
        y = shore + 8 + 5 * bridge.depth
        (_suspension if bridge.kind == "suspension" else _arches)(p, bridge, y)
        _mirror(p, before, y, 18)
    near = any(scene.get(x) for x in ("road", "horses", "flowers", "cars")) or (
        tree and tree.depth <= 0.45
    )
    level = 79 if near else 90
    edge = level + rng.uniform(-2, 3) + 5 * fractal_line(rng, 0.35, 3)
    _boats(p, shore + 4, float(min(edge.min() - 1, 84)))
    _meadow(p, rng, edge)
    _near(p, edge)


def _waterfall(p: _Picture, waterfall: SceneObject, foot: Number) -> None:
    rng = p.rng_of(waterfall)
    x, s = waterfall.x * SIZE, 0.75 + 0.45 * waterfall.size
    half = 15 * s
    top = foot - float(rng.uniform(25, 33)) * s
    # The cliff leaves the picture on the nearer side and slopes down on the other.
    away = (COLUMNS - x) * (1 if waterfall.x < 0.5 else -1) / half
    cliff = top + 26 * np.maximum(away - 0.7, 0) ** 1.2 + 3.5 * np.minimum(away + 0.7, 0) ** 2
    cliff = cliff + fractal_line(rng, 0.65, 6) * 1.9
    rock = rgb(("#7a7268", "#6a6f72", "#86796a")[int(rng.integers(3))])
    colour = p.light.on(rock, 0.12)
    rows = _band(cliff.min(), foot)
    band, y = p.canvas[:, rows], COLUMNS[rows, None]
    below = y - cliff
    ends = unit(foot - y + 0.5)
    face = unit(planes(colour) + noise(rng, "rock")[rows] * 0.22)
    face = mix(face, p.light.on(p.land * 0.9, 0.12), unit(1 - below / 3))
    blend(band, face, unit(below + 0.5) * ends)
    width = float(rng.uniform(2.6, 4.6)) * s
    start = float(cliff[_column(x)])
    spread = width * (1 + 0.5 * unit((y - start) / (foot - start)))
    centre = x + 0.6 * np.sin(y / 4 + rng.uniform(0, 6))
    strands = stretched(rng, 4.0, 0.5)[rows]
    falls = unit((spread - np.abs(X[rows] - centre)) * 1.2 + 0.5)
    falls *= unit(y - start + 0.5) * ends
    bright = mix(p.light.tint, np.full(3, max(float(p.light.tint.mean()), 0.62)), 0.6)
    foam = mix(rgb("#a9c6d8") * bright, bright, unit(strands * 1.7))
    blend(band, foam, falls * 0.97)
    rows = _band(foot - 9, foot + 9)
    down = 0.95 * np.exp(-((COLUMNS[rows] - foot) ** 2) / 14)
    across = np.exp(-((COLUMNS - x) ** 2) / (3.2 * width) ** 2)
    blend(p.canvas[:, rows], bright, np.minimum(down[:, None] * across, 0.9))


# -- land -----------------------------------------------------------------------------------------


def _meadow(p: _Picture, rng: Rng, edge: Floats) -> None:
    """Paint the near ground below `edge`, grassy or snowy, darker towards the viewer."""
    below = Y - edge
    texture = stretched(rng, 1.6, 1.0) * 0.2 + noise(rng, "grain") * 0.07
    texture -= 0.135
    if p.scene.season == "winter":
        texture *= 0.4
    texture += 0.08 * unit(1 - below / 4)
    texture -= 0.14 * unit(below / 30)
    texture *= float(p.light.tint.mean())
    p.ridge(edge, unit(p.light.on(p.land, 0.02)), texture)


def _land(p: _Picture) -> None:
    scene, rng = p.scene, p.rng
    back = _hill(p, rng, p.horizon + 5, float(rng.uniform(4, 9)), 0.45, p.horizon + 19)
    if waterfall := scene.get("waterfall"):
        _waterfall(p, waterfall, p.horizon + 12)
    _thicket(p, rng, back + 0.5, 0.5)
    middle = p.horizon + 11 - float(rng.uniform(2, 6)) * fractal_line(rng, 0.3, 3)
    tree = scene.get("tree")
    ground = middle
    if scene.get("train") or scene.get("bridge"):  # both pass in front of the buildings
        ground = np.minimum(middle, p.horizon + 6)
    for i, item in enumerate(_standing(p)):
        x = item.x * SIZE
        _stand(p, item, x, float(ground[_column(x)]) + 1, 0.82 if i == 0 else 0.72, 0.1)
    if tree and tree.depth > 0.45:
        _group(p, tree, lambda x: float(ground[int(x)]) + 1, 0.66, 0.15)
    texture = (stretched(rng, 1.2, 1.8) - 0.5) * 0.15
    texture += 0.07 * unit(1 - (Y - middle) / 8)
    texture *= float(p.light.tint.mean())
    p.ridge(middle, p.light.on(p.land * 0.94, 0.14), texture, p.horizon + 29)
    deck = None
    if bridge := scene.get("bridge"):  # a viaduct across the valley
        deck = _arches(p, bridge, p.horizon + 25, 6)
    if (train := scene.get("train")) is not None:
        s = 0.85 * max(train.size, 0.8)
        y = p.horizon + 17 + 4 * (1 - train.depth)
        y = y if deck is None else deck
        draw.train(p.canvas, p.light, p.rng_of(train), train.x * SIZE, y, s, 0.06, train.kind)
    edge = p.horizon + 24 + 3 * fractal_line(rng, 0.35, 3)
    _meadow(p, rng, edge)
    _near(p, edge)


def _road(p: _Picture, road: SceneObject, edge: Floats) -> tuple[Number, Number]:
    """Paint the road; return the row that cars drive on and their scale."""
    rng = p.rng_of(road)
    tar = p.light.on(rgb(("#6a6a70", "#7a7570", "#5c6068")[int(rng.integers(3))]))
    stripe = p.light.on(rgb("#f4ecd0"))
    if road.kind == "across" or p.scene.place != "land":
        top = (
            float(max(edge.max() + 2, 79)) if p.scene.place != "land" else 76 + 6 * (1 - road.depth)
        )
        top = min(top, 84)
        thick = 9.5
        rows = _band(top, top + thick)
        band, y = p.canvas[:, rows], COLUMNS[rows, None]
        inside = unit(y - top + 0.5) * unit(top + thick - y + 0.5)
        blend(band, planes(tar) + (noise(rng)[rows] - 0.5) * 0.06, inside)
        dashes = (np.abs(y - top - thick / 2) < 0.6) * ((COLUMNS + rng.integers(0, 9)) % 9 < 5)
        blend(band, stripe, np.where(dashes, 0.85, 0.0))
        for line in (top + 0.6, top + thick - 0.6):
            blend(band, stripe, 0.5 * np.exp(-(((y - line) / 0.5) ** 2)))
        return top + thick * 0.55, 0.95
    start = p.horizon + 12
    rows = _band(start)
    band, y = p.canvas[:, rows], COLUMNS[rows, None]
    t = np.maximum((y - start) / (SIZE - start), 0)
    bend = rng.uniform(6, 16) * rng.choice([-1, 1])
    centre = (
        road.x * SIZE
        + bend * np.sin(t * rng.uniform(2.6, 5.5)) * (1 - t * 0.4)
        + (48 - road.x * SIZE) * t * 0.5
    )
    half = 0.8 + 13 * t * np.sqrt(t)
    away = np.abs(X[rows] - centre)
    inside = unit(half - away + 0.5) * unit(y - start + 0.5)
    blend(band, mix(tar, p.light.haze, 0.3 * (1 - t)), inside)
    middle = unit(half * 0.07 + 0.3 - away) * (np.sin(34 * np.sqrt(t)) > 0)
    blend(band, stripe, middle * inside * 0.9)
    return 88.0, 1.0


def _near(p: _Picture, edge: Floats) -> None:
    scene = p.scene
    where = (86.0, 0.95)
    if road := scene.get("road"):
        where = _road(p, road, edge)
    tree = scene.get("tree")
    if tree and (tree.depth <= 0.45 or scene.place == "coast"):

        def ground(x: Number) -> float:
            return min(float(edge[int(x)]) + 4, 92.0)

        _group(p, tree, ground, 1.05, 0.0)
    if horses := scene.get("horses"):
        rng = p.rng_of(horses)
        for i in range(horses.count):
            x = horses.x * SIZE + (0 if i == 0 else rng.uniform(16, 26) * (1 if i == 1 else -1))
            y = min(float(edge[_column(x)]) + 8 + 6 * rng.random(), 94)
            draw.horse(
                p.canvas, p.light, rng, x, y, 0.9 * horses.size * rng.uniform(0.85, 1.05), 0.0
            )
    if cars := scene.get("cars"):
        rng = p.rng_of(cars)
        y, s = where
        for i in range(cars.count):
            x = cars.x * SIZE + (0 if i == 0 else rng.uniform(25, 36) * (1 if i == 1 else -1))
            draw.car(
                p.canvas, p.light, rng, x, y + rng.uniform(-1, 1.5), s * min(cars.size, 1.1), 0.0
            )
    if flowers := scene.get("flowers"):
        _flowers(p, flowers, edge)


_BLOSSOM = ((0, -0.7), (0.67, -0.2), (0.42, 0.57), (-0.42, 0.57), (-0.67, -0.2))


def _flowers(p: _Picture, flowers: SceneObject, edge: Floats) -> None:
    rng = p.rng_of(flowers)
    number = int(rng.integers(26, 60))
    hues = rng.choice(len(_PETALS), 2 if rng.random() < 0.6 else 1, replace=False)
    x = rng.normal(flowers.x * SIZE, rng.uniform(16, 40), number)
    depth = np.sort(rng.random(number) ** 0.8)
    low = edge[np.minimum(np.maximum(x, 0), SIZE - 1).astype(int)]
    y = low + 3 + (93 - low) * depth
    radius = (0.85 + 1.7 * depth) * (0.7 + 0.4 * flowers.size)
    petals = np.stack([rgb(_PETALS[hue]) for hue in hues])[rng.integers(0, len(hues), number)]
    petals = unit(petals + rng.uniform(-0.06, 0.06, (number, 3)))
    top = max(int(edge.min()) - 2, 0)
    pen = Pen(SIZE, SIZE - top)
    across, down = radius / pen.width, radius / pen.height
    stem, heart = rgb("#3f6a34"), (rgb("#f6d048"), rgb("#7a4a20"))
    for u, v, a, b, petal in zip(
        (x / pen.width).tolist(),
        ((y - top) / pen.height).tolist(),
        across.tolist(),
        down.tolist(),
        petals,
        strict=True,
    ):
        pen.line([(u, v), (u + 0.3 * a, v + 2.4 * b)], stem, 0.5)
        if a * pen.width < 1.5:
            pen.oval(u - a, v - b, u + a, v + b, petal)
            continue
        for du, dv in _BLOSSOM:
            pen.oval(
                u + (du - 0.58) * a,
                v + (dv - 0.58) * b,
                u + (du + 0.58) * a,
                v + (dv + 0.58) * b,
                petal,
            )
        yellow = petal[2] <= 0.3 and petal[1] >= 0.6
        pen.oval(u - 0.38 * a, v - 0.38 * b, u + 0.38 * a, v + 0.38 * b, heart[int(yellow)])
    pen.onto(p.canvas, 0, top, p.light)


# -- print ----------------------------------------------------------------------------------------

# Per print: colour = contrast * picture + grey * mean of its channels + offset.
_PRINTS: tuple[tuple[Number, Floats, Number], ...] = (
    (1.0, np.zeros(3), 0.0),
    (1.375, np.full(3, -0.275), -0.05),  # poster
    (0.7912, np.full(3, 0.0688), 0.1),  # pastel
    (0.741, 0.209 * np.array([1.06, 0.97, 0.8]), 0.03),  # faded
    (1.0, np.zeros(3), 0.0),
)


def _finish(p: _Picture) -> npt.NDArray[np.uint8]:
    """Apply the style of the print (plain, poster, pastel or faded), vignette and paper grain."""
    rng = np.random.default_rng([p.scene.seed, 3])
    picture = unit(p.canvas)
    contrast, grey, offset = _PRINTS[int(rng.integers(len(_PRINTS)))]
    gain = rng.uniform(0.94, 1.05)
    tone = planes(offset * gain + rng.uniform(-0.015, 0.015, 3))
    if grey.any():
        mean = (picture[0] + picture[1] + picture[2]) / 3
        tone = tone + planes(grey * gain) * mean
    picture *= contrast * gain
    picture += tone
    picture *= _VIGNETTE
    picture += noise(rng, "cloudy", 2) * (0.035 * 255) + (0.5 - 0.0175 * 255)
    result = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
    result[:] = np.minimum(np.maximum(picture, 0.5, out=picture), 255.5, out=picture).transpose(
        1, 2, 0
    )
    return result
