"""Progress bars of one look."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

__all__ = ["progress_bar"]


def progress_bar(
    what: str, total: int, shown: bool, items: Iterable[Any] | None = None
) -> tqdm[Any]:
    """A text bar that counts images.

    On the standard output, because notebooks paint the error output as a failure; and as text,
    because a bar that is a widget is gone when a saved notebook is opened again.
    """
    return tqdm(
        items,
        desc=what,
        total=total,
        disable=not shown,
        unit="image",
        mininterval=0.5,
        file=sys.stdout,
    )
