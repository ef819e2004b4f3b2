"""Two runs next to each other: their curves, what their codes are, and the table of all runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core.runs import Run
from widgets.background.session_runs import SessionRuns
from widgets.background.snapshot import Snapshot
from widgets.background.worker import Worker
from widgets.kit.gestures import Gestures
from widgets.kit.stage import growing
from widgets.panels.code_charts import CodeCharts
from widgets.panels.pinned_query import PinnedQuery
from widgets.panels.run_curves import RunCurves
from widgets.panels.run_pair import RunPair
from widgets.panels.run_table import RunTable

__all__ = ["RunViews"]


class RunViews(ipw.Tab):
    """What is seen of the run in color and the run in gray.

    `pair`, which chooses them, and `pinned`, a query of the run in color, stand where the explorer
    lays them out.

    Args:
        runs: to choose from.
        worker: computes the codes of a run that is not running.
        gestures: which make its buttons, and draw after a change.
        fail: called with what went wrong.
        compared: called after other runs were chosen, with the names of both; empty for none.
        use: called with the name of the run whose template and settings are wanted.
    """

    def __init__(
        self,
        runs: SessionRuns,
        worker: Worker,
        gestures: Gestures,
        fail: Callable[[str], None],
        compared: Callable[[str, str], None],
        use: Callable[[str], None],
    ) -> None:
        self._runs, self._worker, self._gestures = runs, worker, gestures
        self._told = compared
        self._lock = threading.RLock()
        self._table_shown: object = None
        self.pair = RunPair(self._compared)
        self.pinned = PinnedQuery(runs, self.pin, gestures)
        self.curves = RunCurves()
        growing(self.curves)
        self.charts = CodeCharts()
        self.run_table = RunTable(self._picked, self._runs_changed, fail, use)
        super().__init__(
            [self.curves, self.charts, self.run_table], titles=["Curves", "Codes", "Runs"]
        )
        self.observe(lambda _: self.draw(), "selected_index")

    def adopt(self, runs: SessionRuns) -> None:
        """Show runs of another study."""
        self._runs = runs
        self.curves.summary = runs.validation.description()
        self.pinned.adopt(runs)

    @property
    def in_colour(self) -> Run | None:
        """The run in color."""
        return self._runs.named(self.pair.names[0])

    @property
    def in_grey(self) -> Run | None:
        """The run in gray."""
        return self._runs.named(self.pair.names[1])

    @property
    def first(self) -> Run | None:
        """The run in color, or else the run in gray."""
        return self.in_colour or self.in_grey

    # -- which runs ------------------------------------------------------------------------------

    def offer(self, colour: str, grey: str) -> None:
        """Offer the runs that there are by now, and put two of them in view."""
        self._runs.reread()
        self.pair.choose(colour, grey, [run.name for run in self._runs.all()])
        self.curves.forget()
        self._table_shown = None

    def compare(self, colour: str, grey: str) -> None:
        """Put two runs in view, unless they are."""
        if (colour, grey) != self.pair.names:
            self.pair.choose(colour, grey)
            self.look_again()

    def pin(self, image: int) -> None:
        """Show the neighbours of another image."""
        self.pinned.image = image
        if self._runs.trainer is not None:
            self._runs.trainer.pinned = image
        self.look_again()

    def _compared(self) -> None:
        self.look_again()
        self._gestures.do(lambda: self._told(*self.pair.names))

    def _picked(self, name: str) -> None:
        """A row of the table: in color, and what was in color goes to gray."""
        colour, _ = self.pair.names
        if name == colour:
            return
        if self._runs.running is not None:
            self.pair.grey.value = name
        else:
            self.pair.choose(name, colour)
            self._compared()

    def _runs_changed(self) -> None:
        """Runs were named or deleted."""
        self.offer(*self.pair.names)
        self._compared()

    # -- what is shown ---------------------------------------------------------------------------

    def draw(self) -> None:
        """Show what is new; of a run that is running only in the tab in view."""
        with self._lock:
            colour, grey = self.in_colour, self.in_grey
            trainer = self._runs.trainer_of(colour)
            self.curves.show_runs(self._runs, colour, grey)
            if colour is None:
                self._draw_snapshot(None)
            elif trainer is not None and trainer.snapshot is not None:
                self._draw_snapshot(trainer.snapshot)
            self._draw_table()

    def look_again(self) -> None:
        """Of a run that is not running: compute what its codes are."""

        def job() -> None:
            run = self.in_colour
            if run is None or run.is_damaged or self._runs.is_training(run):
                return
            snapshot = self._runs.look(run, self.pinned.image)
            with self._lock:
                self._draw_snapshot(snapshot)

        self._worker.submit("looking", job)

    def _draw_snapshot(self, snapshot: Snapshot | None) -> None:
        run = self.in_colour
        study, validation = (
            (self._runs.study, self._runs.validation)
            if run is None or snapshot is None
            else self._runs.trained_on(run)
        )
        if self._drawable(self.charts):
            self.charts.show(snapshot, validation)
        self.pinned.show(snapshot, study)

    def _drawable(self, tab: ipw.Widget) -> bool:
        """Return whether a tab is worth the browser's time, which a run takes from its Stop."""
        hidden = self.selected_index is None or self.children[self.selected_index] is not tab
        return self._runs.running is None or not hidden

    def _draw_table(self) -> None:
        if not self._drawable(self.run_table):
            return
        runs = self._runs.all()
        histories = {run.name: self._runs.history(run) for run in runs}
        colour, grey = self.pair.names
        marks = {grey: "○", colour: "●"}
        shown = ([(r.name, r.status, len(histories[r.name]) // 50) for r in runs], marks)
        if shown != self._table_shown:
            self._table_shown = shown
            study, by_labels = self._runs.study, self._runs.by_labels
            self.run_table.show(runs, histories, marks, study, by_labels=by_labels)
