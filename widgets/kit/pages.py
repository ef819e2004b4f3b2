"""Which pages of a widget are open: the tabs chosen in it, and what was unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import ipywidgets as ipw

__all__ = ["Pages", "open_pages", "pages_of"]

Pages: TypeAlias = Sequence[str | bool]
"""The title chosen in each row of tabs, and whether each toggle is pressed, from top to bottom."""


def pages_of(root: ipw.Widget) -> list[str | bool]:
    """Return which pages of a widget are open."""
    found: list[str | bool] = []
    for one in _walk(root):
        if isinstance(one, ipw.ToggleButton):
            found.append(bool(one.value))
        else:
            found.append(one.get_title(one.selected_index or 0))
    return found


def open_pages(root: ipw.Widget, pages: Pages) -> None:
    """Open the pages that there are of those that `pages_of` returned."""
    for one, page in zip(_walk(root), pages, strict=False):  # an earlier version had others
        if isinstance(one, ipw.ToggleButton) and isinstance(page, bool):
            one.value = page
        elif isinstance(one, ipw.Tab) and page in one.titles:
            one.selected_index = one.titles.index(page)


def _walk(root: Any) -> Iterator[Any]:
    """Yield the tabs and toggles in a widget, each before those within it."""
    if isinstance(root, ipw.Tab | ipw.ToggleButton):
        yield root
    for child in getattr(root, "children", ()):
        yield from _walk(child)
