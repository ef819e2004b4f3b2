"""Paint a scene: sky, ridges, water or land, and the things on them, from far to near.

Each thing draws from its own generator, so taking one off a scene leaves the others where they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from uhscm_core.postcards import things as draw
from uhscm_core.postcards.brush import (
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
    rgb,
    stretched,
    window,
)
from uhscm_core.postcards.scene import Scene, Thing

__all__ = ["GENERATOR_VERSION", "paint"]

GENERATOR_VERSION = 1  # part of the data set's digest: raise it when any picture changes

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
_VIGNETTE = 1 - 0.1 * (((X - 47.5) ** 2 + (Y - 47.5) ** 2)[..., None] / 4512) ** 1.5
_PETALS = ("#e2445a", "#f2c53d", "#ffffff", "#b06ad0", "#f28ab0", "#f07f2f", "#5a7ae0")


class _Picture:
    """The canvas and the lie of the land while a scene is painted."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rng = np.random.default_rng([scene.seed, 2])
        rng = self.rng
        skies = _SKIES[scene.time]
        self.sky = [rgb(code) for code in skies[int(rng.integers(len(skies)))].split()]
        haze = mix(self.sky[2], self.sky[1], 0.35)
        self.light = Light(np.array(_LIGHTS[scene.time]), haze, scene.time == "night")
        self.horizon = float(rng.uniform(0.44, 0.58)) * SIZE
        self.canvas = np.empty((SIZE, SIZE, 3))
        land = _LAND[scene.season]
        self.land = np.clip(
            rgb(land[int(rng.integers(len(land)))]) + rng.uniform(-0.03, 0.03, 3), 0, 1
        )
        self.sun_x = float(rng.uniform(0.15, 0.85)) * SIZE
        self.sun_y = self.horizon - float(rng.uniform(2, 13))
        self.glint: Floats | None = None

    def own(self, thing: Thing) -> Rng:
        return np.random.default_rng(thing.seed)

    def ridge(
        self, heights: Floats, colour: Floats, texture: Floats | None = None, fade: Number = 0.0
    ) -> None:
        """Paint everything below a line of heights; `fade` into the haze towards its foot."""
        top = min(max(int(heights.min()) - 1, 0), SIZE - 1)
        below = Y[top:] - heights
        alpha = np.clip(below + 0.5, 0, 1)
        shade = colour if texture is None else colour + texture[top:, :, None]
        if fade:
            depth = np.clip(below / 30, 0, 1)[..., None] * fade
            shade = mix(np.broadcast_to(shade, (*below.shape, 3)), self.light.haze, depth)
        blend(self.canvas[top:], np.asarray(shade), alpha)


def paint(scene: Scene) -> npt.NDArray[np.uint8]:
    """Paint a scene.

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
    t = np.clip(COLUMNS / (p.horizon + 4), 0, 1)[:, None, None]  # (96, 1, 1): a row, a colour
    top, middle, low = p.sky
    p.canvas[:] = np.where(
        t < 0.55, mix(top, middle, t / 0.55), mix(middle, low, (t - 0.55) / 0.45)
    )
    wisps = stretched(rng, 0.6, 1.6) - 0.5
    p.canvas += wisps[..., None] * 0.07
    if scene.time == "night":
        stars = rng.random((70, 3))
        for x, y, size in stars:
            row, column = int(y * p.horizon), int(x * SIZE)
            p.canvas[row, column] += (1 - p.canvas[row, column]) * (0.25 + 0.7 * size**3)
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


def _disc(
    p: _Picture, x: Number, y: Number, radius: Number, colour: Floats, halo: Floats, reach: Number
) -> None:
    distance = np.hypot(X - x, Y - y)
    blend(p.canvas, halo, 0.75 * np.exp(-((distance / reach) ** 2)))
    blend(p.canvas, colour, np.clip(radius - distance + 0.5, 0, 1))


def _moon(p: _Picture, moon: Thing) -> None:
    rng = p.own(moon)
    x, y = moon.x * SIZE, float(rng.uniform(9, 24))
    radius = 5.2 * moon.size + 1
    distance = np.hypot(X - x, Y - y)
    blend(p.canvas, rgb("#dfe6f4"), 0.45 * np.exp(-((distance / (radius * 2.3)) ** 2)))
    alpha = np.clip(radius - distance + 0.5, 0, 1)
    if moon.kind == "crescent":
        side = rng.choice([-1, 1]) * radius * 0.62
        alpha = alpha * np.clip(np.hypot(X - x - side, Y - y + radius * 0.2) - radius + 0.5, 0, 1)
    craters = (noise(rng) - 0.5)[..., None] * 0.3
    blend(p.canvas, np.clip(rgb("#f8f4e2") + craters, 0, 1), alpha)


def _clouds(p: _Picture, clouds: Thing) -> None:
    rng = p.own(clouds)
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
        bands = stretched(rng, 0.55, 2.4)
        envelope = np.exp(-(((Y - rng.uniform(10, 26)) / rng.uniform(8, 13)) ** 2))
        alpha = np.clip((bands * 1.2 + envelope * 0.8 - 0.98) * 6, 0, 1) * 0.95
        shade = np.clip((bands - 0.45) * 3, 0, 1)
        blend(p.canvas, mix(bright, dark, (1 - shade)[..., None] * 0.8), alpha)
        return
    for i in range(clouds.count + 2 * overcast):
        x = clouds.x * SIZE + i * rng.uniform(22, 34)
        x = (x + 14) % (SIZE + 28) - 14
        y = rng.uniform(0.16, 0.66) * p.horizon
        wide = clouds.size * rng.uniform(10, 18) * (1.3 if overcast else 1)
        high = wide * rng.uniform(0.42, 0.6)
        u, v = (X - x) / wide, (Y - y) / high
        below = np.where(v > 0, v * 2.6, v)
        bumps = noise(rng, "cloudy", 2, 2)
        body = 1 - u * u - below * below + (bumps - 0.5) * 1.9
        alpha = np.clip(body * 2.6, 0, 1) * (0.96 if not overcast else 0.9)
        shade = np.clip(0.45 - v * 0.75 + (bumps - 0.5) * 1.1, 0, 1)
        blend(p.canvas, mix(dark, bright, shade[..., None]), alpha * (p.horizon + 6 > Y))


def _rainbow(p: _Picture, rainbow: Thing) -> None:
    rng = p.own(rainbow)
    radius = float(rng.uniform(34, 56))
    x = rainbow.x * SIZE
    y = p.horizon + rng.uniform(-2, 10)
    width = float(rng.uniform(6.5, 10)) * (0.7 + 0.3 * rainbow.size)
    t = (radius - np.hypot(X - x, Y - y)) / width  # 0 outside (red) to 1 inside (violet)
    hues = [rgb(c) for c in ("#ef4a40", "#f99a3a", "#f9e25a", "#5cc46a", "#4a8ae0", "#8a5ac8")]
    stops = np.linspace(0, 1, 6)
    at = np.clip(t, 0, 1)
    bands = np.stack([np.interp(at, stops, [h[c] for h in hues]) for c in range(3)], -1)
    alpha = np.clip(t * 4, 0, 1) * np.clip((1 - t) * 4, 0, 1)
    strength = float(rng.uniform(0.6, 0.85))
    blend(p.canvas, bands, alpha * strength * (p.horizon + 3 > Y))


def _flying(p: _Picture) -> None:
    if plane := p.scene.get("plane"):
        rng = p.own(plane)
        y = float(rng.uniform(0.14, 0.5)) * p.horizon
        draw.plane(p.canvas, p.light, rng, plane.x * SIZE, y, 0.75 * plane.size)
    if birds := p.scene.get("birds"):
        rng = p.own(birds)
        white = birds.kind == "gulls" and p.scene.time in ("day", "overcast") and rng.random() < 0.5
        count = birds.count if birds.kind == "gulls" else birds.count + 5
        size = (0.95 if birds.kind == "gulls" else 0.55) * max(birds.size, 0.75)
        size *= 1.25 if count == 1 else 1.0
        cx, cy = birds.x * SIZE, float(rng.uniform(0.25, 0.8)) * p.horizon
        for _ in range(count):
            x, y = rng.normal(cx, 15), np.clip(rng.normal(cy, 7), 5, p.horizon + 6)
            draw.bird(p.canvas, p.light, rng, x, y, size * rng.uniform(0.75, 1.15), white)


# -- far away -----------------------------------------------------------------------------------


def _far(p: _Picture) -> None:
    scene = p.scene
    winter = scene.season == "winter"
    if mountain := scene.get("mountain"):
        rng = p.own(mountain)
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
            texture = noise(rng, "rock", 2, 2)
            colour = p.light.on(rock, 0.62 - 0.3 * near)
            shade = texture * 0.16
            shaded = np.clip(colour + shade[..., None] * p.light.tint, 0, 1)
            if winter:
                cap = (Y - heights[None, :]) / rise + 0.45 * (noise(rng) - 0.5) - texture * 0.12
                white = p.light.on(np.array([0.97, 0.98, 1.0]), 0.25) + shade[..., None] * 0.8
                shaded = mix(shaded, white, np.clip((0.72 - cap) * 6, 0, 1)[..., None])
            alpha = np.clip(Y - heights[None, :] + 0.5, 0, 1)
            depth = np.clip((Y - heights[None, :]) / (rise * 1.6), 0, 1)[..., None]
            blend(p.canvas, mix(shaded, p.light.haze, depth * 0.6), alpha)
    elif scene.place == "land":
        heights = p.horizon - 2 - 4 * fractal_line(p.rng, 0.45, 4)
        p.ridge(heights, p.light.on(p.land * 0.85, 0.66), fade=0.5)


def _hill(p: _Picture, rng: Rng, base: Number, rise: Number, distance: Number) -> Floats:
    heights = base - rise * (0.4 + 0.6 * fractal_line(rng, 0.35, 3))
    texture = (stretched(rng, 1.2, 2.2) - 0.5) * 0.16 * (1 - distance)
    texture = texture + np.clip(1 - (Y - heights[None, :]) / 9, 0, 1) * 0.06
    p.ridge(heights, p.light.on(p.land * (0.8 + 0.2 * (1 - distance)), distance), texture)
    return heights


def _thicket(p: _Picture, rng: Rng, heights: Floats, distance: Number) -> None:
    """A distant line of woods: not a tree one could point at, hence no label."""
    bumps = np.abs(np.interp(COLUMNS, np.linspace(0, 95, 40), rng.uniform(0.4, 2.6, 40)))
    inside = np.clip(fractal_line(rng, 0.5, 3) * 2.2 + 0.4, 0, 1)
    top = heights - bumps * inside
    colour = p.light.on(mix(p.land, rgb("#3f5a48"), 0.6) * 0.8, distance)
    alpha = np.clip(Y - top[None, :] + 0.5, 0, 1) * np.clip(heights[None, :] + 1.5 - Y, 0, 1)
    blend(p.canvas, colour, alpha * (inside > 0.05))


# -- things that stand ----------------------------------------------------------------------------


def _stand(
    p: _Picture, thing: Thing, x: Number, y: Number, scale: Number, distance: Number
) -> None:
    rng = p.own(thing)
    s = scale * thing.size
    canvas, light = p.canvas, p.light
    if thing.label == "castle":
        draw.castle(canvas, light, rng, x, y + 1.5, s, distance)
    elif thing.label == "temple":
        draw.temple(canvas, light, rng, x, y + 1.5, s, distance, thing.kind)
    elif thing.label == "tower":
        draw.tower(canvas, light, rng, x, y + 1.5, s, distance, thing.kind)
    elif thing.label == "house":
        for i in range(thing.count):
            side = (1 if i % 2 else -1) * ((i + 1) // 2)
            dx = side * rng.uniform(13, 18) * s
            shrink = rng.uniform(0.75, 1.05)
            draw.house(
                canvas, light, rng, x + dx, y + 1.5 + rng.uniform(-0.5, 1), s * shrink, distance
            )


def _group(
    p: _Picture, thing: Thing, ground: Callable[[float], float], scale: Number, distance: Number
) -> None:
    """Trees side by side on the ground, the far ones first."""
    rng = p.own(thing)
    lots = sorted(
        (
            (thing.x * SIZE + rng.normal(0, 5 + 6 * thing.count), rng.uniform(0, 4))
            for _ in range(thing.count)
        ),
        key=lambda lot: lot[1],
    )
    for i, (x, y) in enumerate(lots):
        x = thing.x * SIZE if i == len(lots) - 1 else x
        s = scale * thing.size * rng.uniform(0.7, 1.1)
        at = ground(min(max(x, 0), SIZE - 1)) + y * scale + 1
        draw.tree(p.canvas, p.light, rng, x, at, s, distance, thing.kind, p.scene.season)


def _standing(p: _Picture) -> list[Thing]:
    return [t for t in p.scene.things if t.label in ("castle", "temple", "tower", "house")]


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


def _ripples(rng: Rng, top: Number, strength: Number) -> Floats:
    """(96, 96) light and dark strokes, finer towards the water's far edge."""
    depth = np.clip((COLUMNS - top) / (SIZE - top), 0, 1)
    rows = (np.sqrt(depth) * 150 + rng.integers(0, 255)).astype(int) % 256
    columns = np.asarray(COLUMNS * 0.8 + rng.integers(0, 255)).astype(int) % 256
    waves = window(rows, columns)
    return np.asarray((waves - 0.5) * strength * (0.4 + depth[:, None]))


def _glitter(p: _Picture, rng: Rng, top: Number, bottom: Floats | Number) -> None:
    """The path of sun or moon on the water."""
    moon = p.scene.get("moon")
    if p.scene.time == "sunset":
        x, colour = p.sun_x, rgb("#ffdf9a")
    elif moon is not None and p.scene.time == "night":
        x, colour = moon.x * SIZE, rgb("#d8e2f4")
    else:
        return
    spread = 2.0 + 0.16 * (Y - top)
    path = np.exp(-(((X - x) / spread) ** 2)) * (top < Y) * (bottom + 0.5 > Y)
    strokes = np.clip((stretched(rng, 0.5, 5.0) - 0.38) * 5, 0, 1)
    blend(p.canvas, colour, path * strokes * 0.85)


def _boats(p: _Picture, low: Number, high: Number) -> None:
    boats = p.scene.get("boats")
    if boats is None:
        return
    rng = p.own(boats)
    depths = sorted(rng.uniform(0, 1, boats.count))
    for i, depth in enumerate(depths):
        x = boats.x * SIZE if i == len(depths) - 1 else float(rng.uniform(8, 88))
        y = low + (high - low) * depth
        s = (0.5 + 0.6 * depth) * boats.size
        before = p.canvas.copy()
        draw.boat(p.canvas, p.light, rng, x, y, s, 0.25 * (1 - depth), boats.kind)
        _mirror(p, before, y, 12 * s)


def _mirror(p: _Picture, before: Floats, y: Number, length: Number) -> None:
    """Reflect in the water what has just been drawn above row y."""
    row = round(y) + 1
    reach = min(round(length), row, SIZE - row)
    if reach <= 0:
        return
    above = slice(row - reach, row)
    change = (p.canvas[above] - before[above])[::-1]
    fading = np.linspace(0.5, 0.12, reach)[:, None, None]
    p.canvas[row : row + reach] = np.clip(p.canvas[row : row + reach] + change * fading, 0, 1)


def _suspension(p: _Picture, bridge: Thing, y: Number) -> None:
    rng = p.own(bridge)
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
    pen.rect(0, deck, 1, deck + 0.8 / h, np.clip(colour * 1.2, 0, 1))
    for u in (a, b):
        pen.rect(u - 0.016, 0, u + 0.016, 1.0, colour)
        pen.rect(u, 0, u + 0.016, 1.0, colour * 0.75)
    pen.onto(p.canvas, 0, y - h + 3, p.light, 0.12)


def _arches(p: _Picture, bridge: Thing, y: Number, high: Number = 0.0) -> float:
    """A stone bridge on round arches with its feet at row y; returns the row of its deck."""
    rng = p.own(bridge)
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
    pen.rect(0, 0, 1, 1.4 / h, np.clip(stone * 1.14, 0, 1))
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
    t = np.clip((COLUMNS - top) / (SIZE - top), 0, 1)[:, None, None]
    sea = mix(mix(p.sky[2], deep, np.clip(t * 3 + 0.25, 0, 1)), shallow, t * 0.35)
    sea = np.clip(sea + _ripples(rng, top, 0.32)[..., None], 0, 1)
    blend(p.canvas, sea, np.clip(Y - top + 0.5, 0, 1))
    _glitter(p, rng, top, SIZE)
    if standing := _standing(p):
        side = 1.0 if standing[0].x > 0.5 else 0.0
        reach = np.abs(COLUMNS / SIZE - side)
        rise = rng.uniform(11, 17)
        heights = (
            top + 6 - rise * np.clip(1.15 - reach * 1.75, -1, 1) + fractal_line(rng, 0.5, 5) * 1.2
        )
        foot = top + 5 + rng.uniform(0, 3)
        alpha = np.clip(Y - heights[None, :] + 0.5, 0, 1) * np.clip(foot - Y + 0.5, 0, 1)
        before = p.canvas.copy()
        for i, thing in enumerate(standing):
            x = SIZE * (side + (0.16 + 0.2 * i) * (1 if side == 0 else -1))
            y = float(heights[int(np.clip(x, 0, SIZE - 1))])
            _stand(p, thing, x, y + 1, 0.62, 0.12)
        rock = mix(rgb("#8a7f72"), p.land, np.clip(1 - (Y - heights[None, :]) / 5, 0, 1)[..., None])
        rock = rock + noise(rng, "rock")[..., None] * 0.14
        blend(p.canvas, p.light.on(np.clip(rock, 0, 1), 0.12), alpha)
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
        own = p.own(beach)
        bend = own.uniform(-0.22, 0.22)
        edge = own.uniform(71, 79) + bend * (COLUMNS - 48) + 2.5 * fractal_line(own, 0.5, 3)
    elif near or scene.get("tree"):
        edge = rng.uniform(77, 82) + 2.5 * fractal_line(rng, 0.45, 4)
    _boats(p, top + 4, float(min(edge.min() - 2, 84)))
    if beach:
        own = p.own(beach)
        tint = rgb(("#ecd5a4", "#f0dfba", "#e2c08c", "#f3e8d4")[int(own.integers(4))])
        if scene.season == "winter":
            tint = mix(tint, np.array([0.95, 0.96, 1.0]), 0.55)
        depth = Y - edge[None, :]
        foam = np.exp(-(((depth + 2.5 + 2 * (noise(own) - 0.5)) / 1.4) ** 2))
        blend(p.canvas, p.light.on(np.ones(3)), np.clip(foam * 0.9, 0, 1))
        wet = np.clip(1 - depth / 5, 0, 1)[..., None]
        sand = (
            p.light.on(tint) * (1 - 0.26 * wet)
            + ((noise(own, "cloudy", 2, 2) - 0.5) * 0.12)[..., None]
        )
        blend(p.canvas, np.clip(sand, 0, 1), np.clip(depth + 0.5, 0, 1))
        line = np.exp(-(((depth - 0.5) / 0.9) ** 2))
        blend(p.canvas, p.light.on(np.ones(3)), line * 0.75)
    elif edge.min() < SIZE:
        _meadow(p, rng, edge)
    _near(p, edge)


def _lake(p: _Picture) -> None:
    scene, rng = p.scene, p.rng
    shore = p.horizon + rng.uniform(3, 7)
    heights = _hill(p, rng, shore - 3, float(rng.uniform(5, 10)), 0.42)
    if waterfall := scene.get("waterfall"):
        _waterfall(p, waterfall, shore)
    _thicket(p, rng, heights + 1, 0.45)
    far = float(shore)
    bank = np.full(SIZE, far)
    p.ridge(bank - 1.6 + 0.5 * fractal_line(rng, 0.5, 4), p.light.on(p.land * 0.82, 0.22))
    tree = scene.get("tree")
    if tree and tree.depth > 0.45:
        _group(p, tree, lambda _: far - 1, 0.7, 0.18)
    for i, thing in enumerate(_standing(p)):
        _stand(p, thing, thing.x * SIZE, far - 0.5, 0.72 if i == 0 else 0.62, 0.14)
    if (train := scene.get("train")) is not None:
        draw.train(
            p.canvas,
            p.light,
            p.own(train),
            train.x * SIZE,
            far,
            0.72 * max(train.size, 0.8),
            0.1,
            train.kind,
        )
    row = round(far) + 1
    reflected = np.empty_like(p.canvas[row:])
    source = np.clip(row - 1 - np.arange(SIZE - row), 0, SIZE - 1)
    sway = np.sin(np.arange(SIZE - row) * 1.9 + rng.uniform(0, 6)) * (
        0.4 + 0.035 * np.arange(SIZE - row)
    )
    sway += rng.uniform(-0.6, 0.6, SIZE - row)
    for i, (at, shift) in enumerate(zip(source, sway, strict=True)):
        reflected[i] = np.roll(p.canvas[at], round(float(shift)), 0)
    depth = np.linspace(0, 1, SIZE - row)[:, None, None]
    own_colour = mix(_water_colour(p, rng), p.sky[1], 0.25)
    water = mix(reflected * 0.94, own_colour, 0.28 + 0.42 * depth)
    water = water + _ripples(rng, far, 0.2)[row:, :, None]
    p.canvas[row:] = np.clip(water, 0, 1)
    blend(p.canvas, p.light.on(np.ones(3), 0.3), 0.5 * np.exp(-(((Y - row) / 0.7) ** 2)))
    _glitter(p, rng, far, SIZE)
    if bridge := scene.get("bridge"):
        before = p.canvas.copy()
        y = far + 5 + 7 * bridge.depth
        (_suspension if bridge.kind == "suspension" else _arches)(p, bridge, y)
        _mirror(p, before, y, 18)
    near = any(scene.get(x) for x in ("road", "horses", "flowers", "cars")) or (
        tree and tree.depth <= 0.45
    )
    level = 79 if near else 90
    edge = level + rng.uniform(-2, 3) + 5 * fractal_line(rng, 0.35, 3)
    _boats(p, far + 4, float(min(edge.min() - 1, 84)))
    _meadow(p, rng, edge)
    _near(p, edge)


def _waterfall(p: _Picture, waterfall: Thing, foot: Number) -> None:
    rng = p.own(waterfall)
    x, s = waterfall.x * SIZE, 0.75 + 0.45 * waterfall.size
    half = 15 * s
    top = foot - float(rng.uniform(25, 33)) * s
    # A cliff that runs out of the picture on the nearer side and falls off on the other.
    away = (COLUMNS - x) * (1 if waterfall.x < 0.5 else -1) / half
    cliff = top + 26 * np.maximum(away - 0.7, 0) ** 1.2 + 3.5 * np.minimum(away + 0.7, 0) ** 2
    cliff = cliff + fractal_line(rng, 0.65, 6) * 1.9
    rock = rgb(("#7a7268", "#6a6f72", "#86796a")[int(rng.integers(3))])
    colour = p.light.on(rock, 0.12)
    texture = noise(rng, "rock") * 0.22
    grass = np.clip(1 - (Y - cliff[None, :]) / 3, 0, 1)[..., None]
    face = mix(np.clip(colour + texture[..., None], 0, 1), p.light.on(p.land * 0.9, 0.12), grass)
    alpha = np.clip(Y - cliff[None, :] + 0.5, 0, 1) * np.clip(foot - Y + 0.5, 0, 1)
    blend(p.canvas, face, alpha)
    width = float(rng.uniform(2.6, 4.6)) * s
    start = float(cliff[int(np.clip(x, 0, SIZE - 1))])
    spread = width * (1 + 0.5 * np.clip((Y - start) / (foot - start), 0, 1))
    centre = x + 0.6 * np.sin(Y / 4 + rng.uniform(0, 6))
    strands = stretched(rng, 4.0, 0.5)
    falls = np.clip((spread - np.abs(X - centre)) * 1.2 + 0.5, 0, 1)
    falls *= np.clip(Y - start + 0.5, 0, 1) * np.clip(foot - Y + 0.5, 0, 1)
    foam = mix(rgb("#a9c6d8"), np.ones(3), np.clip(strands * 1.7, 0, 1)[..., None])
    bright = mix(p.light.tint, np.full(3, max(float(p.light.tint.mean()), 0.62)), 0.6)
    blend(p.canvas, foam * bright, falls * 0.97)
    spray = np.exp(-((X - x) ** 2 / (3.2 * width) ** 2 + (Y - foot) ** 2 / 14))
    blend(p.canvas, np.ones(3) * bright, np.clip(spray * 0.95, 0, 0.9))


# -- land -----------------------------------------------------------------------------------------


def _meadow(p: _Picture, rng: Rng, edge: Floats) -> None:
    """The near ground below `edge`, grassy or under snow, darker towards the viewer."""
    depth = np.clip((Y - edge[None, :]) / 30, 0, 1)
    texture = (stretched(rng, 1.6, 1.0) - 0.5) * 0.2 + (rng.random((SIZE, SIZE)) - 0.5) * 0.07
    if p.scene.season == "winter":
        texture *= 0.4
    texture = texture - 0.14 * depth + 0.08 * np.clip(1 - (Y - edge[None, :]) / 4, 0, 1)
    colour = p.light.on(p.land, 0.02)
    p.ridge(edge, np.clip(colour, 0, 1), texture * float(p.light.tint.mean()))


def _land(p: _Picture) -> None:
    scene, rng = p.scene, p.rng
    back = _hill(p, rng, p.horizon + 5, float(rng.uniform(4, 9)), 0.45)
    if waterfall := scene.get("waterfall"):
        _waterfall(p, waterfall, p.horizon + 12)
    _thicket(p, rng, back + 0.5, 0.5)
    middle = p.horizon + 11 - float(rng.uniform(2, 6)) * fractal_line(rng, 0.3, 3)
    standing = _standing(p)
    tree = scene.get("tree")
    for i, thing in enumerate(standing):
        x = thing.x * SIZE
        y = float(middle[int(np.clip(x, 0, SIZE - 1))])
        _stand(p, thing, x, y + 1, 0.82 if i == 0 else 0.68, 0.1)
    if tree and tree.depth > 0.45:
        _group(p, tree, lambda x: float(middle[int(x)]) + 1, 0.66, 0.15)
    texture = (stretched(rng, 1.2, 1.8) - 0.5) * 0.15
    texture = texture + 0.07 * np.clip(1 - (Y - middle[None, :]) / 8, 0, 1)
    p.ridge(middle, p.light.on(p.land * 0.94, 0.14), texture * float(p.light.tint.mean()))
    deck = None
    if bridge := scene.get("bridge"):  # a viaduct across the dale
        deck = _arches(p, bridge, p.horizon + 25, 6)
    if (train := scene.get("train")) is not None:
        s = 0.85 * max(train.size, 0.8)
        y = p.horizon + 17 + 4 * (1 - train.depth)
        y = y if deck is None else deck
        draw.train(p.canvas, p.light, p.own(train), train.x * SIZE, y, s, 0.06, train.kind)
    edge = p.horizon + 24 + 3 * fractal_line(rng, 0.35, 3)
    _meadow(p, rng, edge)
    _near(p, edge)


def _road(p: _Picture, road: Thing, edge: Floats) -> tuple[Number, Number]:
    """Paint the road; returns where a car drives on it."""
    rng = p.own(road)
    tar = p.light.on(rgb(("#6a6a70", "#7a7570", "#5c6068")[int(rng.integers(3))]))
    stripe = p.light.on(rgb("#f4ecd0"))
    if road.kind == "across" or p.scene.place != "land":
        top = (
            float(max(edge.max() + 2, 79)) if p.scene.place != "land" else 76 + 6 * (1 - road.depth)
        )
        top = min(top, 84)
        thick = 9.5
        inside = np.clip(Y - top + 0.5, 0, 1) * np.clip(top + thick - Y + 0.5, 0, 1)
        blend(p.canvas, tar + ((noise(rng) - 0.5) * 0.06)[..., None], inside)
        dashes = (np.abs(Y - top - thick / 2) < 0.6) * ((X + rng.integers(0, 9)) % 9 < 5)
        blend(p.canvas, stripe, dashes * 0.85)
        for line in (top + 0.6, top + thick - 0.6):
            blend(p.canvas, stripe, 0.5 * np.exp(-(((Y - line) / 0.5) ** 2)))
        return top + thick * 0.55, 0.95
    start = p.horizon + 12
    t = np.clip((Y - start) / (SIZE - start), 0, 1)
    bend = rng.uniform(6, 16) * rng.choice([-1, 1])
    centre = (
        road.x * SIZE
        + bend * np.sin(t * rng.uniform(2.6, 5.5)) * (1 - t * 0.4)
        + (48 - road.x * SIZE) * t * 0.5
    )
    half = 0.8 + 13 * t**1.5
    inside = np.clip(half - np.abs(X - centre) + 0.5, 0, 1) * np.clip(Y - start + 0.5, 0, 1)
    blend(p.canvas, mix(tar, p.light.haze, (0.3 * (1 - t))[..., None]), inside)
    middle = np.clip(half * 0.07 + 0.3 - np.abs(X - centre), 0, 1) * (np.sin(34 * np.sqrt(t)) > 0)
    blend(p.canvas, stripe, middle * inside * 0.9)
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
        rng = p.own(horses)
        for i in range(horses.count):
            x = horses.x * SIZE + (0 if i == 0 else rng.uniform(16, 26) * (1 if i == 1 else -1))
            low = float(edge[int(np.clip(x, 0, SIZE - 1))])
            y = min(low + 8 + 6 * rng.random(), 94)
            draw.horse(
                p.canvas, p.light, rng, x, y, 0.9 * horses.size * rng.uniform(0.85, 1.05), 0.0
            )
    if cars := scene.get("cars"):
        rng = p.own(cars)
        y, s = where
        for i in range(cars.count):
            x = cars.x * SIZE + (0 if i == 0 else rng.uniform(25, 36) * (1 if i == 1 else -1))
            draw.car(
                p.canvas, p.light, rng, x, y + rng.uniform(-1, 1.5), s * min(cars.size, 1.1), 0.0
            )
    if flowers := scene.get("flowers"):
        _flowers(p, flowers, edge)


def _flowers(p: _Picture, flowers: Thing, edge: Floats) -> None:
    rng = p.own(flowers)
    number = int(rng.integers(26, 60))
    hues = rng.choice(len(_PETALS), 2 if rng.random() < 0.6 else 1, replace=False)
    pen = Pen(SIZE, SIZE)
    spread = rng.uniform(16, 40)
    places = np.column_stack(
        [rng.normal(flowers.x * SIZE, spread, number), rng.random(number) ** 0.8]
    )
    places = places[np.argsort(places[:, 1], kind="stable")]
    for x, depth in places:
        column = int(np.clip(x, 0, SIZE - 1))
        y = edge[column] + 3 + (93 - edge[column]) * depth
        r = (0.85 + 1.7 * depth) * (0.7 + 0.4 * flowers.size)
        petal = rgb(_PETALS[int(hues[int(rng.integers(len(hues)))])])
        petal = np.clip(petal + rng.uniform(-0.06, 0.06, 3), 0, 1)
        u, v, w = x / SIZE, y / SIZE, r / SIZE
        pen.line([(u, v), (u + 0.3 * w, v + 2.4 * w)], rgb("#3f6a34"), 0.5)
        if r < 1.5:
            pen.oval(u - w, v - w, u + w, v + w, petal)
        else:
            for du, dv in ((0, -0.7), (0.67, -0.2), (0.42, 0.57), (-0.42, 0.57), (-0.67, -0.2)):
                pen.oval(
                    u + (du - 0.58) * w,
                    v + (dv - 0.58) * w,
                    u + (du + 0.58) * w,
                    v + (dv + 0.58) * w,
                    petal,
                )
            heart = rgb("#f6d048") if petal[2] > 0.3 or petal[1] < 0.6 else rgb("#7a4a20")
            pen.oval(u - 0.38 * w, v - 0.38 * w, u + 0.38 * w, v + 0.38 * w, heart)
    pen.onto(p.canvas, 0, 0, p.light)


# -- print ----------------------------------------------------------------------------------------


def _finish(p: _Picture) -> npt.NDArray[np.uint8]:
    """The style of the print: plain, poster, pastel or faded; vignette and paper."""
    rng = np.random.default_rng([p.scene.seed, 3])
    picture = np.clip(p.canvas, 0, 1)
    style = int(rng.integers(5))
    grey = (picture[..., :1] + picture[..., 1:2] + picture[..., 2:]) / 3
    if style == 1:  # poster
        picture = grey + (picture - grey) * 1.25
        picture = picture + 0.1 * (picture - 0.5)
    elif style == 2:  # pastel
        picture = 0.1 + 0.86 * (grey + (picture - grey) * 0.92)
    elif style == 3:  # faded print
        picture = mix(picture, grey * np.array([1.06, 0.97, 0.8]), 0.22) * 0.95 + 0.03
    picture = picture * rng.uniform(0.94, 1.05) + rng.uniform(-0.015, 0.015, 3)
    picture = picture * _VIGNETTE
    paper = (noise(rng, "cloudy", 2, 2) - 0.5) * 0.035
    return np.asarray(np.clip(picture + paper[..., None], 0, 1) * 255 + 0.5).astype(np.uint8)
