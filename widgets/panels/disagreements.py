"""The pairs of images that two measures of similarity disagree on most."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as ipw
import numpy as np
import pandas as pd

from uhscm_core.analysis.pairs import CONCEPTS, FEATURES, disagreements
from uhscm_core.analysis.study_images import ImagePairs, StudyImages
from widgets.kit.gallery import Gallery
from widgets.kit.stage import growing

__all__ = ["Disagreements"]


class Disagreements(ipw.VBox):
    """A gallery of pairs, the largest disagreement first.

    Args:
        pictures: to show from.
        pick: called with the two images of the pair that was clicked.
    """

    def __init__(self, pictures: StudyImages, pick: Callable[[tuple[int, int]], object]) -> None:
        self.gallery = Gallery(pictures, [], edge=112, height=480)
        growing(self.gallery)
        self._pick = pick
        self._pairs = pd.DataFrame()
        self.gallery.selection.on_focus(self._picked)
        super().__init__([self.gallery])

    def show(
        self,
        pictures: StudyImages,
        ids: Sequence[int],
        measures: tuple[str, str] = (CONCEPTS, FEATURES),
    ) -> None:
        """Replace what is shown.

        Args:
            pictures: whose ids these are.
            ids: the images whose pairs are compared.
            measures: the two.
        """
        table = self._pairs = disagreements(pictures, np.asarray(ids), *measures)
        one, other = table.columns[2:4]
        pairs = list(zip(table["i"].tolist(), table["j"].tolist(), strict=True))
        self.gallery.selection.focus = None
        self.gallery.show(
            range(len(pairs)),
            images=ImagePairs(pictures, pairs),
            captions=[
                f"{by_one:.0%} / {by_other:.0%}\n"
                f"{by_one:.0%} of the pairs are less similar than this one by {one}, "
                f"{by_other:.0%} by {other}"
                for by_one, by_other in zip(table.iloc[:, 4], table.iloc[:, 5], strict=True)
            ],
            summary=f"The pairs on which {one} and {other} disagree most, the first image above "
            f"the second. Below: how many pairs are less similar, by {one} / by {other}.",
        )

    def _picked(self, place: int) -> None:
        row = self._pairs.iloc[place]
        self._pick((int(row["i"]), int(row["j"])))
