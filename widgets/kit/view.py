"""What the kit's own widgets have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

__all__ = ["View", "static"]

_STATIC = Path(__file__).with_name("static")


def static(name: str) -> dict[str, str]:
    """The module and the style sheet of a view: the kit's own, then ``static/<name>``'s.

    A browser loads each view's module from text, so one can't import another: they are joined.
    """
    parts = {}
    for kind, suffix in (("_esm", ".js"), ("_css", ".css")):
        files = (_STATIC / f"kit{suffix}", _STATIC / f"{name}{suffix}")
        parts[kind] = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return parts


class View(anywidget.AnyWidget):
    """A widget of the kit: it says in a sentence what it shows and gives its numbers away.

    Raises:
        TypeError: a keyword that is no trait.
    """

    summary = traitlets.Unicode("").tag(sync=True)
    """One sentence about what is shown, for everybody and for screen readers; default empty."""

    def __init__(self, **traits: Any) -> None:
        if unknown := traits.keys() - self.trait_names():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        super().__init__(**traits)
        self.on_msg(self._receive)

    def __repr__(self) -> str:  # what a notebook keeps where no widget can be shown
        return f"{type(self).__name__}: {self.summary}"

    def to_frame(self) -> pd.DataFrame:
        """The numbers that are shown."""
        raise NotImplementedError

    def _receive(self, _: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Handle a message from the browser, ``{"type": ..., ...}``; by default there are none."""
