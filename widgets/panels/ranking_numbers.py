"""The figures of two rankings in a table, and where the picked image stands in both."""

from __future__ import annotations

import pandas as pd

from uhscm_core.analysis.two_rankings import TwoRankings
from uhscm_core.evaluation import Evaluated
from widgets.kit.table import Table

__all__ = ["RankingNumbers"]


class RankingNumbers(Table):
    """Average precision of the query with its bounds, the mean over all queries, and ranks."""

    def show_numbers(
        self, both: TwoRankings, evaluated: Evaluated | None, why_not: str, picked: int | None
    ) -> None:
        """Replace what is shown.

        Args:
            both: the query and its rankings.
            evaluated: the queries of the mean; None where they cannot be evaluated.
            why_not: why not.
            picked: the image that is pointed at; None for none.
        """
        columns: dict[str, list[str]] = {"": [ranker.name for ranker in both.rankers]}
        notes = [why_not] if why_not else []
        if both.precisions is not None:
            notes.append("average precision (AP) is the mean over all orders of ties")
            for i, name in ((1, "AP of this query"), (0, "worst"), (2, "best")):
                columns[name] = [f"{values[i]:.3f}" for values in both.precisions]
        elif both.pictures.study.dataset.labels is not None:
            notes.append("this query has no label, so its average precision is unknown")
        if evaluated is not None:
            known = [ranker.known() for ranker in both.rankers]
            means = ["…" if one is None else f"{one.mean():.3f}" for one in known]
            columns[f"mAP of {len(evaluated.queries):,} queries"] = means
            notes += evaluated.notes
        if picked is not None and both.has(picked):
            places = [both.place(side, picked) for side in (0, 1)]
            columns[f"picked: {both.pictures.names[picked]}"] = places
        self.show(
            pd.DataFrame(columns),
            marks=["L", "R"],
            summary=(
                "".join(f"{note[0].upper()}{note[1:]}. " for note in notes)
                + "Click an image for its two ranks."
            ),
        )
