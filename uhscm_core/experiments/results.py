"""What an experiment answers with: one run, and the comparison of two settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Comparison", "RunResult"]


@dataclass(frozen=True, eq=False)
class RunResult:
    """One setting with one seed.

    Attributes:
        settings: the varied names that the run's method reads, with their values.
        seed: of the run; None for a method that has none.
        queries: (q,) ids in the dataset of the queries that count.
        average_precision: (q,) float64 in [0, 1], one per query, expected over ties.
        seconds: that it took.
    """

    settings: Mapping[str, Any]
    seed: int | None
    queries: npt.NDArray[np.int64]
    average_precision: npt.NDArray[np.float64]
    seconds: float

    @property
    def mAP(self) -> float:  # noqa: N802  # the field's word
        """The mean of the average precisions."""
        return float(self.average_precision.mean())

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        seed = "" if self.seed is None else f"seed {self.seed}, "
        return f"RunResult({settings}; {seed}mAP {self.mAP:.4f}, {self.seconds:.1f} s)"


@dataclass(frozen=True)
class Comparison:
    """How much better setting a is than setting b.

    Attributes:
        difference: of the mean average precisions, a minus b.
        low, high: a 95% interval of it, over seeds and queries together.
        share_better: share of the queries whose average precision is higher under a.
        sentence: what can be said, and what more seeds would show.
    """

    difference: float
    low: float
    high: float
    share_better: float
    sentence: str
