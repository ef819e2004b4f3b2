"""An explorer of rankings with a bench, whose settings are rankings too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import ipywidgets as ipw

from uhscm_core.analysis.bench_rankers import bench_name, bench_rankers
from uhscm_core.analysis.study_images import StudyImages
from widgets.explorers.explorer import Explorer
from widgets.kit.selection import Selection
from widgets.panels.bench import Bench
from widgets.panels.sides import SidesPanel
from widgets.states.bench import Plan
from widgets.states.compare import CompareState

__all__ = ["Benched"]


class Benched(Explorer[CompareState]):
    """Two tabs: what its own part shows, and a bench that leads back to it, and on to Retrieve."""

    bench: Bench
    """Trains settings with several seeds."""
    tabs: ipw.Tab
    _sides: SidesPanel
    _listed: Mapping[str, str] = MappingProxyType({})  # keys of runs, by the setting's name

    def _lay_out_with_bench(
        self, rankings: ipw.Widget, pictures: StudyImages, asked: Selection
    ) -> None:
        """Set what stands below the status line.

        Args:
            rankings: the first tab.
            pictures: of the queries.
            asked: whose focus is the query.
        """
        two = ipw.Button(description="A and B as two rankings", icon="exchange")
        two.layout.width = "auto"
        two.tooltip = "By the codes of the lowest seed of each"
        two.on_click(lambda _: self._rank_two())
        ask = self._way_to("Retrieve", "Ask with A", self._put_a_in_view)
        self.bench = Bench(self.study, pictures, asked, (two, ask), self._list_settings)
        self.tabs = ipw.Tab([rankings, self.bench], titles=["Two rankings", "Bench"])
        self.tabs.observe(self._opened, "selected_index")
        self._lay_out(self.tabs)

    def _opened(self, change: dict[str, Any]) -> None:
        if change["new"] == 1:
            self.bench.reveal()

    def _try(self, plan: Plan) -> None:
        """Put a plan into the bench."""
        self.tabs.selected_index = 1
        self.bench.choices.offer(plan)

    def _list_settings(self) -> None:
        """Offer the settings of the bench that have a result as rankings."""

        def job() -> None:
            results = self.bench.results
            listed = {name: run.key for name, run in results.runs.items()}
            if results.experiment is not None and listed != self._listed:
                self._listed = listed
                self._sides.offer(bench_rankers(results.experiment, self.study))
                self._shown_study = None  # which has other rankings by now
                self._refresh()

        self._worker.submit("listing the settings of the bench", job)

    def _rank_two(self) -> None:
        """Compare A with B, query by query."""
        results = self.bench.results
        runs = results.runs
        left, right = (bench_name(one.value, runs[one.value]) for one in (results.a, results.b))
        self._list_settings()
        self._set("comparing two settings of the bench", left=left, right=right)
        self.tabs.selected_index = 0

    def _put_a_in_view(self) -> None:
        """Make the network of A that of the study in view."""
        results = self.bench.results
        if results.experiment is None or results.a.value is None:
            raise ValueError("no setting has a result yet: press Start")
        trained = results.experiment.trained(results.runs[results.a.value])
        self.desk.change(self.name, lambda moment: moment.with_study(trained))
