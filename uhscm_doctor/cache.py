"""The cache folder: whether it takes files, what lies in it, and what killed writes left there.

A file is written aside as ``.<name>.<32 hex digits>.part`` and renamed
(`uhscm_core.support.store`). A process killed in between leaves that file behind. It is a leftover
when it has not changed for an hour (a write takes seconds) and no process holds a lock in its
folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uhscm_doctor.finding import BAD, WARN, Finding

__all__ = ["as_size", "clean", "contents", "leftovers", "writable"]

_KINDS = ("features", "runs", "postcards", "checked", "weights")
_PART = re.compile(r"\..+\.[0-9a-f]{32}\.part")
_HOUR = 3600.0
_ELSEWHERE = "choose another folder: export UHSCM_HOME=/path/to/folder before JupyterLab starts"


@dataclass(frozen=True)
class Part:
    """A file that a write did not finish.

    Attributes:
        path: of the file.
        size: in bytes.
    """

    path: Path
    size: int


def _home() -> Path:
    from uhscm_core.support.store import home

    return home()


def writable() -> Iterator[Finding]:
    """Writes a file, renames it, takes a lock, and looks at the space that is left."""
    from filelock import FileLock

    from uhscm_core.support import store

    home = _home()
    origin = "$UHSCM_HOME" if os.environ.get("UHSCM_HOME") else "this system's cache folder"
    probe = home / f"doctor-{uuid.uuid4().hex}.json"
    lock = probe.with_suffix(".lock")
    try:
        store.save_json(probe, "written aside and renamed")
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
        mend = f"make room, or {_ELSEWHERE}"
        yield Finding("cache folder", found, BAD if free < 50 * 2**20 else WARN, mend)
        return
    yield Finding("cache folder", found)


def contents() -> Iterator[Finding]:
    """What is kept, by kind, and files that can't be read."""
    home = _home()
    files = list(_files(home))
    sizes = dict.fromkeys((*_KINDS, "other"), 0)
    for path, size in files:
        kind = path.relative_to(home).parts[0]
        sizes[kind if kind in _KINDS else "other"] += size
    kept = ", ".join(f"{kind} {as_size(size)}" for kind, size in sizes.items() if size)
    clear = f" (all but runs and weights is made again when you delete it from {home})"
    yield Finding("kept", kept + clear if kept else "nothing yet")
    damaged = [path for path, _ in files if path.suffix == ".safetensors" and _is_damaged(path)]
    if damaged:
        found = f"{len(damaged)} can't be read: {', '.join(map(str, damaged[:5]))}"
        yield Finding("kept files", found, BAD, "delete them; what they held is made again")


def leftovers() -> Iterator[Finding]:
    """What killed writes left behind, and what other processes are at."""
    home = _home()
    parts = list(_leftovers(home))
    if parts:
        size = as_size(sum(part.size for part in parts))
        found = f"{len(parts)} unfinished files of killed processes, {size}"
        yield Finding("leftovers", found, WARN, f"{sys.executable} -m uhscm_doctor --clean")
    locks = [path for path, _ in _files(home) if path.suffix == ".lock"]
    held = [path for path in locks if _is_held(path)]
    at = f"{len(held)} held by work under way: {', '.join(map(str, held[:3]))}"
    free = f"{len(locks)} lock files, none held; they are left where they are and do no harm"
    yield Finding("locks", at if held else free if locks else "none")


def clean() -> list[Part]:
    """Remove the leftovers.

    Returns:
        What was removed.
    """
    removed = []
    for part in _leftovers(_home()):
        with contextlib.suppress(OSError):
            part.path.unlink()
            removed.append(part)
    return removed


def as_size(size: int) -> str:
    """Bytes for people."""
    for unit, factor in (("GB", 2**30), ("MB", 2**20)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1024:.0f} kB"


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Regular files below a folder with their sizes; links are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(OSError):  # gone by now
                if not path.is_symlink():
                    status = path.stat()  # the pictures' file has holes: count what is on disk
                    blocks = getattr(status, "st_blocks", None)
                    yield path, status.st_size if blocks is None else 512 * blocks


def _leftovers(home: Path) -> Iterator[Part]:
    for path, size in list(_files(home)):
        if not _PART.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError):
            old = time.time() - path.stat().st_mtime > _HOUR
            if old and not any(_is_held(lock) for lock in path.parent.glob("*.lock")):
                yield Part(path, size)


def _is_held(lock: Path) -> bool:
    """Whether a process holds a lock; without waiting, and free again at once."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, blocking=False):
            return False
    except Timeout:
        return True


def _is_damaged(path: Path) -> bool:
    """Whether a file's header does not fit its length."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy"):
            return False
    except (safetensors.SafetensorError, OSError):
        return path.exists()
