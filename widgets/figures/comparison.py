"""Mean average precision of several methods."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from widgets.figures.theme import BLUE, GREY, SKY, figure

__all__ = ["comparison_figure"]


def comparison_figure(table: pd.DataFrame) -> go.Figure:
    """Draw bars of mAP: UHSCM, the baselines and, hatched, the references without hashing.

    Args:
        table: from `Study.compare`.
    """
    rows = table.sort_values("mAP", ignore_index=True)
    best = rows.query("bits > 0").iloc[-1]
    made = figure(
        f"Among codes of {best['bits']} bits, {best['method']} is ahead with {best['mAP']:.3f}",
        height=300,
    )
    made.add_bar(
        x=rows["mAP"],
        y=rows["method"],
        orientation="h",
        text=rows["mAP"].map("{:.3f}".format),
        textposition="outside",
        cliponaxis=False,
        marker={
            "color": [
                BLUE if name == "UHSCM" else SKY if bits else GREY
                for name, bits in zip(rows["method"], rows["bits"], strict=True)
            ],
            "pattern": {"shape": ["" if bits else "/" for bits in rows["bits"]]},
        },
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    made.update_xaxes(title="mean average precision", rangemode="tozero")
    return made
