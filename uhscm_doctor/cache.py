"""The cache folder: whether it is writable, what it contains, and what killed writes left there.

A file is first written as ``.<name>.<32 hex digits>.part`` and then renamed
(`uhscm_core.support.store`). A process killed in between leaves that file behind, or a temporary
folder ``uhscm-export-*``. Either counts as a leftover once it has not changed for an hour (a write
takes seconds) and no process holds a lock in its folder. A damaged cache file is kept for a look as
``<name>.damaged``, and is a leftover as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from uhscm_doctor.finding import BAD, WARN, Finding

__all__ = ["as_size", "clean", "contents", "leftovers", "private", "writable"]

_KINDS = ("features", "runs", "experiments", "postcards", "checked", "weights")
_LEFT = re.compile(r"\..+\.[0-9a-f]{32}\.part|.+\.damaged")
_HOUR = 3600.0
_ELSEWHERE = "use another folder: export UHSCM_HOME=/path/to/folder before JupyterLab starts"


@dataclass(frozen=True)
class Part:
    """A partly written file.

    Attributes:
        path: where it is.
        size: its size in bytes.
    """

    path: Path
    size: int


def _home() -> Path:
    from uhscm_core.support.store import home

    return home()


def writable() -> Iterator[Finding]:
    """Check that files can be written, renamed and locked, and that there is free space."""
    from filelock import FileLock

    from uhscm_core.support import store

    home = _home()
    origin = "$UHSCM_HOME" if os.environ.get("UHSCM_HOME") else "this system's cache folder"
    probe = home / f"doctor-{uuid.uuid4().hex}.json"
    lock = probe.with_suffix(".lock")
    try:
        store.save_json(probe, "a file to write and rename")
        with FileLock(lock, timeout=1):
            pass
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        yield Finding("cache folder", f"{home} ({origin}): {reason}", BAD, _ELSEWHERE)
        return
    finally:
        for path in (probe, lock):
            with contextlib.suppress(OSError):
                path.unlink()
    free = shutil.disk_usage(home).free
    found = f"{home} ({origin}), {as_size(free)} free"
    if free < 2**30:
        fix = f"free some disk space, or {_ELSEWHERE}"
        yield Finding("cache folder", found, BAD if free < 50 * 2**20 else WARN, fix)
        return
    yield Finding("cache folder", found)


def contents() -> Iterator[Finding]:
    """Report what the cache contains, by kind, and files that cannot be read."""
    home = _home()
    files = list(_files(home))
    sizes = dict.fromkeys((*_KINDS, "other"), 0)
    for path, size in files:
        kind = path.relative_to(home).parts[0]
        sizes[kind if kind in _KINDS else "other"] += size
    by_kind = ", ".join(f"{kind} {as_size(size)}" for kind, size in sizes.items() if size)
    note = (
        f" (you may delete all but runs, experiments and weights from {home}: it is computed again)"
    )
    yield Finding("cached files", by_kind + note if by_kind else "none yet")
    damaged = [path for path, _ in files if path.suffix == ".safetensors" and _is_damaged(path)]
    if damaged:
        found = f"{len(damaged)} cannot be read: {', '.join(map(str, damaged[:5]))}"
        yield Finding("damaged files", found, BAD, "delete them; their content is computed again")


def private() -> Iterator[Finding]:
    """Check that no other user can plant features, verdicts, weights or links in the cache."""
    home = _home()
    if os.name == "nt" or not home.is_dir():
        return
    folders = [home]
    if home.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH):  # others get in
        folders += (path for path in home.iterdir() if path.is_dir())
    open_to = [
        f"{folder} ({stat.filemode(mode)})"
        for folder in folders
        if (mode := folder.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH)
    ]
    if open_to:
        found = f"others can write to {', '.join(open_to[:3])}, and change what is computed there"
        yield Finding("cache folder", found, WARN, f"chmod -R go-w {shlex.quote(str(home))}")


def leftovers(folders: Sequence[Path] = ()) -> Iterator[Finding]:
    """Report the leftovers of killed writes, and which locks other processes hold.

    Args:
        folders: to look at besides the cache, such as those of studies and exports.
    """
    home = _home()
    parts = _all_leftovers(folders)
    if parts:
        size = as_size(sum(part.size for part in parts))
        found = f"{len(parts)} unfinished or damaged files, {size}: {_shown(parts)}"
        more = "".join(f" {shlex.quote(str(folder))}" for folder in folders)
        yield Finding("leftovers", found, WARN, f"{sys.executable} -m uhscm_doctor --clean{more}")
    locks = [path for path, _ in _files(home) if path.suffix == ".lock"]
    held = [path for path in locks if _is_held(path)]
    in_use = f"{len(held)} held by running work: {', '.join(map(str, held[:3]))}"
    free = f"{len(locks)} lock files, none held; they do no harm"
    yield Finding("locks", in_use if held else free if locks else "none")


def clean(folders: Sequence[Path] = ()) -> list[Part]:
    """Remove the leftovers of killed writes.

    Args:
        folders: to clean besides the cache.

    Returns:
        What was removed.
    """
    removed = []
    for part in _all_leftovers(folders):
        with contextlib.suppress(OSError):
            if part.path.is_dir():
                shutil.rmtree(part.path)
            else:
                part.path.unlink()
            removed.append(part)
    return removed


def _shown(parts: list[Part]) -> str:
    names = [str(part.path) for part in parts[:3]]
    return ", ".join(names) + (", ..." if len(parts) > 3 else "")


def _all_leftovers(folders: Sequence[Path]) -> list[Part]:
    parts = [part for folder in (_home(), *folders) for part in _leftovers(folder)]
    for folder in Path(tempfile.gettempdir()).glob("uhscm-export-*"):
        with contextlib.suppress(OSError):
            if not folder.is_symlink() and time.time() - folder.stat().st_mtime > _HOUR:
                parts.append(Part(folder, sum(size for _, size in _files(folder))))
    return parts


def as_size(size: int) -> str:
    """Format a number of bytes, such as ``"1.5 MB"``."""
    for unit, factor in (("GB", 2**30), ("MB", 2**20)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1024:.0f} kB"


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the regular files below a folder with their sizes; links are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(OSError):  # deleted in the meantime
                if not path.is_symlink():
                    status = path.stat()  # the postcards' file is sparse: count what is on disk
                    blocks = getattr(status, "st_blocks", None)
                    yield path, status.st_size if blocks is None else 512 * blocks


def _leftovers(home: Path) -> Iterator[Part]:
    for path, size in list(_files(home)):
        if not _LEFT.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError):
            old = time.time() - path.stat().st_mtime > _HOUR
            if old and not any(_is_held(lock) for lock in path.parent.glob("*.lock")):
                yield Part(path, size)


def _is_held(lock: Path) -> bool:
    """Return whether a process holds a lock, without waiting for it."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, blocking=False):
            return False
    except Timeout:
        return True


def _is_damaged(path: Path) -> bool:
    """Return whether a file's header contradicts its length."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy"):
            return False
    except (safetensors.SafetensorError, OSError):
        return path.exists()
