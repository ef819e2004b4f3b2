"""A headline, the notes to it, what is running, and what went wrong."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
import traitlets
from IPython.core.getipython import get_ipython

from widgets.kit.view import View, static
from widgets.kit.words import how_far, with_capital

__all__ = ["Status"]

_SHOWN, _KEPT = 5, 20  # errors
_Doing = tuple[str, int, int, float | None, Callable[[], object] | None]
_IDLE: _Doing = ("", 0, 0, None, None)


class Status(View):
    """The status line of an explorer; its summary is the sentence about what is shown."""

    _esm, _css = static("status")

    busy = traitlets.Unicode("").tag(sync=True)
    """What is running; empty, the default, when idle."""
    far = traitlets.Unicode("").tag(sync=True)
    """How far that is, such as "40 of 2,300"; empty, the default, where it is not counted."""
    can_cancel = traitlets.Bool(False).tag(sync=True)
    """Whether what is running can be canceled; by default it cannot."""
    notes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Sentences below the headline, folded if there are more than two; default none."""
    spoken = traitlets.Unicode("").tag(sync=True)
    """What a screen reader says for the headline; empty, the default, where it says it all."""
    errors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Errors in view, oldest first, until they are dismissed or something works; default none."""
    log = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """All that went wrong lately, oldest first, folded; default none."""
    session = traitlets.Unicode().tag(sync=True)
    """Of the kernel that the explorer belongs to, as its messages name it; empty outside one."""

    @traitlets.default("session")
    def _session(self) -> str:
        kernel = getattr(get_ipython(), "kernel", None)
        return kernel.session.session if kernel else ""

    def __init__(self) -> None:
        super().__init__()
        self._doing: list[_Doing] = [_IDLE]  # what is running, and what runs next to it
        self._lock = threading.Lock()

    def set_busy(
        self,
        what: str,
        done: int = 0,
        total: int = 0,
        seconds_left: float | None = None,
        cancel: Callable[[], object] | None = None,
        *,
        place: int = 0,
    ) -> None:
        """Say what is running; empty when it has ended.

        Args:
            what: is running.
            done, total: numbers of what it counts; 0 of 0 if it does not.
            seconds_left: estimated time left; None if unknown.
            cancel: called when a person cancels it; None where that is not possible.
            place: see `lane`.
        """
        self._set(place, (what, done, total, seconds_left, cancel))

    def lane(self) -> Callable[..., None]:
        """Return another `set_busy`, for work that runs next to all else.

        It is in view while nothing else is running.
        """
        with self._lock:
            self._doing.append(_IDLE)
            place = len(self._doing) - 1
        return functools.partial(self.set_busy, place=place)

    def _set(self, place: int, doing: _Doing) -> None:
        with self._lock, self.hold_sync():
            self._doing[place] = doing
            what, done, total, seconds_left, cancel = self._doing[self._place]
            self.busy = what
            self.far = how_far(done, total, seconds_left) if total else ""
            self.can_cancel = cancel is not None

    @property
    def _place(self) -> int:
        """Of what is in view."""
        return next((place for place, doing in enumerate(self._doing) if doing[0]), 0)

    def fail(self, message: str) -> None:
        """Show an error that belongs to no control; the same one is listed once."""
        self.errors = [*(e for e in self.errors if e != message), message][-_SHOWN:]
        self.record(message)

    def record(self, message: str) -> None:
        """Keep an error that is shown at its control in the log."""
        self.log = [*(e for e in self.log if e != message), message][-_KEPT:]

    def settle(self) -> None:
        """Take the errors out of view, because something worked; the log keeps them."""
        self.errors = []

    def say(self, headline: str, notes: Iterable[str] = (), spoken: str = "") -> None:
        """Show a headline of one sentence, and notes in a list below it.

        Args:
            headline: what is shown.
            notes: more about it.
            spoken: what a screen reader says instead, where the headline changes several times a
                second: it is said again only when it is another one.
        """
        self.notes = [with_capital(note) for note in notes]
        with self.hold_sync():
            self.spoken = spoken
            self.summary = headline

    def to_frame(self) -> pd.DataFrame:
        """Return all that went wrong lately."""
        return pd.DataFrame({"error": self.log})

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        if content.get("type") == "dismiss":
            self.errors = [e for e in self.errors if e != content.get("error")]
        elif content.get("type") == "cancel":
            place = self._place
            if (cancel := self._doing[place][-1]) is not None:
                self._set(place, ("canceling", *_IDLE[1:]))
                cancel()
