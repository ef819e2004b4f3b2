"""What the training explorer has set for the next run, and the two runs that it compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Settings", "TrainingState"]

Settings: TypeAlias = tuple[tuple[str, Any], ...]
"""Values by name, in the order of the form."""


@dataclass(frozen=True)
class TrainingState:
    """What is set and looked at.

    Attributes:
        runs: tells the study that the next run is trained on from those of another prompt.
        settings: of the next run, by name.
        colour, grey: names of the runs that are compared; empty for none.
    """

    runs: str
    settings: Settings
    colour: str = ""
    grey: str = ""
