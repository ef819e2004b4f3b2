"""A heatmap of some images with the choices of which ones, their order, and by what similarity."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES, sample, sources_of
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.choice import Choice
from widgets.kit.layout import later, row
from widgets.panels.heatmap import HeatmapPanel
from widgets.states.distribution import NOTHING, SAMPLES, orders_of

__all__ = ["ComparedHeatmap"]

_NUMBERS = {
    FEATURES: "cosine of features",
    CONCEPTS: "S by concepts",
    CODES: "similarity of codes",
}


class ComparedHeatmap(ipw.VBox):
    """Images in pairs by one similarity, or by the ranks of one compared with those of another.

    Args:
        pick: called with the two images of the cell that was clicked.
    """

    def __init__(self, pick: Callable[[tuple[int, int]], object]) -> None:
        names = ("images", "order", "similar by", "compared with")
        # As wide as its options: what does not fit next to another one is below it, and whole.
        sample_of, order, source, minus = (
            Choice(name, layout={"flex": "1 1 auto", "width": "auto"}) for name in names
        )
        sample_of.options = SAMPLES
        self.controls = {"sample": sample_of, "order": order, "source": source, "minus": minus}
        """By the fields of a state."""
        self.heatmap = HeatmapPanel(pick, edge=420)
        self._hint = ipw.Label("Once a network is trained, codes can be compared too.")
        self._hint.add_class("uhscm-note")
        rest = [row(sample_of, order), row(source, minus), self._hint]
        later(*rest)
        super().__init__([*rest, self.heatmap])

    def adopt(self, pictures: StudyImages) -> None:
        """Offer what the images of a study can be compared by."""
        sources = sources_of(pictures)
        self.controls["order"].options = orders_of(pictures.study)
        self.controls["source"].options = sources
        self.controls["minus"].options = [NOTHING, *sources]
        self._hint.layout.display = "none" if CODES in sources else ""

    def show(
        self,
        pictures: StudyImages,
        image: int,
        *,
        sample_of: str,
        order: str,
        source: str,
        minus: str,
    ) -> tuple[str, str]:
        """Replace what is shown; return the two similarities whose disagreements are of interest.

        Args:
            pictures: all images.
            image: in view elsewhere, which a sample may be similar to.
            sample_of, order, source, minus: as in `widgets.states.distribution`.
        """
        ids = sample(pictures, sample_of, image=image)
        compared = minus != NOTHING
        said = f"{len(ids)} images by {source}"
        if compared:
            said = f"{len(ids)} images: rank by {source} minus rank by {minus}"
        self.heatmap.show(
            pictures,
            ids,
            source,
            order=order,
            minus=minus if compared else "",
            label=_NUMBERS[source],
            summary=said,
        )
        return (source, minus) if compared else (CONCEPTS, FEATURES)
