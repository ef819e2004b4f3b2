"""Look for something in a thread that can be stopped, and show what is found so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from uhscm_core.support.progress import report_progress_to
from widgets.background.counted import Counted
from widgets.background.errors import message_of
from widgets.background.long_running import Stopped

__all__ = ["Search"]

T = TypeVar("T")


class Search(Counted, Generic[T]):
    """One search.

    Args:
        results: yields what is found so far, the last time all.
        settings: of the search, which `results` is called with.
        nothing: is found before the first result.
        before: an earlier search, which ends first.

    Attributes:
        found: so far; all once the state is "done".
        message: why the search has failed.
    """

    def __init__(
        self,
        results: Callable[..., Iterator[T]],
        settings: tuple[Any, ...],
        nothing: T,
        before: Search[T] | None = None,
    ) -> None:
        self.results, self.settings = results, settings
        self.found = nothing
        self.message = ""
        self._before = before
        super().__init__("search", "searching")  # then done, stopped or failed

    def _work(self) -> None:
        if self._before is not None:
            self._before.stop()
            self._before.wait()
            self._before = None
        try:
            with report_progress_to(self._hear):
                for found in self.results(*self.settings):
                    self.found = found
                    if self.stopping:
                        raise Stopped
            self.state = "done"
        except Stopped:
            self.state = "stopped"
        except Exception as error:  # no one sees a thread's exceptions
            self.message = message_of(error)
            self.state = "failed"
