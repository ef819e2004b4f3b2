"""Start, pause, resume, stop and fork runs; and what a run does, in a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as ipw

from uhscm_core.support.checks import instance
from widgets.background.long_running import Follower
from widgets.background.session_runs import SessionRuns
from widgets.background.trainer import Trainer
from widgets.kit.gestures import Gestures
from widgets.kit.status import Status
from widgets.panels.lead import LED_BY_ANOTHER, Lead
from widgets.panels.run_buttons import RunButtons, Steered
from widgets.panels.run_sentence import can_resume, done_sentence, run_sentence
from widgets.panels.run_views import RunViews
from widgets.panels.training_form import TrainingForm

__all__ = ["RunControl"]

_LOCKED = "A run's settings cannot change while it is running. Stop it to change one."


class RunControl(Steered):
    """Controls the runs of a study, unless a cell that was run later does.

    Args:
        runs: of the study.
        form: of the next run.
        views: of the runs.
        status: where the sentence stands.
        gestures: which make the buttons.
        on: leads on with the run in color.
        prepare: called before a run is started; takes over what was typed, or raises.
        started: called when a run was started and is in view.
        ended: called when a run has ended and is shown, with whether it was seen running.
    """

    def __init__(
        self,
        runs: SessionRuns,
        form: TrainingForm,
        views: RunViews,
        status: Status,
        gestures: Gestures,
        *,
        on: ipw.Button,
        prepare: Callable[[], None],
        started: Callable[[], None],
        ended: Callable[[bool], None],
    ) -> None:
        self._runs, self._form, self._views, self._status = runs, form, views, status
        self._prepare, self._started, self._told_of_end = prepare, started, ended
        self._on = on
        self._lock = threading.RLock()
        self._was_over: Trainer | None = None  # when it came into view
        self._opened: Path | None = None  # the folder of the runs that were adopted last
        self._lead = Lead(self._retire)
        self._follower = Follower[Trainer](
            lambda _: views.draw(), self._ended, status.fail, tell=lambda _: self._say()
        )
        self._run_buttons = RunButtons(self, gestures, "the best")
        self.fork_button = gestures.button("Fork the run in color", "code-fork", self.fork)
        self.buttons = {
            **self._run_buttons.all,
            **form.buttons,
            "fork": self.fork_button,
            "other": views.pinned.other,
        }

    # -- what a person does ----------------------------------------------------------------------

    def start(self, **settings: Any) -> None:
        """Start a run with the settings in view, after some changes to them."""
        self._lead.insist()
        self._runs.refuse_a_second()
        self._prepare()
        form, runs = self._form, self._runs  # what was typed may have led to other runs
        if settings:
            form.set(**settings)
        wanted, parent = form.settings.run(), form.parent
        self._start(grey=parent or runs.last_name(), parent=parent, **wanted)
        form.parent = ""
        form.say_difference()

    @property
    def _work(self) -> Trainer | None:
        return self._runs.running

    def resume(self) -> None:
        """Continue after a pause, or continue the run in color where it ended, or else in gray."""
        self._lead.insist()
        if self._work is not None:
            super().resume()
            return
        run = self._views.first
        if run is None:
            raise ValueError("no run in color or in gray to continue")
        grey = self._views.pair.names[1]
        self._start(run=run, grey="" if run.name == grey else grey)

    def fork(self, name: str = "", **changes: Any) -> None:
        """Put the settings of a run in view, with some changes to them."""
        instance("name", name, str, "of a run")
        self._runs.refuse_a_second()
        run = self._runs.named(name) if name else self._views.first
        if run is None:
            raise ValueError(f"name: no run {name!r} to fork" if name else "no run to fork yet")
        if run.is_damaged:
            raise ValueError(f"run {run.name} is damaged and cannot be forked: {run.message}")
        self._form.parent = run.name
        self._form.show_run(run, **changes)

    # -- one panel for the runs of a study -------------------------------------------------------

    def adopt(self, runs: SessionRuns) -> None:
        """Show what there is on disk, or the run that an earlier cell has started."""
        opened, self._opened, self._runs = self._opened, runs.folder, runs
        self._follower.leave()
        self._lead.take(runs.folder)
        runs.reread()
        trainer = runs.trainer
        if trainer is not None and (
            trainer.active or (trainer.steps and not runs.unlike(trainer.run))
        ):
            mine = trainer.run
            others = [run.name for run in runs.all() if run.name != mine.name]
            self._form.show_run(mine)
            self._views.pinned.image = trainer.pinned
            self._views.offer(mine.name, mine.parent or (others[-1] if others else ""))
            self._was_over = None if trainer.active else trainer
            self._follower.follow(trainer)
        else:
            whole = [run for run in runs.all() if not run.is_damaged]
            if whole and runs.folder != opened:  # with another template, what is set stays
                self._form.show_run(whole[-1])
            self._views.offer("", whole[-1].name if whole else "")
        self._form.look_again()

    def wait(self) -> None:
        """Block until the run has ended and is shown."""
        self._follower.wait()

    def leave(self) -> None:
        """Control nothing any more; a run that is running continues."""
        self._follower.leave()
        self._lead.leave()

    def _start(self, grey: str, **what: Any) -> None:
        trainer = self._runs.start(self._views.pinned.image, **what)
        self._form.say("")
        self._views.offer(trainer.run.name, grey)
        self._started()
        self._follower.follow(trainer)

    def _ended(self, trainer: Trainer) -> None:
        if trainer.run.message:
            self._status.fail(f"Run {trainer.run.name} ended: {trainer.run.message}")
        was_seen = trainer is not self._was_over
        if was_seen:  # a short run is over before anything has moved
            self._form.say(done_sentence(self._runs, trainer.run))
        self._told_of_end(was_seen)

    def _retire(self) -> None:
        with self._lock:
            self._follower.leave()
            for button in self.buttons.values():
                button.disabled = True
            self._form.lock("This panel is shown by a newer cell.")
            self._status.say(LED_BY_ANOTHER)

    # -- what is shown ---------------------------------------------------------------------------

    def draw(self) -> None:
        """Show what is new of the runs, what can be done now, and the sentence."""
        self._say()
        work = self._work
        if work is None or not work.owes:  # else the follower draws, after the answer
            self._views.draw()

    def _say(self) -> None:
        with self._lock:
            if self._lead.held:
                colour, grey = self._views.in_colour, self._views.in_grey
                self._status.say(*run_sentence(self._runs, colour, grey))
                self._draw_buttons()

    def _draw_buttons(self) -> None:
        running, run = self._runs.running, self._views.in_colour
        self._run_buttons.show(running, may_resume=can_resume(self._views.first))
        self._form.lock(_LOCKED if running is not None else "")
        self.fork_button.disabled = running is not None or not self._runs.all()
        self._on.disabled = run is None or run.status == "new"
