"""Near-duplicates and outliers of a collection, to look at and to list; nothing is ever moved."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import NearDuplicates, Study
from uhscm_core.analysis.oddities import Oddities
from uhscm_core.support.checks import one_of
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.choice import Choice
from widgets.kit.csv_file import csv_bytes
from widgets.kit.layout import later, row
from widgets.kit.selection import Selection
from widgets.kit.slider import Slider
from widgets.panels.duplicates import DuplicatesPanel, notes, sentence
from widgets.panels.outliers import OutliersPanel
from widgets.states.tidy import FAR_BY, TidyState

__all__ = ["TidyExplorer"]

_QUICKLY_RANKED = 20_000  # images


class TidyExplorer(Explorer[TidyState]):
    """Find near-duplicates and outliers of a trained study.

        from widgets import TidyExplorer
        TidyExplorer(study.train(bits=64))

    Pairs whose codes lie within some bits, of these the ones whose features agree, and of these,
    unless unticked, the ones that look similar in a small gray sketch. Outliers are far from all
    others by features or by codes. Both are lists: no file is moved, changed or deleted.
    """

    state_type = TidyState

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self._oddities = Oddities(self.study)
        self._partial: NearDuplicates | None = None  # in view while more is searched for
        wide: dict[str, Any] = {"label_width": "110px", "layout": {"width": "300px"}}
        self.radius = Slider("codes, bits", **wide)
        self.cosine = Slider("features, cosine", min=0.5, max=1, step=0.005, digits=3, **wide)
        self.looks = ipw.Checkbox(description="they also look similar", indent=False)
        self.looks.layout.width = "200px"
        self.far = Choice("far by", FAR_BY, **wide)
        self.k = Slider("k-th neighbor", min=1, max=20, **wide)
        self._bind(radius=self.radius, cosine=self.cosine, looks=self.looks, far=self.far, k=self.k)
        again, fail = (lambda: self._redraw("showing what is found")), self.status.fail
        self._duplicates = DuplicatesPanel(self.selection, self._pick, self._leave_out, again, fail)
        self._outliers = OutliersPanel(self._wonder, again, fail)
        self.search = self._duplicates.search
        self._searches = (self.search, self._outliers.search)
        self.pairs, self.group = self._duplicates.pairs, self._duplicates.group
        self.why = self._duplicates.why
        self.outliers, self.near = self._outliers.outliers, self._outliers.near
        self._csv.label = self._csv.summary = "Duplicates as CSV"
        thresholds = row(self.radius, self.cosine, self.looks)
        later(thresholds, narrow=True)
        parts = {
            "Near-duplicates": ipw.VBox([thresholds, self._duplicates]),
            "Outliers": ipw.VBox([row(self.far, self.k), self._outliers]),
        }
        self._tabs = ipw.Tab(list(parts.values()), titles=list(parts))
        self._tabs.observe(lambda _: self._redraw("looking for outliers"), "selected_index")
        self._csv.remove_class("uhscm-brief")  # of two tables, a sign would not say which
        csv = self._outliers.add_csv(self._asked_far, self._tabs, self._worker)
        bar = self._bar(csv, ipw.HTML("No file is moved, changed or deleted."))
        later(bar)
        self._lay_out(bar, self._tabs)
        self._open_study(self.study)
        self._redraw("looking for near-duplicates")

    def to_frame(self) -> pd.DataFrame:
        """A row a pair of near-duplicates: ``group``, the two files, ``bits`` and ``cosine``."""
        running = self.search.running
        return self._named(self._found() if running else self._oddities.pairs(*self._settings))

    def _named(self, found: NearDuplicates) -> pd.DataFrame:
        frame, names = found.to_frame(), self.study.dataset.names
        for column in ("i", "j"):
            frame[column] = [names[image] for image in frame[column]]
        return frame.rename(columns={"i": "first", "j": "second"})

    def outliers_frame(self) -> pd.DataFrame:
        """A row per image, farthest first: ``rank``, ``image``, ``distance``, ``mean``..."""
        return self._outliers.frame(*self._asked_far())

    def wait(self) -> None:
        """Until what was asked for is shown, with all that is searched for."""
        super().wait()
        for search in self._searches:
            search.wait()
        super().wait()

    def _leave(self) -> None:
        for search in self._searches:
            search.leave()
        super()._leave()

    def _refresh(self) -> None:
        if self.desk.study is not self._oddities.study:
            for search in self._searches:  # of another study, be this in sight or not
                search.hide()
        super()._refresh()

    # -- what is computed ------------------------------------------------------------------------

    def _needs(self, study: Study) -> str:
        found = study.network is not None
        return "" if found else "Near-duplicates are found by code: train this study first"

    def _adopt(self, study: Study) -> None:
        self._oddities = Oddities(study, self._oddities)
        self.radius.max = self._oddities.bits // 2
        self.looks.disabled = not study.dataset.has_pixels  # no sketches of placeholder tiles

    def _begin(self, before: TidyState | None) -> TidyState:
        bits = self._oddities.bits
        if before is None:
            return TidyState.first(bits, has_pixels=self.study.dataset.has_pixels)
        return before.in_study(bits)

    @property
    def _settings(self) -> tuple[int, float, bool]:
        return self.state.radius, self.state.cosine, self.state.looks

    def _found(self) -> NearDuplicates:
        """Return the near-duplicates, or those that are found so far."""
        found = self._duplicates.found(self._oddities, *self._settings)
        if found is self._oddities.known(*self._settings):
            return found
        # Nothing moves under the pair that is looked at.
        still = self.state.pair is not None and self.search.running
        return self._partial if still and self._partial is not None else found

    @property
    def _ranks(self) -> bool:
        """Whether to rank outliers, which takes a minute for 60,000 images."""
        n = len(self.study.dataset)
        return n > 1 and (n <= _QUICKLY_RANKED or self._tabs.selected_index == 1)

    # -- what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        study, found = self.study, self._found()
        view = self.state.followed(found, self._partial)
        if view != self.state:
            self.desk.amend(lambda moment: self._with_state(moment, view))
        self._partial = None if found is self._oddities.known(*self._settings) else found
        if self._changed("pairs", found):
            self._duplicates.show_pairs(study, found, so_far=self._partial is found)
        if self._changed("group", (found, view.group)):
            self._duplicates.show_group(study, found, view.group)
        if self._changed("why", (found, view.pair, view.without)):
            self._duplicates.show_why(study, found, view.pair, view.without)
        self._duplicates.tell_misses(default=view.finds_as_first(self._oddities.bits))
        n = len(study.dataset)
        said = sentence(found, n, *self._settings, so_far=self._partial is found)
        self.status.say(said, notes(found, n))
        if self._ranks:
            self._outliers.show(*self._asked_far())

    def _redraw(self, what: str) -> None:
        self._worker.submit(what, self._refresh)

    # -- what a person does ----------------------------------------------------------------------

    def _check(self, view: TidyState) -> None:
        one_of("far", view.far, FAR_BY.values())

    def _set_bound(self, name: str, value: Any) -> None:
        self._set(**self.state.changes_of(name, value))

    def _pick(self, pair: int) -> None:
        if pair != self.state.pair:
            group = int(self._drawn["pairs"].group_of[pair])
            self._set("opening a group", group=group, pair=pair, without=())

    def _leave_out(self, names: tuple[str, ...]) -> None:
        self._set("leaving concepts out", without=names)

    def _wonder(self, image: int) -> None:
        def job() -> None:
            self._outliers.show_near(self._oddities, image, self.state.far, self.state.k)

        self._worker.submit("finding neighbors", job)

    def _as_csv(self) -> tuple[str, bytes]:
        so_far = " so far" if self._oddities.known(*self._settings) is None else ""
        return f"duplicates{so_far}.csv", csv_bytes(self._named(self._found()))

    def _asked_far(self) -> tuple[Oddities, str, int]:
        return self._oddities, self.state.far, self.state.k
