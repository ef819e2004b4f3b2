"""A small table whose rows can be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import traitlets

from uhscm_core.support.numbers import real
from widgets.kit.view import View, static

__all__ = ["Table"]

_DECIMALS = 3


class Table(View):
    """Rows of texts and numbers; a click, or Enter on the row the arrows reached, chooses one."""

    _esm, _css = static("rows", "table")

    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Names of the columns; default none."""
    rows = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    """Cells of each row, as shown; default none."""
    marks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """A letter before each row, such as A and B of a comparison; default none."""
    chosen = traitlets.Int(None, allow_none=True).tag(sync=True)
    """Position of the row chosen last; None, the default, for none."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._frame = pd.DataFrame()

    def show(self, frame: pd.DataFrame, **traits: Any) -> None:
        """Replace the rows.

        Args:
            frame: the values to show, numbers with up to three decimals, as many in all of a
                column, NaN as an empty cell.
            traits: any trait of `Table` to change in the same message.
        """
        self._frame = frame
        with self.hold_sync():
            self.set_trait("columns", [str(name) for name in frame.columns])
            columns = [_texts(column) for column in frame.to_numpy(object).T]
            self.set_trait("rows", [list(row) for row in zip(*columns, strict=True)])
            for name, value in traits.items():
                self.set_trait(name, value)

    def to_frame(self) -> pd.DataFrame:
        """Return the values shown, unrounded."""
        return self._frame.copy()


def _texts(column: Iterable[object]) -> list[str]:
    values = list(column)
    numbers = [real(v, _DECIMALS) for v in values if isinstance(v, float) and v == v]
    digits = max((len(number.rstrip("0").partition(".")[2]) for number in numbers), default=0)
    return [_text(value, digits) for value in values]


def _text(value: object, digits: int) -> str:
    if isinstance(value, float):
        return "" if value != value else real(value, digits)
    return str(value)
