"""Watch codes form: train the hash network, change something, train again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from uhscm_core import Study
from uhscm_core.analysis.study_runs import runs_key
from widgets.background.session_runs import SessionRuns
from widgets.explorers.desk import Desk
from widgets.explorers.trainable import Trainable
from widgets.kit.gestures import Gestures
from widgets.kit.layout import columns, later, row
from widgets.kit.selection import Selection
from widgets.panels.health import HealthPanel
from widgets.panels.run_control import RunControl
from widgets.panels.run_views import RunViews
from widgets.panels.template_box import TemplateBox
from widgets.panels.training_form import TrainingForm
from widgets.states.training import TrainingState

__all__ = ["TrainingExplorer"]


class TrainingExplorer(Trainable):
    """Train the hash network and watch its codes form.

        from widgets import TrainingExplorer
        explorer = TrainingExplorer(study)
        explorer

    Start, pause, resume, stop and keep the best; fork a run with one setting changed, and compare
    two. The network learns without labels; where there are any they evaluate it and decide
    nothing. The work is done in the background: a cell that is run again finds the run that is
    still running, and a run is on disk after the session has ended. `explorer.study` has the
    network of the run in color.
    """

    state_type = TrainingState

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self._adopted: SessionRuns | None = None
        self._runs = runs = SessionRuns(self._study)
        gestures = Gestures(self.status.fail, lambda: self.control.draw())
        self.template = TemplateBox(self._reprompt)
        self.form = TrainingForm(
            runs,
            gestures,
            self._worker,
            in_colour=lambda: self.views.in_colour,
            changed=self._take_settings,
            template=self.template,
        )
        self.views = RunViews(
            runs, self._worker, gestures, self.status.fail, self._compared, self._use
        )
        self._ask = self._way_to("Retrieve", "Ask with this run", self._put_in_view)
        self.control = RunControl(
            runs,
            self.form,
            self.views,
            self.status,
            gestures,
            on=self._ask,
            prepare=lambda: self.template.insist(self._worker.wait),
            started=self._started,
            ended=self._ended,
        )
        self.health = HealthPanel(self._change_what_helps)
        self.buttons = buttons = self.control.buttons
        form, views = self.form, self.views
        self.settings, self.estimate = form.settings, form.estimate
        self.share, self.note = form.share, form.note
        self.colour, self.grey = views.pair.colour, views.pair.grey
        self.query, self.results = views.pinned.query, views.pinned.results
        self.curves, charts = views.curves, views.charts
        self.balance, self.outputs = charts.balance, charts.outputs
        self.distances = charts.distances
        self.run_table, self.table = views.run_table, views.run_table.table
        form.settings.bar.children += (buttons["fork"],)
        work = [buttons[name] for name in ("start", "pause", "resume", "stop")]
        said = row(self.share, self.note)
        said.add_class("uhscm-said")
        later(said, self.health)
        self._lay_out(
            row(*work, self._ask, self._undo, self._redo, self._csv, self.estimate),
            said,
            self.health,
            columns(
                [self.views.pinned],
                [self.views],
                (42, 54),
                above_left=[self.form, self.views.pair],
                stacked=True,
            ),
        )
        self._refresh()

    def _leave(self) -> None:
        self.control.leave()
        super()._leave()

    # -- its state -------------------------------------------------------------------------------

    @property
    def _study(self) -> Study:
        """The study whose runs these are."""
        return self._shown_study or self.desk.study

    def _adopt(self, study: Study) -> None:
        runs = self._runs
        if runs.study.dataset is not study.dataset or runs.key != runs_key(study):
            self._runs = SessionRuns(study)
        self._runs.study = study
        self.template.show_study(study)
        if self._runs is not self._adopted:  # else it is another network of the same runs
            self._adopted = self._runs
            for panel in (self.form, self.views, self.control):
                panel.adopt(self._runs)
            self._look_for_faults()

    def _begin(self, before: TrainingState | None) -> TrainingState:
        same = before is not None and before.runs == self._runs.key
        return before if before and same and self._runs.running is None else self._in_view()

    def _in_view(self) -> TrainingState:
        """The state that the controls show."""
        return TrainingState(self._runs.key, self.form.values, *self.views.pair.names)

    def _show(self) -> None:
        view = self.state
        self.form.show(view.settings)
        self.views.compare(view.colour, view.grey)
        self.form.say_difference()
        self.control.draw()

    def _take_settings(self) -> None:
        self._change(  # what the form holds when it is its turn
            "changing settings", lambda view: dataclasses.replace(view, settings=self.form.taken())
        )

    def _compared(self, colour: str, grey: str) -> None:
        """Other runs are compared."""
        self.control.draw()
        self.form.say_difference()
        self._look_for_faults()
        self._change(
            "comparing runs", lambda view: dataclasses.replace(view, colour=colour, grey=grey)
        )

    def _look_for_faults(self) -> None:
        """Show what `Study.health` finds, of the run in color if there is one."""

        def job() -> None:
            if self._runs.running is None:
                findings = self.study.health()
                self.health.show(findings)
                once = any(finding.kind == "list explains little" for finding in findings)
                self.share.layout.display = "none" if once else ""

        self._worker.submit("looking for faults", job)

    # -- changes to the study --------------------------------------------------------------------

    def _reprompt(self, templates: tuple[str, ...]) -> None:
        self._open(
            "encoding prompts",
            lambda study: _mined(study.with_(template=templates)),
            at=self.template,
        )

    def _use(self, name: str) -> None:
        """Put the template, the concepts and the settings of a run in view."""
        run = self._runs.named(name)
        if run is not None:
            self._open("using a run's template", lambda _: _mined(self._runs.trained_on(run)[0]))
            self._attempt("using a run's settings", lambda: self.control.fork(name))

    def _change_what_helps(self, change: Mapping[str, Any]) -> None:
        """Make the change of a finding, in the form or in the study."""
        if of_study := self.form.take(change):
            self._open("changing the study", lambda study: _mined(study.with_(**of_study)))


def _mined(study: Study) -> Study:
    """Return a study after its mining, which may fail or take long."""
    _ = study.mined
    return study
