"""How parts stand next to each other, and one below the other where there is no room."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as ipw

__all__ = ["columns", "halves", "row"]


def row(*parts: ipw.Widget) -> ipw.HBox:
    """Return a row of controls, or several rows where it is narrow."""
    return ipw.HBox(parts, layout={"flex_flow": "row wrap"})


def columns(
    left: Sequence[ipw.Widget], right: Sequence[ipw.Widget], shares: tuple[int, int] = (44, 53)
) -> ipw.HBox:
    """Two columns, one below the other where there is no room for both.

    Args:
        left, right: what is in them, from top to bottom.
        shares: of the width, in percent.
    """
    layouts = [{"flex": f"1 1 {share}%", "min_width": "min(340px, 100%)"} for share in shares]
    parts = [ipw.VBox(w, layout=lay) for w, lay in zip((left, right), layouts, strict=True)]
    return ipw.HBox(parts, layout={"flex_flow": "row wrap", "grid_gap": "0 12px"})


def halves(left: ipw.Widget, right: ipw.Widget) -> ipw.HBox:
    """Two views side by side, one below the other where there is no room for both."""
    layout = {"flex": "1 1 47%", "min_width": "min(340px, 100%)", "padding": "0 6px 0 0"}
    return row(*(ipw.VBox([one], layout=layout) for one in (left, right)))
