"""What is asked with: an image of the dataset, one at random, one of one's own, or a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt
from PIL import Image

from uhscm_core import Study
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.gallery import Gallery
from widgets.kit.layout import brief
from widgets.kit.text_box import TextBox
from widgets.kit.upload import Upload

__all__ = ["QueryPanel", "askable", "text_query", "upload_query"]

_CAPTION = 44  # CSS px of a row of images that are frame, gap and caption


class QueryPanel(ipw.VBox):
    """A gallery of images to ask with.

    Args:
        ask: called with the image that was chosen.
        pictures: to choose from.
        edge: of the images in CSS pixels.
        height: of the gallery in CSS pixels.
        seed: of what comes at random; None for other images each time.
        layout: of the panel.
    """

    def __init__(
        self,
        ask: Callable[[int], object],
        pictures: StudyImages,
        *,
        edge: int,
        height: int,
        seed: int | None = None,
        layout: dict[str, Any] | None = None,
    ) -> None:
        self.gallery = Gallery(pictures, [], edge=edge, height=height)
        self._strip = height < edge + _CAPTION  # with no room for a line below the images
        self.ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        """The images of the dataset that can be asked with."""
        self._ask = ask
        self._image: int | None = None  # asked with now
        self._rng = np.random.default_rng(seed)
        self.gallery.selection.on_focus(ask)
        super().__init__([self.gallery], layout=layout or {})

    def random_button(self, words: str) -> ipw.Button:
        """Return a button that asks at random; it stands in the explorer's bar."""
        button = ipw.Button(description=words, icon="random", layout={"width": "auto"})
        brief(button)
        button.on_click(lambda _: self._ask_at_random())
        return button

    def offer(self, pictures: StudyImages, ids: npt.NDArray[np.int64], said: str) -> None:
        """List the images to ask with, uploaded ones first.

        Args:
            pictures: all images.
            ids: those of the dataset that can be asked with.
            said: a sentence with {} for their number.
        """
        self.ids = ids
        own = range(len(pictures.study.dataset), len(pictures))
        own_first = f"{len(own)} of your own, then " if own else ""
        self.gallery.show(
            [*reversed(own), *ids],
            images=pictures,
            captions=pictures.caption,
            captioned=not self._strip,
            summary=said.format(f"{own_first}{len(ids):,}"),
        )

    def show(self, image: int | None) -> None:
        """Mark the image that is asked with; None for a text."""
        self._image = image
        self.gallery.selection.focus = image

    def show_alone(self, pictures: StudyImages, image: int) -> None:
        """Show the image that is asked with in place of those to choose from."""
        self._image = image
        self.gallery.show(
            [image],
            images=pictures,
            captions=[f"query\n{pictures.caption(image)}"],
            captioned=not self._strip,
        )

    def _ask_at_random(self) -> None:
        others = self.ids[self.ids != self._image]  # else a click may change nothing
        if len(others):
            self._ask(int(self._rng.choice(others)))


def askable(study: Study) -> npt.NDArray[np.int64]:
    """Return the images of a study that are to be asked with: its queries, if it has any."""
    database, queries = (study.dataset.splits[name] for name in ("database", "query"))
    return queries if len(queries) else database


def text_query(search: Callable[[str], object]) -> tuple[TextBox, ipw.Button]:
    """Return a box for a query in words, and the button that asks it."""
    box = TextBox(
        "A query in words",
        labelled=False,
        placeholder="ask by text: a castle",
        layout={"flex": "1 1 130px", "max_width": "180px"},
    )
    button = ipw.Button(description="Ask", icon="search", layout={"width": "70px"})
    brief(button)
    box.add_class("uhscm-ask")
    box.on_submit(search)
    button.on_click(lambda _: search(box.value))
    return box, button


def upload_query(bring: Callable[[Image.Image, str], None], fail: Callable[[str], None]) -> Upload:
    """Return the place for an image of one's own; the arguments are those of `Upload`."""
    made = Upload(bring, fail)
    made.layout.flex, made.layout.max_width = "1 1 126px", "340px"
    return made
