"""Curves that grow while a network learns, in small charts, with an earlier run in gray."""

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

_MAX_POINTS = 240  # per curve, after the first
Curve = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def curves_of(
    history: Sequence[TrainingStep],
    n: int,
    batch_size: int,
    epochs: int,
    untrained: Mapping[str, float] | None = None,
) -> dict[str, Curve]:
    """Return each loss term, and each validation, over the epochs.

    Epoch 0 is before training. The loss of a step is measured before the step, so that of the first
    one is the untrained network's, and a point of its own.

    Args:
        history: the steps so far.
        n: number of training images; an epoch's last batch may be smaller, and counts for less.
        batch_size: images per batch in all others.
        epochs: epochs of the whole run. Each further point is the mean of as many steps as it takes
            for 240 points to last the run.
        untrained: the validation before the first step; None if there was none.

    Returns:
        For each name x, in epochs, and y.
    """
    batches = -(-n // batch_size)
    width = max(1, -(-batches * epochs // _MAX_POINTS))
    steps = np.array([step.step for step in history])
    starts = np.append(np.arange(min(1, len(history))), np.arange(1, len(history), width))
    lasts = np.append(starts[1:], len(history))[: len(starts)] - 1
    done = (steps[starts] + steps[lasts]) / 2 - 1  # in the middle of those that make a point
    weights = _images(history, n, batch_size)
    curves: dict[str, Curve] = {}
    for name in ("total", *history[0].terms) if len(history) else ():
        values = np.array([getattr(step, name) for step in history]) * weights
        means = np.add.reduceat(values, starts) / np.add.reduceat(weights, starts)
        curves[name] = ((done / batches).astype(np.float32), means.astype(np.float32))
    for name in (EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS):
        points = [
            (step / batches, metrics[name])
            for step, metrics in [(0, untrained), *((s.step, s.metrics) for s in history)]
            if metrics and name in metrics
        ]
        table = np.array(points, np.float32).reshape(-1, 2)
        curves[name] = (table[:, 0].copy(), table[:, 1].copy())
    return curves


def total_of_epoch(history: Sequence[TrainingStep], n: int, batch_size: int) -> float:
    """Return the mean of the loss over the last epoch so far, each image counting the same.

    The last batch of an epoch may be a few images, whose loss says little.

    Args:
        history: the steps so far, at least one.
        n, batch_size: as in `curves_of`.
    """
    last = [step for step in history if step.epoch == history[-1].epoch]
    totals = [step.total for step in last]
    return float(np.average(totals, weights=_images(last, n, batch_size)))


def _images(
    history: Sequence[TrainingStep], n: int, batch_size: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the number of images in the batch of each step."""
    batches = -(-n // batch_size)
    steps = np.array([step.step for step in history])
    return np.where(steps % batches == 0, n - (batches - 1) * batch_size, batch_size)


class Curves(View):
    """Small charts next to each other; the pointer, or the arrow keys, read all at one epoch.

    Every vertical axis has its zero in sight, so that a small change looks small.
    """

    _esm, _css = static("chart", "curves")

    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    """The ``name`` of each chart, a ``hint`` of a few words, and ``top``, where its axis ends or 0
    for the highest value; default none."""
    unit = traitlets.Unicode("epoch").tag(sync=True)
    """Unit of the horizontal axis, in the singular, counted from before training; default
    ``"epoch"``."""
    until = traitlets.Float(0.0).tag(sync=True)
    """Where the horizontal axis ends, unless a curve is longer; default 0."""
    names = traitlets.List(traitlets.Unicode(), ["", ""]).tag(sync=True)
    """What the colored curve is, and what the gray one is; default empty."""
    _now = traitlets.Bytes().tag(sync=True)
    _now_sizes = traitlets.List(traitlets.Int()).tag(sync=True)
    _before = traitlets.Bytes().tag(sync=True)
    _before_sizes = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, hints: Mapping[str, str], **traits: Any) -> None:
        super().__init__(**traits)
        self.set_hints(hints)
        self.curves: dict[str, dict[str, Curve]] = {"now": {}, "before": {}}

    def set_hints(self, hints: Mapping[str, str], tops: Mapping[str, float] | None = None) -> None:
        """Choose the charts by name; `show` the curves after it.

        Args:
            hints: a few words for each chart.
            tops: the largest possible value by name, where there is one: the axis ends there, so
                that charts of different runs can be compared.
        """
        tops = tops or {}
        self.panels = [
            {"name": name, "hint": hint, "top": tops.get(name, 0.0)} for name, hint in hints.items()
        ]

    def show(
        self,
        now: Mapping[str, Curve] | None = None,
        before: Mapping[str, Curve] | None = None,
        **traits: Any,
    ) -> None:
        """Replace curves; those given as None stay as they are.

        Args:
            now: the colored curves, by the name of their chart.
            before: the gray curves, by the name of their chart.
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
        """Return a row per point: ``run`` (now or before), ``curve``, the unit, and ``value``."""
        parts = [
            pd.DataFrame({"run": which, "curve": name, self.unit: x, "value": y})
            for which, curves in self.curves.items()
            for name, (x, y) in curves.items()
        ]
        columns = ["run", "curve", self.unit, "value"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
