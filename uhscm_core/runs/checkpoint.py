"""Everything that a run needs to continue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from uhscm_core.runs.files import CHECKPOINT, load_file, save_file

__all__ = ["Checkpoint"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything needed to continue a run exactly where it was.

    Attributes:
        weights: of the network.
        optimizer: the optimizer's state, by the number of the parameter.
        position: ``epoch`` and ``batch`` (both done), ``step``, and the state of the precision.
    """

    weights: Mapping[str, Tensor]
    optimizer: Mapping[int, Mapping[str, Tensor | None]]
    position: Mapping[str, Any]

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.position["step"])

    @property
    def is_finite(self) -> bool:
        """Whether all weights are numbers, neither NaN nor infinite."""
        return all(bool(value.isfinite().all()) for value in self.weights.values())

    def save(self, folder: Path) -> None:
        """Replace the checkpoint of a run's folder."""
        tensors = {f"network.{name}": value for name, value in self.weights.items()}
        for index, entries in self.optimizer.items():
            for name, value in entries.items():
                if value is not None:
                    tensors[f"optimizer.{index}.{name}"] = value
        save_file(folder / CHECKPOINT, tensors, self.position)

    @classmethod
    def load(cls, folder: Path) -> Checkpoint | None:
        """Read the checkpoint of a run's folder; None if there is none.

        Raises:
            ValueError: the file is damaged, or is of another run.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return None
        tensors, position = load_file(path, "to start this run from the beginning")
        for name in ("epoch", "batch", "step"):
            if type(position.get(name, 0)) is not int or position.get(name, 0) < 0:
                raise ValueError(f"{path}: {name} must be a whole number, got {position[name]!r}")
        weights = {}
        optimizer: dict[int, dict[str, Tensor | None]] = {}
        for key, value in tensors.items():
            kind, _, name = key.partition(".")
            if kind == "network":
                weights[name] = value
            else:
                index, _, name = name.partition(".")
                optimizer.setdefault(int(index), {})[name] = value
        return cls(weights, optimizer, position)
