"""One query, and what a network finds for it while it learns."""

from __future__ import annotations

import time
from collections.abc import Callable

import ipywidgets as ipw
import numpy as np

from uhscm_core import Study, semantic_similarity
from widgets.background.session_runs import SessionRuns
from widgets.background.snapshot import Snapshot
from widgets.kit.gallery import Gallery
from widgets.kit.gestures import Gestures
from widgets.kit.layout import brief
from widgets.kit.stage import growing
from widgets.kit.words import counted

__all__ = ["PinnedQuery"]

_SECONDS = 1.0  # between two galleries while a run is running


class PinnedQuery(ipw.HBox):
    """The pinned image, and its nearest among the validation images.

    Args:
        runs: of the study.
        pin: called with an image that was clicked, or drawn by chance.
        gestures: which make the button.
    """

    def __init__(self, runs: SessionRuns, pin: Callable[[int], None], gestures: Gestures) -> None:
        self._runs, self._pin, self._gestures = runs, pin, gestures
        self._drawn: object = None
        self._drawn_at = 0.0
        self.image = 0
        """The pinned image."""
        self.query = Gallery([], [], edge=44, height=84)
        self.results = Gallery([], [], edge=52, height=86)
        growing(self.results)
        self.results.selection.on_focus(self._clicked)
        self.other = gestures.button("Another query", "random", self._another)
        brief(self.other)
        as_wide_as_its_words = {"width": "min-content", "min_width": "134px"}
        super().__init__(
            [
                ipw.VBox([self.query, self.other], layout=as_wide_as_its_words),
                ipw.VBox([self.results], layout={"flex": "1 1 0"}),
            ]
        )
        self.add_class("uhscm-pinned")

    def adopt(self, runs: SessionRuns) -> None:
        """Ask about the images of the study of these runs."""
        self._runs, self._drawn, self._drawn_at = runs, None, 0.0
        self.image = int(runs.validation.ids[0])
        for gallery in (self.query, self.results):
            gallery.show([], images=runs.study.dataset.images)

    def show(self, snapshot: Snapshot | None, study: Study) -> None:
        """Show what a network finds at one moment, unless it is in view; None for nothing.

        Args:
            snapshot: of a network.
            study: that it was trained on.
        """
        runs = self._runs
        if snapshot is None:
            if self._drawn != "nothing":
                self._drawn = "nothing"
                said = "The pinned query's nearest images appear with a run"
                self.results.show([], summary=said)
            return
        pinned = snapshot.pinned
        if self.query.ids.tolist() != [pinned]:
            said = "\n".join(study.dataset.labels_of(pinned)) if runs.by_labels else ""
            self.query.show([pinned], captions=[said], summary="The pinned query")
        found = (pinned, snapshot.results.tolist(), snapshot.distances.tolist())
        if self._drawn == found or not len(snapshot.results):
            return
        now = time.monotonic()
        if runs.running is not None and now - self._drawn_at < _SECONDS:
            return  # thumbnails are most of what is sent; the last ones are sent in any case
        self._drawn, self._drawn_at = found, now
        q = study.distribution
        similar = semantic_similarity(q[pinned][None], q[snapshot.results])[0].tolist()
        captions = [
            f"{counted(d, 'bit')}\nS = {s:.2f}, by concepts"
            for d, s in zip(snapshot.distances.tolist(), similar, strict=True)
        ]
        marks, tail = None, ""
        if study.dataset.labels is not None:
            mine = set(study.dataset.labels_of(pinned))
            marks = [bool(mine & set(study.dataset.labels_of(int(i)))) for i in snapshot.results]
            tail = f"; {sum(marks)} of {len(marks)} share a label"
        last = int(snapshot.distances[-1])
        shown = int((snapshot.distances == last).sum())
        if snapshot.tied > shown:
            tail += f"; the last {shown} are of {snapshot.tied:,} at {counted(last, 'bit')}"
        self.results.show(
            snapshot.results,
            captions=captions,
            marks=marks,
            summary=f"Nearest of {len(runs.validation.ids):,} validation images{tail}. "
            "Click one to pin it.",
        )

    def _clicked(self, image: int) -> None:
        self.results.selection.focus = None
        self._gestures.do(lambda: self._pin(image))

    def _another(self) -> None:
        ids = self._runs.validation.ids
        self._pin(int(np.random.default_rng(time.time_ns()).choice(ids)))
