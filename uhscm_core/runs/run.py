"""A run that belongs to a study, as it is on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from uhscm_core.network import HashNetwork, network_from
from uhscm_core.recipe import TrainingConfig, TrainingStep, config_from
from uhscm_core.runs.checkpoint import Checkpoint
from uhscm_core.runs.files import (
    BEST,
    CHECKPOINT,
    CONFIG,
    LOCK,
    RUN,
    load_file,
    lock_of,
    read_config,
    save_file,
)
from uhscm_core.runs.mining_settings import MiningSettings
from uhscm_core.runs.reading import read_history
from uhscm_core.support import store
from uhscm_core.support.fields import FORMAT, Types, check_fields, check_format

__all__ = ["DAMAGED", "Run"]

DAMAGED = "damaged"  # the status of a run that cannot be read

_DESCRIPTION: dict[str, Types] = {
    **dict.fromkeys(("backbone", "status", "message", "parent", "device"), str),
    "pretrained": bool,
    "seconds": (int, float),
    **dict.fromkeys(("mining", "untrained"), dict),
    "format": int,
}


@dataclass(frozen=True)
class Run:
    """A run that belongs to a study, as it is on disk.

    Attributes:
        folder: where it is kept; the folder's name is the run's.
        bits: L.
        config: how it trains.
        backbone, pretrained: of `HashNetwork`.
        status: ``"new"``, ``"running"``, ``"paused"``, ``"stopped"``, ``"finished"`` or
            ``"failed"``; a killed process leaves ``"running"``, see `is_running`. `read_runs` gives
            ``"damaged"`` to a run whose files are not what was written.
        message: why it failed, or what is damaged.
        parent: the run it was forked from; empty for none.
        seconds: spent training, without pauses.
        device: that it ran on, such as ``"cpu, 32-true"``.
        mining: the concepts and the prompt that it was trained on; None where nothing says it.
        untrained: what the network scored in the validation before its first step, as in
            `TrainingStep.metrics`; None where it was not measured. It has no step of its own, so it
            is no line of the log.
    """

    folder: Path
    bits: int
    config: TrainingConfig
    backbone: str = "features"
    pretrained: bool = False
    status: str = "new"
    message: str = ""
    parent: str = ""
    seconds: float = 0.0
    device: str = ""
    mining: MiningSettings | None = None
    untrained: Mapping[str, float] | None = None

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder contains no run that `save` wrote.
            ValueError: its description is damaged, or no description of a run.
        """
        path = folder / RUN
        values = store.load_json(path)
        check_format(path, values)
        check_fields(path, values, {"bits": int, "config": dict}, _DESCRIPTION)
        values.pop("format", None)
        mining = values.pop("mining", None)
        try:
            config = config_from(values["config"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        if mining is not None:
            mining = MiningSettings.read(mining, f"{path}: mining")
        for name, value in values.get("untrained", {}).items():
            check_fields(f"{path}: untrained", {name: value}, {name: (int, float)})
        return cls(folder, **{**values, "config": config, "mining": mining})

    def save(self) -> None:
        """Write the description of the run to its folder."""
        values = {"format": FORMAT, **dataclasses.asdict(self)}
        del values["folder"]
        del values["mining"]
        if self.mining is not None:
            values["mining"] = self.mining.values
        if self.untrained is None:
            del values["untrained"]
        store.save_json(self.folder / RUN, values)

    @property
    def name(self) -> str:
        """Such as ``"003"``."""
        return self.folder.name

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that can make one run differ from another.

        A head on features has no backbone to start from ImageNet weights: whatever was written of
        that, `pretrained` is what it is by default.
        """
        pretrained = self.pretrained or self.backbone == "features"
        network = {"bits": self.bits, "backbone": self.backbone, "pretrained": pretrained}
        return network | dataclasses.asdict(self.config.complete())

    def history(self) -> tuple[TrainingStep, ...]:
        """Read the steps so far, see `read_history`; of a damaged run there are none."""
        return () if self.is_damaged else read_history(self.folder)

    @property
    def is_damaged(self) -> bool:
        """Whether the run is listed only because its folder is there; `message` says why."""
        return self.status == DAMAGED

    @property
    def exists(self) -> bool:
        """Whether the run is on disk; one that was deleted is not."""
        return (self.folder / RUN).exists()

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to resume."""
        return (self.folder / CHECKPOINT).exists()

    def best(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read the best weights, with their ``epoch``, ``step`` and ``value``; None before any."""
        path = self.folder / BEST
        if not path.exists():
            return None
        return load_file(path, "to continue without the best weights so far")

    def save_best(self, weights: Mapping[str, Tensor], step: TrainingStep, value: float) -> None:
        """Replace the best weights.

        Args:
            weights: of the network.
            step: after which they were taken.
            value: what they scored in the validation after it.
        """
        place = {"epoch": step.epoch, "step": step.step, "value": value}
        save_file(self.folder / BEST, weights, place)

    def weights(self) -> Mapping[str, Tensor] | None:
        """Read the best weights, or else the last; None before any."""
        best = self.best()
        if best is not None:
            return best[0]
        checkpoint = Checkpoint.load(self.folder)
        return None if checkpoint is None else checkpoint.weights

    def network(self, in_features: int) -> HashNetwork | None:
        """Return the network with these `weights`; None before any.

        Args:
            in_features: D, for a head on features.
        """
        weights = self.weights()
        if weights is None:
            return None
        settings: dict[str, Any] = {"bits": self.bits, "backbone": self.backbone}
        if self.backbone == "features" and self.config.mixes:
            settings = read_config(self.folder / CONFIG)["network"] | settings
        elif self.backbone == "features":
            settings["centered"] = self.config.complete().center
        if self.backbone == "features":
            settings["in_features"] = in_features
        return network_from(settings, weights, self.folder)

    def is_running(self) -> bool:
        """Return whether a process is training in the run's folder right now.

        Where nothing can be locked, such as in a folder that only others can write to, it is what
        the run's own description says.
        """
        if not (self.folder / LOCK).exists():
            return False
        lock = lock_of(self.folder)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        except OSError:
            return self.status == "running"
        lock.release()
        return False
