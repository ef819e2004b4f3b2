"""Bars with names: votes and their threshold, an image's concepts, a similarity's parts."""

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
    """One row a name, with a bar for each series; only rows in sight exist in the browser.

    A filled bar is kept and a hatched one dropped. A threshold may be dragged: the bars follow in
    the browser, and `threshold` changes on release.
    """

    _esm, _css = static("bars")

    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The n names, top to bottom."""
    series = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What each bar of a row is; one or two."""
    _values = traitlets.Bytes().tag(sync=True)
    _kept = traitlets.Bytes().tag(sync=True)
    threshold = traitlets.Float(None, allow_none=True).tag(sync=True)
    """A bar is kept above it; None: `kept` of `show` says what is."""
    draggable = traitlets.Bool(False).tag(sync=True)
    """Whether the threshold can be dragged; default not."""
    ceiling = traitlets.Float(None, allow_none=True).tag(sync=True)
    """A bar is kept up to it; None for no such bound."""
    root = traitlets.Bool(False).tag(sync=True)
    """Lengths go by the square root, so that small counts beside large ones can be told apart."""
    digits = traitlets.Int(0).tag(sync=True)
    """Decimals of the numbers at the bars; default 0."""
    unit = traitlets.Unicode("").tag(sync=True)
    """What is counted, such as ``"votes"``; default empty."""
    height = traitlets.Int(360).tag(sync=True)
    """Of the rows in sight, in CSS pixels; default 360."""
    chosen = traitlets.Int(None, allow_none=True).tag(sync=True)
    """Position of the row that was clicked or entered; None for none."""
    checkable = traitlets.Bool(False).tag(sync=True)
    """Whether rows can be unticked."""
    unticked = traitlets.List(traitlets.Int()).tag(sync=True)
    """Positions of the rows that were unticked."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.values: npt.NDArray[np.float32] = np.zeros((1, 0), np.float32)
        self.kept: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)

    def show(
        self,
        labels: Sequence[str],
        *series: npt.ArrayLike,
        names: Sequence[str] = ("",),
        kept: npt.ArrayLike | None = None,
        summary: str = "",
        **traits: Any,
    ) -> None:
        """Show other bars; nothing is chosen or unticked in them.

        Args:
            labels: n names.
            series: none, one or two times n numbers, 0 or more; without any, only names are shown.
            names: of the series.
            kept: n flags; None for all. Without a meaning where there is a threshold.
            summary: the sentence above the bars.
            traits: any trait of `Bars` to change in the same message.
        """
        self.values = np.array([np.asarray(one) for one in series], dtype=np.float32)
        self.kept = np.ones(len(labels), bool) if kept is None else np.asarray(kept, dtype=bool)
        traits = {"chosen": None, "unticked": [], "summary": summary, **traits}
        with self.hold_sync(), self.hold_trait_notifications():  # one message, one event a trait
            self.set_trait("labels", list(labels))
            self.set_trait("series", list(names))
            self.set_trait("_values", self.values.tobytes())
            self.set_trait("_kept", self.kept.tobytes())
            for name, value in traits.items():
                self.set_trait(name, value)

    def to_frame(self) -> pd.DataFrame:
        """A row a bar: its name, a column a series, and whether it is kept."""
        kept = self.kept
        if self.threshold is not None:
            kept = self.values[0] > self.threshold
            if self.ceiling is not None:
                kept &= self.values[0] <= self.ceiling
        columns = dict(zip((name or "value" for name in self.series), self.values, strict=False))
        return pd.DataFrame({"name": self.labels, **columns, "kept": kept})
