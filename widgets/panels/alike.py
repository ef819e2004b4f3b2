"""The images that are most like one by concepts."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core import semantic_similarity
from uhscm_core.analysis.pairs import most_similar
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.gallery import Gallery
from widgets.kit.stage import growing

__all__ = ["AlikePanel"]

_SHOWN = 120


class AlikePanel(ipw.VBox):
    """A gallery, most similar first, each with its S.

    Args:
        pictures: to show from.
        pick: called with the image that was clicked.
    """

    def __init__(self, pictures: StudyImages, pick: Callable[[int], object]) -> None:
        self.gallery = Gallery(pictures, [], edge=84, height=480)
        growing(self.gallery)
        self.gallery.selection.on_focus(pick)
        super().__init__([self.gallery])

    def show(self, pictures: StudyImages, image: int) -> None:
        """Show what is like an image."""
        similar = most_similar(pictures, image, _SHOWN)
        q = pictures.distribution
        values = semantic_similarity(q[image][None], q[similar])[0].tolist()
        captions = dict(zip(similar.tolist(), values, strict=True))
        self.gallery.show(
            similar,
            images=pictures,
            captions=lambda i: f"S = {captions[i]:.2f}\n{pictures.caption(i)}",
            summary=f"Most like {pictures.names[image]} by concepts; click one to see why",
        )
