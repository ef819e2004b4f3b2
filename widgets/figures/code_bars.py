"""Hash codes as rows of bits."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from torch import Tensor

from uhscm_core import unpack_codes
from widgets.figures.theme import figure, plain

__all__ = ["code_bars_figure"]


def code_bars_figure(codes: Tensor, bits: int, groups: Sequence[str]) -> go.Figure:
    """Draw one row per image and one column per bit, dark for 1.

    Args:
        codes: (n, ⌈L/8⌉) packed codes, images of the same group in succession.
        bits: L.
        groups: the group of each image.
    """
    signs = (unpack_codes(codes, bits) > 0).to(dtype=codes.dtype).numpy()
    same_group = [i for i in range(1, len(groups)) if groups[i] == groups[i - 1]]
    differ = (
        (signs[same_group] != signs[[i - 1 for i in same_group]]).sum(1).mean()
        if same_group
        else 0.0
    )
    made = figure(
        f"Neighbours in a group differ in {differ:.1f} of {bits} bits", height=120 + 14 * len(codes)
    )
    made.add_heatmap(
        z=signs,
        colorscale=[[0, "#F0E442"], [1, "#0072B2"]],
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="bit %{x}: %{z}<extra></extra>",
    )
    made.update_yaxes(
        tickvals=list(range(len(groups))),
        ticktext=[plain(group) for group in groups],
        autorange="reversed",
        showgrid=False,
    )
    made.update_xaxes(title="bit (dark: 1)", showgrid=False)
    return made
