"""The files below a folder, listed without opening one, and what was left out of the list.

Links are followed only where they lead to something inside the folder, unless asked for: a link to
the root of a disk would bring all of its pictures along.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from uhscm_core.datasets.formats import NOT_REGULAR
from uhscm_core.support.ways import FOLLOW

__all__ = ["LINK_OUT", "Listing", "walk"]

LINK_OUT = f"a link out of the folder{FOLLOW}"
# Folders of file managers, operating systems and archives, which hold copies and previews.
_SYSTEM = {
    *("__macosx", "lost+found", "network trash folder", "system volume information"),
    *("temporary items", "$recycle.bin", "#recycle", "#snapshot", "~snapshot"),
    *("@eadir", "@recently-snapshot", "@recycle", "@tmp"),
}


@dataclass(frozen=True)
class Listing:
    """The files below a folder, by their paths from there with forward slashes.

    Attributes:
        names: files in order of their names.
        skipped: file, or folder with a slash at its end, that was not read -> reason.
        hidden: files with names that begin with a dot, or within hidden or system folders.
    """

    names: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)


def walk(root: Path, *, follow_links: bool = False) -> Listing:
    """List the files below a folder; each folder is read once, so that loops of links end.

    Args:
        root: the folder.
        follow_links: also follow links that lead out of it.

    Raises:
        OSError: `root` itself cannot be listed.
    """
    listing = Listing()
    top = os.path.realpath(root)
    read_as: dict[str, str] = {}  # real path of a folder -> its name
    ahead = [("", top, False)]
    while ahead:
        prefix, real, hidden = ahead.pop()
        if real in read_as and not hidden:
            listing.skipped[prefix] = f"a link to a folder that is already read, {read_as[real]}"
            continue
        if not hidden:
            read_as[real] = prefix
        try:
            with os.scandir(root / prefix) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise
            listing.skipped[prefix] = (error.strerror or str(error)).lower()
            continue
        folders = []
        for entry in entries:
            name = prefix + entry.name
            out_of_sight = hidden or _is_hidden(entry.name)
            if _is_folder(entry):
                target = _real(entry.path)
                linked = Path(target) != Path(real, entry.name)
                why = _why_not(target, top, follow_links) if linked else None
                if why is None and not (linked and out_of_sight):
                    folders.append((f"{name}/", target, out_of_sight))
                elif why is not None and not out_of_sight:
                    listing.skipped[f"{name}/"] = why
            elif out_of_sight:
                listing.hidden.append(name)
            elif entry.is_symlink() and not follow_links and not _is_inside(entry.path, top):
                listing.skipped[name] = LINK_OUT
            elif _is_special(entry):  # opening a pipe would block
                listing.skipped[name] = NOT_REGULAR
            else:
                listing.names.append(name)
        ahead += reversed(folders)
    listing.names.sort()
    return listing


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _SYSTEM


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except OSError:  # a link that may not be read
        return ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    if not entry.is_symlink():
        return not entry.is_file()
    target = Path(entry.path)
    return target.exists() and not target.is_file()


def _is_inside(path: str, top: str) -> bool:
    return Path(_real(path)).is_relative_to(top)


def _why_not(target: str, top: str, follow_links: bool) -> str | None:
    """Return the reason not to follow a link to a folder, or None."""
    if not target:
        return "a link that cannot be read"
    if not _is_inside(target, top):
        return None if follow_links else LINK_OUT
    inside = Path(target).relative_to(top)
    if any(map(_is_hidden, inside.parts)):  # the link is the only way in
        return None
    return f"a link to a folder that is read itself, {inside.as_posix()}/"
