"""Repeat a study over settings and seeds, and say which differences can be relied on."""

from uhscm_core.experiments.experiment import Experiment
from uhscm_core.experiments.results import Comparison, RunResult

__all__ = ["Comparison", "Experiment", "RunResult"]
