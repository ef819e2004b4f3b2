"""The runs of a study: create the next one, and read all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhscm_core.recipe import TrainingConfig, TrainingStep
from uhscm_core.runs.files import stamp_of
from uhscm_core.runs.run import DAMAGED, Run
from uhscm_core.support import store

__all__ = ["RunReader", "new_run", "read_runs", "run_folders"]


def new_run(folder: Path, bits: int, config: TrainingConfig, **more: Any) -> Run:
    """Create the next run of a study; two notebooks that do so at once get two runs.

    Args:
        folder: of the study's runs.
        bits, config, more: of `Run`.
    """
    store.make_folder(folder)
    number = max([int(f.name) for f in folder.iterdir() if f.name.isdigit()], default=0) + 1
    while True:
        try:
            (folder / f"{number:03d}").mkdir()
        except FileExistsError:
            number += 1
        else:
            run = Run(folder / f"{number:03d}", bits, config, **more)
            run.save()
            return run


def read_runs(folder: Path) -> list[Run]:
    """Read all runs of a study, oldest first.

    A run whose description or log is not what was written is listed with the status
    ``"damaged"`` and the reason as its message; a folder without a description is no run.
    """
    return RunReader(folder).read()


class RunReader:
    """Reads the runs of a study again and again; a run that has not changed is read once.

    Args:
        folder: of the study's runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, _Reading] = {}

    def read(self) -> list[Run]:
        """Return what `read_runs` does."""
        self._known = {folder: self._reading(folder) for folder in run_folders(self._folder)}
        return [reading.run for reading in self._known.values() if reading.run is not None]

    def history(self, run: Run) -> tuple[TrainingStep, ...]:
        """Return the steps of a run as they were when it was read."""
        reading = self._known.get(run.folder)
        return run.history() if reading is None else reading.steps

    def know(self, run: Run, steps: Sequence[TrainingStep]) -> None:
        """Keep a run that this process has written, so that it need not be read."""
        self._known[run.folder] = _Reading(stamp_of(run.folder), run, tuple(steps))

    def _reading(self, folder: Path) -> _Reading:
        stamp = stamp_of(folder)  # before the files are read: what changes meanwhile is read again
        before = self._known.get(folder)
        if before is not None and before.stamp == stamp:
            return before
        run = Run(folder, bits=0, config=TrainingConfig())
        try:
            run = Run.read(folder)
            return _Reading(stamp, run, run.history())
        except FileNotFoundError:
            return _Reading(stamp, None, ())
        except (OSError, ValueError) as error:
            damaged = dataclasses.replace(run, status=DAMAGED, message=str(error))
            return _Reading(stamp, damaged, ())


@dataclass(frozen=True)
class _Reading:
    stamp: tuple[Any, ...]
    run: Run | None
    steps: tuple[TrainingStep, ...]


def run_folders(folder: Path) -> list[Path]:
    """Return the folders that runs are in, or were, in the order of their numbers."""
    found = (path for path in folder.glob("[0-9]*") if path.is_dir())
    return sorted(found, key=lambda path: (len(path.name), path.name))
