"""All images at once, by what makes them similar; and a closer look at any group of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.pairs import sources_of
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.checks import one_of
from widgets.background.umap_cache import UmapCache
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.choice import Choice
from widgets.kit.layout import columns, later
from widgets.kit.selection import Selection
from widgets.panels.map import MapPanel
from widgets.panels.picked import PickedPanel, made_of
from widgets.states.map import CONCEPT, LABEL, PCA, UMAP, MapState

__all__ = ["MapExplorer"]


class MapExplorer(Explorer[MapState]):
    """Explore the database as a map.

        from widgets import MapExplorer
        MapExplorer(study)

    Each image is a point, near those that are like it by features, by concepts or, in a trained
    study, by codes. PCA is there at once; UMAP takes its place when it has been fitted, which
    begins once the map is on a screen. A lasso picks images: a gallery of them, what they are made
    of, and how similar they are in pairs.
    """

    state_type = MapState

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study)
        self._begun = False
        self._map = MapPanel(
            pictures,
            self.selection,
            lambda: self._worker.submit("showing UMAP", self._refresh),
            self.status.fail,
        )
        self._picked = PickedPanel(pictures, self.selection)
        self.map, self.gallery = self._map.view, self._picked.gallery
        self.grid = self._picked.heatmap.grid
        wide = [{"flex": f"1 1 {w}px", "max_width": f"{w + 50}px"} for w in (135, 175, 125)]
        self.controls = {
            "source": Choice("by", layout=wide[0]),
            "colour": Choice("color", layout=wide[1]),
            "layout": Choice("layout", [PCA, UMAP], layout=wide[2]),
        }
        self._bind(**self.controls)
        self._watch(self.selection, self._selected, "ids")
        self.map.observe(lambda _: self.start(), "shown")

        self._hint = ipw.Label("Once a network is trained, there is a map of its codes too.")
        bar = self._bar(*self.controls.values())
        bar.layout.align_items = "center"
        later(bar, narrow=True)
        both = columns([self._map], [self._picked], (58, 40), below_right=[self._picked.heatmap])
        self._lay_out(bar, self._hint, both)
        self._refresh()

    @property
    def umap_cache(self) -> UmapCache:
        """The UMAP layouts of the study in view."""
        return self._map.umap_cache

    def start(self) -> None:
        """Begin to fit UMAP, where it is wanted; a browser that shows the map asks for it."""
        self._begun = True
        self._worker.submit("opening the map", self._refresh)

    def wait(self) -> None:
        """Until what was asked for is shown, the fit of UMAP included once it has begun."""
        super().wait()
        self.umap_cache.wait()
        super().wait()

    def _leave(self) -> None:
        super()._leave()
        self.umap_cache.leave()

    def to_frame(self) -> pd.DataFrame:
        """The map: image, name, x, y, group, and whether each is picked."""
        frame = self.map.to_frame()
        frame.insert(1, "name", [self.pictures.names[image] for image in frame["image"]])
        return frame

    # -- what is shown ---------------------------------------------------------------------------

    def _adopt(self, study: Study) -> None:
        ids = study.dataset.splits["database"]
        self.pictures = self.pictures.in_study(study)
        self._map.adopt(self.pictures, ids)
        dominant = self.pictures.distribution[ids].argmax(1).tolist()
        self._groups = {CONCEPT: [study.kept_names[j] for j in dominant]}
        # Counted at each lasso: ten times as fast as a series of names.
        self._dominant = pd.Series(pd.Categorical(self._groups[CONCEPT]), index=ids)
        if study.dataset.labels is not None:
            labels = (study.dataset.labels_of(int(image)) for image in ids)
            self._groups[LABEL] = [names[0] if names else "no label" for names in labels]
        trained = self.pictures.codes is not None
        self.controls["source"].options = sources_of(self.pictures)
        self.controls["colour"].options = list(self._groups)
        self._hint.layout.display = "none" if trained else ""

    def _begin(self, before: MapState | None) -> MapState:
        if before is None:
            return MapState(picked=self._on_map(self.selection.ids))
        sources = self.controls["source"].options
        return before.in_study(sources, self._groups, self._on_map(before.picked))

    def _check(self, view: MapState) -> None:
        for name, control in self.controls.items():
            one_of(name, getattr(view, name), control.options)
        self._map.place(view.source, PCA)

    def _show(self) -> None:
        view, ids = self.state, self._map.ids
        if self._on_map(self.selection.ids) != view.picked:
            self.selection.ids = view.picked
        layout = self._map.ready(view.source, view.layout, fit=self._begun)
        if self._changed("map", (view.source, layout, view.colour)):
            self._map.show(view.source, layout, self._groups[view.colour])
        self._map.tell()
        dominant = self._dominant
        if self._changed("gallery", view.picked):
            self._picked.show_images(self.pictures, ids, view.picked, dominant)
        if self._changed("grid", (view.picked, view.source, view.colour)):
            self._picked.show_pairs(self.pictures, view.picked, view.source, view.colour)
        picked = f"{len(view.picked):,} picked" if view.picked else "none picked"
        self.status.summary = f"{len(ids):,} images by {view.source} ({layout}), {picked}" + (
            f": {made_of(dominant, view.picked, 1)}" if view.picked else ""
        )

    # -- what a person does ----------------------------------------------------------------------

    def _set_bound(self, name: str, value: Any) -> None:
        if name == "layout" and value != self.state.layout:
            self._begun = True  # asked for, be the map on a screen or not
        super()._set_bound(name, value)

    def _selected(self, change: dict[str, Any]) -> None:
        picked = self._on_map(change["new"])
        if self.live and picked != self.state.picked:
            self._change("picking", lambda view: dataclasses.replace(view, picked=picked))

    def _on_map(self, images: tuple[int, ...]) -> tuple[int, ...]:
        """Those of them that are on the map; other views may pick others."""
        wanted = np.asarray(images, np.int64)
        return tuple(wanted[np.isin(wanted, self._map.ids)].tolist())
