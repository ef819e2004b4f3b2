"""Read the paths that users give."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["as_path"]


def as_path(name: str, value: object) -> Path:
    """Return an argument as a path; a leading ``~`` is the home folder.

    Args:
        name: of the argument, for the errors.
        value: text or a `PathLike`.

    Raises:
        TypeError: it is neither, or its path is bytes.
        ValueError: it is blank, or contains a null character.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path, as text or Path, got {value!r}")
    if not text.strip():
        raise ValueError(f"{name} must be a path, got the blank text {text!r}")
    if "\0" in text:
        raise ValueError(f"{name} must be a path, got a null character in {text!r}")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name of an unknown user is a name like any other
        return Path(text)
