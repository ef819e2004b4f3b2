"""A table as CSV that a spreadsheet shows and never computes."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["csv_bytes"]

# A cell of text that begins with one of these is a formula to a spreadsheet, after a tab or a line
# break too, and in the full width of Chinese and Japanese keyboards. The apostrophe is our mark.
_FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠", "'")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    r"""Write a table as CSV in UTF-8, without its index.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, and so does text
    that begins with one; numbers stay numbers. So what was written comes back from pandas with
    ``frame.map(lambda cell: cell.removeprefix("'") if isinstance(cell, str) else cell)``. Bytes of
    file names that are not UTF-8 become ``\xNN``, and a carriage return ``\r``.
    """
    plain = frame.map(_as_text).rename(columns=_as_text)
    return plain.to_csv(index=False).encode()


def _as_text(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    # pandas does not quote a carriage return, and what follows it would be a cell of its own.
    text = cell.encode("utf-8", "backslashreplace").decode().replace("\r", "\\r")
    return f"'{text}" if text.startswith(_FORMULA) else text
