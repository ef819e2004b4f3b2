"""Two ways to rank the same images for the same query, side by side, with what moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.rankers import Ranker
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.two_rankings import TwoRankings
from uhscm_core.support.checks import one_of, position, whole_number
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.layout import row
from widgets.kit.selection import Selection
from widgets.panels.bench import Bench
from widgets.panels.gains import GainsPanel
from widgets.panels.query import QueryPanel, askable
from widgets.panels.ranking_numbers import RankingNumbers
from widgets.panels.sides import SidesPanel
from widgets.panels.two_results import TwoResults
from widgets.panels.why import WhyPanel

__all__ = ["CompareExplorer"]


@dataclass(frozen=True)
class State:
    """What is compared.

    Attributes:
        left, right: names of the rankers.
        query: the image asked with.
        k: how many results are looked at.
        without: concepts left out of why the picked result is near.
    """

    left: str
    right: str
    query: int
    k: int = 30
    without: tuple[str, ...] = ()


class CompareExplorer(Explorer[State]):
    """Compare two rankings: two runs, two code lengths, UHSCM against ITQ, LSH or the features.

        from widgets import CompareExplorer
        CompareExplorer(study, others={"UHSCM, 16 bits": study.train(bits=16)})

    The first k of each side by side, with what came in, went out and moved; overlap and rank
    correlation; average precision where there are labels, and the queries that gain or lose most.
    The query itself is left out of its own results. Ranks within a tie are ranges, and what depends
    on the order within one is marked, see `uhscm_core.analysis.rankings`. The bench, in a tab of
    its own, trains settings with several seeds and says which differences are real.

    Args:
        study: trained or not; its runs on disk, the baselines and the cosines can be chosen too.
        others: trained studies of the same images by name.
        selection: of other views; its focus is the query.
    """

    state_type = State

    def __init__(
        self,
        study: Study | Desk,
        others: Mapping[str, Study] | None = None,
        selection: Selection | None = None,
    ) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study)
        self._memo: tuple[object, TwoRankings] | None = None  # what was ranked last, and for what
        self._sides = sides = SidesPanel(self.study, others, self._swap)
        self.left, self.right, self.k, self.swap = sides.left, sides.right, sides.k, sides.swap
        self._bind(left=self.left, right=self.right, k=self.k)
        self.ask = ipw.Button(
            description="Make the picked one the query", layout={"width": "230px"}
        )
        self.ask.on_click(lambda _: self._ask_picked())

        self.asked = Selection()  # of the galleries of queries
        self._watch(self.selection, self._focused, "focus")
        self.asked.observe(self._chosen, "focus")
        self._query = QueryPanel(
            self._ask_with,
            pictures,
            edge=112,
            height=136,
            seed=0,  # the same queries for everybody
            layout={"width": "150px"},
        )
        self.query = self._query.gallery
        self.random = self._query.random_button("A query at random")
        self._results = TwoResults(pictures, self._ask_with)
        self.results, self.picked = self._results.results, self._results.picked
        self.went_out, self.came_in, self.in_both = self._results.moves.values()
        self.picked.observe(self._pointed, "focus")
        self.numbers = RankingNumbers(
            layout={"flex": "1 1 300px", "min_width": "0", "padding": "0 0 0 12px"}
        )
        self._gains = GainsPanel(
            pictures,
            self.asked,
            lambda: self._worker.submit("showing what was evaluated", self._show_evaluated),
            self.status.fail,
        )
        self.better = self._gains.better
        self.why = WhyPanel(lambda names: self._set(without=names))
        self.bench = Bench(self.study, pictures, self.asked)
        looked_at = ipw.Tab(
            [self._results.moved, self._gains, self.why],
            titles=["What moved", "Gains and losses", "Why near"],
        )
        rankings = [
            self._bar(self.random, self.ask),
            self._sides,
            row(self._query, self.numbers),
            self._results,
            looked_at,
        ]
        self.tabs = ipw.Tab([ipw.VBox(rankings), self.bench], titles=["Two rankings", "Bench"])
        self.tabs.observe(self._opened, "selected_index")
        self._lay_out(self.tabs)
        self._refresh()

    def to_frame(self) -> pd.DataFrame:
        """What is among the first k of either side, see `uhscm_core.analysis.rankings.moves`.

        With the images' names, and where there are labels whether each ``matches`` the query's.
        """
        both = self._both(self.state)
        frame = both.moves.copy()
        images = frame["image"].to_numpy()
        frame.insert(1, "name", [self.pictures.names[i] for i in images])
        if self.study.dataset.labels is not None:
            frame["matches"] = both.matches(images)
        return frame

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

    @property
    def left_out(self) -> dict[str, str]:
        """Why each of the others cannot be compared, by name."""
        return self._sides.left_out

    def _adopt(self, study: Study) -> None:
        self._sides.adopt(study)
        self._memo = None
        self.pictures = self.pictures.in_study(study)
        self.bench.adopt(study, self.pictures)
        self._gains.adopt(self.pictures)
        self._query.ids = askable(study)

    def _begin(self, before: State | None) -> State:
        if before is not None and {before.left, before.right} <= self.rankers.keys():
            state = before
        elif before is not None:
            left, right = self._sides.first_pair(self.study)
            state = dataclasses.replace(before, left=left, right=right)
        else:
            focus = focus_of(self.selection, self.study)
            first = int(self._query.ids[0]) if focus is None else focus
            state = State(*self._sides.first_pair(self.study), first, min(30, int(self.k.max)))
        self._check(state)
        return state

    def _is_old(self) -> bool:
        return self._sides.is_old(self.study)

    def _both(self, view: State) -> TwoRankings:
        """Return the two rankings of a state; what is asked again at once is not ranked again."""
        asked = (view.left, view.right, view.query, view.k)
        if self._memo is None or self._memo[0] != asked:
            rankers = self.rankers[view.left], self.rankers[view.right]
            self._memo = asked, TwoRankings(self.pictures, rankers, view.query, view.k)
        return self._memo[1]

    # -- what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        view = self.state
        self.asked.focus = view.query
        self._look_at(view.query)
        if self._changed("query", view.query):
            self.picked.focus = None
            self._query.show_alone(self.pictures, view.query)
        both = self._both(view)
        if self._changed("results", dataclasses.replace(view, without=())):
            self._results.show(both)
        self._show_numbers()
        self._show_why()
        self._gains.show(both.rankers)
        self.status.summary = both.headline

    def _show_numbers(self) -> None:
        view, picked = self.state, self.picked.focus
        self.ask.disabled = picked is None or picked == view.query
        self.numbers.show_numbers(
            self._both(view), self._gains.evaluated, self._gains.why_not, picked
        )

    def _show_why(self) -> None:
        """Why the picked result is near the query, by this study's concepts and codes."""
        view, picked = self.state, self.picked.focus
        kept = self.study.kept_names
        without = tuple(name for name in view.without if name in kept)
        if not self._changed("why", (view.query, picked, without)):
            return
        if picked is None:
            self.why.clear("Click a result to see why it is near the query")
        else:
            self.why.show(self.pictures, view.query, picked, without=without)

    def _show_evaluated(self) -> None:
        rankers = self._both(self.state).rankers
        if all(ranker.known() is not None for ranker in rankers):
            self._show_numbers()
            self._gains.show(rankers)

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: State) -> None:
        one_of("left", view.left, self.rankers)
        one_of("right", view.right, self.rankers)
        position("query", view.query, len(self.study.dataset), "images of the dataset")
        whole_number("k", view.k, 1, int(self.k.max))
        if view.left == view.right:
            raise ValueError(f"{view.left} on both sides moves nothing: choose two of them")
        _ = self._both(view).rankings

    def _opened(self, change: dict[str, Any]) -> None:
        if change["new"] == 1:
            self.bench.reveal()

    def _at(self, value: State, image: int) -> State:
        return dataclasses.replace(value, query=image)

    def _chosen(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self._ask_with(change["new"])

    def _ask_with(self, image: int) -> None:
        self._set(query=image)

    def _swap(self) -> None:
        self._change(
            "swapping", lambda view: dataclasses.replace(view, left=view.right, right=view.left)
        )

    def _pointed(self, _: Any) -> None:
        if self.state.without:  # what was left out was of another pair
            self._change("pointing", lambda view: dataclasses.replace(view, without=()), step=False)
            return

        def job() -> None:
            self._show_numbers()
            self._show_why()

        self._worker.submit("pointing", job)

    def _ask_picked(self) -> None:
        if self.picked.focus is not None:
            self._set(query=int(self.picked.focus))
