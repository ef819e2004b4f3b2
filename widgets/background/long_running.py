"""Long work in a thread of its own, controlled by flags; and a thread that shows how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from widgets.background.errors import message_of

__all__ = ["Follower", "LongRunning", "Pausable", "Stopped"]


class Stopped(Exception):  # noqa: N818  # not an error: the user asked for it
    """Raised inside long work to end it where it is."""


class LongRunning:
    """Work that can be stopped. A subclass says in `_work` what it is, and looks at `stopping`.

    Args:
        name: of the thread.
        state: what it does at first.
    """

    def __init__(self, name: str, state: str = "") -> None:
        self._must_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._state, self._over = state, False
        self._changes = 0  # of the state, and the end
        self._changed = threading.Condition()

    def start(self) -> None:
        """Begin, and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current batch; what is done is kept."""
        self._must_stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Block until it has ended, or for so many seconds."""
        self._thread.join(seconds)

    @property
    def active(self) -> bool:
        """Whether it is working, or waiting in a pause."""
        return self._thread.is_alive() and not self._over

    @property
    def state(self) -> str:
        """What it does, in a word."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self._tell()

    @property
    def changes(self) -> int:
        """How often its state has changed; its end counts too."""
        return self._changes

    def wait_for_change(self, since: int, seconds: float) -> None:
        """Block until there are more `changes` than `since`, or for so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes > since, seconds)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for, reached or not."""
        return self._must_stop.is_set()

    def _work(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._over = True
            self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()


class Pausable(LongRunning):
    """Work that can be paused too: between two batches it waits for `_may_run`."""

    def __init__(self, name: str, state: str = "") -> None:
        super().__init__(name, state)
        self._may_run = threading.Event()
        self._may_run.set()

    def pause(self) -> None:
        """Pause after the current batch."""
        self._may_run.clear()

    def resume(self) -> None:
        """Continue after a pause."""
        self._may_run.set()

    def stop(self) -> None:
        """End after the current batch, or the pause; what is done is kept."""
        super().stop()
        self._may_run.set()

    @property
    def pausing(self) -> bool:
        """Whether a pause was asked for, reached or not."""
        return not self._may_run.is_set()


W = TypeVar("W", bound=LongRunning)
_AHEAD = 0.1  # seconds from what is told to what is shown: a browser paints in between


class Follower(Generic[W]):
    """Shows how far some long work is, again and again and at each change, until it has ended.

    Args:
        show: called with the work, a last time after its end.
        ended: called with the work after that.
        fail: called with the sentence of an error in any of these.
        seconds: from one time to the next, unless the state of the work changes earlier.
        tell: called with the work before each `show` and at each change, some time ahead: what is
            short is on the screen before a browser is busy with what is long. None for nothing.
    """

    def __init__(
        self,
        show: Callable[[W], object],
        ended: Callable[[W], object],
        fail: Callable[[str], None],
        seconds: float = 0.25,
        *,
        tell: Callable[[W], object] | None = None,
    ) -> None:
        self._show, self._ended, self._fail, self._seconds = show, ended, fail, seconds
        self._tell = tell
        self._turn: object = None
        self._thread: threading.Thread | None = None

    def follow(self, work: W) -> None:
        """Show this work from now on, in place of another, and return at once."""
        self._turn = turn = object()
        self._thread = threading.Thread(target=self._look, args=(work, turn), daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Show nothing more."""
        self._turn = None

    def wait(self) -> None:
        """Block until the work has ended and is shown, or is followed no more."""
        while (thread := self._thread) is not None and thread.is_alive():
            thread.join(0.2)

    def _look(self, work: W, turn: object) -> None:
        while self._turn is turn:
            # Asked first, so that the last of it is shown too.
            active, changes = work.active, work.changes
            ahead = 0.0
            if self._tell is not None:
                self._safely(self._tell, work)
                if active:
                    ahead = min(_AHEAD, self._seconds)
                    work.wait_for_change(changes, ahead)
                    if work.changes != changes:
                        continue
            self._safely(self._show, work)
            if not active:
                if self._turn is turn:
                    self._safely(self._ended, work)
                return
            work.wait_for_change(changes, self._seconds - ahead)

    def _safely(self, act: Callable[[W], object], work: W) -> None:
        try:
            act(work)
        except Exception as error:  # no one sees a thread's exceptions
            self._fail(message_of(error))
