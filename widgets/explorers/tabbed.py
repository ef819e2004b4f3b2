"""Explorers as tabs over one desk, below one bar with one undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from uhscm_core import Study
from widgets.background.worker import Line, Worker
from widgets.explorers.desk import Desk
from widgets.explorers.displayed import Displayed
from widgets.explorers.explorer import Explorer
from widgets.explorers.kinds import KINDS
from widgets.explorers.tabs import Tabs
from widgets.explorers.workbench_bar import WorkbenchBar
from widgets.kit.pages import Pages, open_pages, pages_of
from widgets.kit.selection import Selection
from widgets.kit.status import Status

__all__ = ["Tabbed"]

_BAR = "Workbench"


class Tabbed(Displayed):
    """A first tab, where studies come from, and a tab for each kind of explorer.

    Args:
        first: the name of the first tab.
        view: returns the name and the content of the file of the view.
    """

    def __init__(self, first: str, view: Callable[[], tuple[str, bytes]]) -> None:
        self.selection = Selection()
        self.status = Status()
        self._first = first
        self._desk: Desk | None = None
        self._pages: Mapping[str, Pages] = {}  # to open in tabs that are opened later
        self._line = Line()
        self._worker = Worker(self.status.set_busy, self.status.fail, self._line)
        self.bar = WorkbenchBar(
            self.status, self.undo, self.redo, self._has_desk, view, self._worker
        )
        self._undo, self._redo = self.bar.steps.undo, self.bar.steps.redo
        self.tabs = Tabs(
            first,
            KINDS,
            self._worker,
            self._has_desk,
            self._waits_for,
            self._made,
            self._first_in_view,
        )
        super().__init__([self.bar, self.tabs])
        self.add_class("uhscm-workbench")

    @property
    def tab(self) -> str:
        """The name of the tab in view; another one can be put in its place."""
        return self.tabs.tab

    @tab.setter
    def tab(self, name: str) -> None:
        self.tabs.tab = name

    @property
    def explorers(self) -> dict[str, Explorer[Any]]:
        """Those of the tabs that were opened, by the tab's name."""
        return self.tabs.explorers

    def undo(self) -> None:
        """Go back to what was in view before the last change, in the tab that made it."""
        self._go(Desk.undo)

    def redo(self) -> None:
        """Go forward to the change that was undone."""
        self._go(Desk.redo)

    def wait(self) -> None:
        """Until what was asked for is shown; for notebooks without a front end, and for tests."""
        self._line.wait()
        for explorer in list(self.explorers.values()):
            explorer.wait()
        self._line.wait()

    def _leave(self) -> None:
        self._worker.stop()

    def _show_first(self, study: Study) -> None:
        """Show a study in the first tab."""
        raise NotImplementedError

    def _begin(self, study: Study) -> None:
        """Put the first study in view."""
        self._desk = Desk(study, self.selection, self._line)
        self._desk.go_to = self._go_to
        self._desk.changed = self._say

    def _take(self, study: Study) -> None:
        """Put the first study in view, or another one, which can be undone."""
        if self._desk is None:
            self._begin(study)
            self._say()
            if self.tab != self._first:  # which waits for it
                self.tabs.open_tab(self.tab)
        elif study is not self._desk.study:
            desk = self._desk

            def job() -> None:
                desk.change(self._first, lambda moment: moment.with_study(study))
                desk.tell()
                self._show_first(study)

            self._worker.submit("opening the study", job, each=True)

    @property
    def pages(self) -> dict[str, Pages]:
        """The pages that are open in the bar and in each explorer, by the names at the desk."""
        opened = {explorer.name: explorer.pages for explorer in self.explorers.values()}
        return {**self._pages, **opened, _BAR: pages_of(self.bar)}

    def _open_pages(self, pages: Mapping[str, Pages]) -> None:
        """Open pages now, or when their tab is opened."""
        self._pages = pages
        open_pages(self.bar, pages.get(_BAR, ()))

    def _made(self, explorer: Explorer[Any]) -> None:
        self.status.settle()
        self._follow_display(explorer.status)
        explorer.pages = self._pages.get(explorer.name, ())

    def _has_desk(self) -> Desk:
        if self._desk is None and (folder := self._waits_for()):
            raise RuntimeError(f"{folder} is still being read: wait until its images are in view")
        if self._desk is None:
            raise RuntimeError("no folder was read yet: choose one in Photos and press Read")
        return self._desk

    def _waits_for(self) -> str:
        """Return the folder that is being read before a study is in view; empty for none."""
        return ""

    def _go_to(self, tab: str) -> None:
        self.tab = tab

    def _first_in_view(self) -> None:
        if self._desk is not None:
            study = self._desk.study
            self._worker.submit(f"opening {self._first}", lambda: self._show_first(study))

    def _go(self, step: Callable[[Desk], str]) -> None:
        def job() -> None:
            desk = self._has_desk()
            with desk.going():
                by = step(desk)
                self.tab = self.tabs.tab_of(by)
                desk.tell()
            self._show_first(desk.study)

        self._worker.submit("going back", job, each=True)  # each press counts

    def _say(self) -> None:
        self.bar.say(self._desk)
