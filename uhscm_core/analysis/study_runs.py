"""The runs of a study: where they are kept, and how they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from uhscm_core.analysis.earlier_runs import take_over
from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS
from uhscm_core.recipe import TrainingStep
from uhscm_core.runs import MiningSettings, Run
from uhscm_core.study import Study
from uhscm_core.support import store

__all__ = [
    "TRAINED_WITH",
    "differences",
    "runs_folder",
    "runs_key",
    "study_of",
    "trained_of",
    "unlike",
]

TRAINED_WITH = "trained with"
"""The column of a table of runs that says a template or concepts which are not those in view."""


def runs_folder(study: Study) -> Path:
    """Return the folder of all runs on the same images and model, whatever they were mined from.

    What a version before 0.3 or a later one has kept for each template is moved there, but for runs
    that are being trained.
    """
    digests = study.dataset.digest, study.vlp.digest
    folder = _home(*digests)
    images = getattr(study.dataset.images, "old_digest", digests[0])
    model = getattr(study.vlp, "old_digest", digests[1])
    mined = _mined(study)
    take_over(folder, study, [_home(*digests, *mined), _home(images, model, *mined)])
    return folder


def runs_key(study: Study) -> str:
    """Return what tells the runs of a study from those of another template or other concepts."""
    return store.digest_of("runs", study.dataset.digest, study.vlp.digest, *_mined(study))


def study_of(run: Run, study: Study) -> Study:
    """Return the study that a run was trained on, without its network.

    Args:
        run: on the images of `study`.
        study: mined in whatever way; a run that does not say its own counts as mined like it.

    Raises:
        ValueError: `study` has no features of the concepts of the run.
    """
    return study if run.mining is None else run.mining.in_study(study)


def unlike(run: Run, study: Study) -> str:
    """Return in words what a run was trained on where that differs from a study; else empty."""
    return "" if run.mining is None else run.mining.unlike(MiningSettings.of(study))


def trained_of(run: Run, study: Study) -> Study | None:
    """Return the study that a run was trained on, with its network; None before any weights.

    Args, Raises: as `study_of`.
    """
    network = run.network(study.vlp.embed_dim)
    if network is None:
        return None
    return study_of(run, study).with_(network=network, history=run.history())


def _home(*parts: object) -> Path:
    return store.home() / "runs" / store.digest_of(*parts)


def _mined(study: Study) -> tuple[object, ...]:
    concepts = dataclasses.asdict(study.concepts)
    return concepts, study.tau, study.min_share, study.max_share


def differences(
    runs: Sequence[Run],
    histories: Mapping[str, Sequence[TrainingStep]] | None = None,
    study: Study | None = None,
) -> pd.DataFrame:
    """Compare runs: their results, and the settings in which they differ.

    Args:
        runs: in the order of the rows.
        histories: steps by a run's name; read from disk if missing.
        study: in view; what a run was trained on besides is said where it differs from it.

    Returns:
        One row per run.
    """
    rows = []
    for run in runs:
        steps = (histories or {}).get(run.name)
        rows.append(_results(run, run.history() if steps is None else steps))
    frame = pd.DataFrame(rows)
    others = [unlike(run, study) for run in runs] if study is not None else []
    if any(others):
        place = [*frame.columns].index("forked from")
        frame.insert(place, TRAINED_WITH, [other or "what is in view" for other in others])
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
    row: dict[str, Any] = {"run": run.name}
    for name in (EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS):
        values = [metrics[name] for metrics in validated if name in metrics]
        row[f"last {name}"] = values[-1] if values else float("nan")
    by_concepts = [metrics[EVALUATED_BY_CONCEPTS] for metrics in validated]
    row["best by concepts"] = max(by_concepts, default=float("nan"))
    return row | {
        "forked from": run.parent,
        "status": run.status,
        "epochs done": steps[-1].epoch if steps else 0,
        "seconds": run.seconds,
    }
