"""What the codes find: a query, the database on Hamming shelves, and why results stand there."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import ipywidgets as ipw
import pandas as pd
from PIL import Image

from uhscm_core import Study
from uhscm_core.analysis.answers import Answer, concepts_in_words
from uhscm_core.analysis.questions import Question, mean_curve
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.checks import instance, whole_number
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.bars import Bars
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.panels.code import CodePanel
from widgets.panels.pair import PairPanel
from widgets.panels.query import QueryPanel, askable, text_query, upload_query
from widgets.panels.shelved_results import ShelvedResults

__all__ = ["RetrievalExplorer"]

_AT_FIRST = 20  # results within the radius at first


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

    asked: Question
    """The query in view."""

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study, from_pixels=True)
        self._found: tuple[object, Question] | None = None  # what was found last, and for what

        self._query = QueryPanel(self.like, pictures, edge=44, height=66)
        self._pair = PairPanel(
            pictures, lambda names: self._set("leaving concepts out", without=names)
        )
        self._bits = CodePanel(
            self._flip, lambda: self._set("flipping back", flipped=()), self._like_picked
        )
        self._results = ShelvedResults(pictures, self._pick, self.like, self._move)
        self.queries = self._query.gallery
        self.random = self._query.random_button("Random query")
        self.text, self.ask = text_query(self.search)
        self.upload = upload_query(self._on_upload, self.status.fail)
        self.pair, self.why = self._pair.gallery, self._pair.why
        self.parts = Bars(height=130, digits=3)
        self.code, self.unflip, self.likewise = (
            self._bits.view,
            self._bits.unflip,
            self._bits.likewise,
        )
        self.shelves, self.radius = self._results.shelves, self._results.radius
        self._watch(self.selection, self._focused, "focus")

        tabs = ipw.Tab(
            [ipw.VBox([self._pair, self.parts]), self._bits], titles=["Why near", "Bits"]
        )
        self._lay_out(
            self._bar(self.random, self.text, self.ask, self.upload),
            columns([self._query, tabs], [self._results], (49, 49)),
        )
        self._refresh()

    # -- what a person does, and what a notebook calls -------------------------------------------

    @property
    def answer(self) -> Answer:
        """The database as the query in view ranks it."""
        return self.asked.answer

    def search(self, text: str) -> None:
        """Ask by a text; it is answered by its concepts, as the network has no text branch."""
        try:
            text = instance("text", text, str, "to ask by").strip()
        except TypeError as error:
            self._failures.add(self.text, str(error))
            return
        if not text:
            self._failures.add(self.text, "a text query needs some text")
            return
        self.text.error = ""
        if (None, text) != (self.state.image, self.state.text):

            def ask(view: State) -> State:
                asked = _asked(view, None, text)
                return dataclasses.replace(asked, steps=_at_first(self._question(asked).answer))

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
        return self.asked.to_frame()

    # -- what is shown ---------------------------------------------------------------------------

    def _needs(self, study: Study) -> str:
        return "" if study.network is not None else "Retrieval needs codes: train this study first"

    def _adopt(self, study: Study) -> None:
        self.pictures = self.pictures.in_study(study)
        self._found = self._results.mean = None
        self._bits.adopt(study)
        self._list_queries()

    def _begin(self, before: State | None) -> State:
        bits = self.study.index.bits
        if before is not None:
            flipped = tuple(bit for bit in before.flipped if bit < bits)
            radius = min(max(before.radius, 0), bits)
            without = tuple(name for name in before.without if name in self.study.kept_names)
            return dataclasses.replace(before, radius=radius, flipped=flipped, without=without)
        focus = focus_of(self.selection, self.study)
        first = int(self._query.ids[0]) if focus is None else focus
        return State(first, radius=_at_first(self._question(State(first, radius=0)).answer))

    def _at(self, value: State, image: int) -> State:
        return _asked(value, image)

    def _list_queries(self) -> None:
        ids = askable(self.study)
        self._query.offer(self.pictures, ids, "Choose a query: {} of the dataset")

    def _show(self) -> None:
        view = self.state
        self._query.show(view.image)
        own = view.image is not None and view.image >= len(self.study.dataset)
        self._look_at(None if own else view.image)
        self.text.show(view.text)
        asked = (view.image, view.text, view.flipped)
        if self._changed("asked", asked):
            self.asked = self._question(view)
        self._results.show(self.asked, self._limit(view), view.picked)
        if self._changed("pair", (*asked, view.picked, view.without)):
            self._show_pair()
        self.status.say(self.asked.headline, self.answer.notes)
        if self._changed("evaluating", study := self.study):
            self._worker.submit("evaluating all queries", lambda: self._evaluate(study))

    def _limit(self, view: State) -> int:
        return view.steps if view.image is None else view.radius

    def _question(self, view: State) -> Question:
        """Return what a state asks; what is asked again at once is not answered again."""
        asked = (view.image, view.text, view.flipped)
        if self._found is None or self._found[0] != asked:
            self._found = asked, Question(self.pictures, *asked)
        return self._found[1]

    def _show_pair(self) -> None:
        """Show the query and the picked result, or the concepts of the query alone."""
        view, asked, pictures = self.state, self.asked, self.pictures
        said = f"The query: {asked.name}"
        self._bits.show(asked, view.picked)
        self.parts.layout.display = "" if view.picked is None else "none"
        if view.picked is not None:
            self._pair.show(
                pictures,
                asked.asked,
                view.picked,
                summary=f"{said}, and a result: {pictures.names[view.picked]}",
                without=view.without,
                flipped=view.flipped,
            )
            return
        self._pair.show_one(pictures, view.image, said)
        q, names = asked.distribution, self.study.kept_names
        order = q.argsort(descending=True, stable=True)
        self.parts.show(
            [names[c] for c in order],
            q[order],
            summary=f"Concepts of {asked.name}: {concepts_in_words(q, names)}",
        )

    def _evaluate(self, study: Study) -> None:
        """The mean curve over the queries, once and behind all that a person asks for."""
        if study is not self._shown_study:
            return  # another one is in view by now
        try:
            mean, words = mean_curve(study)
        except ValueError:
            return  # each query says that it has no label
        self._results.mean, self._results.mean_of = mean, words
        if study is self.study:
            self._results.measure(self.asked, self._limit(self.state))

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: State) -> None:
        for image in (view.image, view.picked):
            if image is not None and not 0 <= image < len(self.pictures):
                raise IndexError(f"no image {image}: there are {len(self.pictures):,}")

    def _pick(self, image: int) -> None:
        if image != self.state.picked:
            self._set("comparing", picked=image, without=())

    def _like_picked(self) -> None:
        if self.state.picked is not None:
            self.like(self.state.picked)

    def _move(self, level: int) -> None:
        self._set("moving the radius", **{"steps" if self.answer.by_text else "radius": level})

    def _flip(self, bit: int) -> None:
        def turn(view: State) -> State:
            flipped = set(view.flipped) ^ {bit}
            return dataclasses.replace(view, flipped=tuple(sorted(flipped)))

        self._change("flipping a bit", turn, each=True)

    def _on_upload(self, image: Image.Image, name: str) -> None:
        def add(view: State) -> State:
            self.pictures = self.pictures.with_image(image, name)
            self._list_queries()
            return _asked(view, len(self.pictures) - 1)

        self._change("reading the image", add, each=True)


def _asked(view: State, image: int | None, text: str = "") -> State:
    """Another query; the radius stays."""
    return dataclasses.replace(view, image=image, text=text, flipped=(), picked=None, without=())


def _at_first(answer: Answer) -> int:
    """The level within which a new kind of query has its first results."""
    near = answer.level[:_AT_FIRST]
    return int(near[-1]) if len(near) else 0
