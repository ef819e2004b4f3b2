"""What each image is made of, and why two of them are similar."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd
import torch
from PIL import Image

from uhscm_core import Study, concept_scores, explain_similarity, semantic_similarity
from uhscm_core.analysis.pairs import (
    CODES,
    CONCEPTS,
    FEATURES,
    disagreements,
    most_similar,
    ordered,
    ranks,
    sample,
    shared_in_words,
    similarities,
)
from uhscm_core.analysis.study_images import ImagePairs, StudyImages
from uhscm_core.support.checks import one_of, position
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.bars import Bars
from widgets.kit.choice import Choice
from widgets.kit.gallery import Gallery
from widgets.kit.grid import Grid
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.kit.upload import Upload
from widgets.panels.why import WhyPanel

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
        self.gallery = Gallery(pictures, edge=84, height=480)
        self.upload = Upload(self._on_upload, self.status.fail)
        self.upload.layout.flex, self.upload.layout.max_width = "1 1 126px", "340px"
        self.concepts = Bars(height=172, digits=3)
        self.grid = Grid(edge=420)
        self.alike = Gallery(pictures, [], edge=84, height=480)
        self.apart = Gallery(pictures, [], edge=112, height=480)
        self.pair = Gallery(pictures, [], edge=64, height=104)
        self.why = WhyPanel(
            lambda names: self._change(
                "leaving concepts out", lambda view: dataclasses.replace(view, without=names)
            )
        )
        layout: dict[str, Any] = {"layout": {"width": "188px"}, "label_width": "66px"}
        self.controls = {
            "sample": Choice("images", _SAMPLES, **layout),
            "order": Choice("order", **layout),
            "source": Choice("similar by", **layout),
            "minus": Choice("minus", **layout),
        }
        for name, control in self.controls.items():
            self._follow_control(control, functools.partial(self._set, name))
        self._watch(self.selection, self._focused, "focus")
        self.gallery.selection.observe(self._chosen, "focus")
        self.alike.selection.observe(self._likened, "focus")
        self.apart.selection.observe(self._disputed, "focus")
        self.grid.selection.observe(self._clicked, "ids")
        self._disputes = pd.DataFrame()
        self._train = self._way_to("Train", "Train with these concepts")

        controls = list(self.controls.values())
        hint = "A trained study, study.train(bits=64), compares by codes too."
        self._hint = ipw.Label(hint)
        heatmap = [ipw.HBox(controls[:2]), ipw.HBox(controls[2:]), self._hint, self.grid]
        tabs = ipw.Tab(
            [ipw.VBox(heatmap), self.alike, self.apart, ipw.VBox([self.gallery, self.concepts])],
            titles=["Heatmap", "Most similar", "Disagreements", "One image"],
        )
        growing(self.concepts, self.grid, self.alike, self.apart, self.gallery)
        self._lay_out(
            ipw.HBox(
                [self._undo, self._redo, self._csv, self.upload, self._train],
                layout={"flex_flow": "row wrap"},
            ),
            columns([self.pair, self.why], [tabs], (50, 48)),
        )
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
        own = range(len(self.study.dataset), len(self.pictures))
        own_first = f"{len(own)} of your own, then " if own else ""
        self.gallery.show(
            [*reversed(own), *range(len(self.study.dataset))],
            images=self.pictures,
            captions=self.pictures.caption,
            summary=f"Images: {own_first}{len(self.study.dataset):,}",
        )

    def _show(self) -> None:
        view = self.state
        for name, control in self.controls.items():
            control.show(getattr(view, name))
        self.gallery.selection.focus = view.image
        self._look_at(view.image if view.image < len(self.study.dataset) else None)
        if self._changed("image", view.image):
            self._show_concepts()
            self._show_alike()
        heatmap = (view.sample, view.order, view.source, view.minus, len(self.pictures))
        if self._changed("heatmap", (*heatmap, view.image if view.sample == "similar" else None)):
            self._show_heatmap()
        if self._changed("pair", view.pair):
            self.pair.show(
                view.pair,
                images=self.pictures,
                captions=self.pictures.caption,
                summary="The pair in view",
            )
        self._show_why()

    def _show_concepts(self) -> None:
        study, image = self.study, self.state.image
        scores = concept_scores(self.pictures.features[image][None], study.text_features)[0]
        before = torch.softmax(study.tau * len(scores) * scores, dim=0)  # (M,)
        kept = study.mined.kept
        after = torch.zeros(len(scores))
        after[kept] = self.pictures.distribution[image]
        order = torch.maximum(before, after).argsort(descending=True, stable=True)
        main = study.concepts.names[int(after.argmax())]
        self.concepts.show(
            [study.concepts.names[j] for j in order],
            before[order].numpy(),
            after[order].numpy(),
            names=(f"over all {len(kept):,} candidates", f"over the {int(kept.sum()):,} kept"),
            kept=kept[order].numpy(),
            summary=f"{self.pictures.names[image]}: after denoising {after.max():.0%} {main}",
        )

    def _show_alike(self) -> None:
        image = self.state.image
        similar = most_similar(self.pictures, image, 120)
        q = self.pictures.distribution
        values = semantic_similarity(q[image][None], q[similar])[0].tolist()
        captions = dict(zip(similar.tolist(), values, strict=True))
        self.alike.show(
            similar,
            images=self.pictures,
            captions=lambda i: f"S = {captions[i]:.2f}\n{self.pictures.caption(i)}",
            summary=f"Most like {self.pictures.names[image]} by concepts; click one to see why",
        )

    def _show_heatmap(self) -> None:
        view = self.state
        ids = sample(self.pictures, view.sample, image=view.image)
        values = similarities(self.pictures, ids, view.source)
        order, groups = ordered(self.pictures, ids, view.order, values)
        ids, other = ids[order], view.minus
        shown: dict[str, Any] = {"low": -1.0, "label": _NUMBERS[view.source]}
        if other == _NOTHING:
            table = disagreements(self.pictures, ids)
            values = values[np.ix_(order, order)]
            said = f"{len(ids)} images by {view.source}"
            if view.source == FEATURES:  # cosines of features are large throughout
                shown["low"] = min(float(values.min()), 0.99)
        else:
            table = disagreements(self.pictures, ids, view.source, other)
            values = ranks(values) - ranks(
                similarities(self.pictures, ids[np.argsort(order)], other)
            )
            values = values[np.ix_(order, order)]
            said = f"{len(ids)} images: rank by {view.source} minus rank by {other}"
            shown |= {"diverging": True, "label": "difference of ranks"}
        self.grid.show(values, ids, images=self.pictures, groups=groups, summary=said, **shown)
        self._show_disagreements(table)

    def _show_disagreements(self, table: pd.DataFrame) -> None:
        self._disputes = table
        one, other = table.columns[2:4]
        pairs = list(zip(table["i"].tolist(), table["j"].tolist(), strict=True))
        self.apart.selection.focus = None
        self.apart.show(
            range(len(pairs)),
            images=ImagePairs(self.pictures, pairs),
            captions=[
                f"{more:.0%} / {less:.0%}\nof pairs are less similar by {one} / by {other}"
                for more, less in zip(table.iloc[:, 4], table.iloc[:, 5], strict=True)
            ],
            summary=f"The pairs on which {one} and {other} disagree most, by rank; click one",
        )

    def _show_why(self) -> None:
        view = self.state
        i, j = view.pair
        found = self.why.show(self.pictures, i, j, without=view.without)
        shown = self.grid.ids
        self.grid.cell = (shown.index(i), shown.index(j)) if {i, j} <= set(shown) else None
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

    def _set(self, name: str, value: str) -> None:
        setting: dict[str, Any] = {name: value}
        if value != getattr(self.state, name):
            self._change(
                f"changing {name}",
                lambda view: dataclasses.replace(view, **setting),
                at=self.controls[name],
            )

    def _chosen(self, change: dict[str, Any]) -> None:
        self._choose(change["new"])

    def _choose(self, image: int | None) -> None:
        if image is not None and image != self.state.image:
            self._change("looking", lambda view: self._at(view, image))

    def _at(self, value: State, image: int) -> State:
        nearest = most_similar(self.pictures, image, 1)
        pair = (image, int(nearest[0]) if len(nearest) else image)
        return dataclasses.replace(value, image=image, pair=pair, without=())

    def _pick(self, pair: Sequence[int]) -> None:
        i, j = pair

        def pick(view: State) -> State:
            # The heatmap of what is like the image stays while one looks around in it.
            image = view.image if view.sample == "similar" else i
            return dataclasses.replace(view, image=image, pair=(i, j), without=())

        if (i, j) != self.state.pair:
            self._change("comparing", pick)

    def _clicked(self, change: dict[str, Any]) -> None:
        if len(change["new"]) == 2:
            self._pick(change["new"])

    def _likened(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self._pick((self.state.image, change["new"]))

    def _disputed(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            row = self._disputes.iloc[change["new"]]
            self._pick((int(row["i"]), int(row["j"])))

    def _on_upload(self, image: Image.Image, name: str) -> None:
        def add(view: State) -> State:
            self.pictures = self.pictures.with_image(image, name)
            self._list_images()
            return self._at(view, len(self.pictures) - 1)

        self._change("reading the image", add, each=True)
