"""What people paste for a folder: quoted, escaped, as an address, or as Windows writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

__all__ = ["pasted_folder", "pasted_path"]

_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "<": ">"}
_DRIVE = re.compile(r"^([A-Za-z]):[\\/]")


def pasted_path(text: str) -> Path:
    """The path that was meant: the first reading of the text that exists, or else the plain one.

    Args:
        text: a path, maybe in quotes, with ``~``, with a terminal's backslashes before spaces, as a
            ``file://`` address, or as Windows writes it where that is another name for it here.

    Raises:
        ValueError: nothing but blanks.
    """
    if not text.strip():
        raise ValueError("no path given: paste one, such as ~/Pictures or /home/me/holiday")
    readings = list(_readings(text))
    return next((path for path in readings if _exists(path)), readings[-1])


def pasted_folder(text: str) -> Path:
    """The folder that was meant.

    Raises:
        ValueError, NotADirectoryError: no folder; the message says what there is in its place.
    """
    path = pasted_path(text)
    if _exists(path) and path.is_dir():
        return path.absolute()
    shown = str(path) if str(path).isprintable() else repr(str(path))
    if _exists(path):
        raise NotADirectoryError(
            f"{shown} is a file. Give the folder that it is in: {path.absolute().parent}"
        )
    hint = ""
    if _DRIVE.match(str(path)):
        hint = (
            ". This is a path of Windows, and the kernel runs on another system or can't see that "
            "drive: give the folder's path there"
        )
    elif not path.is_absolute():
        hint = f". It was looked for below {Path.cwd()}; begin with / or ~ for another place"
    raise NotADirectoryError(f"no such folder: {shown}{hint}")


def _readings(text: str) -> Iterator[Path]:
    yield Path(text)  # a name may well begin with a quote or end with a blank
    plain = text.strip()
    while len(plain) > 2 and _QUOTES.get(plain[0]) == plain[-1]:
        plain = plain[1:-1].strip()
    if plain.lower().startswith("file:"):
        plain = unquote(urlparse(plain).path) or plain
        if _DRIVE.match(plain[1:]):  # file:///C:/Users
            plain = plain[1:]
    yield _at_home(re.sub(r"\\(.)", r"\1", plain))  # My\ Photos, as a terminal writes it
    if drive := _DRIVE.match(plain):  # Windows' own disk, as its Linux subsystem names it
        yield Path("/mnt", drive[1].lower(), plain[3:].replace("\\", "/"))
    yield _at_home(plain)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for any file
        return False


def _at_home(text: str) -> Path:
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # ~somebody whom nobody knows
        return path
