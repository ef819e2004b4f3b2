"""Runs as a notebook controls them: started, paused, forked, waited for."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.study_runs import runs_key
from uhscm_core.analysis.validation import Validation
from uhscm_core.support.checks import position
from widgets.background.session_runs import SessionRuns
from widgets.background.trainer import Trainer
from widgets.explorers.arguments import checked
from widgets.explorers.explorer import Explorer
from widgets.kit.csv_file import csv_bytes
from widgets.panels.run_control import RunControl
from widgets.panels.run_views import RunViews
from widgets.states.training import TrainingState

__all__ = ["Trainable"]


class Trainable(Explorer[TrainingState]):
    """An explorer that trains: what its buttons do, for cells too."""

    control: RunControl
    """Does it."""
    views: RunViews
    """What is seen of the runs."""
    _runs: SessionRuns
    _begun: TrainingState | None = None  # in view since a run was started

    @property
    def trainer(self) -> Trainer | None:
        """The run of this session that was started last, running or ended."""
        return self._runs.trainer

    @property
    def validation(self) -> Validation:
        """What the runs are evaluated on."""
        return self._runs.validation

    @property
    def study(self) -> Study:
        """The study with the network of the run in color: the best of it, or else the last."""
        return self._runs.trained(self.views.in_colour)

    @study.setter
    def study(self, study: Study) -> None:
        wanted = checked(study)
        self._open("opening another study", lambda _: wanted, each=True)

    def start(self, **settings: Any) -> None:
        """Start a run with the settings in view; it runs in the background.

        Args:
            settings: changes to them first, such as ``epochs=10``.

        Raises:
            RuntimeError: one is running.
            TypeError, ValueError: settings that are unknown or out of range.
        """
        self.control.start(**settings)

    def pause(self) -> None:
        """Pause after the current batch."""
        self.control.pause()

    def resume(self) -> None:
        """Continue after a pause, or continue the run in color where it ended."""
        self.control.resume()

    def stop(self) -> None:
        """End the run after the current batch; its best weights are kept."""
        self.control.stop()

    def fork(self, name: str = "", **changes: Any) -> None:
        """Put a run's settings in view, so that the next start differs in what is changed.

        Args:
            name: of the run; empty for the one in color, or else the one in gray.
            changes: to its settings.

        Raises:
            ValueError: no such run.
        """
        self.control.fork(name, **changes)

    def pin(self, image: int) -> None:
        """Show the neighbours of another image.

        Raises:
            TypeError, IndexError: no image of the dataset.
        """
        n = len(self._study.dataset)
        self.views.pin(position("image", image, n, "images of the dataset"))

    def wait(self) -> None:
        """Until the run has ended and is shown; for notebooks without a front end, and tests."""
        self.control.wait()
        super().wait()

    def to_frame(self) -> pd.DataFrame:
        """The steps of the run in color, a row each."""
        return self._runs.to_frame(self.views.in_colour)

    def _as_csv(self) -> tuple[str, bytes]:
        return "training.csv", csv_bytes(self._runs.log(self.views.in_colour))

    def _in_view(self) -> TrainingState:
        """Return the state that the controls show."""
        raise NotImplementedError

    def _look_for_faults(self) -> None:
        """Show what `Study.health` finds."""
        raise NotImplementedError

    def _started(self) -> None:
        self._begun = begun = self._in_view()
        self.desk.change(self.name, lambda moment: self._with_state(moment, begun))

    def _ended(self, was_seen: bool) -> None:
        self._look_for_faults()
        if was_seen and self.desk.go_to is not None:
            self._worker.submit("putting the run in view", self._answer_with_it)

    def _answer_with_it(self) -> None:
        """Let the other tabs ask the run that has ended, unless a person looks at something else.

        It is one step to undo with its start, if nothing else was done since.
        """
        trainer, study = self.trainer, self.desk.study
        if trainer is None or trainer.active or trainer.run.message:
            return
        network = trainer.result().network
        if network is None or network.on_pixels:  # which would encode every image again
            return
        if self.views.pair.names[0] != trainer.run.name or runs_key(study) != self._runs.key:
            return
        moment = self.desk.now
        one_step = moment.by == self.name and moment.states[self.name] == self._begun
        self._put_in_view(one_step=one_step)
        self._refresh()
        self.desk.tell(self)

    def _put_in_view(self, *, one_step: bool = False) -> None:
        """Make the run in color the network of the study in view.

        Args:
            one_step: whether this belongs to the last step to undo.
        """
        trained, now = self.study, self.desk.now
        if trained.network is None:
            raise ValueError("no run in color to ask with: choose one, or press Start")
        name = f"run {self.views.pair.names[0]}"
        steps = tuple(trained.history)
        same = bool(steps) and tuple(now.study.history) == steps
        study = now.study if same else trained
        put = self.desk.amend if one_step or same else partial(self.desk.change, self.name)
        put(lambda moment: moment.with_study(study, name))
