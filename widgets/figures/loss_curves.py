"""The objective and its terms over a training run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from uhscm_core import TrainingStep
from widgets.figures.theme import BLUE, GREEN, INK, ORANGE, RED, figure

__all__ = ["loss_figure"]

_TERMS = {"total": BLUE, "similarity": GREEN, "contrastive": ORANGE, "quantization": RED}


def loss_figure(history: Sequence[TrainingStep]) -> go.Figure:
    """Mean of each term an epoch, one small chart a term (their scales differ).

    Args:
        history: the steps of a run, at least one.
    """
    epochs = np.array([step.epoch for step in history])
    numbers = np.unique(epochs)
    means = {
        term: [np.mean([getattr(s, term) for s in history if s.epoch == e]) for e in numbers]
        for term in _TERMS
    }
    first, last = means["total"][0], means["total"][-1]
    summary = f"The objective went from {first:.2f} to {last:.2f} in {len(numbers)} epochs"
    grid = make_subplots(rows=1, cols=len(_TERMS), subplot_titles=list(_TERMS))
    made = figure(summary, height=280, base=grid)
    for column, (term, colour) in enumerate(_TERMS.items(), start=1):
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
