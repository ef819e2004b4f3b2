"""The frame around an explorer: how high its window is, and buttons for more room."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw
import pandas as pd

from widgets.kit.view import View, static

__all__ = ["Stage", "framed", "growing"]


class Stage(View):
    """Fits the explorer that it is part of into its window, and gives it more room.

    It measures the window, so that what was marked by `growing` takes the height that is left. Its
    buttons change the size of text and pictures, which the page remembers, and show the explorer,
    or the workbench around it, in full screen or next to the notebook.

    A panel next to the notebook needs a JupyterLab that lets pages use its commands, such as the
    one that ``make explore`` starts; elsewhere a sentence says how to open one by hand.
    """

    _esm, _css = static("stage")

    def __init__(self, **unknown: Any) -> None:
        super().__init__(summary="More room", **unknown)

    def to_frame(self) -> pd.DataFrame:
        """Return the names of the buttons."""
        names = ["Smaller text and pictures", "Larger text and pictures"]
        return pd.DataFrame({"button": [*names, "Full screen", "Open next to the notebook"]})


def framed(status: ipw.Widget) -> ipw.HBox:
    """Return a status line with the buttons of a stage at its right."""
    head = ipw.HBox([status, Stage()])
    head.add_class("uhscm-head")
    return head


def growing(*widgets: ipw.Widget) -> None:
    """Let views take the height that is left in the window, in place of their own."""
    for widget in widgets:
        widget.add_class("uhscm-grows")
