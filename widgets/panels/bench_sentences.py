"""What a bench has to compute and how far it is, in one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from uhscm_core import Experiment, Study
from widgets.background.bench_plan import relevance_of, seconds_of
from widgets.background.bench_runner import BenchRunner
from widgets.kit.status import Status
from widgets.kit.words import counted, duration

__all__ = ["progress_sentence", "say_progress", "work_sentence", "yardstick_of"]


def work_sentence(study: Study, experiment: Experiment) -> str:
    """Return how many runs an experiment lacks, how long they take, and how many it has."""
    missing, there = experiment.missing, len(experiment.results)
    trained = sum(run.setting.trained for run in missing)
    parts = [counted(trained, "training")] if trained else []
    if trained < len(missing):
        parts.append(counted(len(missing) - trained, "run") + " of baselines")
    if not missing:
        return f"Nothing is left to compute, {counted(there, 'run')} found on disk"
    said = f"{' and '.join(parts)}, about {duration(sum(map(seconds_of(study), missing)))}"
    return said + (f", {counted(there, 'run')} found on disk" if there else "")


def yardstick_of(study: Study) -> tuple[str, list[str]]:
    """Return what a bench evaluates by, and what has to be said of it."""
    relevant, said = relevance_of(study)
    words = "labels" if relevant == "labels" else "the study's own concepts"
    return words, [said] if said else []


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


def say_progress(status: Status, runner: BenchRunner | None, notes: Sequence[str]) -> None:
    """Say in a status line how far a bench is; None where none was started."""
    if runner is None:
        status.say("", notes)
        return
    doing = "paused" if runner.state == "paused" else "running"
    spoken = f"Bench {doing}" if runner.active else ""  # not each run
    status.say(progress_sentence(runner), [*notes, *runner.notes], spoken)
