"""The settings of the next run: how long it takes, and how it differs from the run in color."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets as ipw

from uhscm_core import TrainingConfig
from uhscm_core.health import share_sentence
from uhscm_core.runs import Run
from uhscm_core.support.devices import resolve_device
from widgets.background.session_runs import SessionRuns
from widgets.background.worker import Worker
from widgets.kit.gestures import Gestures
from widgets.kit.words import duration
from widgets.panels.template_box import TemplateBox
from widgets.panels.training_settings import TrainingSettings
from widgets.states.run_settings import differences
from widgets.states.training import Settings

__all__ = ["TrainingForm"]


class TrainingForm(ipw.VBox):
    """Template and settings of the next run. Its sentences stand where the explorer lays them out.

    Args:
        runs: of the study.
        gestures: which make its buttons.
        worker: estimates how long a run takes.
        in_colour: returns the run that the next one is compared to.
        changed: called after a change to settings that a run can have.
        template: of the next run.
    """

    def __init__(
        self,
        runs: SessionRuns,
        gestures: Gestures,
        worker: Worker,
        in_colour: Callable[[], Run | None],
        changed: Callable[[], None],
        template: TemplateBox,
    ) -> None:
        self._runs, self._gestures, self._worker = runs, gestures, worker
        self._in_colour, self._changed = in_colour, changed
        self._shown: Settings = ()
        self._quiet = False
        self._turn = object()  # of what is said of the next run
        self.parent = ""
        """Name of the run that is forked; empty for none."""
        self.settings = TrainingSettings()
        self.buttons = {
            "defaults": gestures.button("Defaults", "undo", self.settings.reset),
            "paper": gestures.button("The paper's recipe", "book", self.settings.as_in_the_paper),
        }
        self.estimate = ipw.Label("")
        self.estimate.add_class("uhscm-estimate")
        self.share = ipw.HTML()
        self.note = ipw.Label("")
        self.note.add_class("uhscm-note")
        for control in self.settings.controls.values():
            control.observe(lambda _: self._typed(), "value")
        recipes = ipw.HBox([*self.buttons.values()], layout={"flex_flow": "row wrap"})
        super().__init__([template, recipes, self.settings])

    def adopt(self, runs: SessionRuns) -> None:
        """Be the form of other runs."""
        self._runs, self.parent = runs, ""

    def lock(self, reason: str) -> None:
        """Say why nothing can be changed now; empty where it can."""
        self.settings.lock(reason)
        for button in self.buttons.values():
            button.disabled = bool(reason)

    # -- settings --------------------------------------------------------------------------------

    @property
    def values(self) -> Settings:
        """What is set."""
        return tuple(self.settings.values.items())

    def taken(self) -> Settings:
        """Return what is set, which is then in view."""
        self._shown = self.values
        return self._shown

    def show(self, values: Settings) -> None:
        """Put values in view, unless they are: what is typed and does not work stays."""
        if values != self._shown:
            self._shown = values
            if values != self.values:
                self.set(**dict(values))

    def set(self, **values: Any) -> None:
        """Set some of the values as one change, see `TrainingSettings.set`."""
        with self._as_one():
            self.settings.set(**values)

    def take(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Set what of a change are settings of a run, and return the others."""
        mine = {name: value for name, value in change.items() if name in self.settings.controls}
        if mine:
            self.set(**mine)
        return {name: value for name, value in change.items() if name not in mine}

    def show_run(self, run: Run, **changes: Any) -> None:
        """Set a run's values, and then some changes to them, as one change."""
        with self._as_one():
            self.settings.show(run)
            self.settings.set(**changes)

    @contextlib.contextmanager
    def _as_one(self) -> Iterator[None]:
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._typed()

    def _typed(self) -> None:
        """A control of a setting has another value."""
        if not self._quiet and not self.settings.taking:
            self._gestures.do(self.look_again)

    # -- what is said of them --------------------------------------------------------------------

    def look_again(self) -> None:
        """Say how the settings differ and how long they take, and tell if a run can have them."""
        self.say_difference()
        try:
            self.settings.run()
        except ValueError:
            pass  # which the estimate says
        else:
            self._changed()
        if self._runs.running is not None:
            self.say("")
        else:
            self._turn = turn = object()
            self._worker.submit("estimating", lambda: self._estimate(turn))

    def say(self, done: str) -> None:
        """Say what the last run did where it is said how long the next one takes.

        It stays until a setting changes.
        """
        self._turn = object()
        self.estimate.value = done

    def say_difference(self) -> None:
        """Say how the settings differ from those of the run that is forked, or is in color."""
        fork = self._runs.named(self.parent)
        run = fork or self._in_colour()
        if run is None or run.is_damaged:
            self.note.value = ""
            return
        changed = differences(self.settings.values, run.settings)
        if fork is not None:
            said = f"Fork of {run.name}: {', '.join(changed) or 'change one setting'}"
        elif changed:
            said = f"The next run differs from run {run.name} in color: {', '.join(changed)}"
        else:
            said = f"Settings as in run {run.name}"
        other = self._runs.unlike(run)
        self.note.value = f"{said}; that one was trained with {other}" if other else said

    def _estimate(self, turn: object) -> None:
        runs = self._runs
        try:
            wanted = self.settings.run()
        except ValueError as error:
            if turn is self._turn:
                self.estimate.value = f"Not yet: {error}"
            return
        config = wanted["config"]
        self.share.value = _said_of_share(runs, config)
        if runs.running is not None:
            return
        seconds = runs.seconds_of(wanted["bits"], wanted["backbone"], config)
        said = "How long it takes is known once it runs."
        if seconds is not None:
            said = f"About {duration(seconds)} on {resolve_device(config.device)}"
        if turn is self._turn:  # else a run may have been started meanwhile
            self.estimate.value = said


def _said_of_share(runs: SessionRuns, config: TrainingConfig) -> str:
    """Return what decides how far codes lean on the features, where the recipe has them."""
    if not config.mixes:
        return ""
    given = config.complete().feature_share
    sentence = share_sentence(runs.study, None if given == "auto" else float(given))
    return f'<div style="line-height:1.4">{sentence[0].upper()}{sentence[1:]}.</div>'
