"""The runs on a study's images: those on disk, and that of this session as it is now."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from uhscm_core import Study, TrainingConfig, TrainingStep
from uhscm_core.analysis.study_runs import runs_folder, runs_key, study_of, unlike
from uhscm_core.analysis.validation import Validation
from uhscm_core.runs import MiningSettings, Run, RunReader
from widgets.background import trainer as trainers
from widgets.background.snapshot import Snapshot, take_snapshot
from widgets.background.trainer import Trainer

__all__ = ["SessionRuns"]


class SessionRuns:
    """What a view of runs asks for. It may be asked from any thread.

    Args:
        study: whose images and model the runs have. A run may have been trained with another
            template or other concepts; what is computed of it is computed with those.

    Attributes:
        key: tells this study from those with another template or other concepts.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.folder, self.key = runs_folder(study), runs_key(study)
        self.validation = Validation.of(study)
        self._others: dict[MiningSettings, tuple[Study, Validation]] = {}
        self._stored: list[Run] = []
        self._reader = RunReader(self.folder)

    @property
    def trainer(self) -> Trainer | None:
        """The run of this session that was started last, running or ended."""
        return trainers.trainer_of(self.folder)

    @property
    def running(self) -> Trainer | None:
        """The run of this session that is running, or waits in a pause."""
        trainer = self.trainer
        return trainer if trainer is not None and trainer.active else None

    @property
    def n_train(self) -> int:
        """Number of training images."""
        return len(self.study.dataset.splits["train"])

    @property
    def by_labels(self) -> bool:
        """Whether there are labels to evaluate by."""
        labels = self.study.dataset.labels
        return labels is not None and bool(labels.any())

    def unlike(self, run: Run) -> str:
        """Return in words what a run was trained on where it is not this study; else empty."""
        return unlike(run, self.study)

    def trained_on(self, run: Run) -> tuple[Study, Validation]:
        """Return the study that a run was trained on, and what it is evaluated on.

        Raises:
            ValueError: there are no features of its concepts.
        """
        if run.mining is None or not self.unlike(run):
            return self.study, self.validation
        if run.mining not in self._others:
            study = study_of(run, self.study)
            self._others[run.mining] = study, Validation.of(study)
        return self._others[run.mining]

    def reread(self) -> None:
        """Look at the disk again."""
        self._stored = self._reader.read()

    def all(self) -> list[Run]:
        """Return all runs, oldest first."""
        trainer = self.trainer
        if trainer is None:
            return self._stored
        mine = trainer.run
        others = [run for run in self._stored if run.folder != mine.folder]
        if not (trainer.active or mine.exists):
            return others
        status = trainer.state if trainer.active else mine.status
        mine = dataclasses.replace(mine, status=status, seconds=round(trainer.seconds, 1))
        return sorted([*others, mine], key=lambda run: (len(run.name), run.name))

    def named(self, name: str) -> Run | None:
        """Return a run by its name; None if there is none."""
        return next((run for run in self.all() if run.name == name), None)

    def last_name(self) -> str:
        """Return the name of the newest run; empty if there is none."""
        runs = self.all()
        return runs[-1].name if runs else ""

    def trainer_of(self, run: Run | None) -> Trainer | None:
        """Return what trains or trained a run in this session; None for another run."""
        trainer = self.trainer
        return trainer if trainer and run and trainer.run.folder == run.folder else None

    def history(self, run: Run) -> Sequence[TrainingStep]:
        """Return the steps of a run."""
        trainer = self.trainer_of(run)
        return self._reader.history(run) if trainer is None else tuple(trainer.steps)

    def to_frame(self, run: Run | None) -> pd.DataFrame:
        """Return the steps of a run with its metrics, a row each; none without a run."""
        return _frame(self.history(run) if run is not None else ())

    def log(self, run: Run | None) -> pd.DataFrame:
        """Return `to_frame` with a first row for epoch 0, the network before training.

        Its loss is that of the first batch, which is measured before the first step; its metrics
        are missing for a run that has not measured them.
        """
        steps = self.history(run) if run is not None else ()
        if run is None or not steps:
            return pd.DataFrame()
        before = dataclasses.replace(
            steps[0], epoch=0, step=0, images_per_second=float("nan"), metrics=run.untrained
        )
        return _frame([before, *steps])

    def start(self, pinned: int, run: Run | None = None, **settings: Any) -> Trainer:
        """Start a run, or resume one, see `uhscm_core.runs.Run`.

        Args:
            pinned: the image whose neighbors are looked for meanwhile.
            run: to resume; None for a new one.
            settings: of a new one.

        Raises:
            RuntimeError: a run of this study is running.
        """
        earlier = self.trainer
        study, validation = (self.study, self.validation) if run is None else self.trained_on(run)
        trainer = trainers.start(study, self.folder, validation, pinned, run=run, **settings)
        if earlier is not None and earlier.run.folder != trainer.run.folder and earlier.run.exists:
            self._reader.know(earlier.run, earlier.steps)
        return trainer

    def trained(self, run: Run | None) -> Study:
        """Return the study that a run was trained on with its network: the best, or the last."""
        if run is None:
            return self.study
        trainer = self.trainer_of(run)
        if trainer is not None:
            return trainer.result()
        study, _ = self.trained_on(run)
        network = run.network(study.vlp.embed_dim)
        return study.with_(network=network, history=self.history(run))

    def look(self, run: Run, pinned: int) -> Snapshot | None:
        """Apply the network of a run that is not training to the validation images.

        Returns:
            None if it has kept no network, or one with outputs that are not finite.
        """
        trainer = self.trainer_of(run)
        if trainer is None or trainer.network is None:
            network = run.network(self.study.vlp.embed_dim)
        else:
            network = trainer.network if trainer.active else trainer.result().network
        if network is None:
            return None
        snapshot = take_snapshot(*self.trained_on(run), network, pinned, 0)
        if trainer is not None and snapshot is not None:
            trainer.snapshot = snapshot
        return snapshot

    def is_training(self, run: Run) -> bool:
        """Return whether the weights of a run change just now."""
        trainer = self.trainer_of(run)
        return bool(trainer and trainer.active and trainer.network and trainer.state == "running")

    def refuse_a_second(self) -> None:
        """Raise a RuntimeError if a run of this session is running."""
        if (trainer := self.running) is not None:
            raise RuntimeError(f"run {trainer.run.name} is running; stop it first")

    def state_of(self, run: Run) -> str:
        """Return what a run does, in a word or a few."""
        trainer = self.trainer_of(run)
        if trainer is not None and trainer.active:
            if trainer.state == "stopped":
                return "stopped, saving"
            if trainer.stopping:
                return "stopping"
            if trainer.state == "running" and trainer.pausing:
                return "pausing"
            if trainer.state == "paused" and trainer.paused_after is not None:
                return f"paused (after {1000 * trainer.paused_after:.0f} ms)"
            return trainer.state
        if run.status not in ("running", "paused", "preparing", "new"):
            return run.status
        return "running in another process" if run.is_running() else "interrupted"

    def seconds_of(self, bits: int, backbone: str, config: TrainingConfig) -> float | None:
        """Estimate the seconds of a new run; None where only a run itself can tell."""
        if backbone == "features":
            return trainers.estimate(self.study, bits, config)
        similar = [r for r in self.all() if r.backbone == backbone and len(self.history(r)) > 2]
        if not similar:
            return None
        rates = [step.images_per_second for step in self.history(similar[-1])]
        return self.n_train * config.complete().epochs / float(np.median(rates))


def _frame(steps: Sequence[TrainingStep]) -> pd.DataFrame:
    rows = []
    for step in steps:
        row = dataclasses.asdict(step)
        metrics = row.pop("metrics") or {}
        rows.append({**row, **metrics})
    return pd.DataFrame(rows)
