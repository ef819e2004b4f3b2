"""The dot plot of a bench: what each setting reaches, with an interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from widgets.kit.dots import Dots
from widgets.kit.words import counted

__all__ = ["BenchDots"]


class BenchDots(Dots):
    """A row per setting.

    Args:
        choose: called with the position of a row that is chosen.
    """

    def __init__(self, choose: Callable[[int], None]) -> None:
        super().__init__(choose, unit="mAP")

    def show_settings(
        self,
        words: Sequence[str],
        frame: pd.DataFrame,
        marks: Sequence[str],
        yardstick: str,
        names: Sequence[str],
    ) -> None:
        """Show the table of an experiment.

        Args:
            words: what the settings are called here.
            frame: of `uhscm_core.Experiment.to_frame`.
            marks: a letter for each setting that is compared.
            yardstick: what the results are evaluated by.
            names: of `uhscm_core.Experiment.names`.
        """
        told = (frame["high"] - frame["low"]) < 1  # one seed tells nothing
        ends = (frame[end].where(told) for end in ("low", "high"))
        notes = [
            f"{value:.3f}, {counted(seeds, 'seed')}" if seeds else "no result yet"
            for value, seeds in zip(frame["mAP"], frame["seeds"], strict=True)
        ]
        done = int((frame["seeds"] > 0).sum())
        said = (
            f"mAP by {yardstick} of {counted(done, 'setting')}, with 95% intervals over seeds and "
            f"queries together; choose two to compare"
        )
        self.show(
            words,
            frame["mAP"],
            *ends,
            notes=notes,
            marks=list(marks),
            titles=list(names),
            summary=said if done else "",
        )
