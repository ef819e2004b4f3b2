"""How far a search is, with a button that stops and continues it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import ipywidgets as ipw

from widgets.background.long_running import Follower
from widgets.background.search import Search
from widgets.kit.gestures import Gestures
from widgets.kit.progress import Progress

__all__ = ["SearchBar"]

T = TypeVar("T")


class SearchBar(ipw.HBox, Generic[T]):
    """Searches while everything else can be used; hidden where nothing is to be said.

    Args:
        nothing: is found before the first result.
        show: called when there is more to show, and at the end.
        fail: called with the message of an error.
    """

    def __init__(self, nothing: T, show: Callable[[], object], fail: Callable[[str], None]) -> None:
        self.progress = Progress()
        self.progress.layout.flex = "1 1 300px"
        self._nothing, self._show, self._fail = nothing, show, fail
        self._search: Search[T] | None = None
        self._last: Search[T] | None = None  # ended or not, whether its answer is needed or not
        self._shown = nothing
        self._lock = threading.Lock()
        self._follower = Follower[Search[T]](self._draw, self._end, fail)
        gestures = Gestures(fail)
        self.stop = gestures.button("Stop", "stop", self._stop)
        self.more = gestures.button("Continue", "forward", self.resume)
        super().__init__([self.progress, self.stop, self.more])
        self.hide()

    @property
    def running(self) -> bool:
        """Whether it is searching."""
        return self._search is not None and self._search.active

    def so_far(self, results: Callable[..., Iterator[T]], *settings: Any) -> T:
        """Return what a search has found so far, which begins now unless it was stopped.

        Args:
            results: yields what is found so far, the last time all.
            settings: what it is called with.
        """
        with self._lock:
            search = self._search
            if search is None or (search.results, search.settings) != (results, settings):
                search = self._start(results, settings)
            return search.found

    def hide(self) -> None:
        """Say nothing, and end a search whose answer is not needed any more."""
        with self._lock:
            if self._search is not None:
                self._search.stop()
            self._search = None
            self.layout.display = "none"

    def wait(self) -> None:
        """Block until the search has ended and is shown."""
        self._follower.wait()

    def leave(self) -> None:
        """Show nothing more."""
        self._follower.leave()
        self.hide()

    def _start(self, results: Callable[..., Iterator[T]], settings: tuple[Any, ...]) -> Search[T]:
        self._search = self._last = search = Search(results, settings, self._nothing, self._last)
        self.layout.display = None
        self._shown = search.found
        search.start()
        self._follower.follow(search)
        return search

    def _stop(self) -> None:
        if self._search is not None:
            self._search.stop()

    def resume(self) -> None:
        """Continue a search that was stopped."""
        with self._lock:
            if self._search is not None and not self._search.active:
                self._start(self._search.results, self._search.settings)

    def _draw(self, search: Search[T]) -> None:
        if search is not self._search:
            return
        step = search.doing
        if search.active:
            self.progress.show(step.what, step.done, step.total, step.seconds_left)
        self.stop.layout.display = None if search.active else "none"
        self.more.layout.display = "none" if search.active else None
        if search.active and search.found is not self._shown:
            self._shown = search.found
            self._show()

    def _end(self, search: Search[T]) -> None:
        if search is not self._search:
            return
        done = search.state == "done"
        self.layout.display = "none" if done else None
        if not done:
            self.progress.show("stopped", search.step.done, search.step.total)
        if search.message:
            self._fail(search.message)
        self._show()
