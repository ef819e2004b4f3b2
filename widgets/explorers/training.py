"""Watch codes form: train the hash network, change something, train again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.analysis.validation import Validation
from uhscm_core.support.checks import position
from widgets.background.session_runs import SessionRuns
from widgets.background.trainer import Trainer
from widgets.explorers.arguments import checked
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.gestures import Gestures
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.panels.health import HealthPanel
from widgets.panels.run_control import RunControl
from widgets.panels.run_views import RunViews
from widgets.panels.training_form import TrainingForm

__all__ = ["TrainingExplorer"]


@dataclass(frozen=True)
class State:
    """What is set and looked at.

    Attributes:
        runs: the folder's name of the runs on these images, concepts and mining settings.
        settings: of the next run, by name.
        colour, grey: names of the runs that are compared; empty for none.
    """

    runs: str
    settings: tuple[tuple[str, Any], ...]
    colour: str = ""
    grey: str = ""


class TrainingExplorer(Explorer[State]):
    """Train the hash network and watch its codes form.

        from widgets import TrainingExplorer
        explorer = TrainingExplorer(study)
        explorer

    Start, pause, resume, stop and keep the best; fork a run with one setting changed, and compare
    two. The network learns without labels; where there are any they evaluate it and decide
    nothing. The work is done in the background: a cell that is run again finds the run that is
    still running, and a run is on disk after the session has ended. `explorer.study` has the
    network of the run in colour.
    """

    state_type = State

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self._adopted: SessionRuns | None = None
        self._runs = runs = SessionRuns(self._study)
        gestures = Gestures(self.status.fail, lambda: self.control.draw())
        self.form = TrainingForm(
            runs,
            gestures,
            self._worker,
            in_colour=lambda: self.views.in_colour,
            changed=self._take_settings,
            reprompt=self._reprompt,
        )
        self.views = RunViews(runs, self._worker, gestures, self.status.fail, self._compared)
        self._ask = self._way_to("Retrieve", "Ask with this run", self._put_in_view)
        self.control = RunControl(
            runs,
            self.form,
            self.views,
            self.status,
            gestures,
            on=self._ask,
            prepare=self._take_prompt,
            started=self._started,
            ended=self._look_for_faults,
        )
        self.health = HealthPanel(self._change_what_helps)
        self.buttons = buttons = self.control.buttons
        self.settings, self.template = self.form.settings, self.form.template
        self.estimate, self.share, self.note = self.form.estimate, self.form.share, self.form.note
        self.colour, self.grey = self.views.pair.colour, self.views.pair.grey
        self.query, self.results = self.views.pinned.query, self.views.pinned.results
        self.curves, charts = self.views.curves, self.views.charts
        self.balance, self.outputs, self.distances = (
            charts.balance,
            charts.outputs,
            charts.distances,
        )
        self.run_table, self.table = self.views.run_table, self.views.run_table.table
        work = [buttons[name] for name in ("start", "pause", "resume", "stop")]
        row = [*work, self._ask, self._undo, self._redo, self._csv, self.estimate]
        self._lay_out(
            ipw.HBox(row, layout={"flex_flow": "row wrap"}),
            self.share,
            self.note,
            self.health,
            columns(
                [self.form, self.views.pair, buttons["fork"], self.views.pinned],
                [self.views],
                (42, 54),
            ),
        )
        self._refresh()

    # -- what a person does, and what a notebook calls -------------------------------------------

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
        """The study with the network of the run in colour: the best of it, or else the last."""
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
        """Continue after a pause, or continue the run in colour where it ended."""
        self.control.resume()

    def stop(self) -> None:
        """End the run after the current batch; its best weights are kept."""
        self.control.stop()

    def fork(self, name: str = "", **changes: Any) -> None:
        """Put a run's settings in view, so that the next start differs in what is changed.

        Args:
            name: of the run; empty for the one in colour, or else the one in grey.
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

    def _leave(self) -> None:
        self.control.leave()
        super()._leave()

    def to_frame(self) -> pd.DataFrame:
        """The steps of the run in colour, a row each."""
        run = self.views.in_colour
        rows = []
        for step in self._runs.history(run) if run is not None else ():
            row = dataclasses.asdict(step)
            metrics = row.pop("metrics") or {}
            rows.append({**row, **metrics})
        return pd.DataFrame(rows)

    # -- its state -------------------------------------------------------------------------------

    @property
    def _study(self) -> Study:
        """The study whose runs these are."""
        return self._shown_study or self.desk.study

    def _adopt(self, study: Study) -> None:
        runs = self._runs
        if runs.study.dataset is not study.dataset or runs.folder != runs_folder(study):
            self._runs = SessionRuns(study)
        self._runs.study = study
        self.form.show_templates(study.concepts.templates)
        if self._runs is not self._adopted:  # else it is another network of the same runs
            self._adopted = self._runs
            for panel in (self.form, self.views, self.control):
                panel.adopt(self._runs)
            self._look_for_faults()

    def _begin(self, before: State | None) -> State:
        same = before is not None and before.runs == self._runs.folder.name
        return before if before and same and self._runs.running is None else self._in_view()

    def _in_view(self) -> State:
        """The state that the controls show."""
        return State(self._runs.folder.name, self.form.values, *self.views.pair.names)

    def _show(self) -> None:
        view = self.state
        self.form.show(view.settings)
        self.views.compare(view.colour, view.grey)
        self.control.draw()

    def _take_settings(self) -> None:
        def change(view: State) -> State:  # takes what the form holds when its turn comes
            return dataclasses.replace(view, settings=self.form.taken())

        self._change("changing settings", change)

    def _compared(self, colour: str, grey: str) -> None:
        """Other runs are compared."""
        self.control.draw()
        self.form.say_difference()
        self._look_for_faults()
        self._change(
            "comparing runs", lambda view: dataclasses.replace(view, colour=colour, grey=grey)
        )

    def _started(self) -> None:
        self.desk.change(self.name, lambda moment: self._with_state(moment, self._in_view()))

    def _look_for_faults(self) -> None:
        """Show what `Study.health` finds, of the run in colour if there is one."""

        def job() -> None:
            if self._runs.running is None:
                findings = self.study.health()
                self.health.show(findings)
                once = any(finding.kind == "list explains little" for finding in findings)
                self.share.layout.display = "none" if once else ""

        self._worker.submit("looking for faults", job)

    # -- changes to the study --------------------------------------------------------------------

    def _reprompt(self, text: str) -> bool:
        """Take over the prompt templates; return whether they are others."""
        self.template.error = ""
        wanted = self.form.templates(text)
        if wanted == self._study.concepts.templates:
            return False
        self._open(
            "encoding prompts", lambda of: _mined(of.with_(template=wanted)), at=self.template
        )
        return True

    def _take_prompt(self) -> None:
        """Take over a prompt that was typed without Enter."""
        if self._reprompt(self.template.value):
            self._worker.wait()
        if self.template.error:
            raise ValueError(self.template.error)

    def _change_what_helps(self, change: Mapping[str, Any]) -> None:
        """Make the change of a finding, in the form or in the study."""
        of_training = {n: value for n, value in change.items() if n in self.settings.controls}
        of_study = {n: value for n, value in change.items() if n not in of_training}
        if of_training:
            self.form.set(**of_training)
        if of_study:
            self._open("changing the study", lambda study: _mined(study.with_(**of_study)))

    def _put_in_view(self) -> None:
        """Make the run in colour the network of the study in view."""
        trained = self.study
        if trained.network is None:
            raise ValueError("no run in colour to ask with: choose one, or press Start")
        self.desk.change(self.name, lambda moment: moment.with_study(trained))


def _mined(study: Study) -> Study:
    """Return a study after its mining, which may fail or take long."""
    _ = study.mined
    return study
