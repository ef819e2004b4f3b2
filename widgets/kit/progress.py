"""A bar that shows how far a long task has come."""

from __future__ import annotations

import pandas as pd
import traitlets

from widgets.kit.view import View, static
from widgets.kit.words import how_far

__all__ = ["Progress"]


class Progress(View):
    """Progress as a bar and as a sentence; hidden while nothing is running."""

    _esm, _css = static("progress")

    done = traitlets.Int(0).tag(sync=True)
    """Number of images done; default 0."""
    total = traitlets.Int(0).tag(sync=True)
    """Number of images in all; 0, the default, where nothing is counted."""

    def show(
        self, what: str = "", done: int = 0, total: int = 0, seconds_left: float | None = None
    ) -> None:
        """Show how far the task has come.

        Args:
            what: what is being done; empty hides the bar.
            done, total: number of images; 0 of 0 where nothing is counted.
            seconds_left: estimated time left; None if unknown.
        """
        with self.hold_sync():
            self.done, self.total = done, total
            self.summary = _sentence(what, done, total, seconds_left)

    def to_frame(self) -> pd.DataFrame:
        """Return the sentence and the two numbers."""
        return pd.DataFrame({"what": [self.summary], "done": [self.done], "total": [self.total]})


def _sentence(what: str, done: int, total: int, seconds_left: float | None) -> str:
    if not what:
        return ""
    said = f"{what[0].upper()}{what[1:]}"
    return f"{said}: {how_far(done, total, seconds_left)}" if total else f"{said} …"
