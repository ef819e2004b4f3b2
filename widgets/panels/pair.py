"""A pair of images, above the card that says why they are near or far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import ipywidgets as ipw

from uhscm_core import Embedding
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.why import Why
from widgets.kit.gallery import Gallery
from widgets.panels.why import WhyPanel

__all__ = ["PairPanel"]


class PairPanel(ipw.VBox):
    """The two images of a pair and why they are near; or one image alone, without the card.

    Args:
        pictures: to show from.
        leave_out: called with the names of all concepts that are to be left out.
    """

    def __init__(self, pictures: StudyImages, leave_out: Callable[[tuple[str, ...]], None]) -> None:
        self.gallery = Gallery(pictures, [], edge=56, height=94)
        self.why = WhyPanel(leave_out)
        self._drawn: tuple[StudyImages, list[int], str] | None = None
        super().__init__([self.gallery, self.why])

    def show(
        self,
        pictures: StudyImages,
        i: int | Embedding,
        j: int,
        *,
        summary: str,
        without: Collection[str] = (),
        flipped: Sequence[int] = (),
        by_features: bool = False,
    ) -> Why:
        """Show a pair, and return why it is near; the arguments are those of `WhyPanel.show`.

        Args:
            summary: what the two are, in words.
        """
        self._show_images(pictures, [x for x in (i, j) if not isinstance(x, Embedding)], summary)
        self.why.layout.display = ""
        self.add_class("uhscm-two")
        return self.why.show(
            pictures, i, j, without=without, flipped=flipped, by_features=by_features
        )

    def show_one(self, pictures: StudyImages, image: int | None, summary: str) -> None:
        """Show an image that is compared with none yet; None for a text."""
        self._show_images(pictures, [] if image is None else [image], summary)
        self.why.layout.display = "none"
        self.remove_class("uhscm-two")
        self.why.clear("Pick a result to see why it is near")

    def _show_images(self, pictures: StudyImages, ids: list[int], summary: str) -> None:
        if self._drawn == (pictures, ids, summary):
            return
        self._drawn = pictures, ids, summary
        self.gallery.layout.display = "" if ids else "none"
        self.gallery.show(ids, images=pictures, captions=pictures.caption, summary=summary)
