"""Near-duplicates and outliers of a collection, to look at and to list; nothing is ever moved."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from torch import Tensor

from uhscm_core import (
    NearDuplicates,
    Outliers,
    Study,
    hamming_distance,
    near_duplicates,
    rank_outliers,
    rank_outliers_by_features,
    sketch,
)
from uhscm_core.analysis.study_images import ImagePairs, StudyImages
from uhscm_core.support.checks import one_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.choice import Choice
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.field import Field
from widgets.kit.gallery import Gallery
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.kit.slider import Slider
from widgets.kit.stage import growing
from widgets.kit.words import counted
from widgets.panels.why import WhyPanel

__all__ = ["TidyExplorer"]

_SHOWN = 200  # outliers that are shown; all of them are in the CSV
_FAR = {"features (what is foreign)": "features", "codes": "codes"}


@dataclass(frozen=True)
class State:
    """What is looked at.

    Attributes:
        radius: of codes in bits.
        cosine: least cosine of features.
        looks: whether sketches are compared too.
        group: of near-duplicates, the one shown whole.
        far: outliers by ``"features"`` or ``"codes"``.
        k: which neighbour counts.
        pair: of near-duplicates, the one that is explained; None for none.
        without: concepts left out of that explanation.
    """

    radius: int
    cosine: float = 0.9
    looks: bool = True
    group: int = 0
    far: str = "features"
    k: int = 5
    pair: int | None = None
    without: tuple[str, ...] = ()


class _Halves(ImagePairs):
    """Two images one above the other, as a square."""

    def __getitem__(self, index: Any) -> Any:
        both = Image.new("RGB", (224, 224), "#7f7f7f")
        for image, top in zip(self._pairs[index], (0, 114), strict=True):
            both.paste(ImageOps.fit(self._images[image], (224, 110)), (0, top))
        return both


class TidyExplorer(Explorer[State]):
    """Find near-duplicates and outliers of a trained study.

        from widgets import TidyExplorer
        TidyExplorer(study.train(bits=64))

    Pairs whose codes lie within some bits, of these the ones whose features agree, and of these,
    unless unticked, the ones that look similar in a small grey sketch. Outliers are far from all
    others by features or by codes. Both are lists: no file is moved, changed or deleted.
    """

    state_type = State

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self._sketched = self.study.dataset.digest
        images = self.study.dataset.images
        wide: dict[str, Any] = {"label_width": "110px", "layout": {"width": "360px"}}
        self.radius = Slider("codes, bits", **wide)
        self.cosine = Slider("features, cosine", min=0.5, max=1, step=0.005, digits=3, **wide)
        self.looks = ipw.Checkbox(description="they also look similar", indent=False)
        self.far = Choice("far by", _FAR, **wide)
        self.k = Slider("k-th neighbor", min=1, max=20, **wide)
        self._controls: dict[str, Field] = {
            name: getattr(self, name) for name in ("radius", "cosine", "far", "k")
        }
        self.pairs = Gallery(images, [], edge=128, height=420)
        self.group = Gallery(images, [], selection=self.selection, edge=96, height=420)
        self.why = WhyPanel(
            lambda names: self._change(
                "leaving concepts out", lambda view: dataclasses.replace(view, without=names)
            )
        )
        self.outliers = Gallery(images, [], edge=96, height=420)
        self.near = Gallery(images, [], edge=96, height=160)
        for name, control in {**self._controls, "looks": self.looks}.items():
            self._follow_control(control, functools.partial(self._set, name))
        self.pairs.selection.observe(self._picked, "focus")
        self.outliers.selection.observe(self._wondered, "focus")
        self._csv.label = self._csv.summary = "Duplicates as CSV"
        self._far_csv = Download("Outliers as CSV", self._outliers_as_csv)
        note = ipw.HTML(
            '<div style="line-height:1.4">Lists to look at: no file of yours is moved, changed or '
            "deleted.</div>"
        )
        wrapped = {"flex_flow": "row wrap"}
        growing(self.pairs, self.group, self.outliers)
        duplicates = [
            ipw.HBox([self.radius, self.cosine, self.looks], layout=wrapped),
            columns([self.pairs], [self.group, self.why], (49, 49)),
        ]
        outliers = [
            ipw.HBox([self.far, self.k], layout=wrapped),
            self.outliers,
            self.near,
        ]
        self._lay_out(
            ipw.HBox([self._undo, self._redo, self._csv, self._far_csv], layout=wrapped),
            note,
            ipw.Tab(
                [ipw.VBox(duplicates), ipw.VBox(outliers)], titles=["Near-duplicates", "Outliers"]
            ),
        )
        self._open_study(self.study)
        self._worker.submit("looking for near-duplicates", self._refresh)

    def to_frame(self) -> pd.DataFrame:
        """A row a pair of near-duplicates: ``group``, the two files, ``bits`` and ``cosine``."""
        frame = self._found().to_frame()
        names = self.study.dataset.names
        for column in ("i", "j"):
            frame[column] = [names[image] for image in frame[column]]
        return frame.rename(columns={"i": "first", "j": "second"})

    def outliers_frame(self) -> pd.DataFrame:
        """A row per image, farthest first: ``rank``, ``image``, ``distance``, ``mean``..."""
        frame = self._far(self.state.far, self.state.k).to_frame()
        frame["image"] = [self.study.dataset.names[image] for image in frame["image"]]
        return frame

    # -- what is computed ------------------------------------------------------------------------

    def _needs(self, study: Study) -> str:
        found = study.network is not None
        return "" if found else "Near-duplicates are found by code: train this study first"

    def _adopt(self, study: Study) -> None:
        if self._sketched != study.dataset.digest:
            self.__dict__.pop("_sketches", None)
            self._sketched = study.dataset.digest
        self._pairs = functools.lru_cache(8)(self._find_pairs)
        self._far = functools.lru_cache(8)(self._find_far)
        self.radius.max = self._bits // 2
        self.looks.disabled = not study.dataset.has_pixels  # no sketches of placeholder tiles

    def _begin(self, before: State | None) -> State:
        if before is None:
            return State(radius=self._bits // 4, looks=self.study.dataset.has_pixels)
        radius = min(before.radius, self._bits // 2)
        return dataclasses.replace(before, radius=radius, group=0, pair=None, without=())

    @property
    def _bits(self) -> int:
        return self.study.network.bits  # type: ignore[union-attr]  # see `_needs`

    @functools.cached_property
    def _sketches(self) -> Tensor:
        made = []
        for image, name in zip(self.study.dataset.images, self.study.dataset.names, strict=True):
            try:
                made.append(sketch(image))
            except (OSError, ValueError) as error:
                raise type(error)(f"{name} cannot be read any more: {error}") from error
        return torch.from_numpy(np.stack(made))

    def _found(self) -> NearDuplicates:
        return self._pairs(self.state.radius, self.state.cosine, self.state.looks)

    def _find_pairs(self, radius: int, cosine: float, looks: bool) -> NearDuplicates:
        study = self.study
        sketches = self._sketches if looks else None
        return near_duplicates(
            study.codes, self._bits, study.image_features, radius, cosine, sketches
        )

    def _find_far(self, far: str, k: int) -> Outliers:
        study = self.study
        if far == "features":
            return rank_outliers_by_features(study.image_features, k)
        return rank_outliers(study.codes, self._bits, study.image_features, k)

    # -- what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        view = self.state
        for name, control in self._controls.items():
            control.show(getattr(view, name))
        self.looks.value = view.looks
        found = self._found()
        if self._changed("pairs", found):
            self._show_pairs(found)
        if self._changed("group", (found, view.group)):
            self._show_group(found)
        if self._changed("why", (found, view.pair, view.without)):
            self._show_why(found)
        if len(self.study.dataset) > 1 and self._changed("far", (view.far, view.k)):
            self._show_outliers()
        groups = counted(len(found.groups), "group")
        images = counted(sum(map(len, found.groups)), "image")
        self.status.summary = (
            f"{groups} of near-duplicates, {images}: codes within {counted(view.radius, 'bit')}, "
            f"cosine of features at least {view.cosine:.3f}"
            f"{', and similar to look at' * view.looks}"
        )

    def _show_pairs(self, found: NearDuplicates) -> None:
        names = self.study.dataset.names
        self.pairs.selection.unobserve(self._picked, "focus")
        self.pairs.selection.focus = None
        self.pairs.selection.observe(self._picked, "focus")
        captions = [
            f"{counted(int(bits), 'bit')}, {agree:.3f}\n{names[i]}\n{names[j]}\n"
            f"codes {counted(int(bits), 'bit')} apart, cosine of features {agree:.3f}"
            for (i, j), bits, agree in zip(
                found.pairs.tolist(), found.distances, found.cosines, strict=True
            )
        ]
        self.pairs.show(
            range(len(captions)),
            images=_Halves(self.study.dataset.images, [(i, j) for i, j in found.pairs.tolist()]),
            captions=captions,
            summary=f"{counted(len(captions), 'pair')}, most similar first; click one for its group"
            if captions
            else "No pair is so near: allow more bits, or a smaller cosine",
        )

    def _show_group(self, found: NearDuplicates) -> None:
        names, group = self.study.dataset.names, self.state.group
        if group >= len(found.groups):
            self.group.show([], summary="")
            return
        ids = found.groups[group]
        self.group.show(
            ids,
            images=self.study.dataset.images,
            captions=lambda image: names[image],
            summary=f"Group {group + 1} of {len(found.groups)}: {counted(len(ids), 'image')}",
        )

    def _show_why(self, found: NearDuplicates) -> None:
        view = self.state
        self.pairs.selection.focus = view.pair
        if view.pair is None:
            self.why.clear("Click a pair to see why it is near" if len(found.pairs) else "")
            return
        i, j = found.pairs[view.pair].tolist()
        self.why.show(StudyImages(self.study, from_pixels=True), i, j, without=view.without)

    def _show_outliers(self) -> None:
        view, names = self.state, self.study.dataset.names
        found = self._far(view.far, view.k)
        shown = found.ids[:_SHOWN]
        unit = "bits" if view.far == "codes" else "(1 − cosine)"
        values = [
            f"{d:.0f} bits" if view.far == "codes" else f"{d:.3f}" for d in found.distances[:_SHOWN]
        ]
        self.outliers.show(
            shown,
            images=self.study.dataset.images,
            captions=[
                f"{value}\n{names[image]}\nto its neighbour {found.k}; mean {mean:.3g} {unit}"
                for image, value, mean in zip(shown, values, found.means, strict=False)
            ],
            summary=f"Farthest from their neighbour {found.k} by {view.far}, first; click one for "
            f"its neighbours",
        )
        self._show_near(int(shown[0]))

    def _show_near(self, image: int) -> None:
        view, study = self.state, self.study
        features = study.image_features
        if view.far == "features":
            values = 1 - features @ features[image]
        else:
            values = hamming_distance(study.codes[[image]], study.codes)[0].float()
        values[image] = torch.inf
        k = min(view.k, len(values) - 1)
        nearest = values.argsort(stable=True)[:k].tolist()
        names = study.dataset.names
        self.near.show(
            [image, *nearest],
            images=study.dataset.images,
            captions=["this one\n" + names[image]]
            + [f"{values[other]:.3g}\n{names[other]}" for other in nearest],
            summary=f"{names[image]} and its nearest by {view.far}",
        )

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: State) -> None:
        one_of("far", view.far, _FAR.values())
        found = self._pairs(view.radius, view.cosine, view.looks)
        _ = found, len(self.study.dataset) > 1 and self._far(view.far, view.k)

    def _set(self, name: str, value: Any) -> None:
        value = round(value, 6) if name == "cosine" else value
        if value != getattr(self.state, name):
            setting = {name: value}
            if name in ("radius", "cosine", "looks"):  # which make other pairs and groups
                setting |= {"group": 0, "pair": None, "without": ()}
            self._change(
                f"changing {name}",
                lambda view: dataclasses.replace(view, **setting),
                at=self._controls.get(name),
            )

    def _picked(self, change: dict[str, Any]) -> None:
        pair = change["new"]
        if pair is not None and pair != self.state.pair:
            group = int(self._found().group_of[pair])
            self._change(
                "opening a group",
                lambda view: dataclasses.replace(view, group=group, pair=pair, without=()),
            )

    def _wondered(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self._worker.submit("finding neighbours", lambda: self._show_near(change["new"]))

    def _as_csv(self) -> tuple[str, bytes]:
        return "duplicates.csv", csv_bytes(self.to_frame())

    def _outliers_as_csv(self) -> tuple[str, bytes]:
        return "outliers.csv", csv_bytes(self.outliers_frame())
