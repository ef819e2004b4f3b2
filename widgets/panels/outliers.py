"""Outliers, and the nearest neighbours of one of them."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw
import pandas as pd

from uhscm_core.analysis.oddities import Oddities
from uhscm_core.analysis.outliers import Outliers
from widgets.background.worker import Worker
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.gallery import Gallery
from widgets.kit.stage import growing
from widgets.panels.search_bar import SearchBar

__all__ = ["OutliersPanel"]

_SHOWN = 200  # outliers that are shown; all of them are in the CSV


class OutliersPanel(ipw.VBox):
    """A gallery of the images that are far from all others, above the neighbours of one.

    Args:
        wonder: called with the image that was clicked.
        ranked: called when all images are ranked, or no longer.
        fail: called with the message of an error.
    """

    def __init__(
        self,
        wonder: Callable[[int], object],
        ranked: Callable[[], object],
        fail: Callable[[str], None],
    ) -> None:
        self.search = SearchBar[Outliers | None](None, ranked, fail)
        self.outliers = Gallery([], edge=96, height=420)
        self.near = Gallery([], edge=96, height=160)
        self._shown: tuple[Oddities, str, int, Outliers | None] | None = None
        self.csv: Download | None = None
        self.outliers.selection.on_focus(wonder)
        growing(self.outliers)
        super().__init__([self.search, self.outliers, self.near])

    def add_csv(
        self,
        asked: Callable[[], tuple[Oddities, str, int]],
        tabs: ipw.Tab,
        worker: Worker,
    ) -> Download:
        """Return a button that saves all images in order; it waits until they are ranked.

        Args:
            asked: returns what `show` is called with.
            tabs: of which one has this panel; it is opened to see the ranking, which begins then.
            worker: writes the file.
        """

        def content() -> tuple[str, bytes] | None:
            if asked()[0].known_far(*asked()[1:]) is not None:
                return "outliers.csv", csv_bytes(self.frame(*asked()))
            self.search.resume()
            tabs.selected_index = next(
                i for i, of in enumerate(tabs.children) if self in of.children
            )
            return None

        self.csv = Download("Outliers as CSV", content, worker)
        return self.csv

    def show(self, oddities: Oddities, by: str, k: int) -> None:
        """List the outliers, farthest first; nothing until all images are ranked.

        Args:
            oddities: finds them.
            by: ``"features"`` or ``"codes"``.
            k: which neighbour counts.
        """
        found = oddities.known_far(by, k)
        if found is None:
            found = self.search.so_far(oddities.search_far, by, k)
        else:
            self.search.hide()
        if self._shown == (wanted := (oddities, by, k, found)):
            return
        if self.csv and self._shown is not None and self._shown[0] is not oddities:
            self.csv.waiting = False  # the file that was asked for was of another study
        self._shown = wanted
        for gallery in (self.outliers, self.near):  # an empty one says that there is no image
            gallery.layout.visibility = "hidden" if found is None else "visible"
        if found is None:
            self.outliers.show([], summary="")
            self.near.show([], summary="")
        else:
            if self.csv:
                self.csv.ready()
            self._list(oddities, found, by)
            self.show_near(oddities, int(found.ids[0]), by, k)

    def _list(self, oddities: Oddities, found: Outliers, by: str) -> None:
        shown, names, in_bits = found.ids[:_SHOWN], oddities.study.dataset.names, by == "codes"
        unit = "bits" if in_bits else "(1 − cosine)"
        values = [f"{d:.0f} bits" if in_bits else f"{d:.3f}" for d in found.distances[:_SHOWN]]
        self.outliers.show(
            shown,
            images=oddities.study.dataset.images,
            captions=[
                f"{value}\n{names[image]}\nto its neighbor {found.k}; mean {mean:.3g} {unit}"
                for image, value, mean in zip(shown, values, found.means, strict=False)
            ],
            summary=f"Farthest from their neighbor {found.k} by {by}, first; click one for "
            f"its neighbors",
        )

    def show_near(self, oddities: Oddities, image: int, by: str, k: int) -> None:
        """Show an image and those nearest to it."""
        nearest, values = oddities.near(image, by, k)
        names = oddities.study.dataset.names
        others = [f"{v:.3g}\n{names[other]}" for other, v in zip(nearest, values, strict=True)]
        self.near.show(
            [image, *nearest],
            images=oddities.study.dataset.images,
            captions=["this one\n" + names[image], *others],
            summary=f"{names[image]} and its nearest by {by}",
        )

    @staticmethod
    def frame(oddities: Oddities, by: str, k: int) -> pd.DataFrame:
        """Return a row per image, farthest first, with its name; blocks until all are ranked."""
        frame = oddities.far(by, k).to_frame()
        frame["image"] = [oddities.study.dataset.names[image] for image in frame["image"]]
        return frame
