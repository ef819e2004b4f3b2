"""Results on shelves by distance, and how many of them a radius takes in."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt

from uhscm_core import Study
from uhscm_core.analysis.answers import Answer
from uhscm_core.analysis.questions import Question, mean_curve
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.choice import Choice
from widgets.kit.layout import later
from widgets.kit.radius import Radius
from widgets.kit.shelves import Shelves
from widgets.kit.stage import growing
from widgets.kit.words import counted
from widgets.states.retrieval import ORDERS

__all__ = ["ShelvedResults"]


class ShelvedResults(ipw.VBox):
    """A shelf per distance, all images of a shelf tied.

    `radius`, precision and recall by radius, stands elsewhere; `by`, what answers a text, above.

    Args:
        pictures: to show from.
        pick: called with the image that was clicked.
        like: called with the image to ask for more like it.
        move: called with the radius that was moved to.
    """

    def __init__(
        self,
        pictures: StudyImages,
        pick: Callable[[int], object],
        like: Callable[[int], object],
        move: Callable[[int], object],
    ) -> None:
        self.shelves = Shelves(
            pictures, edge=84, height=480, action="More like this", on_action=like
        )
        self.radius = Radius()
        self.by = Choice("answered by", ORDERS, label_width="90px", layout={"width": "280px"})
        later(self.by)
        self._mean: npt.NDArray[np.float64] | None = None  # (2, L + 1), of all queries
        self._mean_of = ""  # in words
        self._asked: Question | None = None
        self._limit = 0
        self._measured: tuple[object, ...] = ()
        growing(self.shelves)
        self.shelves.selection.on_focus(pick)
        self.radius.observe(lambda change: move(change["new"]), "radius")
        super().__init__([self.by, self.shelves])

    def adopt(self) -> None:
        """Show another study from now on, whose mean curve is not known yet."""
        self._mean = None

    def show(self, asked: Question, limit: int, picked: int | None) -> None:
        """Show the answer to a question.

        Args:
            asked: the same object while the question is the same: it is not drawn again then.
            limit: the largest level within the radius.
            picked: the result that is looked at.
        """
        self.by.layout.display = None if asked.image is None else "none"
        until = sum(level <= limit for level, _, _ in asked.answer.shelves())
        if asked is not self._asked:
            self._asked = asked
            self._show_shelves(asked.pictures, asked.answer, until)
        self.shelves.until = until
        self.shelves.selection.focus = picked
        self._limit = limit
        self._measure(asked)

    def evaluate(self, study: Study) -> None:
        """Find the mean precision and recall of all queries of a study, and show them."""
        try:
            self._mean, self._mean_of = mean_curve(study)
        except ValueError:
            return  # each query says that it has no label
        if self._asked is not None and self._asked.pictures.study is study:
            self._measure(self._asked)

    def _measure(self, asked: Question) -> None:
        """Show precision and recall of an answer, whose mean may be known by now."""
        key = (asked, self._limit, self._mean is None)
        if self._measured == key:
            return
        self._measured = key
        answer, within = asked.answer, asked.answer.within()
        self.radius.show(
            [answer.named(level) for level in range(answer.levels)],
            within.found,
            within.matches,
            radius=self._limit,
            mean=None if answer.by_text or answer.match is None else self._mean,
            mean_of=self._mean_of,
            summary=asked.judgement,
        )

    def _show_shelves(self, pictures: StudyImages, answer: Answer, until: int) -> None:
        shelves = answer.shelves()
        words = []
        for level, start, stop in shelves:
            lines = [answer.named(level), counted(stop - start, "image")]
            if answer.match is not None:
                lines.append(f"✓ {int(answer.match[start:stop].sum()):,} match")
            if stop - start > 1 and not answer.by_text:
                lines.append("= tied")
            words.append(lines)
        said = "Click a result to compare it, ≈ to ask for more like it."
        if not answer.by_text:
            said += " A shelf holds all images at one distance, tied: none is before another."
        elif left_out := len(pictures.study.dataset.splits["query"]):
            said += f" No search finds the {counted(left_out, 'image')} kept as queries."
        self.shelves.show_shelves(
            answer.ids,
            [start for _, start, _ in shelves],
            words,
            images=pictures,
            captions=pictures.caption,
            marks=answer.match,
            summary=said,
            until=until,
        )
