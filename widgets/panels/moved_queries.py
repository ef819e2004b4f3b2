"""The queries that two settings of an experiment answer most differently."""

from __future__ import annotations

import pandas as pd

from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.numbers import difference
from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection

__all__ = ["MovedQueries"]

_QUERIES = 60  # of those that moved most


class MovedQueries(Gallery):
    """A gallery, the largest difference first.

    Args:
        pictures: of the queries.
        selection: whose focus is the query that was clicked last.
    """

    def __init__(self, pictures: StudyImages, selection: Selection) -> None:
        self._pictures = pictures
        super().__init__(pictures, [], selection=selection, edge=92, height=250)
        self.mark_words = ["A is better", "B is better"]

    def adopt(self, pictures: StudyImages) -> None:
        """Show no query, until some of these images are shown."""
        self._pictures = pictures
        self.show([], images=pictures)

    def show_moved(self, frame: pd.DataFrame) -> None:
        """Show what `uhscm_core.Experiment.queries` returns of two settings, A and B."""
        first = frame[frame["difference"] != 0].head(_QUERIES)
        rows = zip(first["query"], first["a"], first["b"], strict=True)
        captions = [
            f"A {a:.2f}, B {b:.2f}\naverage precision, a difference of {difference(a, b, 2)}\n"
            f"{self._pictures.caption(int(query))}"
            for query, a, b in rows
        ]
        better, worse = (int((sign * frame["difference"] > 0).sum()) for sign in (1, -1))
        self.show(
            first["query"].to_numpy(),
            captions=captions,
            marks=(first["difference"] > 0).tolist(),
            summary=f"A is better on {better:,} (✓) and B on {worse:,} (✗) of {len(frame):,} "
            "queries; those that moved most come first. A click makes one the query of "
            "Two rankings.",
        )
