"""The objective and its terms over a training run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from uhscm_core import TrainingStep
from widgets.figures.theme import BLUE, GREEN, INK, ORANGE, PURPLE, RED, SKY, figure
from widgets.kit.words import counted

__all__ = ["loss_figure"]

_COLOURS = {
    "total": BLUE,
    "similarity": GREEN,
    "contrastive": ORANGE,
    "quantization": RED,
    "balance": PURPLE,
    "independence": SKY,
}


def loss_figure(history: Sequence[TrainingStep]) -> go.Figure:
    """Mean of each term an epoch, one small chart a term (their scales differ).

    Args:
        history: the steps of a run, at least one.
    """
    epochs = np.array([step.epoch for step in history])
    numbers = np.unique(epochs)
    terms = {term: _COLOURS[term] for term in ("total", *history[0].terms)}
    means = {
        term: [np.mean([getattr(s, term) for s in history if s.epoch == e]) for e in numbers]
        for term in terms
    }
    first, last = means["total"][0], means["total"][-1]
    took = counted(len(numbers), "epoch")
    summary = f"The objective went from {first:.2f} to {last:.2f} in {took}"
    grid = make_subplots(rows=1, cols=len(terms), subplot_titles=list(terms))
    made = figure(summary, height=280, base=grid)
    for column, (term, colour) in enumerate(terms.items(), start=1):
        made.add_scatter(
            x=numbers,
            y=means[term],
            line={"color": colour},
            mode="lines" if len(numbers) > 1 else "markers",
            hovertemplate=f"epoch %{{x}}: %{{y:.3f}}<extra>{term}</extra>",
            row=1,
            col=column,
        )
    made.update_annotations(font={"color": INK})
    made.update_layout(showlegend=False, margin={"t": 72})
    made.update_xaxes(title="epoch")
    return made
