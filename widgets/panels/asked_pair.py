"""A query and the result that is compared with it; or what the query alone is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection

import ipywidgets as ipw

from uhscm_core.analysis.answers import concepts_in_words
from uhscm_core.analysis.questions import Question
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.bars import Bars
from widgets.kit.stage import growing
from widgets.panels.pair import PairPanel

__all__ = ["AskedPair"]


class AskedPair(ipw.VBox):
    """The pair and why it is near; without a result, the query and a bar per concept of it.

    Args:
        pictures: to show from.
        leave_out: called with the names of all concepts that are to be left out.
    """

    def __init__(self, pictures: StudyImages, leave_out: Callable[[tuple[str, ...]], None]) -> None:
        self.pair = PairPanel(pictures, leave_out)
        self.parts = Bars(height=130, digits=3)
        growing(self.parts)
        super().__init__([self.pair, self.parts])

    def show(self, asked: Question, picked: int | None, without: Collection[str]) -> None:
        """Show a query and a result; None for no result."""
        pictures, said = asked.pictures, f"The query: {asked.name}"
        self.parts.layout.display = "" if picked is None else "none"
        if picked is None:
            self.pair.show_one(pictures, asked.image, said)
            self._show_parts(asked)
            return
        self.pair.show(
            pictures,
            asked.asked,
            picked,
            summary=f"{said}, and a result: {pictures.names[picked]}",
            without=without,
            flipped=asked.flipped,
            by_features=bool(asked.answer.cosines),
        )

    def _show_parts(self, asked: Question) -> None:
        q, names = asked.distribution, asked.pictures.study.kept_names
        order = q.argsort(descending=True, stable=True)
        self.parts.show(
            [names[c] for c in order],
            q[order],
            summary=f"Concepts of {asked.name}: {concepts_in_words(q, names)}{_unlike(asked)}",
        )


def _unlike(asked: Question) -> str:
    """Say of what is shown of concepts where something else ranks the results."""
    return "; not these, but features rank the results" if asked.answer.cosines else ""
