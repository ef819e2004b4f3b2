"""A histogram, or one bar per bit: one or two series over one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["Histogram"]


class Histogram(View):
    """Upright bars; a second series is hatched, so that color is not all that tells them apart."""

    _esm, _css = static("chart", "histogram")

    title = traitlets.Unicode("").tag(sync=True)
    """Title above the bars; default empty."""
    low = traitlets.Float(0.0).tag(sync=True)
    """Where the horizontal axis begins; default 0."""
    high = traitlets.Float(1.0).tag(sync=True)
    """Where it ends; default 1."""
    whole = traitlets.Bool(False).tag(sync=True)
    """Whether the bars stand for the whole numbers from `low` to `high`; default False."""
    unit = traitlets.Unicode("").tag(sync=True)
    """Unit of the horizontal axis, in words; default empty."""
    line = traitlets.Float(None, allow_none=True).tag(sync=True)
    """Height of a dashed line to compare with; None, the default, for none."""
    most = traitlets.Float(None, allow_none=True).tag(sync=True)
    """The number at the top of the chart; None, the default, for the longest bar's."""
    series = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Names of the series; default none."""
    _values = traitlets.Bytes().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.values: npt.NDArray[np.float32] = np.zeros((1, 0), np.float32)

    def show(self, *series: npt.ArrayLike, **traits: Any) -> None:
        """Replace the bars.

        Args:
            series: one or two arrays of n numbers in [0, 1].
            traits: any trait of `Histogram` to change in the same message.
        """
        self.values = np.array([np.asarray(values) for values in series], np.float32)
        with self.hold_sync():
            self.set_trait("_values", self.values.tobytes())
            for name, value in traits.items():
                self.set_trait(name, value)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per bar: where it begins and ends, and a column per series."""
        n = self.values.shape[1]
        half = 0.5 if self.whole else 0.0
        edges = np.linspace(self.low - half, self.high + half, n + 1)
        names = [*self.series, "share", "other"]
        columns = dict(zip(names, self.values, strict=False))
        return pd.DataFrame({"from": edges[:-1], "to": edges[1:], **columns})
