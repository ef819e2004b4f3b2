"""The settings of an experiment as ways to rank, next to runs and baselines."""

from __future__ import annotations

import functools
from typing import Any

from uhscm_core.analysis.rankers import Ranker, setting_of
from uhscm_core.comparison import REFERENCES
from uhscm_core.experiments import Experiment
from uhscm_core.experiments.running import Run
from uhscm_core.study import Study

__all__ = ["bench_name", "bench_rankers"]


def bench_name(name: str, run: Run) -> str:
    """Return what a setting of an experiment is called among other rankings, with its seed.

    Args:
        name: of the setting.
        run: whose codes rank.
    """
    return f"bench: {name}" if run.seed is None else f"bench: {name}, seed {run.seed}"


def bench_rankers(experiment: Experiment, study: Study) -> dict[str, Ranker]:
    """Return a way to rank per setting that has a result, by name; nothing is computed yet.

    A setting ranks by the codes of its lowest seed. One with other images is left out.

    Args:
        experiment: whose settings these are.
        study: in view.
    """
    rankers = [
        _ranker_of(bench_name(name, run), run, experiment, study)
        for name, run in experiment.first_runs.items()
        if run.setting.study.dataset.digest == study.dataset.digest
    ]
    return {ranker.name: ranker for ranker in rankers}


def _ranker_of(name: str, run: Run, experiment: Experiment, study: Study) -> Ranker:
    setting = run.setting
    method: dict[str, Any] = {"method": setting.method}
    if setting.method in REFERENCES:
        vectors = functools.partial(REFERENCES[setting.method].vectors_of, setting.study)
        return Ranker(name, setting.study, vectors, "cosine", method)
    codes = functools.partial(experiment.codes, run)
    varied = method | {"bits": setting.bits}
    if setting.trained:
        varied = setting_of(setting.config, setting.bits, setting.study, study)
    return Ranker(name, setting.study, codes, setting=varied)
