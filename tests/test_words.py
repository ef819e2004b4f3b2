"""Plain English: the words that readers stumble over stay out of code, docs and lessons.

The words are searched for in what people read: comments and strings of Python files, and the
whole text of JavaScript, CSS, Markdown, lessons and the Makefile. Names are left alone: what is
part of a longer name (``TidyExplorer``, ``tidy.py``) or stands in backticks.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = "benchmarks notebooks scripts tests uhscm_cli uhscm_core uhscm_doctor uhscm_postcards"
FOLDERS += " widgets"
# Not benchmarks/results: they record what was printed on a day.
PLACES = ["*.md", "Makefile", "docs/*.md"]
PLACES += [f"{folder}/**/*.{e}" for folder in FOLDERS.split() for e in ("py", "js", "css", "ipynb")]

_UNIT = "image|photo|picture|query|bit|concept|row|line|file|finding|question|second|minute"
_COUNTED = "row|bar|column|cell|term|part|votes?|name|text|record|question|value|view|bits|numbers"
# Pattern of a word or phrase -> what to say.
WORDS = {
    r"mend(s|ed|ing)?": "fix",
    r"anew": "again",
    r"whoever|somebody|nobody": "you, the user, no one",
    r"alike": "similar",
    r"judg(e|es|ed|ing)": "evaluate, score",
    r"beside": "next to",
    r"(stands?|stood)( there)? already|already stands?": "is already",
    r"(go|goes|going|went) along": "is kept",
    # But a mark goes on the left, and a picture on a page.
    r"(go|goes|going|went) on(?! (the|a|an|top|both|either) )": "continues",
    r"brought": "local, uploaded",
    # As an adjective alone: a choice is made, and so is a mistake.
    r"(a|an|the|of) made \w+|made (again|images?)": "generated",
    r"under way": "running",
    r"ceilings?": "reference, without hashing",
    r"(take|takes|taken|taking|took) up again": "continues, resumes",
    r"(take|takes|took) another folder": "use another folder",
    r"tidy|tidied|tidying": "duplicates and outliers",
    r"data sets?": "dataset",
    r"can['’]t": "cannot",
    r"quantis\w+": "quantization",
    # A template is the sentence with the blank, a prompt what a concept makes of it.
    r"(another|its|own|whatever|(run|paper)['’]s) prompt(?! templates?)": "template",
    rf"(a|one|\d+) ({_COUNTED}) an? ({_UNIT})": "per",
}
PATTERNS = {
    re.compile(rf"(?<![\w./-])({word})(?![\w/-]|\.\w)".replace(" ", r"\s+"), re.IGNORECASE): say
    for word, say in WORDS.items()
}
NAME = re.compile(r"``.+?``|`[^`\n]+`", re.DOTALL)

# Words that are data or names: captions, prompts, a title, a trait.
DATA = {
    "benchmarks/postcards.py": "tidy",
    "tests/odd_calls.py": "Tidy",  # an explorer's name
    "tests/test_odd_calls.py": "Tidy",
    "uhscm_core/analysis/outliers.py": "data sets",  # the title of a paper
    "uhscm_core/study.py": "ceilings",  # the old name of an argument
    "uhscm_postcards/describe.py": "beside",
    "widgets/explorers/denoising.py": "ceiling",  # a trait
    "widgets/kit/static/bars.js": "ceiling",  # the same
    "tests/browser/test_readings.py": "ceiling",  # the same
    "widgets/kit/static/grid.js": "beside",  # a class
}


def files() -> dict[str, Path]:
    """Return all files that are searched, by their path from the root."""
    found = {path for place in PLACES for path in ROOT.glob(place)} - {Path(__file__).resolve()}
    found = {path for path in found if path.parent.name != ".ipynb_checkpoints"}  # JupyterLab's
    return {path.relative_to(ROOT).as_posix(): path for path in sorted(found)}


def read_by_people(path: Path) -> str:
    """Return the text of a file without Python code, and without names in backticks."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    if path.suffix == ".py":
        text = python_words(text)
    return text if path.suffix == ".js" else NAME.sub("``", text)


def python_words(source: str) -> str:
    """Return the comments and strings of Python code."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", None)}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    words = "\n".join(token.string.lstrip("#") for token in tokens if token.type in kinds)
    return re.sub(r"\{[\w.]+", "{", words)  # up to Python 3.11 an f-string includes its names


def offences(text: str, data: str | None = None) -> list[str]:
    """Return what to say and where, for each word to avoid other than `data`."""
    return [
        f"say {say!r} in '...{text[max(match.start() - 30, 0) : match.end() + 20]}...'"
        for pattern, say in PATTERNS.items()
        for match in pattern.finditer(text)
        if match[0] != data
    ]


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    return {name: offences(read_by_people(path), DATA.get(name)) for name, path in files().items()}


def test_words_to_avoid_stay_out(found):
    assert not (new := [f"{name}: {o}" for name in found for o in found[name]]), "\n".join(new)


@pytest.mark.parametrize(
    "text",
    [
        "how to mend it",
        "Nobody asked.",
        "the run goes\non from there",
        "'cat' stands already in line 3",
        "two alike images",
        "the made images",
        "one vote an image",
        "a row a finding",
        "it can’t be read",
        "next to it, beside that",
        "trained with another prompt",
    ],
)
def test_a_word_is_found(text):
    assert len(offences(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "We recommend to use TidyExplorer, see tidy.py and widgets/explorers/tidy.py.",
        "Besides, a copy is made, and judgement is left to you.",
        "It goes on the left, the other one goes on a page of its own.",
        "0 where a bit or a concept is the same for all images",
        "one row per image, 64 bits per code",
        "a prompt is a template filled with a concept; its prompt template",
    ],
)
def test_honest_words_are_left_alone(text):
    assert offences(text) == []


def test_code_and_names_in_backticks_are_not_searched(tmp_path):
    path = tmp_path / "a.py"
    path.write_text('alike = mend(beside)  # anew\nf"nobody {alike}"\n"`ceilings` was judged"\n')
    found = offences(read_by_people(path))
    assert [o.partition(" in ")[0] for o in found] == [
        "say 'again'",
        "say 'you, the user, no one'",
        "say 'evaluate, score'",
    ]
