"""One look for all figures, legible on both JupyterLab's light and dark backgrounds.

The colors are those of Okabe and Ito, which most color-blind people can distinguish, sky and
orange darker so that they stand out from white by 3 to 1; a pattern, a shape or a word always says
the same as the color does.
"""

from __future__ import annotations

import html

import plotly.graph_objects as go

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "PURPLE", "RED", "SKY", "figure", "plain"]

ORANGE, SKY, GREEN, BLUE = "#B07F00", "#2F8FCB", "#009E73", "#0072B2"
RED, PURPLE = "#D55E00", "#CC79A7"
GREY = "#858585"
INK = "#7f7f7f"  # text that stands out from white and from JupyterLab's dark ground

_TEMPLATE = go.layout.Template(
    layout={
        "colorway": [BLUE, ORANGE, GREEN, RED, PURPLE, SKY],
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 13},
        "title": {"x": 0, "xanchor": "left", "font": {"size": 15}},
        "xaxis": {"gridcolor": "rgba(127,127,127,.25)", "zerolinecolor": "rgba(127,127,127,.5)"},
        "yaxis": {"gridcolor": "rgba(127,127,127,.25)", "zerolinecolor": "rgba(127,127,127,.5)"},
        # Upright, in a margin of its own: otherwise it lies over the title.
        "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0)"},
        "margin": {"l": 10, "r": 36, "t": 48, "b": 10},
        "legend": {"orientation": "h", "y": -0.2},
        "bargap": 0.15,
    }
)


def figure(
    summary: str, height: int = 340, width: int = 820, base: go.Figure | None = None
) -> go.Figure:
    """A figure of the house's look, with its summary sentence as the title.

    Args:
        summary: one sentence that says what the figure shows.
        height, width: in CSS pixels.
        base: figure to begin with, such as one of subplots; None for an empty one.
    """
    made = go.Figure() if base is None else base
    made.update_layout(template=_TEMPLATE, title=plain(summary), height=height, width=width)
    made.update_xaxes(automargin=True)
    made.update_yaxes(automargin=True)
    return made


def plain(text: str) -> str:
    """Text from users, such as a concept's name, as plotly shows it unchanged."""
    return html.escape(text, quote=False)
