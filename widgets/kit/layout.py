"""How parts stand next to each other, and one below the other where there is no room."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as ipw

__all__ = ["columns", "halves", "later", "row"]


def row(*parts: ipw.Widget) -> ipw.HBox:
    """Return a row of controls, or several rows where it is narrow."""
    return ipw.HBox(parts, layout={"flex_flow": "row wrap"})


def columns(
    left: Sequence[ipw.Widget],
    right: Sequence[ipw.Widget],
    shares: tuple[int, int] = (44, 53),
    *,
    above_left: Sequence[ipw.Widget] = (),
    below_right: Sequence[ipw.Widget] = (),
    stacked: bool = False,
) -> ipw.VBox:
    """Two columns that are seen together: a narrow window stacks them, with the rest below.

    Args:
        left, right: what is in them, from top to bottom.
        shares: of the width.
        above_left, below_right: what is used later, so that a small window shows it below both;
            one of the two at most.
        stacked: whether a small window always stacks them, because half of its width is too little.
    """
    together = ipw.HBox([ipw.VBox(left), ipw.VBox(right)])
    together.add_class("uhscm-together")
    box = ipw.VBox([together])
    box.layout.grid_template_columns = " ".join(f"minmax(0, {share}fr)" for share in shares)
    box.add_class("uhscm-columns")
    if rest := [*above_left, *below_right]:
        box.children += (ipw.VBox(rest),)
        later(box.children[1])
    if above_left:
        box.add_class("is-later-first")
    if stacked:
        box.add_class("is-stacked")
    return box


def later(*widgets: ipw.Widget) -> None:
    """Let a small window show parts of an explorer below what is used first."""
    for widget in widgets:
        widget.add_class("uhscm-later")


def halves(left: ipw.Widget, right: ipw.Widget) -> ipw.HBox:
    """Two views side by side, one below the other where there is no room for both."""
    layout = {"flex": "1 1 47%", "min_width": "min(150px, 100%)", "padding": "0 6px 0 0"}
    return row(*(ipw.VBox([one], layout=layout) for one in (left, right)))
