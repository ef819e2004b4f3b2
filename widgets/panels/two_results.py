"""The results of two rankings side by side, and what moved between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.two_rankings import TwoRankings
from widgets.kit.gallery import Gallery
from widgets.kit.layout import halves
from widgets.kit.selection import Selection
from widgets.kit.stage import growing

__all__ = ["TwoResults"]

# What moved: the side whose caption is shown, words with the number of results, and the unit of
# the moves.
_MOVES = {
    "went out": (0, "went out: in the top {} on the left only", "↓ ranks lost"),
    "came in": (1, "came in: in the top {} on the right only", "↑ ranks gained"),
    "in both": (1, "are in both, the largest moves first", "↑ ranks gained, ↓ lost"),
}


class TwoResults(ipw.VBox):
    """The first k of each side; `moved` and `both` stand elsewhere: what one side has, or both.

    Args:
        pictures: to show from.
        ask: called with the image that is to be the query.
    """

    def __init__(self, pictures: StudyImages, ask: Callable[[int], object]) -> None:
        self.picked = Selection()
        """The result that is pointed at, in all galleries."""
        shown: dict[str, Any] = {
            "selection": self.picked,
            "edge": 92,
            "action": "Make it the query",
            "on_action": ask,
        }
        self.results = tuple(Gallery(pictures, [], height=150, **shown) for _ in range(2))
        self.moves = {change: Gallery(pictures, [], height=250, **shown) for change in _MOVES}
        went_out, came_in, in_both = self.moves.values()
        growing(*self.results, *self.moves.values())
        self.moved, self.both = halves(went_out, came_in), in_both
        super().__init__([halves(*self.results)])

    def show(self, both: TwoRankings) -> None:
        """Replace what is shown."""
        for side, gallery in enumerate(self.results):
            images = both.first(side)
            gallery.show(
                images,
                images=both.pictures,
                captions=[both.caption(side, int(image)) for image in images],
                marks=both.matches(images),
                summary=both.summary(side),
            )
        for change in _MOVES:
            self._show_moves(both, change)

    def _show_moves(self, both: TwoRankings, change: str) -> None:
        side, words, unit = _MOVES[change]
        part = both.moves[both.moves["change"] == change]
        images = part["image"].to_numpy()
        said = f"{len(part)} {words.format(both.k)}" + f"; {unit}" * bool(len(part))
        if unsure := int((~part["certain"]).sum()):
            verb = "depends" if unsure == 1 else "depend"
            said += f"; {unsure} of these moves (~) {verb} on the order within a tie"
        marks = both.matches(images)
        if any(mark is not None for mark in marks):
            said += "; ✓ shares a label with the query"
        self.moves[change].show(
            images,
            images=both.pictures,
            captions=[
                f"{_moved(moved)}{'' if certain else ' ~'}\n{both.caption(side, int(image))}"
                for image, moved, certain in zip(
                    images, part["moved"], part["certain"], strict=True
                )
            ],
            marks=marks,
            summary=said,
        )


def _moved(ranks: float) -> str:
    """Such as "↑ 54": nearer on the right by so many ranks."""
    if ranks == 0:
        return "= 0"
    number = f"{abs(ranks):,.1f}".removesuffix(".0")
    return f"{'↑' if ranks > 0 else '↓'} {number}"
