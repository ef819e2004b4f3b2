"""What a postcard shows: a seeded grammar of places, weather and objects.

A scene is a value: where (coast, lake or land), when (time of day, season), and which objects are
where. Labels follow from it; the sky is in every picture and therefore no label. Objects occur
together as you would expect: boats on water, palms on beaches, the moon at night, cars on roads,
no flowers in snow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["LABELS", "Scene", "SceneObject", "make_scene"]

# In NUS-WIDE's own form, singular or plural as there.
LABELS = (
    "beach",
    "birds",
    "boats",
    "bridge",
    "cars",
    "castle",
    "clouds",
    "flowers",
    "horses",
    "house",
    "lake",
    "moon",
    "mountain",
    "ocean",
    "plane",
    "rainbow",
    "road",
    "snow",
    "sunset",
    "temple",
    "tower",
    "train",
    "tree",
    "waterfall",
)

BUILDINGS = ("castle", "temple", "tower", "house")


@dataclass(frozen=True)
class SceneObject:
    """All objects of one label in a picture.

    Attributes:
        label: one of `LABELS`.
        kind: the variant, such as ``"palm"``.
        x: horizontal position, 0 left to 1 right.
        size: relative size, around 1.
        depth: 0 in the foreground to 1 in the distance.
        count: how many there are.
        seed: seed of everything else about their looks.
    """

    label: str
    kind: str
    x: float
    size: float
    depth: float
    count: int
    seed: int


@dataclass(frozen=True)
class Scene:
    """What one postcard shows.

    Attributes:
        seed: seed of the terrain and of the print's style.
        place: ``"coast"``, ``"lake"`` or ``"land"``.
        time: ``"day"``, ``"morning"``, ``"overcast"``, ``"sunset"`` or ``"night"``.
        season: ``"spring"``, ``"summer"``, ``"autumn"`` or ``"winter"``.
        sun: whether a daytime sky shows the sun.
        objects: what the picture shows, in no particular order.
    """

    seed: int
    place: str
    time: str
    season: str
    sun: bool = False
    objects: tuple[SceneObject, ...] = field(default=())

    @property
    def labels(self) -> tuple[str, ...]:
        """The members of `LABELS` that the picture shows."""
        shown = {item.label for item in self.objects}
        shown |= {"coast": {"ocean"}, "lake": {"lake"}}.get(self.place, set())
        shown |= {"sunset"} if self.time == "sunset" else set()
        shown |= {"snow"} if self.season == "winter" else set()
        return tuple(label for label in LABELS if label in shown)

    def get(self, label: str) -> SceneObject | None:
        """Return the object with this label, or None."""
        return next((item for item in self.objects if item.label == label), None)


_SLOTS = np.array([0.17, 0.34, 0.5, 0.66, 0.83])
_SIZES = (0.62, 0.8, 1.0, 1.0, 1.2)
# Buildings are far away: smaller ones would all look the same.
_BUILT_SIZES = (0.85, 0.95, 1.05, 1.15, 1.3)


def make_scene(seed: int) -> Scene:
    """Draw a scene from the grammar.

    Args:
        seed: 0 or more; the same seed gives the same scene everywhere.
    """
    rng = np.random.default_rng([seed, 1])
    place = _pick(rng, {"coast": 0.25, "lake": 0.23, "land": 0.52})
    time = _pick(
        rng, {"day": 0.52, "morning": 0.10, "overcast": 0.09, "sunset": 0.15, "night": 0.14}
    )
    season = _pick(rng, {"spring": 0.25, "summer": 0.36, "autumn": 0.2, "winter": 0.19})
    if place == "coast" and season == "winter":
        season = "summer"
    sun = time == "day" and bool(rng.random() < 0.3)
    wanted = _wanted(rng, place, time, season)
    if not wanted and place == "land":
        wanted = [_pick(rng, dict.fromkeys(("tree", "house", "mountain", "clouds"), 1.0))]
    slots = rng.permutation(_SLOTS).tolist()
    objects = []
    for i, label in enumerate(wanted):
        kind = _kind(rng, label, place, season)
        sizes = _BUILT_SIZES if label in BUILDINGS else _SIZES
        objects.append(
            SceneObject(
                label=label,
                kind=kind,
                x=slots[i % len(slots)] + float(rng.uniform(-0.07, 0.07)),
                size=sizes[int(rng.integers(len(sizes)))] * float(rng.uniform(0.9, 1.1)),
                depth=float(rng.random()),
                count=_count(rng, label),
                seed=int(rng.integers(2**31)),
            )
        )
    return Scene(seed, place, time, season, sun, tuple(objects))


def _pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    left = rng.random() * sum(weights.values())
    *others, last = weights
    for name in others:
        left -= weights[name]
        if left < 0:
            return name
    return last


def _wanted(rng: np.random.Generator, place: str, time: str, season: str) -> list[str]:
    land, coast, lake = (place == p for p in ("land", "coast", "lake"))
    dark, winter = time == "night", season == "winter"
    beach = coast and rng.random() < 0.55
    clouds = {"day": 0.29, "morning": 0.2, "overcast": 0.8, "sunset": 0.28, "night": 0.08}[time]
    chance = {
        "clouds": clouds,
        "moon": 0.82 if dark else 0.0,
        "rainbow": 0.12 if time in ("day", "overcast", "morning") and not winter else 0.0,
        "plane": 0.03 if dark else 0.09,
        "birds": 0.02 if dark else 0.26 if coast else 0.12,
        "mountain": 0.11 if coast else 0.35,
        "waterfall": 0.2 if lake else 0.09 if land else 0.0,
        "boats": 0.48 if coast else 0.3 if lake else 0.0,
        "bridge": 0.26 if lake else 0.07,
        "train": 0.16 if land else 0.1 if lake else 0.0,
        "road": 0.25 if land else 0.1 if lake or not beach else 0.0,
        "horses": (0.17 if land else 0.08) * (0.4 if dark or winter else 1),
        "tree": 0.3 if beach else 0.1 if coast else 0.28,
        "flowers": 0.0 if winter or dark or beach else 0.12 if season == "autumn" else 0.3,
    }
    wanted = ["beach"] if beach else []
    wanted += [label for label, p in chance.items() if rng.random() < p]
    if rng.random() < ("road" in wanted) * 0.66 + 0.012 * land:
        wanted.append("cars")
    building = {"castle": 0.1, "temple": 0.1, "tower": 0.18 if coast else 0.09, "house": 0.16}
    built = [label for label, p in building.items() if rng.random() < p]
    if beach:
        built = built[:1]
    wanted += [built[i] for i in rng.permutation(len(built))[:2]]
    # A picture has room for three of these.
    crowded = [x for x in wanted if x in ("horses", "train", "bridge", "waterfall", "road", "cars")]
    if len(crowded) > 3:
        wanted.remove(crowded[int(rng.integers(2))])
    return wanted


def _kind(rng: np.random.Generator, label: str, place: str, season: str) -> str:
    kinds: dict[str, float] = {
        "tree": (
            {"palm": 1.0}
            if place == "coast" and season != "winter"
            else {"leafy": 0.55, "pine": 0.45}
            if season != "winter"
            else {"pine": 0.7, "bare": 0.3}
        ),
        "tower": (
            {"lighthouse": 0.8, "watchtower": 0.2}
            if place == "coast"
            else {"clock": 0.45, "watchtower": 0.35, "lattice": 0.2}
        ),
        "temple": {"pagoda": 0.5, "columns": 0.5},
        "bridge": {"arches": 0.5, "suspension": 0.5} if place != "land" else {"arches": 1.0},
        "boats": {"sail": 0.55, "fishing": 0.25, "steamer": 0.2},
        "train": {"steam": 0.5, "express": 0.5},
        "road": {"winding": 0.5, "across": 0.5},
        "moon": {"full": 0.6, "crescent": 0.4},
        "clouds": {"heaped": 0.65, "streaks": 0.35},
        "mountain": {"range": 0.7, "peak": 0.3},
        "birds": {"gulls": 0.7, "flock": 0.3},
    }.get(label, {label: 1.0})
    return _pick(rng, kinds)


def _count(rng: np.random.Generator, label: str) -> int:
    limits = {"birds": 7, "boats": 3, "cars": 3, "horses": 3, "house": 4, "tree": 6, "clouds": 4}
    return int(rng.integers(1, limits.get(label, 1) + 1))
