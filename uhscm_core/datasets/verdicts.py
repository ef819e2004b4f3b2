"""Which files of a folder can be read as images, decided once and kept."""

from __future__ import annotations

from uhscm_core.datasets.images import ImageFiles
from uhscm_core.support import store

__all__ = ["readable"]


def readable(files: ImageFiles, progress: bool) -> tuple[ImageFiles, dict[str, str]]:
    """Decode every file that was not decoded before.

    Args:
        files: regular files.
        progress: show a bar while images are decoded.

    Returns:
        The files that can be read, and for each other name the reason why not.
    """
    problems = _problems(files, progress)
    good = (i for i, name in enumerate(files.names) if name not in problems)
    return files.take(good), problems


def _problems(files: ImageFiles, progress: bool) -> dict[str, str]:
    checked = store.home() / "checked" / f"{files.digest}.json"
    try:
        known: dict[str, str] = store.load_json(checked)
    except (FileNotFoundError, ValueError):
        known = files.problems(progress)
        # A folder that vanished meanwhile (an unplugged disk) may return under the same digest.
        if not known or ImageFiles(files.root, files.names).digest == files.digest:
            store.save_json(checked, known)
    return known
