"""Long work that counts what it has done, hears it from the core, and estimates the time left."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from widgets.background.long_running import LongRunning, Stopped

__all__ = ["Counted", "Progress"]


@dataclass(frozen=True)
class Progress:
    """How far the work is.

    Attributes:
        what: the current step.
        done, total: numbers of images; 0 of 0 if the step does not count.
        seconds_left: estimate for this step; None while there is none.
    """

    what: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


class Counted(LongRunning):
    """Work in steps, each of which may count images.

    Args:
        name: of the thread.
        state: what it does at first.
    """

    def __init__(self, name: str, state: str = "") -> None:
        self.step = Progress("beginning")
        self._first = (0.0, 0)
        super().__init__(name, state)

    @property
    def doing(self) -> Progress:
        """The current step, which a stop waits for."""
        step = self.step
        if not self.stopping:
            return step
        return dataclasses.replace(step, what=f"stopping after this step: {step.what}")

    def _begin(self, what: str) -> None:
        if self.stopping:
            raise Stopped
        self.step = Progress(what)

    def _hear(self, what: str, done: int, total: int) -> None:
        """Take the core's report after each image or batch, see `report_progress_to`."""
        now = time.monotonic()
        if self.step.what != what or not self.step.total:
            self._first = (now, done)
        started, done_then = self._first
        left = None
        if done > done_then and now - started > 1:
            left = (now - started) / (done - done_then) * (total - done)
        self.step = Progress(what, done, total, left)
        if self.stopping:
            raise Stopped
