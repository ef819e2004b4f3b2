"""Prompt templates to learn from: sensible ones, which a grammar makes, and silly ones.

A sensible template says in other words what "a photo of the {}" says, so it may not change what a
name means: determiners, media, what one says of a medium, verbs of showing, and no more than one
word that nobody knows. A silly one puts names of other things, or several unknown words, beside the
name; a text with those in it is not about the name alone, and of no picture.

`HELD_OUT` holds templates of both sorts that are never made here, to be judged by.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["HELD_OUT", "NEUTRAL", "PLAIN", "UNKNOWN", "sensible", "silly"]

UNKNOWN = "zzz"  # stands for a word drawn from the tokenizer's vocabulary

PLAIN = (
    "a photo of the {}",
    "a photo of the {}",
    "a photo of a {}",
    "a photo of {}",
    "a photo of some {}",
    "a picture of the {}",
    "a picture of a {}",
    "an image of the {}",
    "an image of {}",
    "a painting of the {}",
    "a painting of {}",
    "a postcard of the {}",
    "a postcard with {}",
    "a view of the {}",
    "a view with a {}",
    "a good photo of the {}",
    "a small photo of a {}",
    "the {}",
    "a {}",
    "{}",
    "{} in a landscape",
    "there is a {} in the picture",
    "this is a photo of {}",
    "a scene with the {}",
    "here we see {}",
)

# template -> what is new about it
HELD_OUT = {
    "a drawing that shows the {}": "sensible, trained words in a new combination",
    "my holiday snapshot of the {}": "sensible, trained words in a new combination",
    "we took this lovely picture of some {} from afar": "sensible, trained words, one new",
    "an etching of the {}": "sensible, a new word",
    "greetings from the {}": "sensible, a new word",
    "banana {} tax return on tuesday": "silly",
    "the quarterly {} spreadsheet ate my invoice": "silly",
    "xq {} zzv blorp glim wug pof": "silly",
}
# No template has both words of one of these.
_NEVER_TOGETHER = (("drawing", "shows"), ("holiday", "snapshot"), ("afar", "picture"))
_NEVER = ("etching", "greetings", "took", "quarterly", "spreadsheet", "invoice", "ate", "tuesday")


def _words(text: str, between: str = " ") -> tuple[str, ...]:
    return tuple(text.split(between))


_MEDIA = _words(
    "photo photo photograph picture picture image image painting drawing sketch snapshot postcard "
    "watercolor illustration print poster shot view scene landscape card artwork rendering cartoon "
    "still close-up portrait panorama canvas graphic screenshot thumbnail wallpaper slide scan "
    "polaroid selfie doodle engraving collage mural design work piece copy version example sample "
    "frame figure depiction representation study impression glimpse souvenir"
)
_ADJECTIVES = _words(
    "good bad small large big little old new nice lovely pretty beautiful ugly blurry bright dark "
    "clear clean dirty cropped colorful colored faded grainy sharp tiny huge simple plain rough "
    "quick detailed careful famous favorite strange cool weird amateur professional digital "
    "printed painted close distant wide vintage modern classic early recent rare cheap fine framed "
    "signed pale soft warm cold quiet calm charming funny sweet stylish minimal abstract realistic "
    "handmade pixelated compressed jpeg corrupted rendered scanned holiday travel tourist typical "
    "second first last next great best worst perfect poor high-resolution low-resolution stunning "
    "amazing wonderful whole real plastic single other different similar interesting boring random "
    "ordinary usual unusual hidden complete full half open empty crowded lonely peaceful "
    "black-and-white sepia glossy matte square tall short long wild"
)
_DETERMINERS = _words(
    "the the the a a some this that my our your one many several two three another any his her "
    "their these those every each more"
)
_WHOSE = (
    "my friend's",
    "a child's",
    "our teacher's",
    "an artist's",
    "someone's",
    "grandma's",
    "the author's",
    "a tourist's",
    "my own",
    "her brother's",
    "your",
)
_VERBS = _words(
    "of|of|of|of|of|showing|that shows|which shows|depicting|with|containing|featuring|that has|"
    "displaying|including|presenting|capturing|which depicts|about|that contains|which features|"
    "where we see|in which there is|where you can see|portraying|illustrating|titled|called|named|"
    "taken of|full of",
    "|",
)
_OPENINGS = (
    "here is",
    "this is",
    "that is",
    "look at",
    "we see",
    "i see",
    "you see",
    "i like",
    "i made",
    "it is",
    "just",
    "only",
    "maybe",
    "clearly",
    "perhaps",
    "there is",
    "there are",
    "what",
    "see",
    "look:",
    "please find",
    "we have",
    "i bought",
    "they sent me",
    "one can see",
    "can you see",
)
_ENDINGS = (
    "in it",
    "in the picture",
    "in the photo",
    "here",
    "there",
    "in the background",
    "in the distance",
    "in the middle",
    "up close",
    "from afar",
    "from our trip",
    "from my travels",
    "for you",
    "on display",
    "by an artist",
    "on paper",
    "in color",
    "in black and white",
    "in soft light",
    "again",
    "today",
    "somewhere",
    "on the left",
    "on the right",
    "at a glance",
    "as seen by us",
    "i think",
    "if you look",
    ".",
    "!",
    "?",
)
_CLAUSES = (
    "this {m} has {d} {} in it",
    "{a} {m}: {}",
    "{m}: {}",
    "{} {m}",
    "{d} {} {m}",
    "there is {d} {} in the {m}",
    "there are {} in this {m}",
    "{d} {} can be seen here",
    "you can see {d} {} in the {m}",
    "what a {a} {}",
    "{a} {}",
    "{d} {a} {}",
    "{d} {} in this {m}",
    "{d} {}, {a} {m}",
    "this {m} is about {d} {}",
    "the {m} shows {d} {}",
    "our {m} has {d} {}",
    "{} in a {a} {m}",
    "something like {d} {}",
    "it shows {d} {}",
    "a kind of {}",
    "a type of {}",
    "the word is {}",
    "tags: {}",
    "caption: {d} {}",
    "title: {}",
)
_ADVERBS = _words(
    "really very quite just also almost nearly still even rather so too often always never now "
    "then once indeed simply surely certainly mostly partly exactly"
)

NEUTRAL = frozenset(_MEDIA) | frozenset(_ADJECTIVES) | frozenset(_DETERMINERS) | set(_ADVERBS)


def sensible(rng: np.random.Generator, unknown: float = 0.15) -> str:
    """A template that changes nothing about the name in it.

    Args:
        rng: chooses.
        unknown: how often there is an unknown word in what the grammar makes.
    """
    while True:
        text = _sensible(rng, unknown)
        words = text.replace("'", " ").replace(":", " ").split()
        if any(word in words for word in _NEVER):
            continue
        if not any(a in words and b in words for a, b in _NEVER_TOGETHER):
            return text


def _sensible(rng: np.random.Generator, unknown: float) -> str:
    kind = rng.random()
    if kind < 0.3:
        return _pick(rng, PLAIN)
    if kind < 0.55:
        text = _pick(rng, _CLAUSES)
    else:
        text = f"{{d}} {{m}} {_pick(rng, _VERBS)} {{n}}"
        if rng.random() < 0.3:
            text = f"{_pick(rng, _OPENINGS)} {text}"
    if rng.random() < 0.25:
        ending = _pick(rng, _ENDINGS)
        text += ending if len(ending) == 1 else f" {ending}"
    text = text.replace("{n}", "{d} {}" if rng.random() < 0.8 else "{}")
    if rng.random() < 0.35:
        text = text.replace("{m}", "{a} {m}", 1)
    if rng.random() < 0.1:
        text = text.replace("{m}", "{a} {m}", 1)
    if rng.random() < 0.12:
        text = text.replace("{d}", _pick(rng, _WHOSE), 1)
    for place, words in (("{m}", _MEDIA), ("{a}", _ADJECTIVES), ("{d}", _DETERMINERS)):
        while place in text:
            text = text.replace(place, _pick(rng, words), 1)
    extra = rng.random()
    if extra < 0.12:
        return _inserted(rng, text, [_pick(rng, _ADVERBS)])
    if extra < 0.12 + unknown:
        return _inserted(rng, text, [UNKNOWN])
    return text


def silly(rng: np.random.Generator, others: Sequence[str]) -> str:
    """A template that is not about the name in it alone.

    Args:
        rng: chooses.
        others: names of things that are not in the picture.
    """
    frame = _pick(rng, ("{}", "{}", "the {}", "a photo of the {}", "my {}", "{} with the", "{} on"))
    unknown = int(rng.integers(2, 6))
    kind = rng.random()
    if kind < 0.4:
        fillers = [_pick(rng, others) for _ in range(int(rng.integers(1, 4)))]
    elif kind < 0.7:
        fillers = [UNKNOWN] * unknown
    else:
        fillers = [_pick(rng, others)] + [UNKNOWN] * (unknown - 1)
    return _inserted(rng, frame, fillers)


def _inserted(rng: np.random.Generator, text: str, fillers: list[str]) -> str:
    words = text.split()
    for filler in fillers:
        words.insert(int(rng.integers(len(words) + 1)), filler)
    return " ".join(words)


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]
