"""What is said to the user: sentences on how an input was understood, and names in them."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["UHSCMWarning", "enumerated", "listed", "printable", "say", "telling"]

_OURS = ("uhscm_core", "widgets")
_listener: contextvars.ContextVar[Callable[[str], None] | None] = contextvars.ContextVar(
    "listener", default=None
)


class UHSCMWarning(UserWarning):
    """Say in one sentence how an input was understood or changed.

    The same sentence is kept in ``dataset.notes`` where it concerns a dataset. To refuse such
    inputs, turn the category into an error: ``warnings.simplefilter("error", UHSCMWarning)``.
    """


def say(*sentences: str) -> None:
    """Warn with each sentence at the line of the user's code that called into this package.

    Within `telling`, the sentences go to its listener instead.
    """
    listener = _listener.get()
    if listener is not None:
        for sentence in sentences:
            listener(sentence)
        return
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    for sentence in sentences:
        warnings.warn(sentence, UHSCMWarning, stacklevel=level)


@contextlib.contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Hand what is said in this thread to a listener: a thread's warnings reach no one."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


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
    return enumerated(shown)


def enumerated(names: Sequence[str]) -> str:
    """Return such as ``"sky, sun and sea"``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
