"""Outliers, and the nearest neighbours of one of them."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core.analysis.oddities import Oddities
from widgets.kit.gallery import Gallery
from widgets.kit.stage import growing

__all__ = ["OutliersPanel"]

_SHOWN = 200  # outliers that are shown; all of them are in the CSV


class OutliersPanel(ipw.VBox):
    """A gallery of the images that are far from all others, above the neighbours of one.

    Args:
        wonder: called with the image that was clicked.
    """

    def __init__(self, wonder: Callable[[int], object]) -> None:
        self.outliers = Gallery([], edge=96, height=420)
        self.near = Gallery([], edge=96, height=160)
        self._wonder = wonder
        self.outliers.selection.on_focus(wonder)
        growing(self.outliers)
        super().__init__([self.outliers, self.near])

    def show(self, oddities: Oddities, by: str, k: int) -> None:
        """List the outliers, farthest first.

        Args:
            oddities: finds them.
            by: ``"features"`` or ``"codes"``.
            k: which neighbour counts.
        """
        found, names = oddities.far(by, k), oddities.study.dataset.names
        shown, in_bits = found.ids[:_SHOWN], by == "codes"
        unit = "bits" if in_bits else "(1 − cosine)"
        values = [f"{d:.0f} bits" if in_bits else f"{d:.3f}" for d in found.distances[:_SHOWN]]
        self.outliers.show(
            shown,
            images=oddities.study.dataset.images,
            captions=[
                f"{value}\n{names[image]}\nto its neighbour {found.k}; mean {mean:.3g} {unit}"
                for image, value, mean in zip(shown, values, found.means, strict=False)
            ],
            summary=f"Farthest from their neighbour {found.k} by {by}, first; click one for "
            f"its neighbours",
        )
        self.show_near(oddities, int(shown[0]), by, k)

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
