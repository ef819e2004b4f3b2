"""Make the cache smaller: what older versions left, what was not used for long, or the excess.

Only what is computed again is deleted: features, verdicts on files, painted pictures, layouts of
maps and sketches; never runs or weights, nor files of a kind that this page does not know.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from uhscm_doctor import cache
from uhscm_doctor.finding import WARN, Finding

__all__ = ["outdated", "prune", "remove_outdated"]

_KINDS = ("checked", "features", "layouts", "postcards", "sketches")
# Shards of features were named by their first row, and verdicts by the digest of their folder.
_OUTDATED = re.compile(r"features/[^/]+/\d{9}\.(safetensors|begun|lock)|checked/[0-9a-f]+\.json")
_DAY = 86_400.0


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    used: float


def outdated() -> Iterator[Finding]:
    """Report cached files that this version leaves behind."""
    files = list(_outdated())
    if files:
        size = cache.as_size(sum(file.size for file in files))
        found = f"{len(files)} files of version 0.2 or older that are not used any more, {size}"
        yield Finding("outdated files", found, WARN, f"{sys.executable} -m uhscm_doctor --clean")


def remove_outdated() -> list[cache.Part]:
    """Remove cached files that this version leaves behind, and return them."""
    return _remove(_outdated())


def prune(days: float | None = None, gigabytes: float | None = None) -> list[cache.Part]:
    """Remove what was not used for some days, and then the longest unused beyond a size.

    Args:
        days: without use; None for no limit.
        gigabytes: what all that can be computed again may take; None for no limit.

    Returns:
        The files that were removed.
    """
    files = sorted(_cached(), key=lambda file: file.used)
    kept, removed = files, []
    if days is not None:
        oldest = time.time() - days * _DAY
        removed = [file for file in files if file.used < oldest]
        kept = files[len(removed) :]
    if gigabytes is not None:
        excess = sum(file.size for file in kept) - gigabytes * 1e9
        for file in kept:
            if excess <= 0:
                break
            removed.append(file)
            excess -= file.size
    return _remove(removed)


def _cached() -> Iterator[_File]:
    home = cache._home()
    for kind in _KINDS:
        for path, size in list(cache._files(home / kind)):
            with contextlib.suppress(OSError):  # deleted in the meantime
                status = path.stat()
                yield _File(path, size, max(status.st_atime, status.st_mtime))


def _outdated() -> Iterator[_File]:
    home = cache._home()
    for file in _cached():
        if _OUTDATED.fullmatch(file.path.relative_to(home).as_posix()):
            yield file


def _remove(files: Iterable[_File]) -> list[cache.Part]:
    removed = []
    for file in files:
        if file.path.suffix == ".lock" and cache._is_held(file.path):
            continue
        with contextlib.suppress(OSError):
            file.path.unlink(missing_ok=True)  # some releases of filelock delete what they release
            removed.append(cache.Part(file.path, file.size))
    for folder in {part.path.parent for part in removed}:
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()
    return removed
