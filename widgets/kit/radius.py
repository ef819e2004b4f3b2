"""A Hamming radius, with the distances it includes and its precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["Radius"]


class Radius(View):
    """Image counts by distance, precision against recall, and a slider for the radius in both.

    The charts follow the slider in the browser; `radius` changes on release.
    """

    _esm, _css = static("chart", "radius")

    radius = traitlets.Int(0).tag(sync=True)
    """The largest distance included, as a position in `names`; default 0."""

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Name of each distance, such as ``"3 bits"``; default none."""

    found = traitlets.List(traitlets.Int()).tag(sync=True)
    """Number of images within each distance; default none."""

    matches = traitlets.List(traitlets.Int()).tag(sync=True)
    """Number of those that match; empty, the default, where that is not known."""

    mean_of = traitlets.Unicode("").tag(sync=True)
    """What the gray curve is, such as ``"mean of 1,000 queries"``; default empty."""

    _mean = traitlets.Bytes().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.mean: npt.NDArray[np.float32] = np.zeros((2, 0), np.float32)

    def show(
        self,
        names: Sequence[str],
        found: npt.ArrayLike,
        matches: npt.ArrayLike | None,
        *,
        radius: int,
        mean: npt.ArrayLike | None = None,
        mean_of: str = "",
        summary: str = "",
    ) -> None:
        """Replace the query.

        Args:
            names: name of each distance.
            found, matches: counts within each distance; None where matches are not known.
            radius: a position in `names`; larger ones become the last.
            mean: (2, levels) precision and recall to draw in gray; NaN where undefined.
            mean_of: what they are the mean of, in words.
            summary: one sentence about the query.
        """
        self.mean = np.zeros((2, 0), np.float32) if mean is None else np.asarray(mean, np.float32)
        with self.hold_sync(), self.hold_trait_notifications():
            self.names = list(names)
            self.found = np.asarray(found).tolist()
            self.matches = [] if matches is None else np.asarray(matches).tolist()
            self.radius = max(0, min(radius, len(self.names) - 1))
            self._mean = self.mean.tobytes()
            self.mean_of = mean_of
            self.summary = summary

    def to_frame(self) -> pd.DataFrame:
        """Return a row per distance: images within it, matches, precision and recall."""
        frame = pd.DataFrame({"within": self.names, "found": self.found})
        if self.matches:
            frame["match"] = self.matches
            frame["precision"] = frame["match"] / frame["found"].where(frame["found"] > 0)
            frame["recall"] = frame["match"] / max(self.matches[-1], 1)
        return frame
