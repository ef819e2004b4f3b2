"""The objects of the painted world, each drawn with its foot at a point (x, y) of the canvas.

Every function takes the canvas, the scene's light, the object's own random generator, the foot
point, a scale (1 is an object in the middle distance) and a distance in [0, 1] that fades it into
the haze.
"""

from __future__ import annotations

import numpy as np

from uhscm_postcards.brush import LAMP, Floats, Light, Number, Pen, rgb, unit

__all__ = [
    "boat",
    "bird",
    "car",
    "castle",
    "horse",
    "house",
    "plane",
    "temple",
    "tower",
    "train",
    "tree",
]

Rng = np.random.Generator
BLACK, WHITE = np.zeros(3), np.ones(3)


def _choose(rng: Rng, codes: str) -> Floats:
    """Pick one of several colours (codes separated by spaces) and vary it a little."""
    options = codes.split()
    return unit(rgb(options[int(rng.integers(len(options)))]) + rng.uniform(-0.04, 0.04, 3))


def house(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number
) -> None:
    """Draw a cottage with a pitched roof, a lit gable and a chimney."""
    w, h = 19 * s, 17 * s
    wall = _choose(rng, "#f3e6cf #e9d0b0 #f7f1e3 #d9e2e6 #e6b58f #c9d6b4")
    roof = _choose(rng, "#a5412f #8a3b32 #5b4a4a #3f5266 #b5653a #6b2f2a")
    pen = Pen(w, h)
    pen.rect(0.68, 0.08, 0.78, 0.4, roof * 0.75)
    pen.rect(0.06, 0.45, 0.62, 1.0, wall * 0.97)
    pen.rect(0.62, 0.45, 0.95, 1.0, wall * 0.74)
    pen.poly([(0.34, 0.1), (0.68, 0.48), (0.0, 0.48)], wall * 0.97)
    pen.poly([(0.34, 0.06), (0.78, 0.06 + 0.06), (1.0, 0.5), (0.64, 0.5)], roof)
    pen.line([(0.34, 0.08), (0.0, 0.5)], roof * 0.8, 1.0 * s)
    pen.window(0.15, 0.55, 0.28, 0.74, light)
    pen.window(0.40, 0.55, 0.53, 0.74, light)
    pen.window(0.72, 0.6, 0.85, 0.78, light)
    pen.rect(0.28, 0.74, 0.4, 1.0, roof * 0.6)
    pen.onto(canvas, x - w / 2, y - h, light, d, flip=bool(rng.random() < 0.5))


def castle(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number
) -> None:
    """Draw walls with battlements and round towers under pointed roofs."""
    w, h = 38 * s, 34 * s
    stone = _choose(rng, "#c9bda6 #b8b0a8 #d8cdb8 #a99f98 #d9c3a5")
    roof = _choose(rng, "#4d5f86 #7a3b3b #3f4f5f #8a4a3a #5a4a78")
    pen = Pen(w, h)

    def turret(cx: Number, half: Number, top: Number, pointed: bool) -> None:
        pen.rect(cx - half, top, cx + half, 1.0, stone)
        pen.rect(cx + half * 0.25, top, cx + half, 1.0, stone * 0.76)
        pen.rect(cx - half * 1.25, top - 0.01, cx + half * 1.25, top + 0.06, stone * 0.9)
        if pointed:
            peak = top - half * 3.4
            pen.poly([(cx - half * 1.45, top), (cx + half * 1.45, top), (cx, peak)], roof)
            pen.poly([(cx + half * 0.3, top), (cx + half * 1.45, top), (cx, peak)], roof * 0.75)
        else:
            for i in range(3):
                at = cx - half * 1.25 + i * half * 0.95
                pen.rect(at, top - 0.06, at + half * 0.55, top, stone * 0.9)
        pen.window(cx - half * 0.3, top + 0.12, cx + half * 0.15, top + 0.22, light)

    keep = rng.uniform(0.4, 0.6)
    turret(keep, 0.105, 0.36, bool(rng.random() < 0.75))
    turret(keep + rng.choice([-0.17, 0.17]), 0.065, 0.3, True)
    pen.rect(0.1, 0.66, 0.9, 1.0, stone * 0.93)
    pen.rect(0.1, 0.9, 0.9, 1.0, stone * 0.8)
    for i in range(9):
        pen.rect(0.1 + i * 0.09, 0.61, 0.15 + i * 0.09, 0.67, stone * 0.93)
    pointed = bool(rng.random() < 0.7)
    turret(0.1, 0.08, 0.5, pointed)
    turret(0.9, 0.08, 0.46 + rng.uniform(0, 0.08), pointed)
    pen.rect(0.44, 0.84, 0.56, 1.0, stone * 0.35)
    pen.oval(0.44, 0.77, 0.56, 0.91, stone * 0.35)
    for at in (0.26, 0.36, 0.66, 0.76):
        pen.window(at, 0.75, at + 0.022, 0.82, light)
    pen.onto(canvas, x - w / 2, y - h, light, d)


def temple(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number, kind: str
) -> None:
    """Draw a pagoda of several roofs, or a pediment on columns."""
    if kind == "pagoda":
        tiers = int(rng.integers(3, 6))
        w, h = 25 * s, (13 + 7 * tiers) * s
        wall = _choose(rng, "#c0392b #b5532f #a83a32 #d8c3a0")
        roof = _choose(rng, "#2f4a4a #39424f #3c5a48 #4a3a35")
        pen = Pen(w, h)
        step = 0.84 / tiers
        pen.rect(0.495, 0.0, 0.52, 0.12, roof)
        for i in range(tiers):
            top = 0.08 + i * step
            half = 0.24 + 0.2 * i / max(tiers - 1, 1)
            inner = half * 0.56
            pen.rect(0.5 - inner, top + step * 0.45, 0.5 + inner, top + step * 1.05, wall)
            pen.rect(
                0.5 + inner * 0.3, top + step * 0.45, 0.5 + inner, top + step * 1.05, wall * 0.8
            )
            pen.window(0.45, top + step * 0.62, 0.55, top + step * 0.95, light)
            pen.poly(
                [
                    (0.5 - half * 0.42, top),
                    (0.5 + half * 0.42, top),
                    (0.5 + half * 0.72, top + step * 0.33),
                    (0.5 + half * 1.1, top + step * 0.36),
                    (0.5 + half * 0.95, top + step * 0.55),
                    (0.5 - half * 0.95, top + step * 0.55),
                    (0.5 - half * 1.1, top + step * 0.36),
                    (0.5 - half * 0.72, top + step * 0.33),
                ],
                roof,
            )
        pen.rect(0.12, 0.95, 0.88, 1.0, rgb("#b8aea0"))
    else:
        w, h = 37 * s, 25 * s
        stone = _choose(rng, "#efe6d3 #e8dcc4 #f4efe4 #dccbb0")
        pen = Pen(w, h)
        pen.rect(0.1, 0.36, 0.9, 0.88, stone * 0.5)
        columns = int(rng.integers(5, 8))
        for i in range(columns):
            at = 0.08 + i * (0.84 - 0.07) / (columns - 1)
            pen.rect(at, 0.36, at + 0.07, 0.9, stone)
            pen.rect(at + 0.042, 0.36, at + 0.07, 0.9, stone * 0.78)
        pen.rect(0.04, 0.3, 0.96, 0.38, stone * 0.93)
        pen.poly([(0.5, 0.02), (0.99, 0.3), (0.01, 0.3)], stone)
        pen.poly([(0.5, 0.1), (0.84, 0.27), (0.16, 0.27)], stone * 0.8)
        pen.rect(0.04, 0.88, 0.96, 0.94, stone * 0.95)
        pen.rect(0.0, 0.94, 1.0, 1.0, stone * 0.82)
    pen.onto(canvas, x - w / 2, y - h, light, d)


def tower(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number, kind: str
) -> None:
    """Draw a striped lighthouse, a clock tower, a round watchtower or one of iron lattice."""
    if kind == "lighthouse":
        w, h = 12 * s, 36 * s
        stripe = _choose(rng, "#c0392b #b5302c #2f4f7a #2c2c34")
        pen = Pen(w, h)
        for i in range(5):
            y0, y1 = 0.24 + i * 0.152, 0.24 + (i + 1) * 0.152
            a, b = 0.2 - 0.16 * (y0 - 0.24), 0.2 - 0.16 * (y1 - 0.24)
            body = stripe if i % 2 == 0 else rgb("#f6f1e7")
            pen.poly([(0.1 + a, y0), (0.9 - a, y0), (0.9 - b, y1), (0.1 + b, y1)], body)
            pen.poly([(0.58, y0), (0.9 - a, y0), (0.9 - b, y1), (0.6, y1)], body * 0.78)
        pen.rect(0.18, 0.2, 0.82, 0.245, rgb("#33363d"))
        pen.window(0.32, 0.1, 0.68, 0.2, light, LAMP)
        pen.poly([(0.24, 0.11), (0.76, 0.11), (0.5, 0.0)], stripe * 0.8)
        pen.rect(0.44, 0.9, 0.58, 1.0, rgb("#4a3a30"))
    elif kind == "clock":
        w, h = 13 * s, 40 * s
        stone = _choose(rng, "#c98f62 #d6b98c #b8a58c #a8674a")
        roof = _choose(rng, "#3f5a5a #4d5f86 #6b3a35")
        pen = Pen(w, h)
        pen.rect(0.16, 0.26, 0.84, 1.0, stone)
        pen.rect(0.56, 0.26, 0.84, 1.0, stone * 0.77)
        pen.rect(0.08, 0.24, 0.92, 0.28, stone * 0.88)
        pen.rect(0.12, 0.5, 0.88, 0.53, stone * 0.88)
        pen.poly([(0.08, 0.245), (0.92, 0.245), (0.5, 0.0)], roof)
        pen.poly([(0.56, 0.245), (0.92, 0.245), (0.5, 0.0)], roof * 0.75)
        pen.oval(0.24, 0.31, 0.76, 0.48, rgb("#fbf4df"))
        pen.line([(0.5, 0.33), (0.5, 0.395), (0.62, 0.42)], BLACK, 0.7 * s)
        for at in (0.58, 0.74):
            pen.window(0.4, at, 0.58, at + 0.08, light)
    elif kind == "lattice":
        w, h = 24 * s, 46 * s
        iron = _choose(rng, "#5a4030 #45403c #6a3a28")
        pen = Pen(w, h)
        edge = [(0.02, 1.0), (0.2, 0.72), (0.36, 0.42), (0.46, 0.1), (0.49, 0.0)]
        pen.line(edge, iron, 1.8 * s)
        pen.line([(1 - u, v) for u, v in edge], iron * 0.85, 1.8 * s)
        for v, half in ((0.72, 0.34), (0.42, 0.18), (0.26, 0.12)):
            pen.rect(0.5 - half, v - 0.02, 0.5 + half, v + 0.02, iron)
        for (u0, v0), (u1, v1) in (((0.2, 0.72), (0.64, 0.42)), ((0.36, 0.42), (0.56, 0.14))):
            pen.line([(u0, v0), (u1, v1)], iron, 0.7 * s)
            pen.line([(1 - u0, v0), (1 - u1, v1)], iron, 0.7 * s)
        pen.line([(0.2, 0.97), (0.34, 0.83), (0.5, 0.79), (0.66, 0.83), (0.8, 0.97)], iron, 0.9 * s)
    else:
        w, h = 15 * s, 44 * s
        stone = _choose(rng, "#b8b0a8 #c9bda6 #8f8474")
        flag = _choose(rng, "#c0302c #2f5f9a #e0b03a")
        pen = Pen(w, h)
        pen.rect(0.48, 0.0, 0.54, 0.24, stone * 0.35)
        pen.poly([(0.52, 0.0), (1.0, 0.06), (0.52, 0.13)], flag)
        pen.poly([(0.22, 0.32), (0.78, 0.32), (0.88, 1.0), (0.12, 1.0)], stone)
        pen.poly([(0.56, 0.32), (0.78, 0.32), (0.88, 1.0), (0.58, 1.0)], stone * 0.72)
        pen.rect(0.08, 0.26, 0.92, 0.34, stone * 0.85)
        for at in (0.08, 0.31, 0.54, 0.77):
            pen.rect(at, 0.21, at + 0.15, 0.27, stone * 0.85)
        pen.window(0.42, 0.42, 0.54, 0.5, light)
        pen.window(0.42, 0.66, 0.54, 0.74, light)
        pen.rect(0.4, 0.9, 0.6, 1.0, stone * 0.35)
    pen.onto(canvas, x - w / 2, y - h, light, d)


def tree(
    canvas: Floats,
    light: Light,
    rng: Rng,
    x: Number,
    y: Number,
    s: Number,
    d: Number,
    kind: str,
    season: str,
) -> None:
    """Draw a leafy tree, a pine, a palm or a bare tree."""
    trunk = rgb("#5a4232")
    if kind == "pine":
        w, h = 15 * s, 28 * s
        green = _choose(rng, "#2f5a43 #2a4f3a #3a6344 #24483f")
        pen = Pen(w, h)
        pen.rect(0.45, 0.85, 0.56, 1.0, trunk)
        for i in range(4):
            top, low = 0.0 + i * 0.19, 0.36 + i * 0.185
            half = 0.2 + 0.1 * i
            pen.poly([(0.5, top), (0.5 + half, low), (0.5 - half, low)], green * (0.8 + 0.07 * i))
            pen.poly([(0.5, top), (0.5 + half, low), (0.54, low)], green * 0.66)
            if season == "winter":
                pen.poly(
                    [(0.5, top), (0.5 - half, low), (0.5 - half * 0.2, low - 0.1)], WHITE * 0.97
                )
    elif kind == "palm":
        w, h = 30 * s, 36 * s
        green = _choose(rng, "#3f7a3f #2f6b45 #5a8a3a")
        lean = rng.uniform(-0.16, 0.16)
        pen = Pen(w, h)
        crown = (0.5 + lean, 0.26)
        pen.line([(0.5, 1.0), (0.5 + lean * 0.3, 0.65), crown], rgb("#8a6a4a"), 2.0 * s)
        for angle in np.linspace(-0.35, np.pi + 0.35, 8) + rng.uniform(-0.12, 0.12):
            u, v = np.cos(angle), np.sin(angle)
            mid = (crown[0] + 0.24 * u, crown[1] - 0.17 * v)
            tip = (crown[0] + 0.4 * u, crown[1] - 0.12 * v + 0.13)
            shade = green * (0.75 + 0.3 * max(v, 0))
            pen.poly(
                [crown, (mid[0], mid[1] - 0.035), tip, (mid[0] - 0.02 * u, mid[1] + 0.05)], shade
            )
        pen.oval(crown[0] - 0.04, 0.25, crown[0] + 0.04, 0.32, rgb("#6b4a2a"))
    else:
        w, h = 26 * s, 30 * s
        leaves = {
            "spring": "#8fb84f #7fb35a #f0b8c4 #a5c45f",
            "summer": "#4f8a3a #3f7a3a #5f9440 #6a9a45",
            "autumn": "#d07a2f #c2502a #dba23a #a8452f",
            "winter": "#8a8078",
        }[season]
        green = _choose(rng, leaves)
        pen = Pen(w, h)
        pen.line([(0.5, 1.0), (0.5, 0.5)], trunk, 2.4 * s)
        if kind == "bare":
            for u, v in ((0.2, 0.2), (0.34, 0.05), (0.52, 0.0), (0.68, 0.08), (0.82, 0.24)):
                fork = (0.5 + (u - 0.5) * 0.6, v + 0.25)
                pen.line([(0.5, 0.68), fork, (u, v)], trunk, 0.9 * s)
        else:
            blobs = rng.uniform((0.18, 0.2), (0.82, 0.52), (7, 2))
            for shade, dx, dy, r in (
                (0.62, 0.03, 0.05, 0.2),
                (0.85, 0, 0, 0.19),
                (1.08, -0.05, -0.05, 0.1),
            ):
                for u, v in blobs:
                    u, v = u + dx, v + dy
                    pen.oval(u - r, v - r, u + r, v + r * 0.8, unit(green * shade))
    pen.onto(canvas, x - w / 2, y - h, light, d)


def boat(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number, kind: str
) -> None:
    """Draw a sailing boat, a fishing boat or a steamer, with its hull in the water."""
    hull = _choose(rng, "#8a3b2f #2f4f7a #f0ead9 #3a3a42 #a5652f #2f6b5a")
    if kind == "sail":
        w, h = 20 * s, 25 * s
        sail = _choose(rng, "#fbf6ea #fbf6ea #f3e3c0 #e08a6a #d8e4ec")
        pen = Pen(w, h)
        pen.rect(0.47, 0.02, 0.5, 0.84, rgb("#5a4232"))
        pen.poly([(0.45, 0.05), (0.45, 0.78), (0.08, 0.78)], sail * 0.86)
        pen.poly([(0.53, 0.0), (0.95, 0.76), (0.53, 0.76)], sail)
        pen.poly([(0.04, 0.83), (0.98, 0.83), (0.84, 1.0), (0.18, 1.0)], hull)
        pen.poly([(0.04, 0.83), (0.98, 0.83), (0.96, 0.87), (0.06, 0.87)], unit(hull + 0.2))
    elif kind == "fishing":
        w, h = 21 * s, 15 * s
        pen = Pen(w, h)
        pen.rect(0.34, 0.02, 0.37, 0.6, rgb("#5a4232"))
        pen.line([(0.36, 0.05), (0.72, 0.55)], rgb("#5a4232"), 0.6 * s)
        pen.rect(0.44, 0.3, 0.7, 0.64, rgb("#f3ecdc"))
        pen.window(0.48, 0.38, 0.66, 0.5, light)
        pen.poly([(0.0, 0.55), (0.3, 0.64), (1.0, 0.6), (0.86, 1.0), (0.14, 1.0)], hull)
        pen.line([(0.0, 0.57), (0.3, 0.66), (1.0, 0.62)], unit(hull + 0.3), 0.8 * s)
    else:
        w, h = 34 * s, 18 * s
        pen = Pen(w, h)
        for i in range(5):
            u = 0.36 - 0.075 * i
            r = 0.04 + 0.012 * i
            pen.oval(
                u - r,
                0.1 - r - 0.01 * i,
                u + r,
                0.1 + r * 1.6 - 0.01 * i,
                rgb("#d8d4d0"),
                0.75 - 0.12 * i,
            )
        funnel = _choose(rng, "#b5302c #2c2c34 #d08a2f")
        pen.rect(0.4, 0.16, 0.5, 0.5, funnel)
        pen.rect(0.6, 0.22, 0.69, 0.5, funnel)
        pen.rect(0.22, 0.42, 0.82, 0.68, rgb("#f6f1e7"))
        for i in range(7):
            pen.window(0.26 + i * 0.077, 0.5, 0.3 + i * 0.077, 0.59, light)
        pen.poly([(0.0, 0.62), (1.0, 0.62), (0.9, 1.0), (0.1, 1.0)], hull)
        pen.rect(0.07, 0.92, 0.93, 1.0, unit(hull * 0.6 + rgb("#501008") * 0.4))
    flip = bool(rng.random() < 0.5)
    pen.onto(canvas, x - w / 2, y - h + 1, light, d, flip)


def car(canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number) -> None:
    """Draw a car from the side."""
    w, h = 21 * s, 10.5 * s
    paint = _choose(rng, "#c0302c #2f5f9a #f0ead9 #e0b03a #3a8a6a #33363d #d8742f")
    pen = Pen(w, h)
    if rng.random() < 0.35:  # a van
        pen.poly(
            [(0.04, 0.08), (0.72, 0.08), (0.86, 0.45), (0.98, 0.52), (0.98, 0.84), (0.02, 0.84)],
            paint,
        )
        pen.poly([(0.1, 0.16), (0.4, 0.16), (0.4, 0.44), (0.1, 0.44)], rgb("#bcd4e0"))
        pen.poly([(0.45, 0.16), (0.68, 0.16), (0.8, 0.44), (0.45, 0.44)], rgb("#bcd4e0"))
    else:
        pen.poly([(0.24, 0.08), (0.6, 0.08), (0.78, 0.42), (0.1, 0.42)], paint * 0.92)
        pen.poly([(0.27, 0.15), (0.42, 0.15), (0.42, 0.42), (0.18, 0.42)], rgb("#bcd4e0"))
        pen.poly([(0.46, 0.15), (0.57, 0.15), (0.71, 0.42), (0.46, 0.42)], rgb("#bcd4e0"))
        pen.poly(
            [(0.0, 0.44), (0.1, 0.38), (0.8, 0.4), (0.98, 0.5), (1.0, 0.82), (0.0, 0.82)], paint
        )
    pen.rect(0.01, 0.72, 0.99, 0.84, paint * 0.6)
    pen.window(0.93, 0.54, 0.99, 0.66, light, rgb("#fff3c0"))
    for u in (0.24, 0.77):
        pen.oval(u - 0.12, 0.6, u + 0.12, 1.0, rgb("#22242a"))
        pen.oval(u - 0.05, 0.71, u + 0.05, 0.9, rgb("#b8bcc4"))
    pen.onto(canvas, x - w / 2, y - h, light, d, flip=bool(rng.random() < 0.5))


def horse(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number
) -> None:
    """Draw a horse from the side, looking up or grazing."""
    w, h = 24 * s, 20 * s
    coat = _choose(rng, "#7a4a2c #5a3524 #2f2724 #a8744a #ece4d8 #8f5a34")
    mane = coat * 0.5 if coat.mean() < 0.7 else coat * 0.72
    pen = Pen(w, h)
    pen.poly([(0.2, 0.36), (0.08, 0.46), (0.05, 0.8), (0.12, 0.78), (0.2, 0.52)], mane)
    step = rng.uniform(-0.03, 0.03)
    for u, shade in ((0.28, 0.72), (0.6, 0.72), (0.2, 0.95), (0.67, 0.95)):
        foot = u + step * (1 if shade > 0.9 else -2)
        pen.poly(
            [(u, 0.5), (u + 0.1, 0.5), (foot + 0.065, 0.97), (foot, 0.97)],
            coat * shade,
        )
        pen.rect(foot - 0.005, 0.94, foot + 0.075, 1.0, coat * 0.4)
    pen.oval(0.16, 0.32, 0.5, 0.66, coat)
    pen.oval(0.24, 0.34, 0.78, 0.66, coat)
    pen.oval(0.3, 0.35, 0.66, 0.46, unit(coat * 1.15))
    if rng.random() < 0.6:
        pen.poly([(0.58, 0.4), (0.76, 0.06), (0.88, 0.14), (0.78, 0.54), (0.66, 0.62)], coat)
        pen.poly(
            [(0.76, 0.06), (0.83, 0.0), (0.87, 0.05), (1.0, 0.24), (0.95, 0.3), (0.8, 0.22)], coat
        )
        pen.poly([(0.56, 0.38), (0.73, 0.04), (0.78, 0.05), (0.66, 0.4)], mane)
    else:
        pen.poly([(0.62, 0.38), (0.76, 0.42), (0.92, 0.78), (0.82, 0.84), (0.64, 0.62)], coat)
        pen.poly([(0.82, 0.74), (0.93, 0.74), (0.99, 0.95), (0.9, 0.99), (0.82, 0.86)], coat)
        pen.poly([(0.62, 0.37), (0.74, 0.38), (0.93, 0.74), (0.86, 0.76)], mane)
    pen.onto(canvas, x - w / 2, y - h, light, d, flip=bool(rng.random() < 0.5))


def bird(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, white: bool
) -> None:
    """Draw a flying bird."""
    w, h = 13 * s, 7 * s
    lift = rng.uniform(0.0, 0.35)
    body = unit(rgb("#fbfaf6") / light.tint) if white else rgb("#262a33")
    tip = rgb("#4a5058") if white else body
    pen = Pen(w, h)
    for side in (-1, 1):
        shoulder, wrist, end = (0.5, 0.62), (0.5 + side * 0.24, 0.1 + lift), (0.5 + side * 0.5, 0.5)
        pen.poly([shoulder, wrist, end, (0.5 + side * 0.22, 0.34 + lift), (0.5, 0.9)], body)
        pen.poly([wrist, end, (0.5 + side * 0.3, 0.3 + lift)], tip)
    pen.oval(0.4, 0.56, 0.6, 0.98, body)
    pen.onto(canvas, x - w / 2, y - h / 2, light)


def plane(canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number) -> None:
    """Draw an airliner from the side, climbing a little, with a trail."""
    w, h = 34 * s, 15 * s
    fin = _choose(rng, "#c0302c #2f5f9a #2f7a5a #d8842f")
    white = unit(rgb("#f4f4f2") / light.tint * 0.96)
    pen = Pen(w, h)
    pen.poly([(0.0, 0.98), (0.3, 0.7), (0.32, 0.75)], white, 0.55)
    pen.poly([(0.27, 0.68), (0.22, 0.28), (0.3, 0.27), (0.42, 0.6)], fin)
    pen.poly(
        [(0.26, 0.7), (0.9, 0.32), (0.97, 0.31), (0.99, 0.37), (0.94, 0.45), (0.36, 0.78)], white
    )
    pen.poly([(0.3, 0.76), (0.94, 0.44), (0.9, 0.49), (0.36, 0.79)], rgb("#8a94a0"))
    pen.poly([(0.58, 0.56), (0.7, 0.5), (0.5, 0.98), (0.43, 0.99)], rgb("#aab2bb"))
    pen.poly([(0.62, 0.48), (0.7, 0.42), (0.52, 0.2), (0.48, 0.22)], rgb("#cdd3d8"))
    for i in range(6):
        u = 0.5 + i * 0.065
        pen.rect(u, 0.62 - i * 0.039 - 0.06, u + 0.025, 0.62 - i * 0.039, rgb("#3d4a5c"))
    pen.onto(canvas, x - w / 2, y - h / 2, light, flip=bool(rng.random() < 0.5))


def train(
    canvas: Floats, light: Light, rng: Rng, x: Number, y: Number, s: Number, d: Number, kind: str
) -> None:
    """Draw a steam train or an express on rails that run across the picture."""
    w, h = 62 * s, 15 * s
    paint = _choose(rng, "#a8302c #2f5f4a #2f4f7a #8a3a5a #c8702f")
    glass = rgb("#cfe0e8")
    pen = Pen(w, h)
    for i in range(3):
        u = 0.0 + i * 0.235
        pen.rect(u, 0.36, u + 0.222, 0.88, paint)
        pen.rect(u, 0.3, u + 0.222, 0.38, paint * 0.55)
        pen.rect(u, 0.68, u + 0.222, 0.74, unit(paint + 0.35))
        for j in range(4):
            pen.window(u + 0.02 + j * 0.05, 0.44, u + 0.052 + j * 0.05, 0.62, light, glass)
        for axle in (0.03, 0.16):
            pen.oval(u + axle, 0.8, u + axle + 0.04, 0.98, rgb("#1e2026"))
    if kind == "steam":
        iron = rgb("#24262c")
        pen.rect(0.71, 0.26, 0.79, 0.88, paint)
        pen.rect(0.70, 0.2, 0.8, 0.28, iron)
        pen.window(0.73, 0.34, 0.77, 0.5, light)
        pen.rect(0.79, 0.42, 0.95, 0.8, iron)
        pen.oval(0.93, 0.42, 0.985, 0.8, iron)
        pen.rect(0.9, 0.16, 0.935, 0.44, iron)
        pen.rect(0.84, 0.34, 0.87, 0.44, rgb("#c8a24a"))
        for u in (0.73, 0.81, 0.88):
            pen.oval(u, 0.7, u + 0.065, 0.99, rgb("#8a2c28"))
            pen.oval(u + 0.02, 0.79, u + 0.045, 0.9, rgb("#24262c"))
    else:
        pen.poly([(0.71, 0.34), (0.88, 0.34), (1.0, 0.72), (0.98, 0.88), (0.71, 0.88)], paint)
        pen.poly([(0.71, 0.3), (0.86, 0.3), (0.9, 0.38), (0.71, 0.38)], paint * 0.55)
        pen.poly([(0.85, 0.42), (0.9, 0.42), (0.95, 0.58), (0.85, 0.58)], rgb("#2c3440"))
        pen.poly([(0.71, 0.68), (0.985, 0.68), (1.0, 0.74), (0.71, 0.74)], unit(paint + 0.35))
        for u in (0.74, 0.9):
            pen.oval(u, 0.8, u + 0.04, 0.98, rgb("#1e2026"))
    flip = bool(rng.random() < 0.5)
    rails = Pen(96, 4)
    rails.rect(0, 0.3, 1, 1.0, rgb("#7a6a58"))
    rails.rect(0, 0.0, 1, 0.28, rgb("#3a3430"))
    rails.onto(canvas, 0, y - 1, light, d)
    pen.onto(canvas, x - w / 2, y - h, light, d, flip)
    if kind == "steam":
        steam = Pen(40 * s, 16 * s)
        for i in range(8):
            u, r = 0.93 - 0.115 * i, 0.06 + 0.013 * i
            v = 0.75 - 0.07 * i
            grey = unit(rgb("#f4f2ee") * (1.0 - 0.02 * i))
            steam.oval(u - r, v - 2 * r, u + r, v + 2 * r, grey, 0.9 - 0.09 * i)
        chimney = x + w / 2 - (0.08 if not flip else 0.92) * w
        left = chimney - 40 * s * (0.93 if not flip else 0.07)
        steam.onto(canvas, left, y - h * 0.84 - 12 * s, light, d, flip)
