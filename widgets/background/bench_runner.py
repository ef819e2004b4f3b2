"""Compute an experiment in a thread of its own, controlled by flags.

No widget is in here. A view may read the attributes at any time; the thread checks the flags after
each batch. What was computed is kept in the experiment's folder, so a stopped or killed one
continues where it was, in this notebook or in another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uhscm_core import Experiment, TrainingStep
from uhscm_core.experiments.running import Run
from uhscm_core.support.notices import telling
from widgets.background.errors import message_of
from widgets.background.long_running import Pausable, Stopped

__all__ = ["BenchRunner", "runner_of", "start_runner"]

_RUNNERS: dict[Path, BenchRunner] = {}  # by the folder of the experiment
_STARTING = threading.Lock()


class BenchRunner(Pausable):
    """Computes what an experiment lacks.

    Args:
        experiment: with a folder, so that it can be resumed.
        seconds_of: the estimated seconds of a run.
        plan: what the user chose, for a view that takes this runner over.

    Attributes:
        state: ``"running"``, ``"paused"``, and then ``"done"``, ``"stopped"`` or ``"failed"``.
        message: why it failed.
        notes: what was said meanwhile, such as which baseline was left out.
        total, done: numbers of runs, those of earlier sessions included.
        current: the setting and seed that is computed, and how far it is; empty before the first.
        followers: views that show it; the last one that is closed stops it.
    """

    def __init__(
        self, experiment: Experiment, seconds_of: Callable[[Run], float], plan: Any
    ) -> None:
        self.experiment, self.plan = experiment, plan
        self.message, self.current = "", ""
        self.notes: list[str] = []
        self.followers: set[int] = set()
        self.done = len(experiment.results)
        self.total = self.done + len(experiment.missing)
        self._seconds_of = seconds_of
        self._estimates: dict[str, float] = {}
        self._begun, self._share = "", 0.0
        self._asked: set[str] = set()
        self._spent, self._expected = 0.0, 0.0  # seconds of the runs that ended here
        self._started = time.monotonic()
        super().__init__("bench", "running")

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, at the pace of the runs that ended; None before any."""
        if not self._estimates:
            return None
        pace = self._spent / self._expected if self._expected else 1.0
        left = sum(self._estimates.values()) - self._share * self._estimates.get(self._begun, 0.0)
        return max(pace * left, 0.0)

    # -- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with telling(self.notes.append):
                self._estimates = {r.key: self._seconds_of(r) for r in self.experiment.missing}
                for _ in self.experiment.compute(self._watch):
                    self._count()
            self.state = "done"
        except Stopped:
            self.state = "stopped"
        except Exception as error:  # raised in a thread, it would reach no one
            notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
            self.message = f"{message_of(error)}{notes}"
            self.state = "failed"

    def _count(self) -> None:
        missing = {run.key for run in self.experiment.missing}
        for key in self._estimates.keys() - missing:
            expected = self._estimates.pop(key)
            if key == self._begun and self._share:
                self._spent += time.monotonic() - self._started
                self._expected += expected
        self.done = self.total - len(missing)

    def _watch(self, run: Run, step: TrainingStep | None) -> None:
        if self.pausing:
            paused = time.monotonic()
            self.state = "paused"
            self._may_run.wait()
            self.state = "running"
            self._started += time.monotonic() - paused
        if self.stopping:
            raise Stopped
        if step is None:
            self._begun, self._share, self._started = run.key, 0.0, time.monotonic()
            self.current = self._named(run)
            if run.key in self._asked:  # it was not free the first time
                self.current += ", computed by another notebook"
            self._asked.add(run.key)
        else:
            epochs = run.setting.config.complete().epochs
            self._share = step.epoch / max(epochs, 1)
            self.current = f"{self._named(run)}, epoch {step.epoch} of {epochs}"

    def _named(self, run: Run) -> str:
        name = self.experiment.name(run)
        return name if run.seed is None else f"{name}, seed {run.seed}"


def runner_of(folder: Path) -> BenchRunner | None:
    """Return the runner that this session started last in a folder."""
    return _RUNNERS.get(folder)


def start_runner(folder: Path, runner: BenchRunner) -> None:
    """Start a runner; never two in one folder at once, in this session.

    Raises:
        RuntimeError: one is running.
    """
    with _STARTING:
        earlier = _RUNNERS.get(folder)
        if earlier is not None and earlier.active:
            raise RuntimeError("the bench is running already; stop it first")
        _RUNNERS[folder] = runner
        runner.start()
