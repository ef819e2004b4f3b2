"""Codes of two bits as points of the plane: where each term of the objective moves them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from widgets.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, figure, plain

__all__ = ["plane_figure"]

_COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
_SHAPES = ("circle", "square", "diamond", "triangle-up", "x", "star")


def plane_figure(paths: npt.ArrayLike, names: Sequence[str], summary: str) -> go.Figure:
    """The way of each image's two outputs, from a small open mark to a large full one.

    Args:
        paths: (T, n, 2), the outputs of n images at T moments; the four corners are the codes.
        names: n.
        summary: one sentence that says what moves them.
    """
    moments = np.asarray(paths, dtype=float)
    made = figure(summary, height=400, width=520)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    made.add_scatter(
        x=corners[:, 0],
        y=corners[:, 1],
        mode="markers+text",
        text=["00", "01", "10", "11"],
        textposition=["top right", "bottom right", "top left", "bottom left"],
        marker={"color": GREY, "symbol": "cross-thin-open", "size": 14},
        name="codes",
        hoverinfo="skip",
    )
    for i, name in enumerate(names):
        colour, shape = _COLOURS[i % len(_COLOURS)], _SHAPES[i % len(_SHAPES)]
        last = len(moments) - 1
        made.add_scatter(
            x=moments[:, i, 0],
            y=moments[:, i, 1],
            mode="lines+markers",
            line={"color": colour},
            marker={
                "symbol": [f"{shape}-open"] * last + [shape],
                "size": [8] + [1] * max(last - 1, 0) + [13] * bool(last),
            },
            name=plain(name),
            hovertemplate=f"{plain(name)}: %{{x:.2f}}, %{{y:.2f}}<extra></extra>",
        )
    made.update_layout(legend={"y": -0.3})
    made.update_xaxes(title="first output", range=[-1.15, 1.15])
    made.update_yaxes(title="second output", range=[-1.15, 1.15], scaleanchor="x")
    return made
