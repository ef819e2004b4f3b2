"""What is said to the user: sentences on how an input was understood, and names in them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable

__all__ = ["UHSCMWarning", "listed", "printable", "say"]

_OURS = ("uhscm_core", "widgets")


class UHSCMWarning(UserWarning):
    """Say in one sentence how an input was understood or changed.

    The same sentence is kept in ``dataset.notes`` where it concerns a dataset. To refuse such
    inputs, turn the category into an error: ``warnings.simplefilter("error", UHSCMWarning)``.
    """


def say(*sentences: str) -> None:
    """Warn with each sentence at the line of the user's code that called into this package."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    for sentence in sentences:
        warnings.warn(sentence, UHSCMWarning, stacklevel=level)


def printable(name: str) -> str:
    """Return a name as one line that every output takes: other characters become escapes."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in name
    )


def listed(names: Iterable[str], most: int = 4) -> str:
    """Return the first names in quotes, and how many more there are."""
    names = list(names)
    shown = [f"'{printable(name)}'" for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most:,} more")
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else "".join(shown)
