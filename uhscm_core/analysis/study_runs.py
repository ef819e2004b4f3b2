"""The runs of a study: where they are kept, and how they differ."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS
from uhscm_core.recipe import TrainingStep
from uhscm_core.runs import Run, read_runs
from uhscm_core.study import Study
from uhscm_core.support import store

__all__ = ["differences", "runs_folder"]


def runs_folder(study: Study) -> Path:
    """Return the folder of all runs on the same images, model, concepts and mining settings.

    The folder that a version before 0.3 made for them is renamed, unless one of its runs is being
    trained.
    """
    folder = _folder(study, study.dataset.digest, study.vlp.digest)
    if folder.parent.exists() and not folder.exists():
        images = getattr(study.dataset.images, "old_digest", study.dataset.digest)
        model = getattr(study.vlp, "old_digest", study.vlp.digest)
        old = _folder(study, images, model)
        if old.exists():
            if any(run.is_running() for run in read_runs(old)):
                return old
            with contextlib.suppress(OSError):
                old.rename(folder)
            return folder if folder.exists() else old
    return folder


def _folder(study: Study, images: str, model: str) -> Path:
    concepts = dataclasses.asdict(study.concepts)
    mining = (study.tau, study.min_share, study.max_share)
    return store.home() / "runs" / store.digest_of(images, model, concepts, *mining)


def differences(
    runs: Sequence[Run], histories: Mapping[str, Sequence[TrainingStep]] | None = None
) -> pd.DataFrame:
    """Compare runs: their results, and the settings in which they differ.

    Args:
        runs: in the order of the rows.
        histories: steps by a run's name; read from disk if missing.

    Returns:
        One row per run.
    """
    rows = []
    for run in runs:
        steps = (histories or {}).get(run.name)
        rows.append(_results(run, run.history() if steps is None else steps))
    frame = pd.DataFrame(rows)
    settings = [run.settings for run in runs if not run.is_damaged]
    for name in settings[0] if settings else ():
        values = {of_run[name] for of_run in settings}
        if len(values) > 1 and None not in values:  # a setting that one recipe lacks
            frame[name] = [None if run.is_damaged else run.settings[name] for run in runs]
    if any(run.is_damaged for run in runs):
        frame["what is damaged"] = [run.message if run.is_damaged else "" for run in runs]
    return frame


def _results(run: Run, steps: Sequence[TrainingStep]) -> dict[str, Any]:
    validated = [step.metrics for step in steps if step.metrics]
    row: dict[str, Any] = {
        "run": run.name,
        "forked from": run.parent,
        "status": run.status,
        "epochs done": steps[-1].epoch if steps else 0,
    }
    for name in (EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS):
        values = [metrics[name] for metrics in validated if name in metrics]
        row[f"last {name}"] = values[-1] if values else float("nan")
    by_concepts = [metrics[EVALUATED_BY_CONCEPTS] for metrics in validated]
    row["best by concepts"] = max(by_concepts, default=float("nan"))
    row["seconds"] = run.seconds
    return row
