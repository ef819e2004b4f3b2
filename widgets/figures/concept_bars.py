"""One image's weight on each concept, before and after denoising."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from widgets.figures.theme import BLUE, GREY, figure, plain

__all__ = ["concept_bars_figure"]


def concept_bars_figure(
    names: Sequence[str], before: Tensor, kept: Tensor, after: Tensor, most: int = 10
) -> go.Figure:
    """Two bars a concept: over all candidates, and over those that stayed.

    Args:
        names: the M candidate names.
        before: (M,) distribution over all candidates.
        kept: (M,) bool.
        after: (K,) distribution over the kept ones.
        most: concepts to show, those with the largest weight before or after.
    """
    first = before.numpy()
    second = np.zeros(len(first))
    second[kept.numpy()] = after.numpy()
    order = np.argsort(-np.maximum(first, second), kind="stable")[:most]
    top, best = names[int(second.argmax())], second.max()
    made = figure(f"After denoising, {best:.0%} of this image is {top}", height=320)
    labels = [plain(names[i]) + ("" if kept[i] else " (dropped)") for i in order]
    made.add_bar(
        x=labels,
        y=first[order],
        name="all candidates",
        marker={"color": GREY, "pattern": {"shape": "/"}},
    )
    made.add_bar(x=labels, y=second[order], name="kept concepts", marker={"color": BLUE})
    made.update_traces(hovertemplate="%{x}: %{y:.3f}<extra>%{fullData.name}</extra>")
    made.update_layout(
        barmode="group", legend={"x": 0, "y": 1, "yanchor": "bottom"}, margin={"t": 80}
    )
    made.update_yaxes(title="weight", range=[0, 1])
    made.update_xaxes(tickangle=-30)
    return made
