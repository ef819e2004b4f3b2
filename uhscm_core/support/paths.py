"""Read the paths that users give, also where a text is meant as one."""

from __future__ import annotations

import os
import re
from pathlib import Path

from PIL import Image

__all__ = ["as_path", "existing_image", "path_notes"]

_ROOTED = re.compile(r"(/|\./|\.\./|~|[A-Za-z]:[\\/])\S")


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


def existing_image(text: str) -> Path | None:
    """Return the file that a text names, if it looks like a path and the file exists."""
    if not _looks_like_a_path(text):
        return None
    try:
        path = as_path("query", text.strip())
        return path if path.is_file() else None
    except (OSError, ValueError):  # too long, or a null character
        return None


def path_notes(text: str) -> tuple[str, ...]:
    """Return a sentence for a text that looks like the path of an image."""
    if not _looks_like_a_path(text):
        return ()
    there = "give it as an image" if existing_image(text) else "there is no such file"
    return (f"{text!r} looks like a path but is read as words: {there}",)


def _looks_like_a_path(text: str) -> bool:
    text = text.strip()
    suffix = re.search(r"\S(\.\w+)$", text)
    is_image = suffix is not None and suffix[1].lower() in Image.registered_extensions()
    return is_image or _ROOTED.match(text) is not None
