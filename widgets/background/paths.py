"""Read the paths that people paste: quoted, escaped, as an address, or as Windows writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

__all__ = ["folder_from_text", "path_from_text"]

_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "<": ">"}
_DRIVE = re.compile(r"^([A-Za-z]):[\\/]")


def path_from_text(text: str) -> Path:
    """Return the path that a text means: the first reading that exists, or else the plain one.

    Args:
        text: a path, perhaps in quotes, with ``~``, with a terminal's backslashes before spaces, as
            a ``file://`` address, or as Windows writes it if this is its Linux subsystem.

    Raises:
        ValueError: the text is blank.
    """
    if not text.strip():
        raise ValueError("no path given: paste one, such as ~/Pictures or /home/me/holiday")
    readings = list(_readings(text))
    return next((path for path in readings if _exists(path)), readings[-1])


def folder_from_text(text: str) -> Path:
    """Return the folder that a text means.

    Raises:
        ValueError, NotADirectoryError: it is no folder; the message says what is there instead.
    """
    path = path_from_text(text)
    if _exists(path) and path.is_dir():
        return path.absolute()
    shown = str(path) if str(path).isprintable() else repr(str(path))
    if _exists(path):
        raise NotADirectoryError(
            f"{shown} is a file. Give its folder instead: {path.absolute().parent}"
        )
    hint = ""
    if _DRIVE.match(str(path)):
        hint = (
            ". This is a Windows path, and the kernel runs on another system or cannot see that "
            "drive: give the folder's path on the kernel's system"
        )
    elif not path.is_absolute():
        hint = f". It was looked for in {Path.cwd()}; begin with / or ~ for another place"
    raise NotADirectoryError(f"no such folder: {shown}{hint}")


def _readings(text: str) -> Iterator[Path]:
    yield Path(text)  # a name may begin with a quote or end with a blank
    plain = text.strip()
    while len(plain) > 2 and _QUOTES.get(plain[0]) == plain[-1]:
        plain = plain[1:-1].strip()
    if plain.lower().startswith("file:"):
        plain = unquote(urlparse(plain).path) or plain
        if _DRIVE.match(plain[1:]):  # file:///C:/Users
            plain = plain[1:]
    yield _expanded(re.sub(r"\\(.)", r"\1", plain))  # My\ Photos, as a terminal writes it
    if drive := _DRIVE.match(plain):  # a Windows drive, as the Linux subsystem names it
        yield Path("/mnt", drive[1].lower(), plain[3:].replace("\\", "/"))
    yield _expanded(plain)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for any file
        return False


def _expanded(text: str) -> Path:
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # ~name of an unknown user
        return path
