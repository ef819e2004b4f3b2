"""The bench: settings trained with several seeds, in the background, and compared."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Experiment, Study
from uhscm_core.analysis.study_images import StudyImages
from widgets.background.bench_plan import PlanError, bench_folder, experiment_of, seconds_of
from widgets.background.bench_runner import BenchRunner, runner_of, start_runner
from widgets.background.long_running import Follower
from widgets.background.worker import Worker
from widgets.kit.gestures import Gestures
from widgets.kit.layout import columns, row
from widgets.kit.selection import Selection
from widgets.kit.status import Status
from widgets.panels.bench_export import BenchExport
from widgets.panels.bench_form import BenchForm
from widgets.panels.bench_results import BenchResults
from widgets.panels.bench_sentences import say_progress, work_sentence, yardstick_of
from widgets.panels.run_buttons import RunButtons, Steered

__all__ = ["Bench"]


class Bench(Steered, ipw.VBox):
    """Choose what varies, see the time, run it in the background, and compare two settings.

    The work continues in the background, and a panel on the same study that is created later shows
    it too. What was computed stays on disk when it is stopped, and is found again, also by another
    notebook that runs the same bench at the same time.

    Args:
        study: whose concepts and images are used; its own network is not.
        pictures: of the queries that are shown.
        selection: whose focus is the query that was clicked last.
        ways: lead on with the two settings that are compared, and with the first or only one.
        listed: called when there are other settings with results.
        taken: called when another plan is in view, with whether a person chose it.
    """

    def __init__(
        self,
        study: Study,
        pictures: StudyImages,
        selection: Selection,
        ways: tuple[ipw.Widget, ipw.Button],
        listed: Callable[[], object] = lambda: None,
        taken: Callable[[bool], object] = lambda _: None,
    ) -> None:
        self._study = study
        self._runner: BenchRunner | None = None
        self._experiment: Experiment | None = None
        self.status = Status()
        self.choices = BenchForm(study, self._plan_changed, taken)
        self._worker = Worker(self.status.set_busy, self.status.fail)
        self._follower = Follower[BenchRunner](
            lambda _: self._draw(), self._ended, self.status.fail, seconds=0.5
        )
        gestures = Gestures(self.status.fail, self._draw_buttons, said=PlanError)
        self._run_buttons = RunButtons(self, gestures, "the results")
        self.buttons = self._run_buttons.all
        self.estimate = ipw.Label("", layout={"flex": "1 1 200px", "width": "auto"})
        self.estimate.add_class("uhscm-estimate")
        self.results = BenchResults(pictures, selection, self._worker, *ways, listed)
        self.export = BenchExport(self.results, self._worker)
        buttons = row(*self.buttons.values(), self.export, self.estimate)
        both = columns([self.choices], [self.results], (48, 49), stacked=True)
        super().__init__([buttons, self.status, both])
        self.add_class("uhscm-bench")
        self._draw_buttons()

    # -- what a person does, and what a notebook calls -------------------------------------------

    def reveal(self) -> None:
        """Look at what there is; called when the bench first comes into sight."""
        if not self.choices.opened:
            runner = runner_of(bench_folder(self._study))
            self.choices.fill(None if runner is None else runner.plan)
            if runner is not None and runner.active:
                self._follow(runner)
            else:
                self._plan_changed()

    def adopt(self, study: Study, pictures: StudyImages) -> None:
        """Show another study; what runs on the one before is left to run."""
        if study is self._study:
            return
        self._leave()
        self._study, self._experiment = study, None
        self.results.adopt(pictures)
        opened = self.choices.opened
        self.choices.begin(study)
        if opened:
            self.reveal()

    def start(self) -> None:
        """Compute what the plan in view lacks, in the background.

        Raises:
            PlanError: a choice that does not work, which is said at its control too.
            RuntimeError: the bench is running.
        """
        self.reveal()
        plan = self.choices.plan
        try:
            experiment = experiment_of(self._study, plan)
        except PlanError as error:
            self.choices.fail(error)
            raise
        runner = BenchRunner(experiment, seconds_of(self._study), plan)
        start_runner(bench_folder(self._study), runner)
        self._follow(runner)

    @property
    def _work(self) -> BenchRunner | None:
        return self._runner

    def wait(self) -> None:
        """Block until the bench has ended and is shown."""
        self._worker.wait()
        self._follower.wait()
        self._worker.wait()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per setting, see `uhscm_core.Experiment.to_frame`."""
        return self.results.to_frame()

    def close(self) -> None:
        """Close the panel; what only this panel shows is stopped, and its results are kept."""
        if self.comm is not None:
            runner = self._runner
            self._leave()
            self._worker.stop()
            if runner is not None and not runner.followers:
                runner.stop()
        super().close()

    # -- a plan and its experiment -----------------------------------------------------------------

    def _plan_changed(self) -> None:
        if self._runner is None or not self._runner.active:
            self._worker.submit("counting the trainings", self._look)

    def _look(self) -> None:
        """Say what the plan in view makes to compute, and show what is there already."""
        try:
            experiment = experiment_of(self._study, self.choices.plan)
        except PlanError as error:
            # The control may lie below the window.
            self.estimate.value = f"Not yet. {self.choices.fail(error)}"
            self.buttons["start"].disabled = True
            return
        self.choices.clear()
        if self._runner is not None and self._runner.active:  # started meanwhile
            return
        self._experiment = experiment
        self._draw()
        self.estimate.value = work_sentence(self._study, experiment)
        self._draw_buttons(nothing=not experiment.missing)

    def _follow(self, runner: BenchRunner) -> None:
        self._leave()
        self._runner = runner
        runner.followers.add(id(self))
        self._experiment = runner.experiment
        self.choices.lock(True)
        self.estimate.value = ""
        self._draw_buttons()
        self._follower.follow(runner)

    def _leave(self) -> None:
        if self._runner is not None:
            self._runner.followers.discard(id(self))
        self._runner = None
        self._follower.leave()

    def _ended(self, runner: BenchRunner) -> None:
        if runner.message:
            self.status.fail(runner.message)
        self.choices.lock(False)
        self._plan_changed()

    # -- what is shown ---------------------------------------------------------------------------

    def _draw(self) -> None:
        if (experiment := self._experiment) is None:
            return
        yardstick, notes = yardstick_of(self._study)
        say_progress(self.status, self._runner, notes)
        if self._runner is not None:
            self._draw_buttons()
        self.results.show(experiment, yardstick)
        self.export.show(self._study, yardstick)

    def _draw_buttons(self, *, nothing: bool = False) -> None:
        self._run_buttons.show(self._runner, may_start=not nothing)
