"""Take over the runs of earlier versions, which kept those of each template in another folder."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

from uhscm_core.runs import MiningSettings, Run
from uhscm_core.runs.files import locked
from uhscm_core.runs.run_list import run_folders
from uhscm_core.study import Study
from uhscm_core.support import store

__all__ = ["take_over"]

_LOOKED_AT: set[Path] = set()  # the folders of runs whose neighbors this process has read


def take_over(folder: Path, study: Study, own: list[Path]) -> None:
    """Move the runs of other folders that are of the same images and model into one folder.

    Those whose numbers are taken are numbered on, and each gets the mining settings that it was
    trained with. One that is being trained stays where it is until it has ended.

    Args:
        folder: to move them into.
        study: whose runs these are.
        own: folders of runs that were mined as this study is; of others, the saved study of each
            run says whose it is.
    """
    for place in own:
        if place.is_dir():
            _move_all(place, folder, MiningSettings.of(study))
    if folder in _LOOKED_AT or not folder.parent.is_dir():
        return
    _LOOKED_AT.add(folder)
    digests = _digests(study)
    for place in sorted(folder.parent.iterdir()):
        if place != folder and place.is_dir() and (mining := _mining_in(place, digests)):
            _move_all(place, folder, mining)


def _digests(study: Study) -> tuple[set[str], set[str]]:
    images = {study.dataset.digest, getattr(study.dataset.images, "old_digest", "")}
    models = {study.vlp.digest, getattr(study.vlp, "old_digest", "")}
    return images - {""}, models - {""}


def _mining_in(place: Path, digests: tuple[set[str], set[str]]) -> MiningSettings | None:
    """Return how the runs of a folder were mined, if they are of these images and this model."""
    for run in run_folders(place):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            saved: Any = store.load_json(run / "study.json")
            if (saved["dataset_digest"], saved["vlp_digest"]) in _pairs(digests):
                mined_by = {name: saved[name] for name in ("tau", "min_share", "max_share")}
                return MiningSettings.read({**saved["concepts"], **mined_by}, place)
    return None


def _pairs(digests: tuple[set[str], set[str]]) -> set[tuple[str, str]]:
    return {(image, model) for image in digests[0] for model in digests[1]}


def _move_all(place: Path, folder: Path, mining: MiningSettings) -> None:
    store.make_folder(folder)
    names: dict[str, str] = {}
    for run in run_folders(place):
        with contextlib.suppress(OSError):  # such as a run that is being trained
            if not any(run.iterdir()):
                run.rmdir()  # what was left of a deleted one
                continue
            with locked(run):
                pass
            names[run.name] = _move(run, folder, mining, names)
    with contextlib.suppress(OSError):  # something is left in it
        place.rmdir()


def _move(place: Path, folder: Path, mining: MiningSettings, names: dict[str, str]) -> str:
    """Move a run, and return its new name."""
    with contextlib.suppress(ValueError):  # a damaged one is listed as such
        run = Run.read(place)
        dataclasses.replace(run, mining=mining, parent=names.get(run.parent, "")).save()
    numbers = [int(path.name) for path in run_folders(folder) if path.name.isdigit()]
    highest = max(numbers, default=0)
    number = int(place.name) if place.name.isdigit() else 0
    target = folder / f"{number if number > highest else highest + 1:03d}"
    target.mkdir()  # raises an error if another process took the number meanwhile
    if os.name == "nt":  # where a folder cannot take the place of an empty one
        target.rmdir()
    place.rename(target)
    return target.name
