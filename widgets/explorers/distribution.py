"""What each image is made of, and why two of them are similar."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd
from PIL import Image

from uhscm_core import Study, explain_similarity
from uhscm_core.analysis.pairs import (
    CODES,
    CONCEPTS,
    FEATURES,
    most_similar,
    sample,
    shared_in_words,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.checks import one_of, position
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.choice import Choice
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.panels.alike import AlikePanel
from widgets.panels.disagreements import Disagreements
from widgets.panels.heatmap import HeatmapPanel
from widgets.panels.image_concepts import ImageConcepts
from widgets.panels.pair import PairPanel
from widgets.panels.query import QueryPanel, upload_query

__all__ = ["DistributionExplorer"]

_SAMPLES = {
    "of frequent concepts": "concepts",
    "at random": "random",
    "similar to the image": "similar",
}
_ORDERS = ("dominant concept", "first label", "clustering")
_NOTHING = "nothing"
_NUMBERS = {
    FEATURES: "cosine of features",
    CONCEPTS: "S by concepts",
    CODES: "similarity of codes",
}


@dataclass(frozen=True)
class State:
    """What is looked at.

    Attributes:
        image: the one whose concepts are shown.
        sample, order, source, minus: of the heatmap.
        pair: the two images that are explained.
        without: concepts unticked in the pair's parts.
    """

    image: int
    pair: tuple[int, int]
    sample: str = "concepts"
    order: str = _ORDERS[0]
    source: str = CONCEPTS
    minus: str = _NOTHING
    without: tuple[str, ...] = ()


class DistributionExplorer(Explorer[State]):
    """Explore each image's concepts, and the similarity of pairs.

        from widgets import DistributionExplorer
        DistributionExplorer(study)

    An image's concepts before and after denoising, one's own images too; a heatmap of pairs by
    features, concepts, codes (of a trained study) or the difference of two; a pair's similarity as
    parts that add up exactly, which can be unticked; the pairs that two similarities disagree on
    most.
    """

    state_type = State

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study)
        self._query = QueryPanel(self._choose, pictures, edge=84, height=480)
        self._concepts = ImageConcepts()
        self._heatmap = HeatmapPanel(self._pick, edge=420)
        self._disagreements = Disagreements(pictures, self._pick)
        self._pair = PairPanel(
            pictures, lambda names: self._set("leaving concepts out", without=names)
        )
        self._alike = AlikePanel(pictures, lambda image: self._pick((self.state.image, image)))
        self.gallery, self.concepts = self._query.gallery, self._concepts.bars
        self.grid, self.apart = self._heatmap.grid, self._disagreements.gallery
        self.alike = self._alike.gallery
        self.pair, self.why = self._pair.gallery, self._pair.why
        self.upload = upload_query(self._on_upload, self.status.fail)
        layout: dict[str, Any] = {"layout": {"width": "188px"}, "label_width": "66px"}
        self.controls = {
            "sample": Choice("images", _SAMPLES, **layout),
            "order": Choice("order", **layout),
            "source": Choice("similar by", **layout),
            "minus": Choice("minus", **layout),
        }
        self._bind(**self.controls)
        self._watch(self.selection, self._focused, "focus")
        growing(self.gallery)

        sample, order, source, minus = self.controls.values()
        self._hint = ipw.Label("A trained study, study.train(bits=64), compares by codes too.")
        heatmap = [
            ipw.HBox([sample, order]),
            ipw.HBox([source, minus]),
            self._hint,
            self._heatmap,
        ]
        tabs = ipw.Tab(
            [
                ipw.VBox(heatmap),
                self._alike,
                self._disagreements,
                ipw.VBox([self._query, self._concepts]),
            ],
            titles=["Heatmap", "Most similar", "Disagreements", "One image"],
        )
        train = self._way_to("Train", "Train with these concepts")
        self._lay_out(self._bar(self.upload, train), columns([self._pair], [tabs], (50, 48)))
        self._refresh()

    def to_frame(self) -> pd.DataFrame:
        """The parts of the pair in view: ``concept`` and ``part``, largest first."""
        i, j = self.state.pair
        q = self.pictures.distribution
        parts = explain_similarity(q[i], q[j]).numpy()
        frame = pd.DataFrame({"concept": self.study.kept_names, "part": parts})
        return frame.sort_values("part", ascending=False, kind="stable", ignore_index=True)

    # -- what is shown ---------------------------------------------------------------------------

    def _adopt(self, study: Study) -> None:
        self.pictures = self.pictures.in_study(study)
        trained = self.pictures.codes is not None
        sources = [FEATURES, CONCEPTS] + [CODES] * trained
        self.controls["order"].options = [
            o for o in _ORDERS if o != "first label" or study.dataset.labels is not None
        ]
        self.controls["source"].options = sources
        self.controls["minus"].options = [_NOTHING, *sources]
        self._hint.layout.display = "none" if trained else ""
        self._list_images()

    def _begin(self, before: State | None) -> State:
        if before is None:
            focus = focus_of(self.selection, self.study)
            first = int(sample(self.pictures, "concepts")[0]) if focus is None else focus
            return self._at(State(first, (first, first)), first)
        options = self.controls["source"].options
        source = before.source if before.source in options else CONCEPTS
        minus = before.minus if before.minus in options else _NOTHING
        return dataclasses.replace(
            before,
            source=source,
            minus=_NOTHING if minus == source else minus,
            without=tuple(name for name in before.without if name in self.study.kept_names),
        )

    def _list_images(self) -> None:
        self._query.offer(self.pictures, np.arange(len(self.study.dataset)), "Images: {}")

    def _show(self) -> None:
        view = self.state
        self._query.show(view.image)
        self._look_at(view.image if view.image < len(self.study.dataset) else None)
        if self._changed("image", view.image):
            self._concepts.show(self.pictures, view.image)
            self._alike.show(self.pictures, view.image)
        heatmap = (view.sample, view.order, view.source, view.minus, len(self.pictures))
        if self._changed("heatmap", (*heatmap, view.image if view.sample == "similar" else None)):
            self._show_heatmap()
        self._show_pair()

    def _show_heatmap(self) -> None:
        view = self.state
        ids = sample(self.pictures, view.sample, image=view.image)
        minus = "" if view.minus == _NOTHING else view.minus
        said = f"{len(ids)} images by {view.source}"
        if minus:
            said = f"{len(ids)} images: rank by {view.source} minus rank by {minus}"
        self._heatmap.show(
            self.pictures,
            ids,
            view.source,
            order=view.order,
            minus=minus,
            label=_NUMBERS[view.source],
            summary=said,
        )
        measures = (view.source, minus) if minus else (CONCEPTS, FEATURES)
        self._disagreements.show(self.pictures, self.grid.ids, measures)

    def _show_pair(self) -> None:
        i, j = self.state.pair
        found = self._pair.show(
            self.pictures, i, j, summary="The pair in view", without=self.state.without
        )
        self._heatmap.mark(i, j)
        words = shared_in_words(found.measured.similarity, self.to_frame())
        number = f"{found.measured.similarity:.2f}".replace("-", "−")
        names = self.pictures.names
        self.status.summary = f"{names[i]} and {names[j]}: S = {number} by concepts, {words}"

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: State) -> None:
        for image in (view.image, *view.pair):
            position("image", image, len(self.pictures), "images")
        one_of("sample", view.sample, _SAMPLES.values())
        for name in ("order", "source", "minus"):
            one_of(name, getattr(view, name), self.controls[name].options)
        if view.source == view.minus:
            raise ValueError(f"{view.source} minus {view.source} is nothing: choose two of them")

    def _choose(self, image: int) -> None:
        if image != self.state.image:
            self._change("looking", lambda view: self._at(view, image))

    def _at(self, value: State, image: int) -> State:
        nearest = most_similar(self.pictures, image, 1)
        pair = (image, int(nearest[0]) if len(nearest) else image)
        return dataclasses.replace(value, image=image, pair=pair, without=())

    def _pick(self, pair: tuple[int, int]) -> None:
        def pick(view: State) -> State:
            # The heatmap of what is like the image stays while one looks around in it.
            image = view.image if view.sample == "similar" else pair[0]
            return dataclasses.replace(view, image=image, pair=pair, without=())

        if pair != self.state.pair:
            self._change("comparing", pick)

    def _on_upload(self, image: Image.Image, name: str) -> None:
        def add(view: State) -> State:
            self.pictures = self.pictures.with_image(image, name)
            self._list_images()
            return self._at(view, len(self.pictures) - 1)

        self._change("reading the image", add, each=True)
