"""All images at once, by what makes them similar; and a closer look at any group of them."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES, ordered, sample, similarities
from uhscm_core.analysis.projection import (
    Points,
    Vectors,
    aligned,
    pca,
    spread_overlaps,
    unit_vectors,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.checks import one_of
from widgets.background.umap_cache import UmapCache
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.choice import Choice
from widgets.kit.gallery import Gallery
from widgets.kit.grid import Grid
from widgets.kit.map_view import MapView
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.kit.words import counted

__all__ = ["MapExplorer"]

_PCA, _UMAP = "PCA", "UMAP"
_SAID = {
    _PCA: "PCA, the two directions in which they differ most",
    _UMAP: "UMAP: similar images lie together, and distances between groups mean little",
}
_CONCEPT, _LABEL = "dominant concept", "first label"
_PAIRED = 96  # picked images in the heatmap


@dataclass(frozen=True)
class State:
    """What is looked at.

    Attributes:
        source: what makes images similar.
        layout: PCA, or UMAP as soon as it is there.
        colour: what the groups are.
        picked: images, of the database.
    """

    source: str = FEATURES
    layout: str = _UMAP
    colour: str = _CONCEPT
    picked: tuple[int, ...] = ()


class MapExplorer(Explorer[State]):
    """Explore the database as a map.

        from widgets import MapExplorer
        MapExplorer(study)

    Each image is a point, near those that are like it by features, by concepts or, in a trained
    study, by codes. PCA is there at once; UMAP takes its place when it has been fitted, which
    begins once the map is on a screen. A lasso picks images: a gallery of them, what they are made
    of, and how similar they are in pairs.
    """

    state_type = State

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study)
        self._ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._shown: Points | None = None
        self._begun = self._closed = False
        self.map = MapView(pictures, selection=self.selection, height=430)
        self.gallery = Gallery(pictures, [], selection=self.selection, edge=62, height=196)
        self.grid = Grid(edge=330)
        growing(self.map, self.gallery, self.grid)
        self.controls = {
            "source": Choice("by", layout={"width": "190px"}),
            "colour": Choice("color", layout={"width": "230px"}),
            "layout": Choice("layout", [_PCA, _UMAP], layout={"width": "150px"}),
        }
        for name, control in self.controls.items():
            self._follow_control(control, functools.partial(self._set, name))
        self._watch(self.selection, self._selected, "ids")
        self.grid.selection.observe(self._clicked, "ids")
        self.map.observe(lambda _: self.start(), "shown")

        self._hint = ipw.Label("A trained study, study.train(bits=64), has a map of its codes too.")
        wide, narrow = (
            {"flex": "1 1 56%", "min_width": "min(340px, 100%)", "padding": "0 12px 0 0"},
            {"flex": "1 1 40%", "min_width": "min(300px, 100%)"},
        )
        self._lay_out(
            ipw.HBox(
                [self._undo, self._redo, self._csv, *self.controls.values()],
                layout={"flex_flow": "row wrap", "align_items": "center"},
            ),
            self._hint,
            ipw.HBox(
                [
                    ipw.VBox([self.map], layout=wide),
                    ipw.VBox([self.gallery, self.grid], layout=narrow),
                ],
                layout={"flex_flow": "row wrap"},
            ),
        )
        self._refresh()

    def start(self) -> None:
        """Begin to fit UMAP, where it is wanted; a browser that shows the map asks for it."""
        self._begun = True
        self._worker.submit("opening the map", self._refresh)

    def wait(self) -> None:
        """Until what was asked for is shown, the fit of UMAP included once it has begun."""
        super().wait()
        self.umap_cache.wait()
        super().wait()

    def close(self) -> None:
        """Show nothing more; a running fit ends by itself and is kept."""
        self._closed = True
        super().close()

    def to_frame(self) -> pd.DataFrame:
        """The map: image, name, x, y, group, and whether each is picked."""
        frame = self.map.to_frame()
        frame.insert(1, "name", [self.pictures.names[image] for image in frame["image"]])
        return frame

    # -- what is shown ---------------------------------------------------------------------------

    def _adopt(self, study: Study) -> None:
        ids = study.dataset.splits["database"]
        if not np.array_equal(ids, self._ids):
            self._shown = None
        self.pictures = self.pictures.in_study(study)
        self._ids = ids
        self._places: dict[tuple[str, str], Points] = {}
        self._groups = {_CONCEPT: self._dominant()}
        if study.dataset.labels is not None:
            labels = (study.dataset.labels_of(int(image)) for image in ids)
            self._groups[_LABEL] = [names[0] if names else "no label" for names in labels]
        self.umap_cache = UmapCache(self._vectors, self._tell, self._fitted, self.status.fail)
        trained = self.pictures.codes is not None
        self.controls["source"].options = [FEATURES, CONCEPTS] + [CODES] * trained
        self.controls["colour"].options = list(self._groups)
        self._hint.layout.display = "none" if trained else ""

    def _begin(self, before: State | None) -> State:
        if before is None:
            return State(picked=self._on_map(self.selection.ids))
        return dataclasses.replace(
            before,
            source=before.source if before.source in self.controls["source"].options else CONCEPTS,
            colour=before.colour if before.colour in self._groups else _CONCEPT,
            picked=self._on_map(before.picked),
        )

    def _check(self, view: State) -> None:
        for name, control in self.controls.items():
            one_of(name, getattr(view, name), control.options)
        self._layout(view.source, _PCA)

    def _show(self) -> None:
        view = self.state
        for name, control in self.controls.items():
            control.show(getattr(view, name))
        if self._on_map(self.selection.ids) != view.picked:
            self.selection.ids = view.picked
        if view.layout == _UMAP and self._begun:
            self.umap_cache.request(view.source)
        there = view.layout == _UMAP and self.umap_cache.get(view.source) is not None
        layout = _UMAP if there else _PCA
        if self._changed("map", (view.source, layout, view.colour)):
            self._show_map(layout)
        self._tell()
        if self._changed("gallery", view.picked):
            self._show_gallery()
        if self._changed("grid", (view.picked, view.source, view.colour)):
            self._show_grid()
        picked = f"{len(view.picked):,} picked" if view.picked else "none picked"
        self.status.summary = f"{len(self._ids):,} images by {view.source} ({layout}), {picked}" + (
            f": {self._made_of(view.picked, 1)}" if view.picked else ""
        )

    def _show_map(self, layout: str) -> None:
        view = self.state
        points = self._layout(view.source, layout)
        self._shown = points
        spread = spread_overlaps(points)
        piled = int((spread != points).any(axis=1).sum())
        said = f"{len(points):,} images by {view.source}. {_SAID[layout]}."
        if piled:
            said += f" {piled:,} lie in a spiral around another of the same place."
        self.map.show(
            spread,
            self._ids,
            groups=self._groups[view.colour],
            captions=self.pictures.caption,
            summary=said,
            images=self.pictures,
        )

    def _layout(self, source: str, layout: str) -> Points:
        """A layout, turned onto the picture before when it is first shown, and kept like that."""
        key = (source, layout)
        if key not in self._places:
            made = self.umap_cache.get(source) if layout == _UMAP else pca(self._vectors(source))
            assert made is not None  # noqa: S101  # asked for only when it is there
            before = self._shown
            self._places[key] = made if before is None else aligned(made, before)
        return self._places[key]

    def _vectors(self, source: str) -> Vectors:
        return unit_vectors(self.pictures, self._ids, source)

    def _show_gallery(self) -> None:
        picked = self.state.picked
        ids = picked or self._ids
        lead = (
            counted(len(picked), "image")
            if picked
            else f"Draw a lasso around some of the {len(ids):,} images"
        )
        self.gallery.show(
            ids,
            images=self.pictures,
            captions=self.pictures.caption,
            summary=f"{lead}: {self._made_of(picked, 3)}",
        )

    def _show_grid(self) -> None:
        view = self.state
        if view.picked:
            every = np.unique(np.linspace(0, len(view.picked) - 1, _PAIRED).round().astype(int))
            ids = np.asarray(view.picked, np.int64)[every]
            said = f"{len(ids)} of the picked images" if len(ids) < len(view.picked) else "Picked"
        else:
            ids = sample(self.pictures, "concepts", _PAIRED)
            said = f"{len(ids)} images of frequent concepts"
        values = similarities(self.pictures, ids, view.source)
        order, groups = ordered(self.pictures, ids, view.colour, values)
        values = values[np.ix_(order, order)]
        # Cosines of features are large throughout.
        low = min(float(values.min()), 0.99) if view.source == FEATURES else -1.0
        self.grid.show(
            values,
            ids[order],
            images=self.pictures,
            groups=groups,
            low=low,
            label="similarity",
            summary=f"{said} in pairs, by {view.source}",
        )

    def _dominant(self) -> list[str]:
        names = self.study.kept_names
        return [names[j] for j in self.pictures.distribution[self._ids].argmax(1).tolist()]

    def _made_of(self, picked: tuple[int, ...], most: int) -> str:
        """The dominant concepts of the picked images next to those of all, in words."""
        dominant = pd.Series(self._groups[_CONCEPT], index=self._ids)
        everywhere = dominant.value_counts(normalize=True)
        if not picked:
            return ", ".join(f"{everywhere[c]:.0%} mostly {c}" for c in everywhere.index[:most])
        here = dominant.loc[list(picked)].value_counts(normalize=True)
        return ", ".join(
            f"{here[c]:.0%} mostly {c} ({everywhere[c]:.0%} of all)" for c in here.index[:most]
        )

    # -- what a person does, and what the fit says -----------------------------------------------

    def _set(self, name: str, value: str) -> None:
        setting: dict[str, Any] = {name: value}
        if value != getattr(self.state, name):
            self._begun |= name == "layout"  # asked for, be the map on a screen or not
            self._change(
                f"changing {name}",
                lambda view: dataclasses.replace(view, **setting),
                at=self.controls[name],
            )

    def _selected(self, change: dict[str, Any]) -> None:
        picked = self._on_map(change["new"])
        if self.live and picked != self.state.picked:
            self._change("picking", lambda view: dataclasses.replace(view, picked=picked))

    def _clicked(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.selection.focus = change["new"][0]

    def _on_map(self, images: tuple[int, ...]) -> tuple[int, ...]:
        """Those of them that are on the map; other views may pick others."""
        wanted = np.asarray(images, np.int64)
        return tuple(wanted[np.isin(wanted, self._ids)].tolist())

    def _tell(self) -> None:
        if not self._closed and self._shown_study is self.study:
            view = self.state
            self.map.progress = self.umap_cache.state(view.source) if view.layout == _UMAP else ""

    def _fitted(self) -> None:
        if not self._closed:
            self._worker.submit("showing UMAP", self._refresh)
