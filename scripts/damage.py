"""Damage every kind of file that the package writes, and print what becomes of it."""

from __future__ import annotations

import collections
import sys
import tempfile
from pathlib import Path

import pandas as pd

from tests.test_damage import DAMAGES, KINDS, Trials


def main(flips: int, others: int = 12) -> None:
    """Print a table of outcomes by kind of file and of damage.

    Args:
        flips: number of flipped bits over all kinds of file.
        others: number of trials of each other damage, per kind of file.
    """
    counts: collections.Counter[tuple[str, str, str]] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for name in KINDS:
            trials = Trials(name, Path(folder, name), seed=1)
            for damage in DAMAGES:
                for _ in range(-(-flips // len(KINDS)) if damage == "flipped" else others):
                    outcome, what = trials.run(damage)
                    counts[name, damage, outcome] += 1
                    if outcome in ("silent", "unnamed"):
                        print(outcome, damage, what)
    table = pd.Series(counts).unstack(fill_value=0)
    print(table.to_string())
    print(table.groupby(level=1).sum().to_string())


if __name__ == "__main__":
    main(int(sys.argv[1]))
