"""Bars with names: votes with their threshold, an image's concepts, the parts of a similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["Bars"]


class Bars(View):
    """One row per name, with a bar for each series; only rows in sight exist in the browser.

    A filled bar is kept and a hatched one is dropped. A threshold can be dragged: the bars follow
    in the browser, and `threshold` changes on release.
    """

    _esm, _css = static("bars")

    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The n names, from top to bottom; default none."""
    series = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What each bar of a row shows, one or two names; default none."""
    _values = traitlets.Bytes().tag(sync=True)
    _kept = traitlets.Bytes().tag(sync=True)
    threshold = traitlets.Float(None, allow_none=True).tag(sync=True)
    """A bar above it is kept. With None, the default, `kept` of `show` says which are."""
    draggable = traitlets.Bool(False).tag(sync=True)
    """Whether the threshold can be dragged; default False."""
    error = traitlets.Unicode("").tag(sync=True)
    """What is wrong with the threshold, shown below it; empty, the default, if it works."""
    ceiling = traitlets.Float(None, allow_none=True).tag(sync=True)
    """A bar above it is dropped too; None, the default, for no such bound."""
    root = traitlets.Bool(False).tag(sync=True)
    """Whether lengths follow the square root, which tells small counts apart; default False."""
    digits = traitlets.Int(0).tag(sync=True)
    """Decimals of the numbers next to the bars; default 0."""
    unit = traitlets.Unicode("").tag(sync=True)
    """What is counted, such as ``"votes"``; default empty."""
    height = traitlets.Int(360).tag(sync=True)
    """Height of the rows in sight, in CSS pixels; default 360."""
    chosen = traitlets.Int(None, allow_none=True).tag(sync=True)
    """Position of the row that was chosen last; None, the default, for none."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.values: npt.NDArray[np.float32] = np.zeros((1, 0), np.float32)
        self.kept: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._worked = self.threshold

    def show(
        self,
        labels: Sequence[str],
        *series: npt.ArrayLike,
        names: Sequence[str] = ("",),
        kept: npt.ArrayLike | None = None,
        summary: str = "",
        **traits: Any,
    ) -> None:
        """Replace the bars; none of the new ones is chosen.

        A threshold that does not work stays while the one given is as before.

        Args:
            labels: n names.
            series: none, one or two arrays of n numbers, 0 or more; without any, only the names
                are shown.
            names: names of the series.
            kept: n flags; None for all. Ignored where there is a threshold.
            summary: the sentence above the bars.
            traits: any trait of `Bars` to change in the same message.
        """
        self.values = np.array([np.asarray(values) for values in series], np.float32)
        self.kept = np.ones(len(labels), bool) if kept is None else np.asarray(kept, dtype=bool)
        traits = {"chosen": None, "summary": summary, **traits}
        if "threshold" in traits:
            if self.error and traits["threshold"] == self._worked:
                del traits["threshold"]
            else:
                self._worked, traits["error"] = traits["threshold"], ""
        with self.hold_sync(), self.hold_trait_notifications():  # one message, one event a trait
            self.set_trait("labels", list(labels))
            self.set_trait("series", list(names))
            self.set_trait("_values", self.values.tobytes())
            self.set_trait("_kept", self.kept.tobytes())
            for name, value in traits.items():
                self.set_trait(name, value)

    def fail(self, message: str) -> None:
        """Say what is wrong with the threshold, which is kept."""
        self.error = message

    def restore(self) -> None:
        """Put the threshold that worked last in place of one that does not."""
        with self.hold_sync():
            self.error = ""
            self.threshold = self._worked

    def choose(self, label: object) -> None:
        """Choose the bar with this label, if there is one."""
        if label in self.labels:
            self.chosen = self.labels.index(label)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per name, a column per series, and whether each is kept."""
        kept = self.kept
        if self.threshold is not None:
            kept = self.values[0] > self.threshold
            if self.ceiling is not None:
                kept &= self.values[0] <= self.ceiling
        columns = dict(zip((name or "value" for name in self.series), self.values, strict=False))
        return pd.DataFrame({"name": self.labels, **columns, "kept": kept})
