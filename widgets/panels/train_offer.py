"""An offer to train, in the place of what needs codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ipywidgets as ipw

from uhscm_core import Study, TrainingConfig
from uhscm_core.analysis.study_runs import runs_folder, trained_of, unlike
from uhscm_core.analysis.validation import Validation
from uhscm_core.runs import Run, read_runs
from widgets.background import trainer as trainers
from widgets.background.long_running import Follower
from widgets.background.trainer import Trainer
from widgets.background.worker import Worker
from widgets.kit.gestures import Gestures
from widgets.kit.progress import Progress
from widgets.kit.words import duration

__all__ = ["TrainOffer"]

BITS = 64
_VALIDATIONS = 15  # some points that make a curve in the training explorer


class TrainOffer(ipw.VBox):
    """A button that trains a study, with the time it takes; and one that takes an earlier run.

    The run is one of those that the training explorer lists.

    Args:
        worker: estimates the time.
        fail: called with a sentence when the training could not be begun, or failed.
        trained: called with the trained study, and what its network is called.
    """

    def __init__(
        self, worker: Worker, fail: Callable[[str], None], trained: Callable[[Study, str], None]
    ) -> None:
        self.wanted = False
        """Whether the offer is in view."""
        self._worker, self._fail, self._trained = worker, fail, trained
        self._study: Study | None = None
        self._earlier: Run | None = None
        self._follower = Follower[Trainer](self._draw, self._ended, fail)
        gestures = Gestures(fail)
        self.train = gestures.button(f"Train {BITS} bits now", "play", self._press, "primary")
        self.stop = gestures.button("Stop, keep the best", "stop", self._stop)
        self.take = gestures.button(
            "", "check", lambda: self._worker.submit("opening the run", self._take)
        )
        self.time = ipw.Label("")
        self.progress = Progress()
        buttons = ipw.HBox([self.train, self.stop, self.take, self.time])
        buttons.layout.flex_flow = "row wrap"
        super().__init__([buttons, self.progress])

    def show(self, study: Study) -> None:
        """Offer to train this study."""
        self.wanted, self._study = True, study
        self._follower.leave()
        self.progress.show()
        runs = [run for run in read_runs(self._folder(study)) if _can_be_taken(run)]
        runs.sort(key=lambda run: not unlike(run, study))  # those with this template come last
        self._earlier = runs[-1] if runs else None
        self.take.layout.display = "" if runs else "none"
        if runs:
            other = unlike(runs[-1], study)
            said = f", trained with {other}" if other else ""
            self.take.description = f"Use run {runs[-1].name}: {runs[-1].bits} bits{said}"
        self.time.value = ""
        running = self._running(study)
        self._draw_buttons(running is not None)
        if running is not None:
            self._follower.follow(running)
        else:
            self._worker.submit("estimating", lambda: self._estimate(study))

    def wait(self) -> None:
        """Block until a training that was begun here has ended."""
        self._follower.wait()

    def close(self) -> None:
        """Close the offer; a running training continues and is kept with the runs."""
        self.wanted = False
        self._follower.leave()
        super().close()

    @staticmethod
    def _folder(study: Study) -> Path:
        return runs_folder(study)

    def _running(self, study: Study) -> Trainer | None:
        trainer = trainers.trainer_of(self._folder(study))
        return trainer if trainer is not None and trainer.active else None

    def _estimate(self, study: Study) -> None:
        seconds = trainers.estimate(study, BITS, TrainingConfig())
        if self._study is study and self._running(study) is None:
            self.time.value = f"It takes about {duration(seconds)}."

    def _press(self) -> None:
        if self._study is not None:
            trainer = self._running(self._study) or self._start(self._study)
            self._draw_buttons(True)
            self._follower.follow(trainer)

    def _start(self, study: Study) -> Trainer:
        epochs = TrainingConfig().complete().epochs
        config = TrainingConfig(validate_every=max(1, round(epochs / _VALIDATIONS)), workers=0)
        validation = Validation.of(study)
        return trainers.start(
            study,
            self._folder(study),
            validation,
            int(validation.ids[0]),
            bits=BITS,
            config=config,
        )

    def _stop(self) -> None:
        trainer = None if self._study is None else self._running(self._study)
        if trainer is not None:
            trainer.stop()

    def _take(self) -> None:
        study, run = self._study, self._earlier
        if study is not None and run is not None:
            trained = trained_of(run, study)
            if trained is None:
                raise ValueError(f"run {run.name} has kept no network: train again")
            self._trained(trained, f"run {run.name}")

    def _draw(self, trainer: Trainer) -> None:
        if self.wanted:
            steps = trainer.steps[-1].step if trainer.steps else 0
            what = f"training run {trainer.run.name}"
            self.progress.show(what, steps, trainer.n_steps, trainer.seconds_left)

    def _ended(self, trainer: Trainer) -> None:
        self.progress.show()
        if not self.wanted:
            return
        self._draw_buttons(False)
        if trainer.run.message:
            self._fail(f"Run {trainer.run.name} ended: {trainer.run.message}")
        else:
            self._trained(trainer.result(), f"run {trainer.run.name}")

    def _draw_buttons(self, running: bool) -> None:
        self.train.disabled = self.take.disabled = running
        self.stop.layout.display = "" if running else "none"
        if running:
            self.time.value = ""


def _can_be_taken(run: Run) -> bool:
    return not run.is_damaged and run.status in ("finished", "stopped")
