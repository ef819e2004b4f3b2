"""Buttons that go through a history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from widgets.background.history import History
from widgets.kit.layout import brief

__all__ = ["Steps"]


class Steps:
    """Undo and redo.

    Args:
        undo, redo: called when a button is pressed.
        width: of each, in CSS.
        hidden: whether they are out of sight, because those of a workbench are for all its tabs.
    """

    def __init__(
        self,
        undo: Callable[[], object],
        redo: Callable[[], object],
        width: str,
        hidden: bool = False,
    ) -> None:
        layout = {"width": width, "display": "none" if hidden else None}
        self.undo = ipw.Button(description="Undo", icon="undo", layout=layout)
        self.redo = ipw.Button(description="Redo", icon="repeat", layout=layout)
        brief(self.undo, self.redo)
        self.undo.on_click(lambda _: undo())
        self.redo.on_click(lambda _: redo())

    def show(self, history: History[Any] | None) -> None:
        """Say what can be undone and redone; None for nothing."""
        self.undo.disabled = history is None or not history.can_undo
        self.redo.disabled = history is None or not history.can_redo
