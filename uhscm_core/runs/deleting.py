"""Delete runs, and see how much space they take."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from uhscm_core.runs.files import locked
from uhscm_core.runs.run import Run
from uhscm_core.runs.run_list import read_runs, run_folders
from uhscm_core.support.checks import whole_number

__all__ = ["delete_run", "delete_runs", "oldest_beyond", "run_size"]

_GOING = ".deleted-"


def delete_run(folder: Path) -> None:
    """Delete a run with all its files.

    Its number is not given again while it is the highest, so that what names a run never means
    another one.

    Args:
        folder: of the run.

    Raises:
        FileNotFoundError: the run is gone.
        BlockingIOError: it is being trained, here or in another process.
        ValueError: the folder is a link to another place.
    """
    if folder.is_symlink():
        raise ValueError(f"{folder} is a link to another folder; delete the link yourself")
    if not folder.is_dir():
        raise FileNotFoundError(f"no run folder at {folder}; it was deleted meanwhile")
    with _not_trained(folder):
        newest = run_folders(folder.parent)[-1] == folder
        # Renamed first: a process that is killed now leaves a whole run or none.
        folder.rename(folder.with_name(f"{_GOING}{uuid.uuid4().hex}"))
        if newest:
            folder.mkdir()
    for left in folder.parent.glob(f"{_GOING}*"):
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _not_trained(folder: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except BlockingIOError:
            raise BlockingIOError(
                f"run {folder.name} is being trained, here or in another notebook; stop it there "
                f"first"
            ) from None
        yield


def delete_runs(folder: Path, keep: int) -> list[str]:
    """Delete the oldest runs of a study, except those that are being trained.

    Args:
        folder: of the study's runs, see `uhscm_core.analysis.study_runs.runs_folder`.
        keep: how many of the newest runs stay, 0 or more.

    Returns:
        The names of the deleted runs.
    """
    keep = whole_number("keep", keep, low=0)
    runs = [path for path in run_folders(folder) if any(path.iterdir())]
    deleted = []
    for path in runs[: max(len(runs) - keep, 0)]:
        with contextlib.suppress(BlockingIOError):
            delete_run(path)
            deleted.append(path.name)
    return deleted


def run_size(folder: Path) -> int:
    """Return the bytes that a run takes; files that go meanwhile count 0."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def oldest_beyond(folder: Path, size: int) -> list[Run]:
    """Return the oldest runs that have to go for the others to fit into so many bytes.

    Runs that are being trained stay, and count.

    Args:
        folder: of the study's runs.
        size: in bytes, 0 or more.
    """
    whole_number("size", size, low=0)
    runs = read_runs(folder)
    sizes = {run.folder: run_size(run.folder) for run in runs}
    left, going = sum(sizes.values()), []
    for run in runs:
        if left <= size:
            break
        if not run.is_running():
            going.append(run)
            left -= sizes[run.folder]
    return going
