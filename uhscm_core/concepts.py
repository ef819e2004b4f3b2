r"""Candidate concepts: their names and the prompt templates around them.

The paper scores every image against M concept names taken from a benchmark's vocabulary and
put into one template, "a photo of the {}". Three lists ship with the package:

- ``nuswide81``: the 81 names of NUS-WIDE (Chua et al. 2009), the paper's first choice.
- ``coco80``: the 80 object names of MS COCO (Lin et al. 2014), its second.
- ``common``: some 500 everyday nouns chosen without a benchmark in mind, because the other
  two are benchmark vocabularies themselves and flatter the benchmarks they come from.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from unicodedata import category

from uhscm_core.support.checks import is_ordered, shown
from uhscm_core.support.paths import as_path

__all__ = ["DEFAULT_TEMPLATE", "VOCABULARIES", "ConceptSet", "load_concepts"]

_PLAIN = re.compile(r"[A-Za-z0-9 '(){}.,:!?/-]*")  # open_clip changes only spaces and case of it
_TABLES = (".csv", ".tsv", ".json", ".jsonl")  # they hold more than names
_MARKED = re.compile(r"(?:\d+[.):]|[-*\u2022\u2013])\s")  # 1. cat, - cat
_JOINERS = "\u200c\u200d"  # invisible, but Persian and emoji are written with them

DEFAULT_TEMPLATE = "a photo of the {}"
VOCABULARIES = ("nuswide81", "coco80", "common")


@dataclass(frozen=True)
class ConceptSet:
    """M concept names and the prompt templates they are put into.

    Attributes:
        names: M distinct, non-blank names.
        templates: one or more templates, each with exactly one ``{}`` for the name. With several,
            a concept's text feature is the normalised mean over its prompts, as in CLIP.

    Raises:
        ValueError: no name, no template, a blank or repeated name, a template without ``{}``.
    """

    names: tuple[str, ...]
    templates: tuple[str, ...] = (DEFAULT_TEMPLATE,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", _as_tuple(self.names, "names"))
        object.__setattr__(self, "templates", _as_tuple(self.templates, "templates"))
        if not self.names:
            raise ValueError("concepts: a concept set needs at least one name, got none")
        _check_names(self.names, "concepts")
        if not self.templates:
            raise ValueError(
                "templates: a concept set needs at least one prompt template, got none"
            )
        for template in self.templates:
            if not isinstance(template, str):
                raise TypeError(f"templates must be texts, got {shown(template)}")
            if template.count("{}") != 1:
                raise ValueError(
                    f"a prompt template needs exactly one {{}} where the concept goes, "
                    f"got {template!r}"
                )
        _check_different(self.templates)

    def __len__(self) -> int:
        return len(self.names)

    def prompts(self, template: str | None = None) -> list[str]:
        """Return each name in `template` (default: the first of ``templates``), in order."""
        # str.replace, because str.format would interpret other braces of a template.
        chosen = self.templates[0] if template is None else template
        return [chosen.replace("{}", name) for name in self.names]


def load_concepts(
    source: str | PathLike[str] | Sequence[str],
    templates: str | Sequence[str] = (DEFAULT_TEMPLATE,),
) -> ConceptSet:
    """Load the candidate concepts.

    Args:
        source: ``"nuswide81"``, ``"coco80"`` or ``"common"``; several of them joined by ``+`` (a
            name in more than one list counts once, at its first place); the path of a UTF-8 text
            file with one name per line; or a sequence of names.
        templates: one prompt template or several, each with one ``{}``.

    Returns:
        The names in the order of the source.

    Raises:
        FileNotFoundError: `source` is neither a known list nor a file.
        ValueError: a blank name, or two that a model reads as one (the message names file and
            lines), a file that is not UTF-8 text, a template without ``{}``.
    """
    names: Iterable[str]
    parts = [part.strip() for part in source.split("+")] if isinstance(source, str) else []
    if parts and all(part in VOCABULARIES for part in parts):
        lists = [_read_names(_vocabulary(part)) for part in parts]
        names = dict.fromkeys(name for names in lists for name in names)
    elif isinstance(source, str | PathLike):
        path = as_path("source", source)
        if not path.is_file():
            raise FileNotFoundError(
                f"no concept list {str(source)!r}: expected one of {', '.join(VOCABULARIES)}, "
                f"several joined by '+', or a text file with one name per line"
            )
        names = _read_names(path)
    else:
        if not is_ordered(source):
            raise TypeError(f"source must be names, a list's name or a file, got {shown(source)}")
        names = (name.strip() if isinstance(name, str) else name for name in source)
    return ConceptSet(tuple(names), _as_tuple(templates, "templates"))


def _vocabulary(name: str) -> Path:
    return Path(str(resources.files("uhscm_core") / "vocabularies" / f"{name}.txt"))


def _read_names(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows write a byte-order mark
    except UnicodeDecodeError as error:
        # error.object, because error.start does not count a byte-order mark.
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}: not UTF-8 text; save the list as UTF-8") from error
    names = [line.strip() for line in text.splitlines()]
    if not names:
        raise ValueError(f"{path}: the concept list is empty")
    for number, name in enumerate(names, start=1):
        if path.suffix.lower() in _TABLES and re.search(r"[,;\t\[\]{}]", name):
            raise ValueError(
                f"{path}, line {number}: expected one name per line and nothing else, got {name!r}"
            )
        if name.startswith("# "):
            raise ValueError(f"{path}, line {number}: {name!r} is a comment; leave it out")
    if len(names) == 1 and re.search("[,;]", names[0]):
        raise ValueError(
            f"{path}: expected one name per line, got one line with several, {names[0][:60]!r}"
        )
    if all(map(_MARKED.match, names)):
        raise ValueError(
            f"{path}, line 1: {names[0]!r} has a number or a mark of a list in front, as all lines "
            f"have, which a model would read as part of the name; leave them out"
        )
    _check_names(names, str(path))
    return names


def _check_names(names: Sequence[str], where: str) -> None:
    first: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not isinstance(name, str):
            raise TypeError(f"{where}, line {number}: a name must be text, got {name!r}")
        key = _as_read(name)
        if not key:
            raise ValueError(f"{where}, line {number}: the name is blank")
        if invisible := next((c for c in name if not _is_text(c)), ""):
            kind = "an invisible character" if category(invisible) == "Cf" else "control characters"
            raise ValueError(
                f"{where}, line {number}: {kind} in {name!r}; leave out U+{ord(invisible):04X}"
            )
        if key in first:
            earlier = names[first[key] - 1]
            as_what = "" if earlier == name else f" as {earlier!r}, which a model reads as the same"
            raise ValueError(
                f"{where}, line {number}: {name!r} is already listed on line {first[key]}{as_what}"
            )
        first[key] = number


def _check_different(templates: Sequence[str]) -> None:
    first: dict[str, str] = {}
    for template in templates:
        earlier = first.setdefault(_as_read(template), template)
        if earlier is not template:
            raise ValueError(
                f"templates: {template!r} is listed again, as {earlier!r}, so its template would "
                f"count twice; leave one of them out"
            )


def _is_text(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or category(character) == "Zs"


@functools.lru_cache(maxsize=1 << 16)
def _as_read(name: str) -> str:
    """Return a name as CLIP's tokenizer reads it.

    It undoes HTML entities and broken encodings, composes accents, straightens quotation marks,
    takes any run of white space as one space, and lower-cases: "Cat" and "cat" are one concept.
    """
    if _PLAIN.fullmatch(name):
        return " ".join(name.split()).lower()
    from open_clip.tokenizer import get_clean_fn  # takes seconds to import; few texts need it

    cleaned: str = get_clean_fn("lower")(name)
    return cleaned


def _as_tuple(value: str | Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(value, str):
        if what == "names":
            raise TypeError(f"names must be a sequence of names, got the one string {value!r}")
        return (value,)
    if not is_ordered(value):
        raise TypeError(f"{what} must be a sequence of texts, got {shown(value)}")
    return tuple(value)
