"""Describe a scene in words: which words are true of it, and captions that use some of them.

A word's weight says how much of the picture it is about: 1 for an object, less for what goes
without saying (sky, water, grass). The world contains nothing that the lexicon lacks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from uhscm_postcards.scene import BUILDINGS, Scene

__all__ = ["LEXICON", "caption", "facts", "truths"]

# fact -> words for it. A fact is a label, a label with a kind (``tower:lighthouse``), or a fact
# that follows from others (``water``).
_WORDS: Mapping[str, tuple[str, ...]] = {
    "beach": ("beach", "beaches", "sandy beach", "seashore"),
    "birds": ("birds", "bird"),
    "birds:gulls": ("gull", "gulls", "seagulls"),
    "boats": ("boats", "boat"),
    "boats:sail": ("sailing boat", "sailboat", "yacht", "sail"),
    "boats:fishing": ("fishing boat",),
    "boats:steamer": ("ship", "steamer", "ferry"),
    "bridge": ("bridge", "bridges"),
    "bridge:arches": ("stone bridge", "viaduct"),
    "bridge:suspension": ("suspension bridge",),
    "cars": ("cars", "car", "automobile"),
    "castle": ("castle", "castles", "fortress"),
    "clouds": ("clouds", "cloud"),
    "flowers": ("flowers", "flower", "wildflowers"),
    "horses": ("horses", "horse", "pony"),
    "house": ("house", "houses", "cottage", "home"),
    "lake": ("lake", "lakes", "pond"),
    "moon": ("moon",),
    "moon:full": ("full moon",),
    "moon:crescent": ("crescent moon",),
    "mountain": ("mountain", "mountains", "mountain peaks"),
    "ocean": ("ocean", "sea"),
    "plane": ("plane", "airplane", "aircraft", "planes"),
    "rainbow": ("rainbow", "rainbows"),
    "road": ("road", "street", "roads", "highway"),
    "snow": ("snow", "winter"),
    "sunset": ("sunset", "sunsets", "dusk"),
    "temple": ("temple", "temples", "shrine"),
    "temple:pagoda": ("pagoda",),
    "tower": ("tower", "towers"),
    "tower:lighthouse": ("lighthouse",),
    "tower:clock": ("clock tower",),
    "train": ("train", "trains", "railway", "railroad"),
    "train:steam": ("locomotive", "steam train"),
    "tree": ("tree", "trees"),
    "tree:palm": ("palm", "palms", "palm tree"),
    "tree:pine": ("pine", "pines"),
    "waterfall": ("waterfall", "waterfalls", "cascade"),
    # What goes without saying.
    "night": ("nighttime", "night", "star"),
    "sky": ("sky",),
    "water": ("water",),
    "waves": ("wave", "waves", "coast"),
    "reflections": ("reflection",),
    "sand": ("sand",),
    "green": ("grass", "meadow", "field", "plants"),
    "buildings": ("buildings", "building"),
    "vehicles": ("vehicle", "vehicles"),
    "animals": ("animal", "animals"),
    "rock": ("rocks", "rock", "cliff"),
    "sun": ("sun",),
}
_MINOR = {
    "night": 0.35,
    "sky": 0.05,
    "water": 0.12,
    "waves": 0.2,
    "reflections": 0.2,
    "sand": 0.3,
    "green": 0.12,
    "buildings": 0.3,
    "vehicles": 0.3,
    "animals": 0.3,
    "rock": 0.3,
    "sun": 0.5,
}

# word -> (fact, weight)
LEXICON: Mapping[str, tuple[str, float]] = {
    word: (fact, _MINOR.get(fact, 1.0)) for fact, words in _WORDS.items() for word in words
}


def facts(scene: Scene) -> frozenset[str]:
    """Return all facts of the lexicon that are true of a scene."""
    true = set(scene.labels)
    true |= {f"{item.label}:{item.kind}" for item in scene.objects}
    true.add("sky")
    if scene.time == "night":
        true.add("night")
    if scene.time == "sunset" or scene.sun:
        true.add("sun")
    if {"ocean", "lake", "waterfall"} & true:
        true.add("water")
    if "ocean" in true:
        true.add("waves")
    if "lake" in true:
        true.add("reflections")
    if "beach" in true:
        true.add("sand")
    if scene.place != "coast" and scene.season != "winter":
        true.add("green")
    if true & set(BUILDINGS):
        true.add("buildings")
    if {"cars", "train", "boats", "plane"} & true:
        true.add("vehicles")
    if {"horses", "birds"} & true:
        true.add("animals")
    if {"mountain", "waterfall"} & true:
        true.add("rock")
    return frozenset(true & _WORDS.keys())


def truths(scene: Scene) -> dict[str, float]:
    """Return every word of the lexicon that is true of the scene, with its weight."""
    true = facts(scene)
    return {word: weight for word, (fact, weight) in LEXICON.items() if fact in true}


_OPENINGS = (
    "",
    "",
    "a photo of ",
    "a picture of ",
    "a postcard of ",
    "a painting of ",
    "a view of ",
    "an image with ",
    "a landscape with ",
    "we see ",
    "here are ",
)
_JOINS = (" and ", " with ", ", ", " near ", " beside ", " by ")
_NO_ARTICLE = {"snow", "winter", "dusk", "water", "night", "nighttime", "sky", "sand", "grass"}
_MANY = {2: "two", 3: "three", 4: "four", 5: "five"}


@functools.cache
def _of(fact: str) -> tuple[str, ...]:
    return tuple(word for word, (meant, _) in LEXICON.items() if meant == fact)


def caption(scene: Scene, rng: np.random.Generator) -> tuple[str, frozenset[str]]:
    """Write a caption that states one to three facts about a scene.

    Args:
        scene: what the picture shows.
        rng: chooses the facts and the wording.

    Returns:
        The caption, and the facts that it states.
    """
    true = sorted(facts(scene))
    weights = np.array([_MINOR.get(fact, 0.6 if ":" in fact else 1.0) for fact in true])
    number = min(int(rng.choice([1, 2, 2, 3])), len(true))
    chosen = rng.choice(len(true), number, replace=False, p=weights / weights.sum())
    said = [true[i] for i in chosen]
    phrases = [_phrase(fact, scene, rng) for fact in said]
    text = phrases[0]
    for phrase in phrases[1:]:
        text += _JOINS[int(rng.integers(len(_JOINS)))] + phrase
    opening = _OPENINGS[int(rng.integers(len(_OPENINGS)))]
    ending = ""
    if rng.random() < 0.15:
        ending = {"sunset": " at sunset", "night": " at night"}.get(scene.time, "")
        said += {" at sunset": ["sunset"], " at night": ["night"]}.get(ending, [])
    return opening + text + ending, frozenset(said)


def _phrase(fact: str, scene: Scene, rng: np.random.Generator) -> str:
    words = _of(fact)
    word = words[int(rng.integers(len(words)))]
    shown = scene.get(fact.partition(":")[0])
    if word in _NO_ARTICLE:
        return word
    if word.endswith("s") and word not in ("grass", "waves"):
        if shown is not None and shown.count in _MANY and rng.random() < 0.25:
            return f"{_MANY[shown.count]} {word}"
        return str(rng.choice(["", "the ", "some "])) + word
    article = "an " if word[0] in "aeiou" else "a "
    return str(rng.choice([article, article, "the ", ""])) + word
