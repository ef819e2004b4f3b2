"""The tabs of a workbench: each is an explorer, which is made when its tab is first opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw

from uhscm_core.support.checks import shown
from widgets.background.errors import message_of
from widgets.background.long_running import Stopped
from widgets.background.worker import Worker
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.view import close_all

__all__ = ["Tabs"]


class Tabs(ipw.Tab):
    """A tab that is there from the beginning, and one for each kind of explorer.

    Args:
        first: the name of the first tab.
        kinds: of the others, by name.
        worker: makes the explorers.
        desk: returns what they share; it raises an error while there is none.
        waits_for: returns the folder that is being read before there is a desk; empty for none.
        made: called with each explorer once it is made.
        first_shown: called when the first tab comes into view.
    """

    def __init__(
        self,
        first: str,
        kinds: Mapping[str, type[Explorer[Any]]],
        worker: Worker,
        desk: Callable[[], Desk],
        waits_for: Callable[[], str],
        made: Callable[[Explorer[Any]], object],
        first_shown: Callable[[], None],
    ) -> None:
        self.names = (first, *kinds)
        self.explorers: dict[str, Explorer[Any]] = {}
        """Those of the tabs that were opened, by the tab's name."""
        self.boxes = {name: ipw.VBox([]) for name in self.names}
        self._kinds, self._worker = kinds, worker
        self._desk, self._waits_for = desk, waits_for
        self._made, self._first_shown = made, first_shown
        super().__init__(list(self.boxes.values()), titles=list(self.names), selected_index=0)
        self.observe(self._turned, "selected_index")

    @property
    def tab(self) -> str:
        """The name of the tab in view; another one can be put in its place."""
        return self.names[self.selected_index or 0]

    @tab.setter
    def tab(self, name: str) -> None:
        if name not in self.names:
            raise ValueError(f"tab must be one of {', '.join(self.names)}, got {shown(name)}")
        self.selected_index = self.names.index(name)

    def tab_of(self, by: str) -> str:
        """Return the tab whose explorer has this name at the desk; else the one in view."""
        if by == self.names[0]:
            return by
        named = {explorer.name: tab for tab, explorer in self.explorers.items()}
        return named.get(by, self.tab)

    def open_tab(self, name: str) -> None:
        """Make the explorer of a tab in the background, or say in its place why there is none."""
        self._worker.submit(f"opening {name}", lambda: self._open(name))

    def _turned(self, change: dict[str, Any]) -> None:
        before, name = (self.names[change[which] or 0] for which in ("old", "new"))
        if before in self.explorers:
            self.explorers[before].hide()
        if name in self.explorers:
            self.explorers[name].reveal()
        elif name == self.names[0]:
            self._first_shown()
        else:
            self._say(name, "Opening …")
            self.open_tab(name)

    def _open(self, name: str) -> None:
        box = self.boxes[name]
        if name in self.explorers:
            return
        if folder := self._waits_for():
            self._say(name, f"Reading {folder}. This tab opens when that is done.")
            return
        try:
            explorer = self._kinds[name](self._desk())
        except Stopped:
            self._say(name, "Opening was canceled. It begins again when you come back to this tab.")
            return
        except Exception as error:
            self._say(name, message_of(error))
            raise
        for label in box.children:
            close_all(label)
        self.explorers[name] = explorer
        self._made(explorer)
        box.children = [explorer]
        if name != self.tab:  # another tab was opened meanwhile
            explorer.hide()

    def _say(self, name: str, sentence: str) -> None:
        """Say in place of an explorer why it is not there."""
        before, said = self.boxes[name].children, ipw.Label(sentence)
        said.add_class("uhscm-waiting")
        self.boxes[name].children = [said]
        for label in before:
            close_all(label)
