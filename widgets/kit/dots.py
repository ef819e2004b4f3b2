"""A dot and its interval per row: what each setting of an experiment reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["Dots"]


class Dots(View):
    """One row per name, with a dot at its value and a line over its interval, on one axis.

    A click, or Enter on the row that the arrow keys reached, chooses a row.

    Args:
        on_choose: called with the position of the row.
        traits: any trait to set.
    """

    _esm, _css = static("rows", "dots")

    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The n names, from top to bottom; default none."""
    notes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """A few words per row, shown at its right; default none."""
    marks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """A letter per row, such as A and B of a comparison, or an empty text; default none."""
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The whole name of each row, said when it is pointed at; default none, its label."""
    unit = traitlets.Unicode("").tag(sync=True)
    """What the axis shows, such as ``"mAP"``; default empty."""
    _rows = traitlets.Bytes().tag(sync=True)

    def __init__(self, on_choose: Callable[[int], None] | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._on_choose = on_choose
        self._numbers: npt.NDArray[np.float32] = np.zeros((3, 0), np.float32)

    def show(
        self,
        labels: Sequence[str],
        values: npt.ArrayLike,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        **traits: Any,
    ) -> None:
        """Replace the rows.

        Args:
            labels: n names.
            values: (n,) where the dots are; NaN for a row without one.
            low, high: (n,) the ends of the intervals; NaN where none is known.
            traits: any trait of `Dots` to change in the same message.
        """
        self._numbers = np.array([values, low, high], np.float32)
        with self.hold_sync():
            self.set_trait("labels", list(labels))
            self.set_trait("_rows", self._numbers.tobytes())
            for name, value in traits.items():
                self.set_trait(name, value)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per name: ``name``, ``value``, ``low``, ``high``."""
        return pd.DataFrame(
            {"name": self.labels} | dict(zip(("value", "low", "high"), self._numbers, strict=True))
        )

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        match content:
            case {"type": "choose", "row": int(row)} if 0 <= row < len(self.labels):
                if self._on_choose is not None:
                    self._on_choose(row)
