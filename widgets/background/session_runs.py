"""The runs of a study: those on disk, and that of this session as it is now."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from uhscm_core import Study, TrainingConfig, TrainingStep
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.analysis.validation import Validation
from uhscm_core.runs import Run, read_runs
from widgets.background import trainer as trainers
from widgets.background.snapshot import Snapshot, take_snapshot
from widgets.background.trainer import Trainer

__all__ = ["SessionRuns"]


class SessionRuns:
    """What a view of runs asks for. It may be asked from any thread.

    Args:
        study: whose images, concepts and mining settings the runs have.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.folder = runs_folder(study)
        self.validation = Validation.of(study)
        self._stored: list[Run] = []
        self._histories: dict[str, tuple[TrainingStep, ...]] = {}

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

    def reread(self) -> None:
        """Look at the disk again."""
        self._stored = read_runs(self.folder)

    def forget(self) -> None:
        """Read histories again: a name may be another run's by now."""
        self._histories.clear()

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
        if trainer is not None:
            return tuple(trainer.steps)
        if run.name not in self._histories:
            self._histories[run.name] = run.history()
        return self._histories[run.name]

    def to_frame(self, run: Run | None) -> pd.DataFrame:
        """Return the steps of a run with its metrics, a row each; none without a run."""
        rows = []
        for step in self.history(run) if run is not None else ():
            row = dataclasses.asdict(step)
            metrics = row.pop("metrics") or {}
            rows.append({**row, **metrics})
        return pd.DataFrame(rows)

    def start(self, pinned: int, run: Run | None = None, **settings: Any) -> Trainer:
        """Start a run, or resume one, see `uhscm_core.runs.Run`.

        Args:
            pinned: the image whose neighbors are looked for meanwhile.
            run: to resume; None for a new one.
            settings: of a new one.

        Raises:
            RuntimeError: a run of this study is running.
        """
        trainer = trainers.start(
            self.study, self.folder, self.validation, pinned, run=run, **settings
        )
        self._histories.pop(trainer.run.name, None)
        return trainer

    def trained(self, run: Run | None) -> Study:
        """Return the study with the network of a run: the best of it, or else the last."""
        if run is None:
            return self.study
        trainer = self.trainer_of(run)
        if trainer is not None:
            return trainer.result()
        network = run.network(self.study.vlp.embed_dim)
        return self.study.with_(network=network, history=self.history(run))

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
        snapshot = take_snapshot(self.study, self.validation, network, pinned, 0)
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
        if run.status not in ("running", "paused", "preparing", "new"):
            return run.status
        trainer = self.trainer_of(run)
        if trainer is not None and trainer.active:
            if trainer.state == "running" and trainer.pausing:
                return "pausing"
            if trainer.state == "paused" and trainer.paused_after is not None:
                return f"paused (after {1000 * trainer.paused_after:.0f} ms)"
            return trainer.state
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
