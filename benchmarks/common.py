"""Functions that the benchmarks share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"


def seconds(
    work: Callable[[], object], repeats: int = 3, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the shortest time of some runs, because other work uses the machine too."""
    times = []
    for _ in range(repeats):
        started = clock()
        work()
        times.append(clock() - started)
    return min(times)


def load() -> str:
    """Return how busy the machine is, to print next to every figure."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
