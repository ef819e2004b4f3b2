"""What the network of a run makes of the validation images: bits, outputs, distances."""

from __future__ import annotations

import ipywidgets as ipw
import numpy as np

from uhscm_core.analysis.validation import (
    LAM,
    Validation,
    bit_balance,
    distance_histograms,
    output_histogram,
)
from widgets.background.snapshot import Snapshot
from widgets.kit.histogram import Histogram

__all__ = ["CodeCharts"]


class CodeCharts(ipw.VBox):
    """Three histograms of one moment of a run."""

    def __init__(self) -> None:
        self.balance = Histogram(title="Bits: share of images where each is 1", most=1.0, line=0.5)
        self.outputs = Histogram(title="Outputs z, before the sign", low=-1.0, high=1.0)
        self.distances = Histogram(title="Hamming distances of pairs")
        self._drawn: Snapshot | None = None
        super().__init__([self.balance, self.outputs, self.distances])

    def show(self, snapshot: Snapshot | None, validation: Validation) -> None:
        """Show a moment, unless it is in view; None for nothing.

        Args:
            snapshot: of the network.
            validation: whose images it is of.
        """
        if snapshot is self._drawn:
            return
        self._drawn = snapshot
        if snapshot is None:
            for chart in (self.balance, self.outputs, self.distances):
                chart.show([], series=[], summary="")
            return
        z = snapshot.outputs  # (n, L)
        bits = z.shape[1]
        balance = bit_balance(z)
        idle = int(((balance < 0.05) | (balance > 0.95)).sum())
        self.balance.show(
            balance,
            high=float(bits - 1),  # bits are counted from 0, as everywhere
            whole=True,
            unit="bit",
            summary=f"{idle} of {bits} bits say nearly the same of every image",
        )
        near = float((z.abs() > 0.9).float().mean())
        self.outputs.show(
            output_histogram(z), summary=f"{near:.0%} of the outputs lie within 0.1 of ±1"
        )
        s = validation.similarity
        similar, others, n_alike, n_others = distance_histograms(z[: len(s)], s, LAM)
        means = [float((np.arange(bits + 1) * h).sum()) for h in (similar, others)]
        far = f"{means[0]:.1f} bits apart" if n_alike else "none"
        self.distances.show(
            similar,
            others,
            series=[f"similar: S ≥ {LAM:g} ({n_alike:,} pairs)", f"not ({n_others:,} pairs)"],
            high=float(bits),
            whole=True,
            unit="bits",
            summary=f"Pairs that are similar: {far} on average; the others: {means[1]:.1f}",
        )
