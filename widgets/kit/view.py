"""What all widgets of the kit have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as ipw
import pandas as pd
import traitlets

__all__ = ["View", "close_all", "static"]

_STATIC = Path(__file__).with_name("static")
_COMMENT = re.compile(r"^ *(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)\n", re.DOTALL | re.MULTILINE)


def static(*names: str) -> tuple[str, str]:
    """Return the JavaScript module and the style sheet of a view.

    A browser loads each view's module from text, so one cannot import another: the files are
    joined, ``dom`` first, which every view needs. Comments on lines of their own are left out,
    because every widget sends its module to the browser.

    Args:
        names: of files in ``static``, each after those that it builds on and the view's own last.
            Each is a ``.js`` file; those with something to style have a ``.css`` file too.
    """
    scripts = [_STATIC / f"{name}.js" for name in ("dom", *names)]
    styles = [path for path in (file.with_suffix(".css") for file in scripts) if path.exists()]
    script, style = (
        "\n".join(file.read_text(encoding="utf-8") for file in files) for files in (scripts, styles)
    )
    return _COMMENT.sub("", script), style


class View(anywidget.AnyWidget):
    """A widget of the kit: it says in a sentence what it shows, and returns its numbers.

    Raises:
        TypeError: for a keyword that is not a trait.
    """

    summary = traitlets.Unicode("").tag(sync=True)
    """One sentence about what is shown, which screen readers say too; default empty."""

    def __init__(self, **traits: Any) -> None:
        if unknown := traits.keys() - self.trait_names():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        super().__init__(**traits)
        self.on_msg(self._receive)

    def __repr__(self) -> str:  # what a notebook keeps where no widget can be shown
        return f"{type(self).__name__}: {self.summary}"

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers that are shown."""
        raise NotImplementedError

    def _receive(self, _: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Handle a message from the browser, ``{"type": ..., ...}``; by default there are none."""


def close_all(root: ipw.Widget) -> None:
    """Close a widget and every widget that it holds: children, layouts, styles, and attributes.

    The browser and the kernel forget them; a box that is closed alone leaves them all behind.
    """
    held: dict[int, ipw.Widget] = {}
    waiting: list[Any] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ipw.Widget):
            if id(one) not in held:
                held[id(one)] = one
                # What was set, so that nothing is made only to be closed.
                waiting += [*one._trait_values.values(), *vars(one).values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
    for widget in held.values():
        if widget is root:  # whose own `close` calls this
            ipw.Widget.close(widget)
        else:
            widget.close()
