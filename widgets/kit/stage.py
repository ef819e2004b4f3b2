"""Buttons that give an explorer more room: full screen, and a panel next to the notebook."""

from __future__ import annotations

from typing import Any

import pandas as pd

from widgets.kit.view import View, static

__all__ = ["Stage"]


class Stage(View):
    """Shows the workbench that it is part of in full screen, or next to the notebook.

    A panel next to the notebook needs a JupyterLab that lets pages use its commands, such as the
    one that ``make explore`` starts; elsewhere a sentence says how to open one by hand.
    """

    _esm, _css = static("stage")

    def __init__(self, **unknown: Any) -> None:
        super().__init__(summary="More room", **unknown)

    def to_frame(self) -> pd.DataFrame:
        """Return the names of the buttons."""
        return pd.DataFrame({"button": ["Full screen", "Open next to the notebook"]})
