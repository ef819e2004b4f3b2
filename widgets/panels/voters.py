"""The images that voted for a concept, and where they go when it is dropped."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as ipw
from PIL import Image

from uhscm_core import Study
from uhscm_core.analysis.votes import moved_to, voters
from widgets.kit.bars import Bars
from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.kit.words import counted

__all__ = ["VotersPanel"]


class VotersPanel(ipw.VBox):
    """A gallery of a concept's voters; below it, for a dropped one, the concepts they vote for now.

    Args:
        images: to show from.
        selection: shared with other views; its focus is the image that was clicked.
    """

    def __init__(self, images: Sequence[Image.Image], selection: Selection) -> None:
        self.gallery = Gallery(images, [], selection=selection, height=250)
        self.moved = Bars(height=96, unit="images")
        growing(self.gallery)
        # A whole row of images and the line above it, also where the bars below need room.
        self.gallery.layout.min_height = f"{self.gallery.edge + 66}px"
        super().__init__([self.gallery, self.moved])

    def show(self, study: Study, name: str) -> None:
        """Show the voters of a concept."""
        concept = study.concepts.names.index(name)
        ids = voters(study, concept)
        kept = bool(study.mined.kept[concept])
        self.gallery.show(
            ids,
            images=study.dataset.images,
            captions=lambda image: _caption(study, image, concept),
            summary=f"{counted(len(ids), 'image')} voted for {name!r}, which is "
            f"{'kept' if kept else 'dropped'}",
        )
        self.moved.layout.display = "none" if kept or not len(ids) else ""
        if not kept:
            table = moved_to(study, concept)
            self.moved.show(
                table["concept"].tolist(),
                table["images"],
                summary=f"Kept concepts that the voters of {name!r} go to",
            )


def _caption(study: Study, image: int, concept: int) -> str:
    dataset = study.dataset
    score = float(study.image_features[image] @ study.text_features[concept])
    lines = [f"{score:.3f}", dataset.names[image], f"score of {study.concepts.names[concept]!r}"]
    if labels := ", ".join(dataset.labels_of(image)):
        lines.append(f"labels: {labels}")
    return "\n".join(lines)
