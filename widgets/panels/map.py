"""The database as points: PCA at once, and UMAP when it has been fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt

from uhscm_core.analysis.projection import (
    Points,
    Vectors,
    aligned,
    pca,
    spread_overlaps,
    unit_vectors,
)
from uhscm_core.analysis.study_images import StudyImages
from widgets.background.umap_cache import UmapCache
from widgets.kit.map_view import MapView
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.states.map import PCA, UMAP

__all__ = ["MapPanel"]

_CANCEL, _FIT = "Cancel", "Fit UMAP"

_SAID = {
    PCA: "PCA, the two directions in which they differ most",
    UMAP: "UMAP: similar images lie together, and distances between groups mean little",
}


class MapPanel(ipw.VBox):
    """A map whose layouts are each turned onto the one that was shown before.

    Args:
        pictures: to show from.
        selection: shared with other views.
        fitted: called when a fit of UMAP has ended, in another thread, and when one is asked for
            again.
        fail: called with what goes wrong there.
    """

    def __init__(
        self,
        pictures: StudyImages,
        selection: Selection,
        fitted: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self.view = MapView(pictures, self._take, selection=selection, height=430)
        growing(self.view)
        self.ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        """The images on the map."""
        self._fitted, self._fail = fitted, fail
        self._shown: Points | None = None
        self._wanted = ""  # the source whose UMAP is waited for
        self.umap_cache = self._new_cache()
        super().__init__([self.view])

    def adopt(self, pictures: StudyImages, ids: npt.NDArray[np.int64]) -> None:
        """Show these images of another study from now on."""
        if not np.array_equal(ids, self.ids):
            self._shown = None
        self._pictures, self.ids = pictures, ids
        self._places: dict[tuple[str, str], Points] = {}
        self.umap_cache.leave()
        self.umap_cache = self._new_cache()

    def ready(self, source: str, layout: str, *, fit: bool) -> str:
        """Return the layout that can be shown: PCA until UMAP has been fitted.

        Args:
            source: what makes images similar.
            layout: the one that is wanted.
            fit: whether UMAP is to be fitted, if it is wanted.
        """
        before, self._wanted = self._wanted, source if layout == UMAP else ""
        if self._wanted != before:
            self.umap_cache.allow(self._wanted)  # who comes back to it may have it
        if self._wanted and fit:
            self.umap_cache.request(source)
        there = self._wanted and self.umap_cache.get(source) is not None
        return UMAP if there else PCA

    def show(self, source: str, layout: str, groups: Sequence[str]) -> None:
        """Show a layout that is ready, colored by the group of each image."""
        points = self._shown = self.place(source, layout)
        spread = spread_overlaps(points)
        piled = int((spread != points).any(axis=1).sum())
        said = f"{len(points):,} images by {source}. {_SAID[layout]}."
        if piled:
            said += f" {piled:,} lie in a spiral around another of the same place."
        self.view.show(
            spread,
            self.ids,
            groups=groups,
            captions=self._pictures.caption,
            summary=said,
            images=self._pictures,
        )

    def place(self, source: str, layout: str) -> Points:
        """Return a layout, turned onto the map before when it is first asked for."""
        key = (source, layout)
        if key not in self._places:
            made = self.umap_cache.get(source) if layout == UMAP else pca(self._vectors(source))
            assert made is not None  # noqa: S101  # asked for only when it is ready
            before = self._shown
            self._places[key] = made if before is None else aligned(made, before)
        return self._places[key]

    def tell(self) -> None:
        """Say how far UMAP is, if it is waited for, and offer to cancel it or to fit it after all.

        A map that is closed says no more.
        """
        if self.comm is None:
            return
        wanted, cache = self._wanted, self.umap_cache
        offer = ""
        if wanted and cache.is_on_its_way(wanted):
            offer = _CANCEL
        elif wanted and cache.is_canceled(wanted):
            offer = _FIT
        with self.view.hold_sync():
            self.view.progress = cache.state(wanted) if wanted else ""
            self.view.offer = offer

    def _take(self, offer: str) -> None:
        if offer == _CANCEL:
            self.umap_cache.cancel(self._wanted)
        else:
            self.umap_cache.allow(self._wanted)
            self._fitted()

    def _new_cache(self) -> UmapCache:
        return UmapCache(self._vectors, self.tell, self._fitted, self._fail)

    def _vectors(self, source: str) -> Vectors:
        return unit_vectors(self._pictures, self.ids, source)
