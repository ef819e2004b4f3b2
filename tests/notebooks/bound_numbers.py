r"""The numbers in the text of a lesson, and what holds them to the lesson's own output.

The metadata of a markdown cell says where its numbers come from::

    "measured": {"24 of 81": "[len(study.kept_names), len(names)]"},
    "given": {"formula": ["0.5"], "time": ["40 minutes"]}

- ``measured`` binds a piece of the text to a Python expression, which is evaluated in the kernel
  after the last cell. Its numbers, in their order, must be those of the text *as printed there*:
  0.82 stands for 0.815 to 0.825, and the words before a number count ("about", "more than",
  "at most", ...). Words among its values must stand in the piece of text. If its value is True or
  False, it is a claim without a number, such as "the best of all", and must be True.
- ``trained`` is the same for what comes out of a training. Another processor rounds otherwise, and
  a training makes more of that, so the last digit of a number may be off by one.
- ``compute`` lists statements that run before all expressions, for values that several share.
- ``given`` lists, by reason, the pieces of text whose numbers no output can confirm; `REASONS`
  says which reasons there are.

Every other number is unbound, and `unbound` finds it. Numbers are digits, and words from "three"
up ("twelve", "half", "a tenth"). Left out are code, links, the numbers of sections, lessons, steps
and lists, and bare 0, 1 and −1, which are the ends of scales.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

BOUND = ("measured", "trained")
REASONS = {
    "formula": "a constant of a formula, or a consequence of it alone",
    "setting": "what a cell sets, or what to set",
    "example": "made up to explain something, or counted in the text itself",
    "choice": "offered as a possible prediction",
    "source": "from the paper, another paper, or the description of a list",
    "time": "how long something takes",
    "elsewhere": "measured by a command that the text names, on data that does not ship",
}

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
_ONES += " fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10, "twentieth": 20}
_PARTS |= {"hundredth": 100}
WORDS = {word: float(n) for n, word in enumerate(_ONES.split())}
WORDS |= {word: 10.0 * n for n, word in enumerate(_TENS.split(), 2)}
WORDS |= {
    f"{tens}-{ones}": WORDS[tens] + WORDS[ones]
    for tens in _TENS.split()
    for ones in _ONES.split()[1:10]
}
WORDS |= {"hundred": 100.0, "a hundred": 100.0, "thousand": 1000.0, "a thousand": 1000.0}
WORDS |= {"half": 0.5} | {f"a {part}": 1 / n for part, n in _PARTS.items()}
SMALL = {"zero", "one", "two"}  # in too many sentences that speak of no number

_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?<![\w./])(?<!\w-)(?P<sign>[−-])?(?P<digits>\d+(?:,\d{{3}})*(?:\.\d+)?|\.\d+)(?P<percent>\s?%)?"
    rf"(?![\w]|\.\d)|(?<![\w-])(?P<word>{_WORD})(?![\w-])",
    re.IGNORECASE,
)
_BEFORE = {
    "about": r"about|some|around|nearly|almost|roughly|≈",
    "above": r"more than|over|above|beyond|at least",
    "below": r"less than|fewer than|under|below|at most|up to|hardly",
}
_BEFORE_A_NUMBER = {
    kind: re.compile(rf"(?:^|[\s(*])(?:{words})[\s*]+$", re.IGNORECASE)
    for kind, words in _BEFORE.items()
}
_LEFT_OUT = re.compile(
    r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>|https?://\S+|arXiv \d+\.\d+"
    r"|^#+ (?:Lesson )?\d+[.:]|^\s*\d+\. |\*\*\d+\.\*\*"
    r"|\b(?:sections?|lessons?|steps?) \d+(?:(?:, | and | to )\d+)*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


class Number(NamedTuple):
    """A number as it is printed in a text."""

    start: int
    end: int
    text: str
    value: float
    unit: float  # of its last digit
    kind: str  # "about", "above", "below", or "" if the value itself is meant

    def agrees(self, value: float, trained: bool = False) -> bool:
        """Return whether the text may print `value` so."""
        if self.kind == "above":
            return value >= self.value
        if self.kind == "below":
            return value <= self.value
        room = self.unit / 2
        if trained or self.kind == "about":
            room = self.unit if self.unit < 1 else max(1, abs(self.value) / 20)
        return abs(value - self.value) <= room * (1 + 1e-9)


def numbers(text: str) -> Iterator[Number]:
    """Find the numbers of a text; also in code, links and headings."""
    for match in _NUMBER.finditer(text):
        before = text[: match.start()]
        kind = next((k for k, words in _BEFORE_A_NUMBER.items() if words.search(before)), "")
        if match["word"]:
            value, unit = WORDS[re.sub(r"\s+", " ", match["word"].lower())], 1.0
            unit = 0.1 if value < 1 else unit
        else:
            digits = match["digits"].replace(",", "")
            value, unit = float(digits), 10.0 ** -len(digits.partition(".")[2])
            value = -value if match["sign"] else value
            if match["percent"]:
                value, unit = value / 100, unit / 100
        yield Number(match.start(), match.end(), match[0], value, unit, kind)


def unbound(text: str, metadata: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the metadata of a markdown cell: numbers without a source."""
    covered = [match.span() for match in _LEFT_OUT.finditer(text)]
    wrong = []
    pieces = [piece for key in BOUND for piece in metadata.get(key, {})]
    for reason, given in metadata.get("given", {}).items():
        if reason not in REASONS:
            wrong.append(f"{reason!r} is no reason; there are {', '.join(REASONS)}")
        pieces += given
    for piece in pieces:
        spans = [match.span() for match in re.finditer(re.escape(piece), text)]
        if not spans:
            wrong.append(f"the text does not contain {piece!r}")
        covered += spans
    for number in numbers(text):
        plain = number.text in ("0", "1", "−1", "-1") or number.text.lower() in SMALL
        if not plain and not any(a <= number.start and number.end <= b for a, b in covered):
            around = text[max(number.start - 40, 0) : number.end + 30].replace("\n", " ")
            wrong.append(f"nothing says where {number.text!r} comes from in '...{around}...'")
    return wrong


def disagreements(text: str, piece: str, value: Any, trained: bool = False) -> list[str]:
    """Return how a piece of a cell's text differs from the value of its expression."""
    start = text.find(piece)
    found = [n for n in numbers(text) if start <= n.start and n.end <= start + len(piece)]
    if isinstance(value, bool):
        if any(n.text.lower() not in SMALL for n in found):
            return [f"{piece!r} has numbers, but its expression is {value}: give the numbers"]
        return [] if value else [f"{piece!r} is not true"]
    values = list(_flat(value))
    words = [v for v in values if isinstance(v, str)]
    wrong = [f"{piece!r} does not name {word!r}" for word in words if word not in piece]
    measured = [v for v in values if not isinstance(v, str)]
    if len(found) > len(measured):  # "two beaches, .93": a small word may be just a word
        found = [n for n in found if n.text.lower() not in SMALL]
    if len(found) != len(measured):
        return [*wrong, f"{piece!r} has {len(found)} numbers, but its expression {measured}"]
    for number, v in zip(found, measured, strict=True):
        if not number.agrees(v, trained):
            said = f"{number.kind} {number.text}".strip()
            wrong.append(f"{piece!r} says {said!r}, but it is {v:.6g}")
    return wrong


def _flat(value: Any) -> Iterator[float | str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def question(statements: list[str], expressions: list[str]) -> str:
    """Return the source of a cell that prints the values of expressions as its last line."""
    setup = "\n".join(statements)
    return f"""import json as _json
{setup}
_values = []
for _expression in _json.loads({json.dumps(json.dumps(expressions))}):
    try:
        _values.append(["", eval(_expression)])
    except Exception as _error:
        _values.append([f"{{type(_error).__name__}}: {{_error}}", None])
print(_json.dumps(_values, default=lambda value: value.tolist()))
"""
