"""A bar that says how far a long piece of work is."""

from __future__ import annotations

import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["Progress"]


class Progress(View):
    """What is done, as a bar and as a sentence; nothing at all while nothing is done."""

    _esm, _css = static("progress")

    done = traitlets.Int(0).tag(sync=True)
    """Images done; default 0."""
    total = traitlets.Int(0).tag(sync=True)
    """Images in all; default 0, when only the sentence says that something goes on."""

    def show(
        self, what: str = "", done: int = 0, total: int = 0, seconds_left: float | None = None
    ) -> None:
        """Show how far it is.

        Args:
            what: is done; empty for nothing.
            done, total: images; 0 of 0 where nothing is counted.
            seconds_left: None where nobody knows.
        """
        with self.hold_sync():
            self.done, self.total = done, total
            self.summary = _sentence(what, done, total, seconds_left)

    def to_frame(self) -> pd.DataFrame:
        """What is shown."""
        return pd.DataFrame({"what": [self.summary], "done": [self.done], "total": [self.total]})


def _sentence(what: str, done: int, total: int, seconds_left: float | None) -> str:
    if not what:
        return ""
    said = f"{what[0].upper()}{what[1:]}"
    if not total:
        return f"{said} …"
    left = "" if seconds_left is None else f", about {_time(seconds_left)} left"
    return f"{said}: {done:,} of {total:,}{left}"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
