"""Tick boxes in a row, with the name of what they choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as ipw

from widgets.kit.view import close_all

__all__ = ["NAMES", "Ticks"]

NAMES = "150px"
"""Width of what the controls of a form are called."""


class Ticks(ipw.VBox):
    """Tick boxes in a row next to the name of what they choose, and an error below them.

    Args:
        label: the name.
        changed: called when a box is ticked or cleared.
    """

    def __init__(self, label: str, changed: Callable[[Any], None]) -> None:
        self.label, self._changed = label, changed
        self._boxes: dict[str, ipw.Checkbox] = {}
        # Below the name where the form is half as wide as the window.
        self._row = ipw.HBox([], layout={"flex_flow": "row wrap", "flex": "1 1 320px"})
        self._error = ipw.Label("", layout={"display": "none"})
        self._error.add_class("uhscm-bench-error")
        named = ipw.HBox(
            [ipw.Label(label, layout={"width": NAMES}), self._row],
            layout={"flex_flow": "row wrap"},
        )
        super().__init__([named, self._error])
        self.add_class("uhscm-bench-ticks")

    def offer(self, options: dict[str, str], ticked: Sequence[str]) -> None:
        """Show these options, by name with their text; those that are ticked first."""
        gone = tuple(self._boxes.values())
        self._boxes = {
            name: ipw.Checkbox(name in ticked, description=text, indent=False)
            for name, text in options.items()
        }
        for box in self._boxes.values():
            box.layout.width = "auto"
            box.observe(self._changed, "value")
        self._row.children = tuple(self._boxes.values())
        for box in gone:
            close_all(box)

    @property
    def ticked(self) -> tuple[str, ...]:
        """Names of the options that are ticked."""
        return tuple(name for name, box in self._boxes.items() if box.value)

    def tick(self, names: Sequence[str]) -> None:
        """Tick these options and no others."""
        for name, box in self._boxes.items():
            box.value = name in names

    @property
    def error(self) -> str:
        """What is wrong with the choice; empty for nothing."""
        return str(self._error.value)

    @error.setter
    def error(self, message: str) -> None:
        self._error.value = message
        self._error.layout.display = "" if message else "none"

    @property
    def disabled(self) -> bool:
        """Whether nothing can be changed."""
        return any(box.disabled for box in self._boxes.values())

    @disabled.setter
    def disabled(self, disabled: bool) -> None:
        for box in self._boxes.values():
            box.disabled = disabled
