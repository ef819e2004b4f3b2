"""One query ranked in two ways, and what there is to say of both."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from uhscm_core.analysis.rankers import Ranker
from uhscm_core.analysis.rankings import (
    Ids,
    Ranking,
    label_matches,
    moves,
    overlap_at,
    rank_biased_overlap,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.experiments.sentences import sentence
from uhscm_core.experiments.statistics import Sample, estimate_difference
from uhscm_core.support.numbers import real

__all__ = ["TwoRankings"]

_SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class TwoRankings:
    """A query and two rankings of the database. Nothing is computed before it is asked for.

    Attributes:
        pictures: the images.
        rankers: of the left and of the right side.
        query: an image of the dataset.
        k: how many results are looked at.
    """

    pictures: StudyImages
    rankers: tuple[Ranker, Ranker]
    query: int
    k: int

    @functools.cached_property
    def rankings(self) -> tuple[Ranking, Ranking]:
        """The database, without the query, on each side."""
        left, right = self.rankers
        return left.rank(self.query), right.rank(self.query)

    @functools.cached_property
    def precisions(self) -> list[tuple[float, float, float]] | None:
        """Worst, expected and best average precision on each side; None without a label."""
        labels = self.pictures.study.dataset.labels
        if labels is None or not labels[self.query].any():
            return None
        return [
            (
                ranker.average_precision(self.query, "worst"),
                ranker.average_precision(self.query, "expected"),
                ranker.average_precision(self.query, "best"),
            )
            for ranker in self.rankers
        ]

    @functools.cached_property
    def moves(self) -> pd.DataFrame:
        """What is among the first k of either side, see `uhscm_core.analysis.rankings.moves`."""
        return moves(*self.rankings, self.k)

    def to_frame(self) -> pd.DataFrame:
        """Return the moves with the images' names, and whether each ``matches`` the query's labels.

        Without labels there is no such column.
        """
        frame = self.moves.copy()
        images = frame["image"].to_numpy()
        frame.insert(1, "name", [self.pictures.names[image] for image in images])
        if self.pictures.study.dataset.labels is not None:
            frame["matches"] = self.matches(images)
        return frame

    def first(self, side: int) -> Ids:
        """Return the first k images of a side."""
        return self.rankings[side].first(self.k)

    def matches(self, images: Ids) -> list[bool | None]:
        """Tell whether each image shares a label with the query; None where that is unknown."""
        return label_matches(self.pictures.study.dataset, self.query, images)

    def place(self, side: int, image: int) -> str:
        """Return such as ``"#3–9 · 4 bits"``: the ranks of an image's tie, and its distance."""
        ranking, row = self.rankings[side], self._row[image]
        first, last = ranking.ranks.first[row], ranking.ranks.last[row]
        rank = f"#{first}" if first == last else f"#{first}–{last}"
        distance = ranking.distances[row]
        if self.rankers[side].unit == "cosine":
            return f"{rank} · cos {real(1 - distance, 2)}"
        return f"{rank} · {distance:,} bit{'' if distance == 1 else 's'}"

    def caption(self, side: int, image: int) -> str:
        """Return where an image stands on a side and on the other, and its name."""
        other = 1 - side
        return (
            f"{self.place(side, image)}\n"
            f"on the {_SIDES[other]} {self.place(other, image)}\n"
            f"{self.pictures.caption(image)}"
        )

    def summary(self, side: int) -> str:
        """Return what the first k of a side are, in a sentence."""
        k, ranking = self.k, self.rankings[side]
        said = f"{self.rankers[side].name}: the first {k}"
        if known := [match for match in self.matches(self.first(side)) if match is not None]:
            said += f", {sum(known)} of them (✓) with a label of the query's"
        row = ranking.order[:k][-1]
        first, last = ranking.ranks.first[row], ranking.ranks.last[row]
        if last > k:
            said += f"; the last {k + 1 - first} are of {last + 1 - first:,} at the same distance"
        return said

    @property
    def headline(self) -> str:
        """How much the two sides agree, in a sentence."""
        left, right = self.rankings[0].ranks, self.rankings[1].ranks
        return (
            f"{self.rankers[0].name} and {self.rankers[1].name} share "
            f"{overlap_at(left, right, self.k):.0%} of their first {self.k} for "
            f"{self.pictures.names[self.query]}, and "
            f"{rank_biased_overlap(left, right, self.k):.0%} where the first ones count most"
        )

    def verdict(self) -> str:
        """Say which side answers all queries better, and whether it would again; empty if unknown.

        A side is one training, or a baseline drawn once: what another seed would change is not
        known, and that is said. Only two cosines, which draw nothing, are told apart for good.
        """
        left, right = (ranker.known() for ranker in self.rankers)
        if left is None or right is None:
            return ""
        samples = [
            Sample(values[None], (0,) if ranker.unit == "bits" else ())
            for values, ranker in ((right, self.rankers[1]), (left, self.rankers[0]))
        ]
        share = float((right - left > 0).mean())
        means = float(right.mean()), float(left.mean())
        return sentence("R", "L", estimate_difference(*samples), share, means)

    def has(self, image: int) -> bool:
        """Return whether an image is in the rankings; the query is not."""
        return 0 <= image < len(self._row) and bool(self._row[image] >= 0)

    @functools.cached_property
    def _row(self) -> Ids:
        """The position of each image in the rankings; -1 for others."""
        items = np.asarray(self.rankings[0].items)
        rows = np.full(int(items.max(initial=-1)) + 1, -1)
        rows[items] = np.arange(len(items))
        return rows
