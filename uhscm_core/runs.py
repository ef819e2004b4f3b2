"""The folder of a training run: what is in it, one reader and one writer.

Only this module knows the files of a run:

- ``config.json``: the settings, the network's shape and a digest of the training data;
- ``metrics.jsonl``: one line per step;
- ``checkpoint.safetensors``: weights, optimizer state and position, replaced as the run advances;
- ``weights.safetensors``: the weights after the last epoch;
- ``run.lock``: held by the process that trains here;
- ``run.json`` and ``best.safetensors``: the description of a `Run` and its best weights. Only runs
  that belong to a study have them, in folders ``<home>/runs/<digest of the study>/<number>``. Such
  a folder is also where the study is saved, so `Study.load` reads it.

`RunWriter` writes while `uhscm_core.train` trains; `read_history` and `Run` read. A process that is
killed leaves a folder that can be read and resumed: every file is replaced whole, except that the
last line of ``metrics.jsonl`` may be cut short, and then it is left out. No pickle is written or
read.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from uhscm_core.network import HashNetwork
from uhscm_core.recipe import RESUMABLE_WITH, TrainingConfig, TrainingStep
from uhscm_core.support import store

__all__ = ["Checkpoint", "Run", "RunWriter", "new_run", "read_history", "read_runs"]

_CONFIG = "config.json"
_METRICS = "metrics.jsonl"
_CHECKPOINT = "checkpoint.safetensors"
_WEIGHTS = "weights.safetensors"
_BEST = "best.safetensors"
_RUN = "run.json"
_LOCK = "run.lock"
_CHECKPOINT_SECONDS = 10.0


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
        store.save_tensors(folder / _CHECKPOINT, tensors, self.position)

    @classmethod
    def load(cls, folder: Path) -> Checkpoint | None:
        """Read the checkpoint of a run's folder; None if there is none."""
        if not (folder / _CHECKPOINT).exists():
            return None
        tensors, position = store.load_tensors(folder / _CHECKPOINT)
        weights = {}
        optimizer: dict[int, dict[str, Tensor | None]] = {}
        for path, value in tensors.items():
            kind, _, name = path.partition(".")
            if kind == "network":
                weights[name] = value
            else:
                index, _, name = name.partition(".")
                optimizer.setdefault(int(index), {})[name] = value
        return cls(weights, optimizer, position)


def read_history(folder: str | PathLike[str]) -> tuple[TrainingStep, ...]:
    """Read the steps that a run has logged, those of earlier sessions included.

    Args:
        folder: of the run. Without a log, no step has been taken yet.

    Returns:
        The steps in order; a last line that a killed process cut short is left out.

    Raises:
        FileNotFoundError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no run folder at {folder}")
    path = folder / _METRICS
    steps = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            steps.append(TrainingStep(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            break
    return tuple(steps)


class RunWriter:
    """Writes a run's folder while the run is trained; a context manager that holds its lock.

    On entry the folder is checked and its last checkpoint read; steps that were logged after that
    checkpoint are dropped, because they will be taken again. On exit a last checkpoint is written.

    Args:
        folder: of the run; created if missing.
        identity: JSON values that say which run this is: ``training`` (the settings), ``network``
            and ``data``.
        take: returns the checkpoint of this moment.
        writes: False in all processes of a run but the first.

    Attributes:
        restored: the checkpoint to continue from; None at the start of a run.

    Raises:
        ValueError: the folder contains a run with different settings.
        BlockingIOError: another process is training in the folder.
    """

    def __init__(
        self,
        folder: Path,
        identity: dict[str, Any],
        take: Callable[[], Checkpoint],
        *,
        writes: bool = True,
    ) -> None:
        self._folder, self._identity, self._take, self._writes = folder, identity, take, writes
        self._lock = _lock(folder)
        self._saved_step = -1
        self._saved_at = time.monotonic()
        self.restored: Checkpoint | None = None

    def __enter__(self) -> RunWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._writes:
            try:
                self._lock.acquire(blocking=False)
            except filelock.Timeout:
                raise BlockingIOError(
                    f"another process is training in {self._folder}; wait for it to end or use "
                    f"another folder"
                ) from None
        try:
            self._resume()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _resume(self) -> None:
        config = self._folder / _CONFIG
        if config.exists():
            _check_identity(self._folder, store.load_json(config), self._identity)
        self.restored = Checkpoint.load(self._folder)
        done = 0 if self.restored is None else self.restored.step
        if self.restored is not None:
            self._saved_step = done
        if self._writes:
            store.save_json(config, self._identity)
            metrics = self._folder / _METRICS
            kept = [step for step in read_history(self._folder) if step.step <= done]
            with store.replacing(metrics) as file:
                file.write("".join(map(_line, kept)).encode())
            self._metrics = metrics.open("a", encoding="utf-8")

    def write(self, step: TrainingStep) -> None:
        """Log a step, and save a checkpoint if the last one is some seconds old."""
        if not self._writes:
            return
        self._metrics.write(_line(step))
        self._metrics.flush()
        if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
            self._save()

    def finish(self) -> None:
        """Save the last checkpoint and the weights of a run that has done all its epochs."""
        if self._writes:
            self._save()
            weights, settings = self._take().weights, self._identity["network"]
            store.save_tensors(self._folder / _WEIGHTS, weights, settings)

    def _save(self) -> None:
        checkpoint = self._take()
        # Weights that diverged never replace the last good ones.
        if checkpoint.step > self._saved_step and checkpoint.is_finite:
            checkpoint.save(self._folder)
            self._saved_step = checkpoint.step
        self._saved_at = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        if self._writes:
            try:
                self._save()
            finally:
                self._metrics.close()
                self._lock.release()


def _lock(folder: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(folder / _LOCK)


def _line(step: TrainingStep) -> str:
    values = {name: v for name, v in dataclasses.asdict(step).items() if v is not None}
    return json.dumps(values) + "\n"


def _check_identity(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    settings = before.get("training", {})
    changes = [
        f"{name} {settings.get(name)!r} -> {value!r}"
        for name, value in now["training"].items()
        if name not in RESUMABLE_WITH and settings.get(name) != value
    ]
    changes += [
        f"{part} {before.get(part)!r} -> {now[part]!r}"
        for part in ("network", "data")
        if before.get(part) != now[part]
    ]
    if changes:
        raise ValueError(
            f"{folder} contains a run with different settings ({'; '.join(changes)}); "
            f"use another folder"
        )


@dataclass(frozen=True)
class Run:
    """A run that belongs to a study, as it is on disk.

    Attributes:
        folder: where it is kept; the folder's name is the run's.
        bits: L.
        config: how it trains.
        backbone, pretrained: of `HashNetwork`.
        status: ``"new"``, ``"running"``, ``"paused"``, ``"stopped"``, ``"finished"`` or
            ``"failed"``; a killed process leaves ``"running"``, see `is_running`.
        message: why it failed.
        parent: the run it was forked from; empty for none.
        seconds: spent training, without pauses.
        device: that it ran on, such as ``"cpu, 32-true"``.
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

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError, ValueError, TypeError: the folder contains no run that `save` wrote.
        """
        values = store.load_json(folder / _RUN)
        return cls(folder, **{**values, "config": TrainingConfig(**values["config"])})

    def save(self) -> None:
        """Write the description of the run to its folder."""
        values = dataclasses.asdict(self)
        del values["folder"]
        store.save_json(self.folder / _RUN, values)

    @property
    def name(self) -> str:
        """Such as ``"003"``."""
        return self.folder.name

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that can make one run differ from another."""
        network = {"bits": self.bits, "backbone": self.backbone, "pretrained": self.pretrained}
        return network | dataclasses.asdict(self.config)

    def history(self) -> tuple[TrainingStep, ...]:
        """Read the steps so far, see `read_history`."""
        return read_history(self.folder)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to resume."""
        return (self.folder / _CHECKPOINT).exists()

    def best(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read the best weights, with their ``epoch``, ``step`` and ``value``; None before any."""
        path = self.folder / _BEST
        return store.load_tensors(path) if path.exists() else None

    def save_best(self, weights: Mapping[str, Tensor], step: TrainingStep, value: float) -> None:
        """Replace the best weights.

        Args:
            weights: of the network.
            step: after which they were taken.
            value: what they scored in the validation after it.
        """
        place = {"epoch": step.epoch, "step": step.step, "value": value}
        store.save_tensors(self.folder / _BEST, weights, place)

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
        width = in_features if self.backbone == "features" else None
        network = HashNetwork(self.bits, self.backbone, width, pretrained=False)
        network.load_state_dict(weights)
        return network.eval()

    def is_running(self) -> bool:
        """Return whether a process is training in the run's folder right now."""
        if not (self.folder / _LOCK).exists():
            return False
        lock = _lock(self.folder)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        lock.release()
        return False


def new_run(folder: Path, bits: int, config: TrainingConfig, **more: Any) -> Run:
    """Create the next run of a study; two notebooks that do so at once get two runs.

    Args:
        folder: of the study's runs.
        bits, config, more: of `Run`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = max([int(f.name) for f in folder.iterdir() if f.name.isdigit()], default=0) + 1
    while True:
        try:
            (folder / f"{number:03d}").mkdir()
        except FileExistsError:
            number += 1
        else:
            run = Run(folder / f"{number:03d}", bits, config, **more)
            run.save()
            return run


def read_runs(folder: Path) -> list[Run]:
    """Read all runs of a study, oldest first; folders that cannot be read are skipped."""
    runs = []
    for run_folder in sorted(folder.glob("[0-9]*"), key=lambda f: (len(f.name), f.name)):
        try:
            runs.append(Run.read(run_folder))
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return runs
