"""How similar images are in pairs, as a square of colors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt

from uhscm_core.analysis.pairs import FEATURES, ordered, ranks, similarities
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.grid import Grid
from widgets.kit.stage import growing

__all__ = ["HeatmapPanel"]


class HeatmapPanel(ipw.VBox):
    """The similarity of each pair by one measure, or where two measures rank pairs differently.

    Args:
        pick: called with the two images of the cell that was clicked.
        edge: of the square in CSS pixels.
    """

    def __init__(self, pick: Callable[[tuple[int, int]], object], *, edge: int) -> None:
        self.grid = Grid(edge=edge)
        growing(self.grid)
        self._pick = pick
        self.grid.selection.observe(self._picked, "ids")
        super().__init__([self.grid])

    def show(
        self,
        pictures: StudyImages,
        ids: npt.NDArray[np.int64],
        source: str,
        *,
        order: str,
        minus: str = "",
        label: str,
        summary: str,
    ) -> None:
        """Replace what is shown.

        Args:
            pictures: whose ids these are.
            ids: the n images.
            source: what makes images similar.
            order: what the images are ordered and grouped by.
            minus: another measure, whose ranks of pairs are subtracted; empty for none.
            label: what the numbers are called, unless they are differences.
            summary: one sentence about what is shown.
        """
        values = similarities(pictures, ids, source)  # (n, n)
        places, groups = ordered(pictures, ids, order, values)
        shown: dict[str, Any] = {"label": label}
        if minus:
            values = ranks(values) - ranks(similarities(pictures, ids, minus))
            shown = {"label": "difference of ranks", "diverging": True}
        elif source == FEATURES:  # cosines of features are large throughout
            shown["low"] = min(float(values.min()), 0.99)
        self.grid.show(
            values[np.ix_(places, places)],
            ids[places],
            images=pictures,
            groups=groups,
            summary=summary,
            **shown,
        )

    def mark(self, i: int, j: int) -> None:
        """Mark a pair, if it is shown."""
        ids = self.grid.ids
        self.grid.cell = (ids.index(i), ids.index(j)) if {i, j} <= set(ids) else None

    def _picked(self, change: dict[str, Any]) -> None:
        if len(change["new"]) == 2:
            self._pick(change["new"])
