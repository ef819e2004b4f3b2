"""The cache folder: whether it is writable, what it contains, and what killed writes left there.

A file is first written as ``.<name>.<32 hex digits>.part`` and then renamed
(`uhscm_core.support.store`). A process killed in between leaves that file behind. It counts as a
leftover once it has not changed for an hour (a write takes seconds) and no process holds a lock in
its folder.
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
    note = f" (you may delete all but runs and weights from {home}: it is computed again)"
    yield Finding("cached files", by_kind + note if by_kind else "none yet")
    damaged = [path for path, _ in files if path.suffix == ".safetensors" and _is_damaged(path)]
    if damaged:
        found = f"{len(damaged)} cannot be read: {', '.join(map(str, damaged[:5]))}"
        yield Finding("damaged files", found, BAD, "delete them; their content is computed again")


def leftovers() -> Iterator[Finding]:
    """Report the leftovers of killed writes, and which locks other processes hold."""
    home = _home()
    parts = list(_leftovers(home))
    if parts:
        size = as_size(sum(part.size for part in parts))
        found = f"{len(parts)} unfinished files of killed processes, {size}"
        yield Finding("leftovers", found, WARN, f"{sys.executable} -m uhscm_doctor --clean")
    locks = [path for path, _ in _files(home) if path.suffix == ".lock"]
    held = [path for path in locks if _is_held(path)]
    in_use = f"{len(held)} held by running work: {', '.join(map(str, held[:3]))}"
    free = f"{len(locks)} lock files, none held; they do no harm"
    yield Finding("locks", in_use if held else free if locks else "none")


def clean() -> list[Part]:
    """Remove the leftovers of killed writes.

    Returns:
        The files that were removed.
    """
    removed = []
    for part in _leftovers(_home()):
        with contextlib.suppress(OSError):
            part.path.unlink()
            removed.append(part)
    return removed


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
        if not _PART.fullmatch(path.name):
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
