"""What the training explorer has set for the next run, and the two runs that it compares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Settings", "TrainingState", "run_in"]

Settings: TypeAlias = tuple[tuple[str, Any], ...]
"""Values by name, in the order of the form."""


@dataclass(frozen=True)
class TrainingState:
    """What is set and looked at.

    Attributes:
        runs: tells the study that the next run is trained on from those of another template.
        settings: of the next run, by name.
        colour, grey: names of the runs that are compared; empty for none.
    """

    runs: str
    settings: Settings
    colour: str = ""
    grey: str = ""


def run_in(states: Iterable[object]) -> str:
    """Return the run in color of a training explorer, or else in gray; empty for none."""
    training = next((state for state in states if isinstance(state, TrainingState)), None)
    return "" if training is None else training.colour or training.grey
