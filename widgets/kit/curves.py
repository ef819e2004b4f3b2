"""Curves that grow while a network learns, a small chart each, an earlier run in grey behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from uhscm_core import TrainingStep
from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS
from widgets.kit.view import View, static

__all__ = ["Curves", "curves_of"]

TERMS = ("total", "similarity", "contrastive", "quantization")
_MOST = 240  # points of a curve
Curve = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def curves_of(
    history: Sequence[TrainingStep], n: int, batch_size: int, epochs: int
) -> dict[str, Curve]:
    """Each term, and each validation, over the epochs.

    Args:
        history: the steps so far.
        n: training images; an epoch's last batch may be smaller, and counts for less.
        batch_size: images of the others.
        epochs: of the whole run; a point is the mean of so many steps that at most 240 are needed.

    Returns:
        By name x in epochs and y.
    """
    batches = -(-n // batch_size)
    width = max(1, -(-batches * epochs // _MOST))
    steps = np.array([step.step for step in history])
    starts = np.arange(0, len(history), width)
    weights = np.where(steps % batches == 0, n - (batches - 1) * batch_size, batch_size)
    ends = steps[np.minimum(starts + width, len(history)) - 1] / batches
    curves: dict[str, Curve] = {}
    for name in TERMS if len(history) else ():
        values = np.array([getattr(step, name) for step in history]) * weights
        means = np.add.reduceat(values, starts) / np.add.reduceat(weights, starts)
        curves[name] = (ends.astype(np.float32), means.astype(np.float32))
    for name in (EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS):
        points = [
            (step.step / batches, metrics[name])
            for step in history
            if (metrics := step.metrics) and name in metrics
        ]
        table = np.array(points, np.float32).reshape(-1, 2)
        curves[name] = (table[:, 0].copy(), table[:, 1].copy())
    return curves


class Curves(View):
    """Small charts side by side; the pointer, or the arrow keys, read all of them at one epoch."""

    _esm, _css = static("chart", "curves")

    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    """For each chart its ``name`` and a ``hint`` of a few words."""
    unit = traitlets.Unicode("epoch").tag(sync=True)
    """Of the horizontal axis; default ``"epoch"``."""
    until = traitlets.Float(0.0).tag(sync=True)
    """Where the horizontal axis ends at least; default 0."""
    names = traitlets.List(traitlets.Unicode(), ["", ""]).tag(sync=True)
    """What the curve in colour is, and what the one in grey."""
    _now = traitlets.Bytes().tag(sync=True)
    _now_sizes = traitlets.List(traitlets.Int()).tag(sync=True)
    _before = traitlets.Bytes().tag(sync=True)
    _before_sizes = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, hints: Mapping[str, str], **traits: Any) -> None:
        super().__init__(**traits)
        self.panels = [{"name": name, "hint": hint} for name, hint in hints.items()]
        self.curves: dict[str, dict[str, Curve]] = {"now": {}, "before": {}}

    def show(
        self,
        now: Mapping[str, Curve] | None = None,
        before: Mapping[str, Curve] | None = None,
        **traits: Any,
    ) -> None:
        """Show other curves; None leaves those there are.

        Args:
            now: in colour, by a panel's name.
            before: in grey.
            traits: any trait of `Curves` to change in the same message.
        """
        with self.hold_sync():
            for which, curves in (("now", now), ("before", before)):
                if curves is None:
                    continue
                self.curves[which] = dict(curves)
                empty = np.zeros(0, np.float32)
                shown = [curves.get(panel["name"], (empty, empty)) for panel in self.panels]
                data = b"".join(part.tobytes() for curve in shown for part in curve)
                self.set_trait(f"_{which}", data)
                self.set_trait(f"_{which}_sizes", [len(x) for x, _ in shown])
            for name, value in traits.items():
                self.set_trait(name, value)

    def to_frame(self) -> pd.DataFrame:
        """A row a point: ``run`` (now or before), ``curve``, the unit, and ``value``."""
        parts = [
            pd.DataFrame({"run": which, "curve": name, self.unit: x, "value": y})
            for which, curves in self.curves.items()
            for name, (x, y) in curves.items()
        ]
        columns = ["run", "curve", self.unit, "value"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
