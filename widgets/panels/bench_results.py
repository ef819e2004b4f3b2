"""What the settings of an experiment reach, and the comparison of two of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Experiment
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.experiments.running import Run
from widgets.background.worker import Worker
from widgets.kit.selection import Selection
from widgets.kit.status import Status
from widgets.panels.bench_dots import BenchDots
from widgets.panels.bench_words import NUMBERS, plain_names, said_of_two
from widgets.panels.moved_queries import MovedQueries

__all__ = ["BenchResults"]


class BenchResults(ipw.VBox):
    """A sentence about two settings, a dot with its interval per setting, and the two's queries.

    Args:
        pictures: of the queries.
        selection: whose focus is the query that was clicked last.
        worker: that compares.
        two: leads on with the two settings.
        ask: leads on with A, or with the only setting that has a result.
        listed: called when there are other settings with results.
    """

    def __init__(
        self,
        pictures: StudyImages,
        selection: Selection,
        worker: Worker,
        two: ipw.Widget,
        ask: ipw.Button,
        listed: Callable[[], object],
    ) -> None:
        self._worker, self._listed = worker, listed
        self._lock = threading.RLock()
        self.experiment: Experiment | None = None
        """In view."""
        self._frame = pd.DataFrame(columns=[*NUMBERS])
        self._names: tuple[str, ...] = ()
        self._drawn: tuple[Any, ...] = ()
        self._chosen = False  # by the user; else the two best are compared
        self.dots = BenchDots(self._choose)
        wide = {"flex": "1 1 auto", "width": "auto", "max_width": "98%"}  # as their names
        self.a = ipw.Dropdown(description="A", options=[], layout=wide)
        self.b = ipw.Dropdown(description="B", options=[], layout=wide)
        for dropdown in (self.a, self.b):
            dropdown.style.description_width = "20px"
            dropdown.observe(self._compared, "value")
        self._ask, self._of_two = ask, (self.a, self.b, two)
        self._pair = ipw.HBox([*self._of_two, ask], layout={"flex_flow": "row wrap"})
        self.sentence = Status()
        self.moved = ipw.ToggleButton(
            description="Show the queries that moved most",
            tooltip="",
            layout={"width": "270px"},
        )
        self.moved.observe(lambda _: self._compared(), "value")
        self.queries = MovedQueries(pictures, selection)
        super().__init__([self.sentence, self.dots, self._pair, self.moved, self.queries])
        self._hide()

    @property
    def runs(self) -> dict[str, Run]:
        """The first run of each setting that has a result, by the setting's name."""
        return {} if self.experiment is None else self.experiment.first_runs

    def adopt(self, pictures: StudyImages) -> None:
        """Show nothing, until an experiment on these images is shown."""
        with self._lock:
            self.experiment = None
            self._frame, self._names, self._drawn = pd.DataFrame(columns=[*NUMBERS]), (), ()
        self._chosen = False
        self.queries.adopt(pictures)
        self.dots.show([], [], [], [], summary="")
        self._list([])
        self._hide()

    def show(self, experiment: Experiment, yardstick: str) -> None:
        """Show what an experiment has computed so far.

        Args:
            experiment: whose settings these are.
            yardstick: what the results are evaluated by.
        """
        with self._lock:
            frame = experiment.to_frame()
            key = (experiment, tuple(frame["seeds"]))
            if key == self._drawn:
                return
            self._drawn, self.experiment = key, experiment
            self._frame, self._names = frame, experiment.names
            known = frame["seeds"] > 0
            words = plain_names(self._names, frame)
            named = zip(words, self._names, known, strict=True)
            self._list([(word, name) for word, name, there in named if there])
            self.dots.show_settings(words, frame, self._marks(), yardstick, self._names)
        self._hide()
        self._compared()
        self._listed()

    def compare(self, a: str, b: str) -> None:
        """Compare two settings, by their `uhscm_core.Experiment.names`.

        Raises:
            ValueError: no such setting, or none with results yet.
        """
        for name, value in (("a", a), ("b", b)):
            if value not in self._known:
                known = ", ".join(self._known) or "none yet"
                raise ValueError(
                    f"{name} must be one of the settings with results ({known}), got {value!r}"
                )
        self.a.value, self.b.value = a, b

    def to_frame(self) -> pd.DataFrame:
        """Return a row per setting, see `uhscm_core.Experiment.to_frame`."""
        return self._frame.copy()

    # -- what is shown ---------------------------------------------------------------------------

    def _hide(self) -> None:
        """Show only what there is something to say about."""
        several = len(self.a.options) > 1
        for part in (*self._of_two, self.moved):
            part.layout.display = "" if several else "none"
        self._pair.layout.display = "" if self.a.options else "none"
        self._ask.description = "Ask with A" if several else "Ask with it"
        self.queries.layout.display = "" if several and self.moved.value else "none"

    def _marks(self) -> list[str]:
        marks = {self.b.value: "B", self.a.value: "A"}
        return [marks.get(name, "") for name in self._names]

    @property
    def _known(self) -> list[str]:
        """The names of the settings that have a result."""
        return [name for _, name in self.a.options]

    def _list(self, named: list[tuple[str, str]]) -> None:
        if tuple(named) == tuple(self.a.options):
            return
        known = [name for _, name in named]
        by_name = self._frame.assign(name=self._names).dropna(subset=["mAP"])
        best = by_name.sort_values("mAP", ascending=False, kind="stable")["name"].tolist()
        for dropdown, place in ((self.a, 0), (self.b, 1)):
            before = dropdown.value
            dropdown.unobserve(self._compared, "value")
            dropdown.options = named
            if known:
                keep = self._chosen and before in known
                dropdown.value = before if keep else best[min(place, len(best) - 1)]
            dropdown.observe(self._compared, "value")

    def _choose(self, row: int) -> None:
        """Compare a row with the one that was A."""
        name = self._names[row]
        if name in self._known and name != self.a.value:
            self.a.value, self.b.value = name, self.a.value

    def _compared(self, change: object = None) -> None:
        self._chosen = self._chosen or change is not None
        self._worker.submit("comparing", self._show_comparison)

    def _show_comparison(self) -> None:
        with self._lock:
            experiment, a, b = self.experiment, self.a.value, self.b.value
            self.dots.marks = self._marks()
            self.a.tooltip, self.b.tooltip = a or "", b or ""  # whole
            self._hide()
            if experiment is None or len(self.a.options) < 2:
                self.sentence.say("")
                return
            if a == b:
                self.sentence.say("A and B are the same setting; choose another one.")
                self.queries.show([])
                return
            pair = [self._named(name) for name in (a, b)]
            said = said_of_two(self._frame, *map(self._names.index, (a, b)))
        try:
            self.sentence.say(experiment.compare(*pair, called=said).sentence)
            if self.moved.value:
                self.queries.show_moved(experiment.queries(*pair))
        except ValueError as error:  # such as settings with different queries
            self.sentence.say(str(error))

    def _named(self, name: str) -> dict[str, Any]:
        row = self._frame.iloc[self._names.index(name)]
        return {column: row[column] for column in self._frame.columns[: -len(NUMBERS)]}
