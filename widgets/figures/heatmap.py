"""Similarities of selected images, in groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from uhscm_core.support.numbers import signed
from widgets.figures.theme import INK, figure, plain

__all__ = ["similarity_figure"]

# Nothing in common is next to the ground, be it white or dark: the colors let it through.
_FAINT_TO_STRONG = [
    [0, "rgba(127,127,127,0.1)"],
    [0.5, "rgba(86,180,233,0.4)"],
    [1, "rgb(0,114,178)"],
]


def similarity_figure(similarity: Tensor, groups: Sequence[str]) -> go.Figure:
    """Draw a heatmap of pairs, in strong color for similar images, with a line between groups.

    Args:
        similarity: (n, n) in [-1, 1], images of the same group in succession.
        groups: the group of each image.
    """
    n = len(groups)
    starts = [i for i in range(n) if i == 0 or groups[i] != groups[i - 1]]
    middles = [(a + b - 1) / 2 for a, b in zip(starts, [*starts[1:], n], strict=True)]
    inside = np.array([[a == b for b in groups] for a in groups])
    values = similarity.numpy()
    within = signed(float(values[inside].mean()), 2)
    apart = signed(float(values[~inside].mean()), 2) if not inside.all() else ""
    across = f", across groups {apart}" if apart else ""
    made = figure(f"Mean similarity within a group {within}{across}", height=560, width=600)
    # One byte a cell travels as binary; the color bar shows the similarity it stands for.
    made.add_heatmap(
        z=np.rint((values + 1) * 127.5).astype(np.uint8),
        customdata=values.round(2),
        zmin=0,
        zmax=255,
        colorscale=_FAINT_TO_STRONG,
        colorbar={
            "title": "S",
            "tickvals": [0, 127.5, 255],
            "ticktext": ["-1", "0", "1"],
            "thickness": 12,
        },
        hovertemplate="S = %{customdata}<extra></extra>",
    )
    for start in starts[1:]:
        made.add_vline(x=start - 0.5, line={"color": "white", "width": 1})
        made.add_hline(y=start - 0.5, line={"color": "white", "width": 1})
    ticks = {"tickvals": middles, "ticktext": [plain(groups[i]) for i in starts], "color": INK}
    made.update_xaxes(**ticks, tickangle=-45, showgrid=False, constrain="domain")
    made.update_yaxes(**ticks, autorange="reversed", showgrid=False, scaleanchor="x")
    return made
