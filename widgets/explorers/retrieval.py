"""What the codes find: a query, the database on Hamming shelves, and why results stand there."""

from __future__ import annotations

import functools

import ipywidgets as ipw
import pandas as pd
from PIL import Image

from uhscm_core import Study
from uhscm_core.analysis.answers import Answer
from uhscm_core.analysis.questions import Question
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.checks import instance, whole_number
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.panels.asked_pair import AskedPair
from widgets.panels.code import CodePanel
from widgets.panels.query import QueryPanel, askable, text_query, upload_query
from widgets.panels.shelved_results import ShelvedResults
from widgets.states.retrieval import RetrievalState

__all__ = ["RetrievalExplorer"]


class RetrievalExplorer(Explorer[RetrievalState]):
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

    state_type = RetrievalState

    asked: Question
    """The query in view."""

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.pictures = pictures = StudyImages(self.study, from_pixels=True)
        self._answered = functools.lru_cache(1)(Question)  # what is asked again is not ranked again
        self._query = QueryPanel(self.like, pictures, edge=44, height=66)
        self._pair = AskedPair(
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
        self.pair, self.why = self._pair.pair.gallery, self._pair.pair.why
        self.parts, self.code = self._pair.parts, self._bits.view
        self.unflip, self.likewise = self._bits.unflip, self._bits.likewise
        self.shelves, self.radius = self._results.shelves, self._results.radius
        self._bind(by=self._results.by)
        self._watch(self.selection, self._focused, "focus")

        tabs = ipw.Tab([self._pair, self._bits, self.radius], titles=["Why near", "Bits", "Radius"])
        self._lay_out(
            self._bar(self.random, self.text, self.ask, self.upload),
            columns([tabs], [self._results], (49, 49), above_left=[self._query], right_first=True),
        )
        self._refresh()

    # -- what a person does, and what a notebook calls -------------------------------------------

    @property
    def answer(self) -> Answer:
        """The database as the query in view ranks it."""
        return self.asked.answer

    def search(self, text: str) -> None:
        """Ask by a text; its concepts or features answer it, as the network has no text branch."""
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

            def ask(view: RetrievalState) -> RetrievalState:
                asked = view.asking(None, text)
                return asked.opened_for(self._answer_to(asked))

            self._change("asking", ask, at=self.text)

    def like(self, image: int) -> None:
        """Ask by an image, such as a result."""
        try:
            asked = whole_number("image", image)
        except TypeError as error:
            self.status.fail(str(error))
            return
        if asked != self.state.image:
            self._change("asking", lambda view: view.asking_by(asked, self._answer_to))

    def to_frame(self) -> pd.DataFrame:
        """The database, nearest first: rank, image, name, distance, and match where known."""
        return self.asked.to_frame()

    # -- what is shown ---------------------------------------------------------------------------

    def _needs(self, study: Study) -> str:
        return "" if study.network is not None else "Retrieval needs codes: train this study first"

    def _adopt(self, study: Study) -> None:
        self.pictures = self.pictures.in_study(study)
        self._results.adopt()
        self._bits.adopt(study)
        self._list_queries()

    def _begin(self, before: RetrievalState | None) -> RetrievalState:
        if before is not None:
            return before.in_study(self.study)
        focus = focus_of(self.selection, self.study)
        first = RetrievalState(int(self._query.ids[0]) if focus is None else focus, radius=0)
        return first.opened_for(self._answer_to(first))

    def _at(self, value: RetrievalState, image: int) -> RetrievalState:
        return value.asking_by(image, self._answer_to)

    def _list_queries(self) -> None:
        self._query.offer(self.pictures, askable(self.study), "Choose a query: {} of the dataset")

    def _show(self) -> None:
        view = self.state
        self._query.show(view.image)
        own = view.image is not None and view.image >= len(self.study.dataset)
        self._look_at(None if own else view.image)
        self.text.show(view.text)
        self.asked = self._question(view)
        self._results.show(self.asked, view.limit, view.picked)
        if self._changed("pair", (self.asked, view.picked, view.without)):
            self._pair.show(self.asked, view.picked, view.without)
            self._bits.show(self.asked, view.picked)
        self.status.say(self.asked.headline, self.answer.notes)
        if self._changed("evaluating", study := self.study):
            self._worker.submit("evaluating all queries", lambda: self._evaluate(study))

    def _question(self, view: RetrievalState) -> Question:
        return self._answered(self.pictures, *view.query)

    def _answer_to(self, view: RetrievalState) -> Answer:
        self._check(view)
        return self._question(view).answer

    def _evaluate(self, study: Study) -> None:
        """Evaluate all queries once, behind all that a person asks for."""
        if study is self._shown_study:  # else another one is in view by now
            self._results.evaluate(study)

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: RetrievalState) -> None:
        view.check(len(self.pictures))

    def _pick(self, image: int) -> None:
        if image != self.state.picked:
            self._set("comparing", picked=image, without=())

    def _like_picked(self) -> None:
        if self.state.picked is not None:
            self.like(self.state.picked)

    def _move(self, level: int) -> None:
        self._set("moving the radius", **{"steps" if self.answer.by_text else "radius": level})

    def _set_bound(self, name: str, value: str) -> None:
        self._change(f"changing {name}", lambda view: view.ranked_by(value, self._answer_to))

    def _flip(self, bit: int) -> None:
        self._change("flipping a bit", lambda view: view.flipping(bit), each=True)

    def _on_upload(self, image: Image.Image, name: str) -> None:
        def add(view: RetrievalState) -> RetrievalState:
            self.pictures = self.pictures.with_image(image, name)
            self._list_queries()
            return view.asking_by(len(self.pictures) - 1, self._answer_to)

        self._change("reading the image", add, each=True)
