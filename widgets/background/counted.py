"""Long work that counts what it has done, hears it from the core, and estimates the time left."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from widgets.background.long_running import LongRunning, Stopped

__all__ = ["Counted", "Pace", "Progress"]

_SURE = 1.0  # second, after which the time left can be estimated


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


class Pace:
    """Estimates the time left of a step from what was done since it was first heard of."""

    def __init__(self) -> None:
        self._what, self._since, self._before, self._done = "", 0.0, 0, 0

    def heard(self, what: str, done: int, total: int) -> Progress:
        """Return how far the work is, from the core's report, see `report_progress_to`."""
        now = time.monotonic()
        if what != self._what or done < self._done:
            self._what, self._since, self._before = what, now, done
        self._done = done
        seconds, images = now - self._since, done - self._before
        left = seconds / images * (total - done) if images > 0 and seconds > _SURE else None
        return Progress(what, done, total, left)


class Counted(LongRunning):
    """Work in steps, each of which may count images.

    Args:
        name: of the thread.
        state: what it does at first.
    """

    def __init__(self, name: str, state: str = "") -> None:
        self.step = Progress("beginning")
        self._pace = Pace()
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
        self.step, self._pace = Progress(what), Pace()

    def _hear(self, what: str, done: int, total: int) -> None:
        """Take the core's report after each image or batch, see `report_progress_to`."""
        self.step = self._pace.heard(what, done, total)
        if self.stopping:
            raise Stopped
