"""How many images voted for each concept, and where the line between kept and dropped lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from uhscm_core import MinedConcepts
from widgets.figures.theme import BLUE, GREY, INK, figure, plain

__all__ = ["votes_figure"]


def votes_figure(names: Sequence[str], mined: MinedConcepts, most: int = 40) -> go.Figure:
    """Bars by votes, the kept ones filled and the dropped ones hatched, with the threshold line.

    Args:
        names: the M candidate names.
        mined: what was mined with them.
        most: bars to show, the largest first; the title counts them all.
    """
    wins, kept = mined.wins.numpy(), mined.kept.numpy()
    order = np.argsort(-wins, kind="stable")[:most]
    shown = f", the {len(order)} with most votes shown" if len(order) < len(wins) else ""
    made = figure(f"{len(wins)} concepts, {kept.sum()} kept, {(~kept).sum()} dropped{shown}")
    for flag, label, colour, pattern in ((True, "kept", BLUE, ""), (False, "dropped", GREY, "/")):
        rows = order[kept[order] == flag]
        made.add_bar(
            x=[plain(names[i]) for i in rows],
            y=wins[rows],
            name=label,
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate="%{x}: %{y} votes<extra></extra>",
        )
    made.add_hline(
        y=mined.min_votes,
        line={"color": INK, "dash": "dash", "width": 1},
        annotation={"text": f"kept above {mined.min_votes:.1f} votes", "font": {"color": INK}},
        annotation_position="top right",
    )
    made.update_yaxes(title="votes")
    made.update_xaxes(
        tickangle=-45, categoryorder="array", categoryarray=[plain(names[i]) for i in order]
    )
    return made
