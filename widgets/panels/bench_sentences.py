"""What a bench has to compute and how far it is, in one sentence each."""

from __future__ import annotations

from uhscm_core import Experiment, Study
from widgets.background.bench_plan import seconds_of
from widgets.background.bench_runner import BenchRunner
from widgets.kit.words import counted, duration

__all__ = ["progress_sentence", "work_sentence"]


def work_sentence(study: Study, experiment: Experiment) -> str:
    """Return how many runs an experiment lacks, how long they take, and how many it has."""
    missing, there = experiment.missing, len(experiment.results)
    trained = sum(run.setting.trained for run in missing)
    parts = [counted(trained, "training")] if trained else []
    if trained < len(missing):
        parts.append(counted(len(missing) - trained, "run") + " of baselines")
    said = " and ".join(parts) or "Nothing to compute"
    if missing:
        said += f", about {duration(sum(map(seconds_of(study), missing)))}"
    return said + (f", {counted(there, 'run')} found on disk" if there else "")


def progress_sentence(runner: BenchRunner) -> str:
    """Return how far a bench is, or how it has ended."""
    parts = [f"{runner.done} of {counted(runner.total, 'run')} done"]
    if runner.active:
        doing = "paused at " if runner.state == "paused" else ""
        parts += [f"{doing}{runner.current}"] if runner.current else []
        if (left := runner.seconds_left) is not None:
            parts.append(f"about {duration(left)} left")
    elif runner.state == "stopped":
        parts.append("stopped: Start continues where it was")
    elif runner.state == "failed":
        parts.append("failed")
    return f"Bench: {'; '.join(parts)}"
