"""The runs of a study: create the next one, and read all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uhscm_core.recipe import TrainingConfig
from uhscm_core.runs.run import DAMAGED, Run
from uhscm_core.support import store

__all__ = ["new_run", "read_runs", "run_folders"]


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
    return [run for run_folder in run_folders(folder) for run in _read_run(run_folder)]


def run_folders(folder: Path) -> list[Path]:
    """Return the folders that runs are in, or were, in the order of their numbers."""
    found = (path for path in folder.glob("[0-9]*") if path.is_dir())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _read_run(folder: Path) -> Iterator[Run]:
    run = Run(folder, bits=0, config=TrainingConfig())
    try:
        run = Run.read(folder)
        run.history()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        run = dataclasses.replace(run, status=DAMAGED, message=str(error))
    yield run
