"""What the codes find: a query, the database on Hamming shelves, and why results stand there."""

from __future__ import annotations

import dataclasses
import textwrap
from dataclasses import dataclass
from typing import Any, cast

import ipywidgets as ipw
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from torch import Tensor

from uhscm_core import Embedding, Study, precision_recall_curve
from uhscm_core.analysis.answers import (
    Answer,
    answer_to_code,
    answer_to_text,
    average_precision_bounds,
    bit_words,
    bits_of,
    concepts_in_words,
    flip,
    labels_named,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.evaluation import evaluated_images
from uhscm_core.support.checks import instance, whole_number
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer, columns, focus_of
from widgets.kit.bars import Bars
from widgets.kit.code_view import CodeView
from widgets.kit.gallery import Gallery
from widgets.kit.radius import Radius
from widgets.kit.selection import Selection
from widgets.kit.shelves import Shelves
from widgets.kit.stage import growing
from widgets.kit.text_box import TextBox
from widgets.kit.upload import Upload
from widgets.kit.words import counted
from widgets.panels.why import WhyPanel

__all__ = ["RetrievalExplorer"]

_AT_FIRST = 20  # results within the radius at first
_MOST_JUDGED = 1000  # queries whose mean curve is drawn: more would take seconds on 60,000 images


@dataclass(frozen=True)
class State:
    """What is asked and looked at.

    Attributes:
        image: the query; None where a text is.
        text: the query in words.
        flipped: bits of the image's code that were turned over.
        radius: what counts, in bits.
        steps: what counts for a text, in tenths of S.
        picked: the result that is compared with the query; None for none.
        without: concepts left out of that comparison.
    """

    image: int | None
    radius: int
    steps: int = 0
    text: str = ""
    flipped: tuple[int, ...] = ()
    picked: int | None = None
    without: tuple[str, ...] = ()


class RetrievalExplorer(Explorer[State]):
    """Ask a trained study for images, and see why it answers as it does.

        from widgets import RetrievalExplorer
        RetrievalExplorer(study.train(bits=64))

    Ask by an image of the dataset, at random, by an image of one's own, or by a text; the
    database stands on shelves, one a Hamming distance, all images of a shelf tied. A result is
    compared with the query: the bits that differ, and the concepts that make the two similar. Bits
    can be flipped, and the radius moved along the precision-recall curve.

    Args:
        study: with a hash network; for one without, there is an offer to train it.
        selection: its focus is the query, so other views can ask too.
    """

    state_type = State

    answer: Answer
    """The database as the query in view ranks it."""

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study, from_pixels=True)
        self._found: tuple[object, Answer] | None = None  # what was found last, and for what
        self._mean: npt.NDArray[np.float64] | None = None
        self._mean_of = ""
        self._rng = np.random.default_rng()

        self.queries = Gallery(pictures, [], edge=44, height=66)
        self.text = TextBox(
            "A query in words",
            labelled=False,
            placeholder="ask by text: a castle",
            layout={"width": "180px"},
        )
        self.ask = ipw.Button(description="Ask", icon="search", layout={"width": "70px"})
        self.random = ipw.Button(
            description="Random query", icon="random", layout={"width": "134px"}
        )
        self.unflip = ipw.Button(description="Flip back", icon="undo", layout={"width": "110px"})
        self.likewise = ipw.Button(
            description="More like the result", icon="search", layout={"width": "190px"}
        )
        self.upload = Upload(self._on_upload, self.status.fail)
        self.upload.layout.flex, self.upload.layout.max_width = "1 1 126px", "340px"
        self.pair = Gallery(pictures, [], edge=64, height=104)
        self.code = CodeView(self._flip, names=["query", "result"])
        self.parts = Bars(height=130, digits=3)
        self.why = WhyPanel(lambda names: self._set("leaving concepts out", without=names))
        self.radius = Radius()
        self.shelves = Shelves(
            pictures, edge=72, height=480, action="More like this", on_action=self.like
        )
        growing(self.shelves)
        self.text.on_submit(self.search)
        self.ask.on_click(lambda _: self.search(self.text.value))
        self.random.on_click(lambda _: self._ask_at_random())
        self.unflip.on_click(lambda _: self._set("flipping back", flipped=()))
        self.likewise.on_click(lambda _: self._like_picked())
        self._watch(self.selection, self._focused, "focus")
        self.queries.selection.observe(self._chosen, "focus")
        self.shelves.selection.observe(self._picked, "focus")
        self.radius.observe(self._measured, "radius")

        tabs = ipw.Tab(
            [
                ipw.VBox([self.pair, self.why, self.parts]),
                ipw.VBox([self.code, ipw.HBox([self.unflip, self.likewise])]),
            ],
            titles=["Why near", "Bits"],
        )
        self._lay_out(
            ipw.HBox(
                [self._undo, self._redo, self._csv, self.random, self.text, self.ask, self.upload],
                layout={"flex_flow": "row wrap"},
            ),
            columns([self.queries, tabs], [self.shelves, self.radius], (49, 49)),
        )
        self._refresh()

    # -- what a person does, and what a notebook calls -------------------------------------------

    def search(self, text: str) -> None:
        """Ask by a text; it is answered by its concepts, as the network has no text branch."""
        try:
            text = instance("text", text, str, "to ask by").strip()
        except TypeError as error:
            self._fail_at(self.text, str(error))
            return
        if not text:
            self._fail_at(self.text, "a text query needs some text")
            return
        self.text.error = ""
        if (None, text) != (self.state.image, self.state.text):

            def ask(view: State) -> State:
                asked = _asked(view, None, text)
                return dataclasses.replace(asked, steps=_at_first(self._find(asked)))

            self._change("asking", ask, at=self.text)

    def like(self, image: int) -> None:
        """Ask by an image, such as a result."""
        try:
            asked = whole_number("image", image)
        except TypeError as error:
            self.status.fail(str(error))
            return
        if asked != self.state.image:
            self._change("asking", lambda view: _asked(view, asked))

    def to_frame(self) -> pd.DataFrame:
        """The database, nearest first: rank, image, name, distance, and match where known."""
        answer = self.answer
        frame = pd.DataFrame({"rank": np.arange(1, len(answer.ids) + 1), "image": answer.ids})
        frame["name"] = [self.pictures.names[image] for image in answer.ids]
        if answer.by_text:
            frame["within"] = [answer.named(level) for level in answer.level.tolist()]
        else:
            frame["distance"] = answer.level
        if answer.match is not None:
            frame["match"] = answer.match
        return frame

    # -- what is shown ---------------------------------------------------------------------------

    def _needs(self, study: Study) -> str:
        return "" if study.network is not None else "Retrieval needs codes: train this study first"

    def _adopt(self, study: Study) -> None:
        self.pictures = self.pictures.in_study(study)
        database, queries = (study.dataset.splits[name] for name in ("database", "query"))
        self._asked: npt.NDArray[np.int64] = queries if len(queries) else database
        self._found = self._mean = None
        ones = np.unpackbits(study.index.codes.numpy(), axis=1, count=study.index.bits)
        self._shares: list[float] = ones.mean(0).tolist()
        self._meanings = bit_words(study.bit_concepts, study.kept_names)
        self._list_queries()

    def _begin(self, before: State | None) -> State:
        bits = self.study.index.bits
        if before is not None:
            flipped = tuple(bit for bit in before.flipped if bit < bits)
            radius = min(max(before.radius, 0), bits)
            without = tuple(name for name in before.without if name in self.study.kept_names)
            return dataclasses.replace(before, radius=radius, flipped=flipped, without=without)
        focus = focus_of(self.selection, self.study)
        first = int(self._asked[0]) if focus is None else focus
        return State(first, radius=_at_first(self._find(State(first, radius=0))))

    def _at(self, value: State, image: int) -> State:
        return _asked(value, image)

    def _list_queries(self) -> None:
        own = range(len(self.study.dataset), len(self.pictures))
        own_first = f"{len(own)} of your own, then " if own else ""
        self.queries.show(
            [*reversed(own), *self._asked],
            images=self.pictures,
            captions=self.pictures.caption,
            summary=f"Choose a query: {own_first}{len(self._asked):,} of the dataset",
        )

    def _show(self) -> None:
        view = self.state
        self.queries.selection.focus = view.image
        own = view.image is not None and view.image >= len(self.study.dataset)
        self._look_at(None if own else view.image)
        self.text.show(view.text)
        if self._changed("asked", _question(view)):
            self.answer = self._find(view)
            self._show_shelves()
        self.shelves.until = self._until()
        self.shelves.selection.focus = view.picked
        self._show_radius()
        self._show_pair()
        self.unflip.disabled = not view.flipped
        self.likewise.disabled = view.picked is None
        self.status.say(self._said(), self.answer.notes)
        if self._changed("evaluating", study := self.study):
            self._worker.submit("evaluating all queries", lambda: self._evaluate(study))

    def _find(self, view: State) -> Answer:
        """The answer; a question that is asked again at once is not answered again."""
        question = _question(view)
        if self._found is None or self._found[0] != question:
            self._found = question, self._answer_to(view)
        return self._found[1]

    def _answer_to(self, view: State) -> Answer:
        if view.image is None:
            return answer_to_text(self.study, view.text, labels_named(self.study, view.text)[1])
        return answer_to_code(self.pictures, self._code(view), view.image, self._match(view.image))

    def _match(self, image: int) -> npt.NDArray[np.bool_] | None:
        """Which images share a label with this one; None where it has none to share."""
        labels = self.study.dataset.labels
        if labels is None or image >= len(labels) or not labels[image].any():
            return None
        flags: npt.NDArray[np.bool_] = (labels & labels[image]).bool().any(1).numpy()
        return flags

    @property
    def _codes(self) -> Tensor:
        return cast(Tensor, self.pictures.codes)  # there is a network

    def _code(self, view: State) -> Tensor:
        return flip(self._codes[view.image], view.flipped)

    def _show_shelves(self) -> None:
        answer = self.answer
        shelves = answer.shelves()
        words = []
        for level, start, stop in shelves:
            lines = [
                answer.named(level),
                counted(stop - start, "image"),
            ]
            if answer.match is not None:
                lines.append(f"✓ {int(answer.match[start:stop].sum()):,} match")
            if stop - start > 1 and not answer.by_text:
                lines.append("= tied")
            words.append(lines)
        self.shelves.show_shelves(
            answer.ids,
            [start for _, start, _ in shelves],
            words,
            images=self.pictures,
            captions=self.pictures.caption,
            marks=answer.match,
            summary=(
                "Click a result to compare it, ≈ to ask for more like it. "
                + (
                    ""
                    if answer.by_text
                    else "Images of one shelf are tied: none is before another."
                )
            ),
            until=self._until(),
        )

    def _until(self) -> int:
        """How many shelves lie within the radius."""
        view = self.state
        limit = view.steps if self.answer.by_text else view.radius
        return sum(level <= limit for level, _, _ in self.answer.shelves())

    def _show_radius(self) -> None:
        view, answer = self.state, self.answer
        key = (self._drawn["asked"], view.radius, view.steps, self._mean is None)
        if self._drawn.get("radius") == key:
            return
        self._drawn["radius"] = key
        within = answer.within()
        self.radius.show(
            [answer.named(level) for level in range(answer.levels)],
            within.found,
            within.matches,
            radius=view.steps if answer.by_text else view.radius,
            mean=None if answer.by_text or answer.match is None else self._mean,
            mean_of=self._mean_of,
            summary=self._judged(),
        )

    def _judged(self) -> str:
        """Average precision of the query, in words."""
        view, answer = self.state, self.answer
        if answer.match is None:
            return "" if self.study.dataset.labels is None else "No label to evaluate this query by"
        if view.image is None:
            names = " or ".join(labels_named(self.study, view.text)[0])
            return f"A match is an image labelled {names}: the text has the word"
        if not answer.match.any():
            return "Nothing in the database shares a label with this query"
        if not len(answer.ids):
            return "The database holds nothing else"
        ap = average_precision_bounds(answer, self._code(view), self._codes)
        return (
            f"Average precision of this query: {ap['expected']:.3f} expected; "
            f"by the order of ties {ap['worst']:.3f} at worst, {ap['best']:.3f} at best"
        )

    def _show_pair(self) -> None:
        view, names = self.state, self.pictures.names
        pair = [image for image in (view.image, view.picked) if image is not None]
        key = (view.image, view.text, view.picked, view.flipped, view.without)
        if self._drawn.get("pair") == key:
            return
        self._drawn["pair"] = key
        asked = _quoted(view.text) if view.image is None else names[view.image]
        said = f"The query: {asked}"
        if view.picked is not None:
            said += f", and a result: {names[view.picked]}"
        self.pair.layout.display = "" if pair else "none"
        self.pair.show(pair, images=self.pictures, captions=self.pictures.caption, summary=said)
        self._show_code()
        self._show_parts(asked)

    def _show_code(self) -> None:
        view, length = self.state, self.study.index.bits
        for shown in (self.code, self.unflip):  # a text has no code
            shown.layout.display = "none" if view.image is None else ""
        if view.image is None:
            return
        bits = bits_of(self._code(view), length)
        other = []
        said = f"{self.pictures.names[view.image]}: {sum(bits)} of {len(bits)} bits are 1"
        if view.picked is not None:
            other = bits_of(self._codes[view.picked], length)
            apart = sum(a != b for a, b in zip(bits, other, strict=True))
            said = f"The codes differ in {apart} of {len(bits)} bits (XOR)"
        if view.flipped:
            turned = ", ".join(map(str, view.flipped))
            said += f"; flipped: {turned}"
        self.code.show(
            bits,
            flipped=view.flipped,
            other=other,
            meanings=self._meanings,
            shares=self._shares,
            summary=said,
        )

    def _show_parts(self, asked: str) -> None:
        """Show the concepts of the query, or why the picked result is near to it."""
        view, study = self.state, self.study
        alone = view.picked is None
        self.parts.layout.display = "" if alone else "none"
        self.why.layout.display = "none" if alone else ""
        if view.picked is not None:
            self.why.show(
                self.pictures,
                self._asked_with(view) if view.image is None else view.image,
                view.picked,
                without=view.without,
                flipped=view.flipped,
            )
            return
        self.why.clear("Pick a result to see why it is near")
        q = self._distribution(view)
        order = q.argsort(descending=True, stable=True)
        self.parts.show(
            [study.kept_names[c] for c in order],
            q[order],
            summary=f"Concepts of {asked}: {concepts_in_words(q, study.kept_names)}",
        )

    def _asked_with(self, view: State) -> Embedding:
        """Return what the text in view is compared by; it has no code."""
        reading = self.study.read_text(view.text)
        return Embedding(reading.features, reading.distribution, None)

    def _distribution(self, view: State) -> Tensor:
        if view.image is not None:
            return self.pictures.distribution[view.image]
        return self.study.text_distribution(view.text)

    def _said(self) -> str:
        view, answer = self.state, self.answer
        shelves = answer.shelves()
        if view.image is None:
            q = self._distribution(view)
            concepts = concepts_in_words(q, self.study.kept_names)
            return (
                f"{_quoted(view.text)}, answered by its concepts ({concepts}), as the network has "
                f"no text branch: {len(answer.ids):,} images by S"
            )
        name = self.pictures.names[view.image]
        labels = self.pictures.caption(view.image).partition("\n")[2]
        asked = f"{name} ({labels})" if labels else name
        if view.flipped:
            asked += f", {counted(len(view.flipped), 'bit')} flipped"
        if not shelves:
            return f"{asked}: the database holds nothing else"
        level, start, stop = shelves[0]
        return (
            f"{asked}: {len(answer.ids):,} images on {len(shelves)} shelves, "
            f"the nearest {stop - start:,} at {answer.named(level)}"
        )

    def _evaluate(self, study: Study) -> None:
        """The mean curve over the queries, once and behind all that a person asks for."""
        if study is not self._shown_study:
            return  # another one is in view by now
        try:
            on = evaluated_images(study.dataset)
        except ValueError:
            return  # each query says that it has no label
        codes, queries = study.codes, on.queries[:_MOST_JUDGED]
        curve = precision_recall_curve(
            codes[queries], codes[on.database], on.labels[queries], on.labels[on.database]
        )
        self._mean = np.stack([curve.precision, curve.recall])[:, : study.index.bits + 1]
        self._mean_of = f"mean of {len(queries):,} queries"
        if study is self.study:
            self._show_radius()

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: State) -> None:
        for image in (view.image, view.picked):
            if image is not None and not 0 <= image < len(self.pictures):
                raise IndexError(f"no image {image}: there are {len(self.pictures):,}")

    def _set(self, what: str, **changes: Any) -> None:
        if any(getattr(self.state, name) != value for name, value in changes.items()):
            self._change(what, lambda view: dataclasses.replace(view, **changes))

    def _chosen(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self.like(change["new"])

    def _picked(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            picked = int(change["new"])
            if picked != self.state.picked:
                self._set("comparing", picked=picked, without=())

    def _like_picked(self) -> None:
        if self.state.picked is not None:
            self.like(self.state.picked)

    def _measured(self, change: dict[str, Any]) -> None:
        name = "steps" if self.answer.by_text else "radius"
        self._set("moving the radius", **{name: change["new"]})

    def _flip(self, bit: int) -> None:
        def turn(view: State) -> State:
            flipped = set(view.flipped) ^ {bit}
            return dataclasses.replace(view, flipped=tuple(sorted(flipped)))

        self._change("flipping a bit", turn, each=True)

    def _ask_at_random(self) -> None:
        others = self._asked[self._asked != self.state.image]  # else a click may change nothing
        if len(others):
            self.like(int(self._rng.choice(others)))

    def _on_upload(self, image: Image.Image, name: str) -> None:
        def add(view: State) -> State:
            self.pictures = self.pictures.with_image(image, name)
            self._list_queries()
            return _asked(view, len(self.pictures) - 1)

        self._change("reading the image", add, each=True)


def _asked(view: State, image: int | None, text: str = "") -> State:
    """Another query; the radius stays."""
    return dataclasses.replace(view, image=image, text=text, flipped=(), picked=None, without=())


def _question(view: State) -> tuple[int | None, str, tuple[int, ...]]:
    """What an answer follows from."""
    return view.image, view.text, view.flipped


def _at_first(answer: Answer) -> int:
    """The level within which a new kind of query has its first results."""
    near = answer.level[:_AT_FIRST]
    return int(near[-1]) if len(near) else 0


def _quoted(text: str) -> str:
    return f"“{textwrap.shorten(text, 80, placeholder=' …')}”"
