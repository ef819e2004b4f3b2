"""Measure how well a model reads postcards: average precision per label, and the votes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uhscm_postcards.describe import LEXICON, truths
from uhscm_postcards.scene import Scene

__all__ = ["average_precision", "share_absent", "share_true"]


def average_precision(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> float:
    """Return the average precision of a ranking by score; equal scores keep their order.

    Args:
        scores: (n,) real.
        relevant: (n,) 0 or 1.

    Raises:
        ValueError: no item is relevant.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    hits = np.asarray(relevant, dtype=bool)[order]
    if not hits.any():
        raise ValueError("average precision needs at least one relevant item")
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def share_absent(winners: Sequence[str]) -> float:
    """Return the share of the pictures whose top concept the world does not contain."""
    return sum(name not in LEXICON for name in winners) / len(winners)


def share_true(winners: Sequence[str], scenes: Sequence[Scene]) -> float:
    """Return the share of the pictures whose top concept is true of them."""
    true = [name in truths(scene) for name, scene in zip(winners, scenes, strict=True)]
    return sum(true) / len(true)
