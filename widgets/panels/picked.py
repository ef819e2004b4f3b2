"""A closer look at the images that were picked: each of them, and how similar they are in pairs."""

from __future__ import annotations

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt
import pandas as pd

from uhscm_core.analysis.pairs import sample
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.kit.words import counted
from widgets.panels.heatmap import HeatmapPanel

__all__ = ["PickedPanel", "made_of"]

_PAIRED = 96  # picked images in the heatmap


class PickedPanel(ipw.VBox):
    """A gallery of the picked images, or of all. `heatmap`, of their pairs, stands elsewhere.

    Args:
        pictures: to show from.
        selection: shared with other views; its focus is the image that was clicked.
    """

    def __init__(self, pictures: StudyImages, selection: Selection) -> None:
        self.gallery = Gallery(pictures, [], selection=selection, edge=62, height=196)
        growing(self.gallery)
        self.heatmap = HeatmapPanel(lambda pair: selection.set_trait("focus", pair[0]), edge=330)
        super().__init__([self.gallery])

    def show_images(
        self,
        pictures: StudyImages,
        ids: npt.NDArray[np.int64],
        picked: tuple[int, ...],
        dominant: pd.Series[str],
    ) -> None:
        """List the picked images, or all.

        Args:
            pictures: whose ids these are.
            ids: all images.
            picked: those of them that are picked.
            dominant: the largest concept of each image, by its id.
        """
        lead = f"Draw a lasso around some of the {len(ids):,} images"
        if picked:
            lead = counted(len(picked), "image")
        self.gallery.show(
            picked or ids,
            images=pictures,
            captions=pictures.caption,
            summary=f"{lead}: {made_of(dominant, picked, 3)}",
        )

    def show_pairs(
        self, pictures: StudyImages, picked: tuple[int, ...], source: str, order: str
    ) -> None:
        """Show the picked images in pairs, or some of frequent concepts."""
        if picked:
            every = np.unique(np.linspace(0, len(picked) - 1, _PAIRED).round().astype(int))
            ids = np.asarray(picked, np.int64)[every]
            said = f"{len(ids)} of the picked images" if len(ids) < len(picked) else "Picked"
        else:
            ids = sample(pictures, "concepts", _PAIRED)
            said = f"{len(ids)} images of frequent concepts"
        self.heatmap.show(
            pictures,
            ids,
            source,
            order=order,
            label="similarity",
            summary=f"{said} in pairs, by {source}",
        )


def made_of(groups: pd.Series[str], picked: tuple[int, ...], most: int) -> str:
    """Return the groups of the picked images next to those of all, in words.

    Args:
        groups: the group of each image, by its id, as a categorical.
        picked: some of the images; none for all.
        most: how many groups are named.
    """
    everywhere = groups.value_counts(normalize=True)
    if not picked:
        return ", ".join(f"{everywhere[c]:.0%} mostly {c}" for c in everywhere.index[:most])
    here = groups.loc[np.asarray(picked, np.int64)].value_counts(normalize=True)
    here = here[here > 0]
    return ", ".join(
        f"{here[c]:.0%} mostly {c} ({everywhere[c]:.0%} of all)" for c in here.index[:most]
    )
