"""What each image is made of, and why two of them are similar."""

from __future__ import annotations

import ipywidgets as ipw
import numpy as np
import pandas as pd
from PIL import Image

from uhscm_core import Study, explain_similarity
from uhscm_core.analysis.pairs import shared_in_words, sources_of
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.numbers import real
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.layout import columns, later
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.panels.alike import AlikePanel
from widgets.panels.compared_heatmap import ComparedHeatmap
from widgets.panels.disagreements import Disagreements
from widgets.panels.image_concepts import ImageConcepts
from widgets.panels.pair import PairPanel
from widgets.panels.query import QueryPanel, upload_query
from widgets.states.distribution import DistributionState

__all__ = ["DistributionExplorer"]


class DistributionExplorer(Explorer[DistributionState]):
    """Explore each image's concepts, and the similarity of pairs.

        from widgets import DistributionExplorer
        DistributionExplorer(study)

    An image's concepts before and after denoising, one's own images too; a heatmap of pairs by
    features, concepts, codes (of a trained study) or the difference of two; a pair's similarity as
    parts that add up exactly, which can be unticked; the pairs that two similarities disagree on
    most.
    """

    state_type = DistributionState

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study)
        self._query = QueryPanel(self._choose, pictures, edge=84, height=480)
        self._concepts = ImageConcepts()
        self._heatmap = ComparedHeatmap(self._pick)
        self._disagreements = Disagreements(pictures, self._pick)
        self._pair = PairPanel(
            pictures, lambda names: self._set("leaving concepts out", without=names)
        )
        self._alike = AlikePanel(pictures, lambda image: self._pick((self.state.image, image)))
        self.gallery, self.concepts = self._query.gallery, self._concepts.bars
        self.grid, self.apart = self._heatmap.heatmap.grid, self._disagreements.gallery
        self.alike = self._alike.gallery
        self.pair, self.why = self._pair.gallery, self._pair.why
        self.upload = upload_query(self._on_upload, self.status.fail)
        self.controls = self._heatmap.controls
        self._bind(**self.controls)
        self._watch(self.selection, self._focused, "focus")
        growing(self.gallery)
        tabs = ipw.Tab(
            [
                self._heatmap,
                self._alike,
                self._disagreements,
                ipw.VBox([self._query, self._concepts]),
            ],
            titles=["Heatmap", "Most similar", "Disagreements", "One image"],
        )
        train = self._way_to("Train", "Train with these concepts")
        bar = self._bar(self.upload, train)
        later(bar)
        self._lay_out(bar, columns([self._pair], [tabs], (50, 48)))
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
        self._heatmap.adopt(self.pictures)
        self._list_images()

    def _begin(self, before: DistributionState | None) -> DistributionState:
        if before is None:
            return DistributionState.first(self.pictures, focus_of(self.selection, self.study))
        return before.in_study(self.study, sources_of(self.pictures))

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
        measures = self._heatmap.show(
            self.pictures,
            view.image,
            sample_of=view.sample,
            order=view.order,
            source=view.source,
            minus=view.minus,
        )
        self._disagreements.show(self.pictures, self.grid.ids, measures)

    def _show_pair(self) -> None:
        i, j = self.state.pair
        found = self._pair.show(
            self.pictures, i, j, summary="The pair in view", without=self.state.without
        )
        self._heatmap.heatmap.mark(i, j)
        words = shared_in_words(found.measured.similarity, self.to_frame())
        number = real(found.measured.similarity, 2)
        names = self.pictures.names
        self.status.summary = f"{names[i]} and {names[j]}: S = {number} by concepts, {words}"

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: DistributionState) -> None:
        view.check(self.pictures)

    def _at(self, value: DistributionState, image: int) -> DistributionState:
        return value.looking_at(self.pictures, image)

    def _choose(self, image: int) -> None:
        if image != self.state.image:
            self._change("looking", lambda view: self._at(view, image))

    def _pick(self, pair: tuple[int, int]) -> None:
        if pair != self.state.pair:
            self._change("comparing", lambda view: view.comparing(pair))

    def _on_upload(self, image: Image.Image, name: str) -> None:
        def add(view: DistributionState) -> DistributionState:
            self.pictures = self.pictures.with_image(image, name)
            self._list_images()
            return self._at(view, len(self.pictures) - 1)

        self._change("reading the image", add, each=True)
