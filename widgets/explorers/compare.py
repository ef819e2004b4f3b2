"""Two ways to rank the same images for the same query, side by side, with what moved."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.rankers import Ranker
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.two_rankings import TwoRankings
from widgets.background.worker import Worker
from widgets.explorers.arguments import focus_of
from widgets.explorers.benched import Benched
from widgets.explorers.desk import Desk
from widgets.kit.layout import later, row
from widgets.kit.selection import Selection
from widgets.panels.gains import GainsPanel
from widgets.panels.picked_result import PickedResult
from widgets.panels.query import QueryPanel, askable
from widgets.panels.sides import SidesPanel
from widgets.panels.two_results import TwoResults
from widgets.states.compare import CompareState
from widgets.states.training import run_in

__all__ = ["CompareExplorer"]


class CompareExplorer(Benched):
    """Compare two rankings: two runs, two code lengths, UHSCM against ITQ, LSH or the features.

        from widgets import CompareExplorer
        CompareExplorer(study, others={"UHSCM, 16 bits": study.train(bits=16)})

    The first k of each side by side, with what came in, went out and moved; overlap and rank
    correlation; average precision where there are labels, and the queries that gain or lose most.
    The query itself is left out of its own results. Ranks within a tie are ranges, and what depends
    on the order within one is marked, see `uhscm_core.analysis.rankings`. The bench, in a tab of
    its own, trains settings with several seeds and says which differences are real; its settings
    can be chosen as rankings too.

    Args:
        study: trained or not; its runs on disk, the baselines and the cosines can be chosen too.
        others: trained studies of the same images by name.
        selection: of other views; its focus is the query.
    """

    state_type = CompareState

    def __init__(
        self,
        study: Study | Desk,
        others: Mapping[str, Study] | None = None,
        selection: Selection | None = None,
    ) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study)
        self._ranked = functools.lru_cache(1)(TwoRankings)  # not again for what is asked again
        self._sides = sides = SidesPanel(
            self.study, others, lambda: self._change("swapping", CompareState.swapped)
        )
        self.left, self.right, self.k, self.swap = sides.left, sides.right, sides.k, sides.swap
        self._bind(left=self.left, right=self.right, k=self.k)
        self.asked = Selection()  # of the galleries of queries
        self._watch(self.selection, self._focused, "focus")
        self.asked.on_focus(self._ask_with)
        # With a seed, the queries at random are the same for everybody.
        self._query = QueryPanel(
            self._ask_with, pictures, edge=76, height=98, seed=0, layout={"width": "120px"}
        )
        self.query = self._query.gallery
        self._query.add_class("uhscm-query")
        self.random = self._query.random_button("A query at random")
        self._results = TwoResults(pictures, self._ask_with)
        self.results, self.picked = self._results.results, self._results.picked
        self.went_out, self.came_in, self.in_both = self._results.moves.values()
        self.picked.observe(self._pointed, "focus")
        self._gains = GainsPanel(
            pictures,
            self.asked,
            lambda: self._worker.submit("showing what was evaluated", self._show_evaluated),
            Worker(self.status.lane(), self.status.fail),
            self._try,
            self._settled,
        )
        self.better = self._gains.better
        self._result = result = PickedResult(
            self.picked, self._gains, self._ask_with, lambda names: self._set(without=names)
        )
        self.ask, self.numbers, self.why = result.ask, result.numbers, result.why
        looked_at = ipw.Tab(
            [self._results, self._results.moved, self._results.both, self._gains, result],
            titles=["Results", "What moved", "In both", "Gains and losses", "Why near"],
        )
        bar = self._bar(self.random, self.ask, self.k)
        numbers = row(self._query, self.numbers)
        later(bar)
        rankings = ipw.VBox([bar, self._sides, numbers, looked_at])
        self._lay_out_with_bench(rankings, pictures, self.asked)
        self._refresh()

    def to_frame(self) -> pd.DataFrame:
        """What is among the first k of either side, see `uhscm_core.analysis.rankings.moves`.

        With the images' names, and where there are labels whether each ``matches`` the query's.
        """
        return self._both(self.state).to_frame()

    def wait(self) -> None:
        """Until what was asked for is shown, the evaluation of all queries too."""
        self._worker.wait()
        self._gains.wait()
        self._worker.wait()

    # -- what can be compared --------------------------------------------------------------------

    @property
    def rankers(self) -> dict[str, Ranker]:
        """All that can be compared, by name."""
        return self._sides.rankers

    def _adopt(self, study: Study) -> None:
        self.pictures = self.pictures.in_study(study)
        self.bench.adopt(study, self.pictures)
        if kept := self.desk.now.states.get(self.name):
            self.bench.choices.show_plan(kept.plan)
        self._sides.adopt(study, self._bench_rankers(study))
        self._gains.adopt(self.pictures)
        self._query.ids = askable(study)

    def _begin(self, before: CompareState | None) -> CompareState:
        if before and (now := self._sides.as_now_called(before)):
            return now
        run = run_in(self.desk.now.states.values())
        left, right = self._sides.first_pair(self.study, run)
        if before:
            return dataclasses.replace(before, left=left, right=right)
        focus = focus_of(self.selection, self.study)
        first = int(self._query.ids[0]) if focus is None else focus
        state = CompareState.first((left, right), first, int(self.k.max))
        self._check(state)
        return state

    def _is_old(self) -> bool:
        return self._sides.is_old(self.study)

    def _both(self, view: CompareState) -> TwoRankings:
        rankers = self.rankers[view.left], self.rankers[view.right]
        return self._ranked(self.pictures, rankers, view.query, view.k)

    # -- what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        view = self.state
        self.bench.choices.show_plan(view.plan)
        self.asked.focus = view.query
        self._look_at(view.query)
        if self._changed("query", view.query):
            self.picked.focus = None
            self._query.show_alone(self.pictures, view.query)
        both = self._both(view)
        looked_at = dataclasses.replace(view, without=(), plan=None)
        if self._changed("results", (both.rankers, looked_at)):
            self._results.show(both)
        self._result.show(both, view.without)
        self._gains.show(both)
        self._say(both.headline)

    def _show_evaluated(self) -> None:
        both = self._both(self.state)
        if all(ranker.known() is not None for ranker in both.rankers):
            self._result.show_numbers(both)
        self._gains.show(both)

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: CompareState) -> None:
        view.check(self.rankers, len(self.study.dataset), int(self.k.max))
        _ = self._both(view).rankings

    def _at(self, value: CompareState, image: int) -> CompareState:
        return dataclasses.replace(value, query=image)

    def _ask_with(self, image: int) -> None:
        self._set(query=image)

    def _pointed(self, _: Any) -> None:
        if self.state.without:  # what was left out was of another pair
            self._change("pointing", lambda view: dataclasses.replace(view, without=()), step=False)
        else:
            self._worker.submit(
                "pointing", lambda: self._result.show(self._both(self.state), self.state.without)
            )
