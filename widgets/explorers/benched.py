"""An explorer of rankings with a bench, whose settings are rankings too."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import ipywidgets as ipw

from uhscm_core import Experiment, Study
from uhscm_core.analysis.bench_rankers import bench_name, bench_rankers
from uhscm_core.analysis.rankers import Ranker
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.notices import telling
from widgets.background.bench_plan import PlanError, bench_folder, experiment_of
from widgets.explorers.explorer import Explorer
from widgets.kit.selection import Selection
from widgets.panels.bench import Bench
from widgets.panels.sides import SidesPanel
from widgets.states.bench import Plan
from widgets.states.compare import CompareState

__all__ = ["Benched"]

_BENCH = "Train settings with several seeds, and see which differences are real"
_FIRST_SEEDS = "The queries below are those of the lowest seed of each."


class Benched(Explorer[CompareState]):
    """Two tabs: what its own part shows, and a bench that leads back to it, and on to Retrieve."""

    bench: Bench
    """Trains settings with several seeds."""
    tabs: ipw.Tab
    _sides: SidesPanel
    _listed: Mapping[str, str] = MappingProxyType({})  # keys of runs, by the setting's name
    _rankers: Mapping[str, Ranker] = MappingProxyType({})  # of these runs
    _experiment: Experiment | None = None
    _headline = ""

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
        ask = self._way_to("Retrieve", "", self._put_a_in_view)
        self.bench = Bench(
            self.study, pictures, asked, (two, ask), self._list_settings, self._plan_taken
        )
        self.tabs = ipw.Tab([rankings, self.bench], titles=["Two rankings", "Bench"])
        self.tabs.observe(self._opened, "selected_index")
        self._lay_out(self.tabs)

    def _opened(self, change: dict[str, Any]) -> None:
        if change["new"] == 1:
            self.bench.reveal()
        self._say(self._headline)

    def _say(self, headline: str) -> None:
        """Say what the tab in view shows.

        Args:
            headline: of the two rankings.
        """
        self._headline = headline
        self.status.summary = _BENCH if self.tabs.selected_index == 1 else headline

    def _settled(self, rankers: Sequence[Ranker]) -> str:
        """Return what the bench says of two of its settings, if it has several seeds of both."""
        experiment, names = self._experiment, [ranker.name for ranker in rankers]
        if experiment is None:
            return ""
        runs = {bench_name(name, run): run for name, run in experiment.first_runs.items()}
        if not runs.keys() >= {*names}:
            return ""
        seeds = dict(zip(experiment.names, experiment.to_frame()["seeds"], strict=True))
        done = [seeds[experiment.name(runs[name])] for name in names if runs[name].seed is not None]
        if min(done, default=2) < 2:  # the bench has only begun
            return ""
        a, b = (runs[name].setting.values for name in names)
        try:
            found = experiment.compare(b, a, called=("R", "L"))
        except ValueError:  # such as different queries
            return ""
        return f"{found.sentence} {_FIRST_SEEDS}"

    def _try(self, plan: Plan) -> None:
        """Put a plan into the bench."""
        self.tabs.selected_index = 1
        self.bench.choices.offer(plan)

    def _plan_taken(self, chosen: bool) -> None:
        """Keep the plan of the bench, which is a step to undo if a person chose it."""

        def change(view: CompareState) -> CompareState:  # to what it is by then
            return dataclasses.replace(view, plan=self.bench.choices.taken())

        self._change("changing the bench", change, step=chosen)

    def _list_settings(self) -> None:
        """Offer the settings of the bench that have a result as rankings."""

        def job() -> None:
            results = self.bench.results
            if results.experiment is not None and _listed(results.experiment) != self._listed:
                self._shown_study = None  # which has other rankings by now
                self._refresh()

        self._worker.submit("listing the settings of the bench", job)

    def _bench_rankers(self, study: Study) -> Mapping[str, Ranker]:
        """Return the settings of the plan in view that have a result as rankings.

        What was computed of them is kept while they mean the same trainings.
        """
        listed: dict[str, str] = {}
        if bench_folder(study).exists():
            # What there is to say of a plan, and what is wrong with it, the bench says.
            with contextlib.suppress(PlanError), telling(lambda _: None):
                experiment = experiment_of(study, self.bench.choices.plan_in_view)
                listed = _listed(experiment)
        if listed != self._listed:
            self._listed = listed
            self._experiment = experiment if listed else None
            self._rankers = bench_rankers(experiment, study) if listed else {}
        return self._rankers

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
        run = results.runs[results.a.value]
        trained, name = results.experiment.trained(run), bench_name(results.a.value, run)
        self.desk.change(self.name, lambda moment: moment.with_study(trained, name))


def _listed(experiment: Experiment) -> dict[str, str]:
    """Return what tells the settings with a result from others: keys of runs by name."""
    return {name: run.key for name, run in experiment.first_runs.items()}
