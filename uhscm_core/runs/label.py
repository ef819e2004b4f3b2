"""What a user says about a run: a title, a note, and whether lists leave it out.

A label has a file of its own, because ``run.json`` belongs to the process that trains the run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from uhscm_core.support import store
from uhscm_core.support.checks import flag, shown
from uhscm_core.support.fields import FORMAT, Types, check_fields, check_format

__all__ = ["LONGEST_NOTE", "LONGEST_TITLE", "RunLabel", "read_label", "title_of", "write_label"]

LONGEST_TITLE = 60  # characters: one column of a table
LONGEST_NOTE = 2_000

_LABEL = "label.json"
_FIELDS: dict[str, Types] = {"format": int, "title": str, "note": str, "hidden": bool}


@dataclass(frozen=True)
class RunLabel:
    """What a user says about a run.

    Attributes:
        title: one line of at most 60 printable characters; empty for none.
        note: up to 2,000 printable characters and line breaks; empty for none.
        hidden: whether lists leave the run out.

    Raises:
        TypeError, ValueError: not such a text, or not True or False.
    """

    title: str = ""
    note: str = ""
    hidden: bool = False

    def __post_init__(self) -> None:
        _check("title", self.title, LONGEST_TITLE, self.title)
        lines = self.note.split("\n") if isinstance(self.note, str) else self.note
        _check("note", self.note, LONGEST_NOTE, "".join(lines))
        flag("hidden", self.hidden)


def _check(name: str, value: object, longest: int, line: object) -> None:
    if not isinstance(value, str) or not isinstance(line, str):
        raise TypeError(f"{name} must be a text, got {shown(value)}")
    if len(value) > longest:
        raise ValueError(
            f"{name} must have at most {longest:,} characters, got {len(value):,}; shorten it"
        )
    if not line.isprintable():
        odd = next(character for character in line if not character.isprintable())
        raise ValueError(
            f"{name} must hold printable characters alone, got {odd!r}; leave it out"
            + (", or use the note for several lines" if name == "title" else "")
        )


def title_of(folder: Path) -> str:
    """Return the title of a run, for names; empty also where its label cannot be read."""
    try:
        return read_label(folder).title
    except (OSError, ValueError):  # the table of runs says it
        return ""


def read_label(folder: Path) -> RunLabel:
    """Read the label of a run; an empty one if there is none.

    Args:
        folder: of the run.

    Raises:
        ValueError: the file is damaged, or was written by a later version.
    """
    path = folder / _LABEL
    try:
        values = store.load_json(path)
    except FileNotFoundError:
        return RunLabel()
    except store.DamagedFileError as error:
        raise store.DamagedFileError(f"{error}; delete the file to name the run again") from error
    check_format(path, values)
    check_fields(path, values, {}, _FIELDS)
    values.pop("format", None)
    try:
        return RunLabel(**values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_label(folder: Path, label: RunLabel) -> None:
    """Replace the label of a run, also while it is being trained.

    Args:
        folder: of the run.
        label: the new one.

    Raises:
        FileNotFoundError: the run is gone.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no run folder at {folder}; it was deleted meanwhile")
    store.save_json(folder / _LABEL, {"format": FORMAT, **dataclasses.asdict(label)})
