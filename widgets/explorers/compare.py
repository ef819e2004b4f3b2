"""Two ways to rank the same images for the same query, side by side, with what moved."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.rankers import CONCEPTS, FEATURES, Ranker, rankers_of
from uhscm_core.analysis.rankings import (
    Ranking,
    label_matches,
    moves,
    overlap_at,
    rank_biased_overlap,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.evaluation import Evaluated, evaluated_images
from uhscm_core.runs import read_runs
from uhscm_core.support.checks import one_of, position, whole_number
from widgets.background.worker import Worker
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer, focus_of
from widgets.kit.choice import Choice
from widgets.kit.field import Field
from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection
from widgets.kit.slider import Slider
from widgets.kit.table import Table
from widgets.kit.view import close_all
from widgets.kit.words import counted
from widgets.panels.bench import Bench
from widgets.panels.why import WhyPanel

__all__ = ["CompareExplorer"]

_MOST = 200  # results a side
_QUERIES = 60  # that gain or lose most, a side


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
        self._others, self._others_images = others, self.study.dataset.digest
        self.rankers: dict[str, Ranker] = {}
        self._ranked: Study | None = None
        self.pictures = pictures = StudyImages(self.study)
        self._precisions: list[tuple[float, float, float]] = []
        self._draw = np.random.default_rng(0)  # the same queries at random for everybody
        self.left = Choice("left", layout={"width": "330px"})
        self.right = Choice("right", layout={"width": "330px"})
        self.k = Slider("first", min=1, layout={"width": "280px"})
        self._controls: dict[str, Field] = {"left": self.left, "right": self.right, "k": self.k}
        for name, control in self._controls.items():
            self._follow_control(control, functools.partial(self._set_one, name))
        self.swap = _button("Swap", "exchange", 90, self._swap)
        self.random = _button("A query at random", "random", 160, self._ask_at_random)
        self.ask = _button("Make the picked one the query", "", 230, self._ask_picked)
        self.ask.disabled = True

        self.picked = Selection()  # pointed at in all galleries of results
        self.picked.observe(self._pointed, "focus")
        self.asked = Selection()  # of the galleries of queries
        self._watch(self.selection, self._focused, "focus")
        self.asked.observe(self._chosen, "focus")
        self.query = Gallery(pictures, [], edge=112, height=136)
        self.why = WhyPanel(lambda names: self._set(without=names))
        self.numbers = Table(
            layout={"flex": "1 1 300px", "min_width": "0", "padding": "0 0 0 12px"}
        )
        shown: dict[str, Any] = {
            "selection": self.picked,
            "edge": 92,
            "action": "Make it the query",
            "on_action": lambda image: self._set(query=image),
        }
        self.results = tuple(Gallery(pictures, [], height=150, **shown) for _ in range(2))
        self.went_out, self.came_in, self.in_both = (
            Gallery(pictures, [], height=250, **shown) for _ in range(3)
        )
        self.better = tuple(
            Gallery(pictures, [], selection=self.asked, edge=92, height=250) for _ in range(2)
        )
        # The table says what is still to come.
        self._evaluating = Worker(lambda _: None, self.status.fail)
        self._left_out = ipw.VBox([])
        self._unjudged = ipw.Label("")
        self._judged = _halves(*self.better)
        self.bench = Bench(self.study, pictures, self.asked)
        parts = [ipw.VBox(self._laid_out()), self.bench]
        self.tabs = ipw.Tab(parts, titles=["Two rankings", "Bench"])
        self.tabs.observe(self._opened, "selected_index")
        self._lay_out(self.tabs)
        self._refresh()

    def _laid_out(self) -> list[ipw.Widget]:
        gains = ipw.VBox([self._unjudged, self._judged])
        tabs = ipw.Tab(
            [ipw.VBox([_halves(self.went_out, self.came_in), self.in_both]), gains, self.why],
            titles=["What moved", "Gains and losses", "Why near"],
        )
        wrap = {"flex_flow": "row wrap"}
        buttons = [self._undo, self._redo, self._csv, self.random, self.ask]
        return [
            ipw.HBox(buttons, layout=wrap),
            ipw.HBox([self.left, self.swap, self.right, self.k], layout=wrap),
            self._left_out,
            ipw.HBox(
                [ipw.VBox([self.query], layout={"width": "150px"}), self.numbers], layout=wrap
            ),
            _halves(*self.results),
            tabs,
        ]

    def to_frame(self) -> pd.DataFrame:
        """What is among the first k of either side, see `uhscm_core.analysis.rankings.moves`.

        With the images' names, and where there are labels whether each ``matches`` the query's.
        """
        view = self.state
        frame = moves(*self._rankings(view), view.k)
        images = frame["image"].to_numpy()
        frame.insert(1, "name", [self.pictures.names[i] for i in images])
        if self.study.dataset.labels is not None:
            frame["matches"] = label_matches(self.study.dataset, view.query, images)
        return frame

    def close(self) -> None:
        """Close the explorer and stop evaluating."""
        if self.comm is not None:
            self._evaluating.stop()
        super().close()

    def wait(self) -> None:
        """Until what was asked for is shown, the evaluation of all queries too."""
        self._worker.wait()
        self._evaluating.wait()
        self._worker.wait()

    # -- what can be compared --------------------------------------------------------------------

    def _adopt(self, study: Study) -> None:
        database, queries = (study.dataset.splits[name] for name in ("database", "query"))
        if len(database) < 2:
            raise ValueError("a comparison needs at least two images in the database")
        handed = self._others if study.dataset.digest == self._others_images else None
        known = self.rankers if study is self._ranked else {}
        found, self.left_out = rankers_of(study, handed)
        self.rankers = {name: known.get(name, ranker) for name, ranker in found.items()}
        self._ranked, self._runs = study, read_runs(runs_folder(study))
        self.pictures = self.pictures.in_study(study)
        self.bench.adopt(study, self.pictures)
        self._askable = queries if len(queries) else database
        self._evaluated: Evaluated | None = None
        self._why_not = ""
        try:
            self._evaluated = evaluated_images(study.dataset)
        except ValueError as error:
            self._why_not = str(error)
        self.left.options = self.right.options = list(self.rankers)
        self.k.max = min(_MOST, len(database) - 1)
        said = [f"Left out: {name}, {why}." for name, why in self.left_out.items()]
        gone, self._left_out.children = self._left_out.children, [ipw.Label(s) for s in said]
        for label in gone:
            close_all(label)
        self._unjudged.value = f"{self._why_not}." if self._why_not else ""
        for shown, gone in ((self._unjudged, self._evaluated), (self._judged, self._why_not)):
            shown.layout.display = "none" if gone else ""

    def _begin(self, before: State | None) -> State:
        if before is not None and {before.left, before.right} <= self.rankers.keys():
            state = before
        elif before is not None:
            pair = self._first_pair(self._others or {})
            state = dataclasses.replace(before, left=pair[0], right=pair[1])
        else:
            focus = focus_of(self.selection, self.study)
            first = int(self._askable[0]) if focus is None else focus
            pair = self._first_pair(self._others or {})
            state = State(*pair, first, min(30, int(self.k.max)))
        self._check(state)
        return state

    def _is_old(self) -> bool:
        return [run.name for run in read_runs(runs_folder(self.study))] != [
            run.name for run in self._runs
        ]

    def _first_pair(self, others: Mapping[str, Study]) -> tuple[str, str]:
        """The study's own network, or else its features, and the first of the others, or ITQ."""
        names = list(self.rankers)
        network = self.study.network
        left = FEATURES if network is None or network.on_pixels else names[0]
        if handed := next((name for name in names if name in others), ""):
            return left, handed
        right = next(name for name in names if name.startswith("ITQ,"))
        try:
            self.rankers[right].vectors  # noqa: B018  (computed once)
        except ValueError:  # features that are all equal
            right = CONCEPTS
        return left, right

    def _rankings(self, view: State) -> tuple[Ranking, Ranking]:
        return self.rankers[view.left].rank(view.query), self.rankers[view.right].rank(view.query)

    # -- what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        view = self.state
        for name, control in self._controls.items():
            control.show(getattr(view, name))
        self.asked.focus = view.query
        self._look_at(view.query)
        if self._changed("query", view.query):
            self.picked.focus = None
            name = self.pictures.caption(view.query)
            self.query.show([view.query], captions=[f"query\n{name}"], summary="")
        rankings = self._rankings(view)
        if self._changed("results", dataclasses.replace(view, without=())):
            for side in (0, 1):
                self._show_results(side, rankings)
            self._show_moves(rankings)
        if self._changed("precisions", (view.left, view.right, view.query)):
            self._precisions = [self._precision(side) for side in (0, 1)]
        self._show_numbers()
        self._show_why()
        self._show_gains()
        self.status.summary = self._said(rankings)

    def _show_results(self, side: int, rankings: tuple[Ranking, Ranking]) -> None:
        view, here = self.state, rankings[side]
        rows = here.order[: view.k]
        images = here.items[rows]
        matches = label_matches(self.study.dataset, view.query, images)
        name = (view.left, view.right)[side]
        said = f"{name}: the first {view.k}"
        if known := [m for m in matches if m is not None]:
            said += f", {sum(known)} of them with a label of the query's"
        last = here.ranks.last[rows[-1]]
        if last > view.k:
            first = here.ranks.first[rows[-1]]
            said += (
                f"; the last {view.k + 1 - first} are of {last + 1 - first:,} at the same distance"
            )
        self.results[side].show(
            images,
            captions=[self._caption(rankings, side, int(row)) for row in rows],
            marks=matches,
            summary=said,
        )

    def _show_moves(self, rankings: tuple[Ranking, Ranking]) -> None:
        view = self.state
        frame = moves(*rankings, view.k)
        rows = {int(image): row for row, image in enumerate(rankings[0].items)}
        shown = (
            ("went out", self.went_out, 0, f"went out: among the first {view.k} on the left alone"),
            ("came in", self.came_in, 1, f"came in: among the first {view.k} on the right alone"),
            ("in both", self.in_both, 1, "are in both, the largest moves first"),
        )
        for change, gallery, side, words in shown:
            part = frame[frame["change"] == change]
            images = part["image"].to_numpy()
            captions = []
            for image, moved, certain in zip(images, part["moved"], part["certain"], strict=True):
                here = self._caption(rankings, side, rows[int(image)])
                captions.append(f"{_moved(moved)}{'' if certain else ' ~'}\n{here}")
            unsure = int((~part["certain"]).sum())
            said = f"{len(part)} {words}"
            if unsure:
                verb = "depends" if unsure == 1 else "depend"
                said += f"; {unsure} of these moves (~) {verb} on the order within a tie"
            gallery.show(
                images,
                captions=captions,
                marks=label_matches(self.study.dataset, view.query, images),
                summary=said,
            )

    def _caption(self, rankings: tuple[Ranking, Ranking], side: int, row: int) -> str:
        here, there = rankings[side], rankings[1 - side]
        where = ("left", "right")[1 - side]
        image = int(here.items[row])
        return (
            f"{self._place(here, side, row)}\n"
            f"on the {where} {self._place(there, 1 - side, row)}\n"
            f"{self.pictures.caption(image)}"
        )

    def _place(self, ranking: Ranking, side: int, row: int) -> str:
        """Such as "#3–9 · 4 bits": the ranks of its tie, and the distance."""
        first, last = ranking.ranks.first[row], ranking.ranks.last[row]
        rank = f"#{first}" if first == last else f"#{first}–{last}"
        distance = ranking.distances[row]
        if self._ranker(side).unit == "cosine":
            return f"{rank} · cos {1 - distance:.2f}".replace("-", "−")
        return f"{rank} · {counted(distance, 'bit')}"

    def _ranker(self, side: int) -> Ranker:
        return self.rankers[(self.state.left, self.state.right)[side]]

    def _show_numbers(self) -> None:
        view, dataset = self.state, self.study.dataset
        rankings = self._rankings(view)
        columns: dict[str, list[str]] = {"": [view.left, view.right]}
        notes = [self._why_not] if self._why_not else []
        if dataset.labels is not None and not dataset.labels[view.query].any():
            notes.append("this query has no label, so its average precision is unknown")
        elif dataset.labels is not None:
            notes.append("average precision (AP) is the mean over all orders of ties")
            for i, name in ((1, "AP of this query"), (0, "worst"), (2, "best")):
                columns[name] = [f"{values[i]:.3f}" for values in self._precisions]
        if self._evaluated:
            known = [self._ranker(side).known() for side in (0, 1)]
            means = ["…" if one is None else f"{one.mean():.3f}" for one in known]
            columns[f"mAP of {len(self._evaluated.queries):,} queries"] = means
            notes += self._evaluated.notes
        picked = self.picked.focus
        where = np.flatnonzero(rankings[0].items == picked)
        if picked is not None and where.size:
            row = int(where[0])
            places = [self._place(rankings[side], side, row) for side in (0, 1)]
            columns[f"picked: {self.pictures.names[picked]}"] = places
        self.ask.disabled = picked is None or picked == view.query
        self.numbers.show(
            pd.DataFrame(columns),
            marks=["L", "R"],
            summary=(
                "".join(f"{note[0].upper()}{note[1:]}. " for note in notes)
                + "Click an image to see its rank on both sides."
            ),
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

    def _precision(self, side: int) -> tuple[float, float, float]:
        """Worst, expected and best of this query; NaN where it has no label."""
        ranker, query = self._ranker(side), self.state.query
        labels = self.study.dataset.labels
        if labels is None or not labels[query].any():
            return (np.nan,) * 3
        worst, expected, best = (
            ranker.average_precision(query, ties) for ties in ("worst", "expected", "best")
        )
        return worst, expected, best

    def _show_gains(self) -> None:
        """The queries that one side answers better, or have them evaluated first."""
        view = self.state
        if not self._evaluated:
            return
        left, right = self.rankers[view.left], self.rankers[view.right]
        before, after = left.known(), right.known()
        if before is None or after is None:
            for gallery in self.better:
                gallery.show([], summary="The queries are being evaluated …")
            self._drawn["gains"] = None
            self._evaluating.submit("evaluating all queries", lambda: self._evaluate(left, right))
            return
        if not self._changed("gains", (view.left, view.right)):
            return
        queries = self._evaluated.queries
        gain = after - before
        for side, sign in ((0, -1), (1, 1)):
            order = np.argsort(-sign * gain, kind="stable")
            better = order[sign * gain[order] > 0]
            first = better[:_QUERIES]
            name = (view.left, view.right)[side]
            said = f"{len(better):,} of {len(queries):,} queries are answered better by {name}"
            self.better[side].show(
                queries[first],
                captions=[
                    f"{before[i]:.2f} → {after[i]:.2f}\naverage precision, left and right\n"
                    f"{self.pictures.caption(int(queries[i]))}"
                    for i in first
                ],
                summary=f"{said}; click one to ask with it" if len(better) else said,
            )

    def _evaluate(self, left: Ranker, right: Ranker) -> None:
        left.average_precisions()
        right.average_precisions()
        self._worker.submit("showing what was evaluated", self._show_evaluated)

    def _show_evaluated(self) -> None:
        if all(self._ranker(side).known() is not None for side in (0, 1)):
            self._show_numbers()
            self._show_gains()

    def _said(self, rankings: tuple[Ranking, Ranking]) -> str:
        view = self.state
        one, other = rankings[0].ranks, rankings[1].ranks
        overlap = overlap_at(one, other, view.k)
        rbo = rank_biased_overlap(one, other, view.k)
        return (
            f"{view.left} and {view.right} share {overlap:.0%} of their first {view.k} for "
            f"{self.pictures.names[view.query]}; rank-biased overlap {rbo:.2f}"
        )

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: State) -> None:
        one_of("left", view.left, self.rankers)
        one_of("right", view.right, self.rankers)
        position("query", view.query, len(self.study.dataset), "images of the dataset")
        whole_number("k", view.k, 1, int(self.k.max))
        if view.left == view.right:
            raise ValueError(f"{view.left} on both sides moves nothing: choose two of them")
        self._rankings(view)

    def _opened(self, change: dict[str, Any]) -> None:
        if change["new"] == 1:
            self.bench.reveal()

    def _set_one(self, name: str, value: Any) -> None:
        self._set(**{name: value})

    def _set(self, **changes: Any) -> None:
        if any(getattr(self.state, name) != value for name, value in changes.items()):
            name = next(iter(changes))
            self._change(
                f"changing {name}",
                lambda view: dataclasses.replace(view, **changes),
                at=self._controls.get(name),
            )

    def _at(self, value: State, image: int) -> State:
        return dataclasses.replace(value, query=image)

    def _chosen(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self._set(query=change["new"])

    def _swap(self) -> None:
        self._change(
            "swapping", lambda view: dataclasses.replace(view, left=view.right, right=view.left)
        )

    def _ask_at_random(self) -> None:
        self._set(query=int(self._draw.choice(self._askable)))

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


def _button(words: str, icon: str, width: int, pressed: Callable[[], None]) -> ipw.Button:
    made = ipw.Button(description=words, icon=icon, layout={"width": f"{width}px"})
    made.on_click(lambda _: pressed())
    return made


def _halves(left: ipw.Widget, right: ipw.Widget) -> ipw.HBox:
    """Side by side, one below the other where there is no room for both."""
    layout = {"flex": "1 1 47%", "min_width": "min(340px, 100%)", "padding": "0 6px 0 0"}
    parts = [ipw.VBox([one], layout=layout) for one in (left, right)]
    return ipw.HBox(parts, layout={"flex_flow": "row wrap"})


def _moved(ranks: float) -> str:
    """Such as "↑ 54": nearer on the right by so many ranks."""
    if ranks == 0:
        return "= 0"
    number = f"{abs(ranks):,.1f}".removesuffix(".0")
    return f"{'↑' if ranks > 0 else '↓'} {number}"
