"""How far a search for near-duplicates is, with a button that stops and continues it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core import NearDuplicates
from uhscm_core.analysis.oddities import Oddities
from widgets.background.duplicate_search import DuplicateSearch
from widgets.background.long_running import Follower
from widgets.kit.gestures import Gestures
from widgets.kit.progress import Progress

__all__ = ["SearchBar"]


class SearchBar(ipw.HBox):
    """Searches while everything else can be used; hidden where nothing is to be said.

    Args:
        show: called when there is more to show, and at the end.
        fail: called with the message of an error.
    """

    def __init__(self, show: Callable[[], object], fail: Callable[[str], None]) -> None:
        self.progress = Progress()
        self.progress.layout.flex = "1 1 300px"
        self._show, self._fail = show, fail
        self._search: DuplicateSearch | None = None
        self._shown: NearDuplicates | None = None
        self._lock = threading.Lock()
        self._follower = Follower[DuplicateSearch](self._draw, self._end, fail)
        gestures = Gestures(fail)
        self.stop = gestures.button("Stop", "stop", self._stop)
        self.more = gestures.button("Continue", "forward", self._continue)
        super().__init__([self.progress, self.stop, self.more])
        self.hide()

    @property
    def running(self) -> bool:
        """Whether it is searching."""
        return self._search is not None and self._search.active

    def so_far(self, oddities: Oddities, settings: tuple[int, float, bool]) -> NearDuplicates:
        """Return what a search has found so far, which begins now unless it was stopped."""
        with self._lock:
            search = self._search
            if search is None or (search.oddities, search.settings) != (oddities, settings):
                search = self._start(oddities, settings)
            return search.found

    def hide(self) -> None:
        """Say nothing, and end a search whose answer is not needed any more."""
        if self._search is not None:
            self._search.stop()
        self.layout.display = "none"

    def wait(self) -> None:
        """Block until the search has ended and is shown."""
        self._follower.wait()

    def leave(self) -> None:
        """Show nothing more."""
        self._follower.leave()
        self.hide()

    def _start(self, oddities: Oddities, settings: tuple[int, float, bool]) -> DuplicateSearch:
        self._search = search = DuplicateSearch(oddities, settings, self._search)
        self.layout.display = None
        self._shown = search.found
        search.start()
        self._follower.follow(search)
        return search

    def _stop(self) -> None:
        if self._search is not None:
            self._search.stop()

    def _continue(self) -> None:
        with self._lock:
            if self._search is not None and not self._search.active:
                self._start(self._search.oddities, self._search.settings)

    def _draw(self, search: DuplicateSearch) -> None:
        step = search.doing
        if search.active:
            self.progress.show(step.what, step.done, step.total, step.seconds_left)
        self.stop.layout.display = None if search.active else "none"
        self.more.layout.display = "none" if search.active else None
        if search.active and search.found is not self._shown:
            self._shown = search.found
            self._show()

    def _end(self, search: DuplicateSearch) -> None:
        done = search.state == "done"
        self.layout.display = "none" if done else None
        if not done:
            self.progress.show("stopped", search.step.done, search.step.total)
        if search.message:
            self._fail(search.message)
        self._show()
