"""How parts stand next to each other, and one below the other where there is no room."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as ipw

__all__ = ["brief", "columns", "halves", "later", "row"]


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
    right_first: bool = False,
) -> ipw.VBox:
    """Two columns that are seen together: a narrow window stacks them, with the rest below.

    Tab goes the way that the eye reads: down the left column and then down the right one, and in a
    small window from top to bottom.

    Args:
        left, right: what is in them, from top to bottom.
        shares: of the width.
        above_left, below_right: what is used later, so that a small window shows it below both;
            one of the two at most.
        stacked: whether a small window always stacks them, because half of its width is too little.
        right_first: whether a narrow window shows the right column above the left one.
    """
    together = ipw.HBox([ipw.VBox(left), ipw.VBox(right)])
    together.add_class("uhscm-together")
    box = ipw.VBox([together])
    if above_left or below_right:
        rest = ipw.VBox([*above_left, *below_right])
        later(rest)
        box.children = [rest, together] if above_left else [together, rest]
        box.add_class("has-later")
    box.layout.grid_template_columns = " ".join(f"minmax(0, {share}fr)" for share in shares)
    box.add_class("uhscm-columns")
    if above_left:
        box.add_class("is-later-first")
    if stacked:
        box.add_class("is-stacked")
    if right_first:
        later(together.children[0], narrow=True)
    return box


def brief(*buttons: ipw.Widget) -> None:
    """Let a small window show the signs of buttons alone, with their words as titles."""
    for button in buttons:
        button.add_class("uhscm-brief")


def later(*widgets: ipw.Widget, narrow: bool = False) -> None:
    """Let a small window show parts of an explorer below the others of their box.

    Args:
        widgets: which are used later than the others.
        narrow: whether a window does so only where columns do not fit next to each other.
    """
    for widget in widgets:
        widget.add_class("uhscm-later-if-narrow" if narrow else "uhscm-later")


def halves(left: ipw.Widget, right: ipw.Widget) -> ipw.HBox:
    """Two views side by side, one below the other where there is no room for both."""
    layout = {"flex": "1 1 47%", "min_width": "min(150px, 100%)", "padding": "0 6px 0 0"}
    both = row(*(ipw.VBox([one], layout=layout) for one in (left, right)))
    both.add_class("uhscm-halves")
    return both
