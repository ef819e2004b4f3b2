"""Which of two rankings answers the queries better, whether that is real, and which queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as ipw
import numpy as np

from uhscm_core.analysis.rankers import Ranker
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.two_rankings import TwoRankings
from uhscm_core.evaluation import Evaluated, evaluated_images
from widgets.background.long_running import Stopped
from widgets.background.worker import Worker
from widgets.kit.gallery import Gallery
from widgets.kit.layout import halves
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.states.bench import Plan

__all__ = ["GainsPanel"]

_BEING = "The queries are being evaluated …"
_NOT = "Evaluating the queries was canceled: choose another ranking, or these again"
_QUERIES = 60  # that gain or lose most, a side
_TRAINS = "Train both with several seeds, which tells what is real"
_DONE = "The Bench has trained both with several seeds"
_SAME = "The Bench cannot try both, because they are one setting."
_OTHER = (
    "The Bench cannot try both, because it varies only the method, recipe, template, bits, epochs "
    "and λ."
)


class GainsPanel(ipw.VBox):
    """A sentence and a gallery per side; all queries are evaluated first, in the background.

    Args:
        pictures: to show from.
        asked: its focus is the query, which a click changes.
        known: called when the queries have been evaluated, or that was canceled, in another thread.
        worker: evaluates them, and nothing else.
        train: called with the plan of a bench that trains both with several seeds.
        settled: returns what several seeds of both rankings have shown; empty where there are none.
    """

    def __init__(
        self,
        pictures: StudyImages,
        asked: Selection,
        known: Callable[[], object],
        worker: Worker,
        train: Callable[[Plan], object],
        settled: Callable[[Sequence[Ranker]], str],
    ) -> None:
        self._settled = settled
        self.better = tuple(
            Gallery(pictures, [], selection=asked, edge=92, height=192) for _ in range(2)
        )
        growing(*self.better)
        self.evaluated: Evaluated | None = None
        """The queries and what they are evaluated on; None where that cannot be."""
        self.why_not = ""
        """Why they cannot be evaluated."""
        self._known = known
        self._shown: tuple[Ranker, Ranker] | None = None
        self._canceled: tuple[Ranker, Ranker] | None = None
        self._worker = worker
        self._said = ipw.Label(layout={"flex": "1 1 0"})
        self._said.add_class("uhscm-note")
        self._plan: Plan | None = None
        self.bench = ipw.Button(description="Try both in the Bench", layout={"width": "auto"})
        self.bench.on_click(lambda _: train(self._plan) if self._plan else None)
        self._both = halves(*self.better)
        super().__init__([ipw.HBox([self._said, self.bench]), self._both])

    def adopt(self, pictures: StudyImages) -> None:
        """Show another study from now on."""
        self._pictures, self._shown = pictures, None
        self.evaluated, self.why_not = None, ""
        try:
            self.evaluated = evaluated_images(pictures.study.dataset)
        except ValueError as error:
            self.why_not = str(error)
        self._said.value = f"{self.why_not}." if self.why_not else ""
        self._both.layout.display = self.bench.layout.display = "none" if self.why_not else ""

    def show(self, both: TwoRankings) -> None:
        """Show what each side answers better, or have the queries evaluated first."""
        if self.evaluated is None:
            return
        rankers = both.rankers
        settled = self._settled(rankers)
        settings = [ranker.setting for ranker in rankers]
        self._plan = None if settled else Plan.of_two(settings, self._pictures.study)
        one = bool(settings[0]) and settings[0] == settings[1]
        why_not = "" if self._plan or settled else _SAME if one else _OTHER
        said = settled or both.verdict()
        self._said.value = f"{said} {why_not}".strip() if said else ""
        self.bench.disabled = self._plan is None
        self.bench.tooltip = _TRAINS if self._plan else why_not or _DONE
        before, after = (ranker.known() for ranker in rankers)
        if rankers != self._canceled:
            self._canceled = None  # who comes back to them may have it
        if before is None or after is None:
            self._shown = None
            for gallery in self.better:
                gallery.show([], summary=_NOT if self._canceled else _BEING)
            if self._canceled is None:
                self._worker.submit("evaluating all queries", lambda: self._evaluate(rankers))
            return
        if self._shown == rankers:
            return
        self._shown = rankers
        queries, gain = self.evaluated.queries, after - before
        for gallery, ranker, sign in zip(self.better, rankers, (-1, 1), strict=True):
            order = np.argsort(-sign * gain, kind="stable")
            better = order[sign * gain[order] > 0]
            first = better[:_QUERIES]
            said = f"{len(better):,} of {len(queries):,} queries have a higher AP with "
            gallery.show(
                queries[first],
                images=self._pictures,
                captions=[
                    f"L {before[i]:.2f}, R {after[i]:.2f}\naverage precision, left and right\n"
                    f"{self._pictures.caption(int(queries[i]))}"
                    for i in first
                ],
                summary=said + ranker.name + "; click one to ask with it" * bool(len(better)),
            )

    def wait(self) -> None:
        """Block until the queries are evaluated."""
        self._worker.wait()

    def close(self) -> None:
        """Close the panel and stop evaluating."""
        self._worker.stop()
        super().close()

    def _evaluate(self, rankers: tuple[Ranker, Ranker]) -> None:
        try:
            for ranker in rankers:
                ranker.average_precisions()
        except Stopped:
            self._canceled = rankers
            self._known()
            raise
        self._known()
