"""Start, pause, resume and stop, each enabled while it makes sense."""

from __future__ import annotations

from typing import Protocol

from widgets.background.long_running import Pausable
from widgets.kit.gestures import Gestures
from widgets.kit.layout import brief

__all__ = ["RunButtons", "Steered"]


class _Runs(Protocol):
    def start(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self) -> None: ...


class Steered:
    """Has some long work, which its buttons steer."""

    @property
    def _work(self) -> Pausable | None:
        """The work; None where there is none."""
        raise NotImplementedError

    def pause(self) -> None:
        """Pause after the current batch."""
        if self._work is not None:
            self._work.pause()

    def resume(self) -> None:
        """Continue after a pause."""
        if self._work is not None:
            self._work.resume()

    def stop(self) -> None:
        """End after the current batch; what is done is kept."""
        if self._work is not None:
            self._work.stop()


class RunButtons:
    """Four buttons for long work, which their owner lays out.

    Args:
        owner: does what they say.
        gestures: which make them.
        kept: what a stop keeps, in words.
    """

    def __init__(self, owner: _Runs, gestures: Gestures, kept: str) -> None:
        self.all = {
            "start": gestures.button("Start", "play", owner.start, "primary"),
            "pause": gestures.button("Pause", "pause", owner.pause),
            "resume": gestures.button("Resume", "forward", owner.resume),
            "stop": gestures.button(f"Stop, keep {kept}", "stop", owner.stop),
        }
        brief(*(button for name, button in self.all.items() if name != "start"))

    def show(
        self, work: Pausable | None, *, may_start: bool = True, may_resume: bool = False
    ) -> None:
        """Enable what makes sense.

        Args:
            work: that was started last; None for none.
            may_start: whether there is something to start while nothing runs.
            may_resume: whether there is something to take up while nothing runs.
        """
        active = work is not None and work.active
        paused = work is not None and active and work.pausing
        stoppable = work is not None and active and not work.stopping
        enabled = {
            "start": may_start and not active,
            "pause": stoppable and not paused,
            "resume": paused if active else may_resume,
            "stop": stoppable,
        }
        for name, button in self.all.items():
            button.disabled = not enabled[name]
