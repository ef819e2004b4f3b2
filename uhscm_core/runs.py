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

`RunWriter` writes while `uhscm_core.train` trains; `read_history`, `read_network` and `Run` read. A
process that is killed leaves a folder that can be read and resumed: every file is replaced whole,
except that the last line of ``metrics.jsonl`` may be cut short, and then it is left out. No pickle
is written or read.

A folder's ``config.json`` gives the run an id, which every other file repeats: a file of another
run is found out. So is any other damage, by a digest of each file, and of each line of the log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, Any

import filelock
from torch import Tensor

from uhscm_core.network import HashNetwork, network_from
from uhscm_core.recipe import (
    MIXING,
    RESUMABLE_WITH,
    TrainingConfig,
    TrainingStep,
    config_from,
    step_from,
)
from uhscm_core.support import store
from uhscm_core.support.checks import whole_number
from uhscm_core.support.fields import FORMAT, Types, check_fields, check_format
from uhscm_core.support.notices import say
from uhscm_core.support.paths import as_path

__all__ = [
    "Checkpoint",
    "Run",
    "RunWriter",
    "delete_runs",
    "holding",
    "new_run",
    "read_history",
    "read_network",
    "read_runs",
]

_CONFIG = "config.json"
_METRICS = "metrics.jsonl"
_CHECKPOINT = "checkpoint.safetensors"
_WEIGHTS = "weights.safetensors"
_BEST = "best.safetensors"
_RUN = "run.json"
_LOCK = "run.lock"
_CHECKPOINT_SECONDS = 10.0
_DAMAGED = "damaged"  # the status of a run that cannot be read

_held = threading.local()  # .folders: those that this thread holds, see `holding`


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
        _save(folder / _CHECKPOINT, tensors, self.position)

    @classmethod
    def load(cls, folder: Path) -> Checkpoint | None:
        """Read the checkpoint of a run's folder; None if there is none.

        Raises:
            ValueError: the file is damaged, or is of another run.
        """
        path = folder / _CHECKPOINT
        if not path.exists():
            return None
        tensors, position = _load(path, "to start this run from the beginning")
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


def read_history(folder: str | PathLike[str]) -> tuple[TrainingStep, ...]:
    """Read the steps that a run has logged, those of earlier sessions included.

    Args:
        folder: of the run. Without a log, no step has been taken yet.

    Returns:
        The steps in order; a last line that a killed process cut short is left out.

    Raises:
        FileNotFoundError: no such folder.
        DamagedFileError: a line is not what was written, or lines are missing.
    """
    folder = as_path("folder", folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no run folder at {folder}")
    # Before the log: a run that is trained meanwhile logs a step first, and then saves it.
    saved = _saved_step(folder)
    path = folder / _METRICS
    if not path.exists():
        return ()
    advice = f"rename {_METRICS} to continue without the steps logged so far"
    run_id = _id_of(folder)
    steps: list[TrainingStep] = []
    *lines, _ = path.read_bytes().split(b"\n")  # what follows the last line break was cut short
    for number, line in enumerate(lines, 1):
        try:
            step = _step_of(line, run_id)
        except (ValueError, RecursionError) as error:
            raise store.DamagedFileError(
                f"{path}: line {number} of {len(lines)} is damaged ({error}); {advice}"
            ) from error
        if steps and step.step != steps[-1].step + 1:
            raise store.DamagedFileError(
                f"{path}: damaged, step {steps[-1].step} is followed by step {step.step} on line "
                f"{number}; {advice}"
            )
        steps.append(step)
    if saved > (steps[-1].step if steps else 0):
        raise store.DamagedFileError(
            f"{path}: damaged, it ends after {len(steps)} steps, but the checkpoint is that of "
            f"step {saved}; {advice}"
        )
    return tuple(steps)


def read_network(folder: str | PathLike[str]) -> HashNetwork:
    """Read the network of a run that has done all its epochs.

    Args:
        folder: of the run.

    Returns:
        The network with its last weights, on the CPU.

    Raises:
        FileNotFoundError: no run, or none that has done all its epochs.
        DamagedFileError: the weights are not those that were written for this run.
    """
    path = as_path("folder", folder) / _WEIGHTS
    if not path.exists():
        raise FileNotFoundError(f"no weights of a finished run at {path}")
    weights, settings = _load(path, "and train again")
    return network_from(settings, weights, path)


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a run's folder: no other process trains in it, and what this thread trains may.

    Raises:
        BlockingIOError: it is held already.
    """
    with _locked(folder):
        folders = _held.__dict__.setdefault("folders", set())
        folders.add(folder)
        try:
            yield
        finally:
            folders.discard(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    store.make_folder(folder)
    lock = _lock(folder)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise BlockingIOError(
            f"another process is training in {folder}; wait for it to end or use another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


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
        self._held = contextlib.ExitStack()
        self._metrics: IO[bytes] | None = None  # opened with the first step
        self._id = ""
        self._saved_step = -1
        self._saved_at = time.monotonic()
        self.restored: Checkpoint | None = None

    def __enter__(self) -> RunWriter:
        with contextlib.ExitStack() as stack:
            if self._writes and self._folder not in getattr(_held, "folders", ()):
                stack.enter_context(_locked(self._folder))
            self._resume()
            self._held = stack.pop_all()
        return self

    def _resume(self) -> None:
        config = self._folder / _CONFIG
        if config.exists():
            _check_identity(self._folder, _read_config(config), self._identity)
        self.restored = Checkpoint.load(self._folder)
        done = 0 if self.restored is None else self.restored.step
        if self.restored is not None:
            self._saved_step = done
        if self._writes:
            kept = [step for step in read_history(self._folder) if step.step <= done]
            self._id = _id_of(self._folder) or uuid.uuid4().hex
            store.save_json(config, {"format": FORMAT, **self._identity, "id": self._id})
            store.sweep(self._folder)
            if (self._folder / _METRICS).exists():
                with store.replacing(self._folder / _METRICS) as file:
                    file.write(b"".join(_line(step, self._id) for step in kept))

    def write(self, step: TrainingStep) -> None:
        """Log a step, and save a checkpoint if the last one is some seconds old."""
        if not self._writes:
            return
        if self._metrics is None:
            self._metrics = _appending(self._folder / _METRICS)
        self._metrics.write(_line(step, self._id))
        self._metrics.flush()
        if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
            self._save()

    def finish(self) -> None:
        """Save the last checkpoint and the weights of a run that has done all its epochs."""
        if self._writes:
            self._save()
            weights, settings = self._take().weights, self._identity["network"]
            _save(self._folder / _WEIGHTS, weights, settings)

    def _save(self) -> None:
        checkpoint = self._take()
        # Weights that diverged never replace the last good ones.
        if checkpoint.step > self._saved_step and checkpoint.is_finite:
            if self._metrics is not None:
                # So that even after a power failure the log does not end before the checkpoint.
                with contextlib.suppress(OSError):  # which the checkpoint meets and says as well
                    os.fsync(self._metrics.fileno())
            checkpoint.save(self._folder)
            self._saved_step = checkpoint.step
        self._saved_at = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        with self._held:
            try:
                if self._writes:
                    self._save()
            finally:
                if self._metrics is not None:
                    self._metrics.close()


def _lock(folder: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(folder / _LOCK)


def _appending(path: Path) -> IO[bytes]:
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def _line(step: TrainingStep, run_id: str) -> bytes:
    values = {name: v for name, v in dataclasses.asdict(step).items() if v is not None}
    values["digest"] = store.digest_of(run_id, values)
    return json.dumps(values).encode() + b"\n"


def _step_of(line: bytes, run_id: str) -> TrainingStep:
    values = json.loads(line)
    # Lines without a digest were written before version 0.3.
    digest = values.pop("digest", None) if isinstance(values, dict) else None
    if digest is not None and digest != store.digest_of(run_id, values):
        raise ValueError("its content is not what was written")
    return step_from(values, "the step")


def _read_config(path: Path) -> dict[str, Any]:
    values = store.load_json(path)
    check_format(path, values)
    required = {"training": dict, "network": dict, "data": str}
    check_fields(path, values, required, {"format": int, "id": str})
    return dict(values)


def _id_of(folder: Path) -> str:
    """Return the id of a run; empty before its training began, and for runs of version 0.1."""
    config = folder / _CONFIG
    return str(_read_config(config).get("id", "")) if config.exists() else ""


def _save(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a file of tensors that belongs to a run."""
    store.save_tensors(path, tensors, {**about, "run": _id_of(path.parent), "file": path.name})


def _load(path: Path, purpose: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `_save` wrote; `purpose` is why one would delete the file if it is damaged."""
    run_id = _id_of(path.parent)
    try:
        tensors, about = store.load_tensors(path)
        place = about.pop("run", run_id), about.pop("file", path.name)
        if place != (run_id, path.name):
            raise store.DamagedFileError(f"{path}: damaged, another file took its place")
    except store.DamagedFileError as error:
        raise store.DamagedFileError(f"{error}; delete the file {purpose}") from error
    return tensors, about


def _saved_step(folder: Path) -> int:
    """Return the step of the last checkpoint, without reading its tensors; 0 if there is none."""
    try:
        step = store.load_metadata(folder / _CHECKPOINT).get("step", 0)
    except (FileNotFoundError, store.DamagedFileError):  # which says so to who loads it
        return 0
    return step if type(step) is int else 0


def _check_identity(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    # A run of an earlier version lacks the settings that came later, and ran with their defaults.
    kept = {"recipe": _recipe_before(now), **before.get("training", {})}
    own = dataclasses.asdict(TrainingConfig(recipe=kept["recipe"]).complete())
    settings = own | {name: value for name, value in kept.items() if value is not None}
    changes = [
        f"{name} {settings.get(name)!r} -> {value!r}"
        for name, value in now["training"].items()
        if name not in RESUMABLE_WITH and settings.get(name) != value
    ]
    parts = ["network", "data"]
    if "format" not in before and before.get("data") != now["data"]:
        # The last bits of features encoded again may be other ones than those it was trained on.
        parts.remove("data")
        say(
            f"{folder} contains a run of version 0.2 or older, whose features are encoded again: "
            f"it continues with the new ones, which may differ slightly"
        )
    changes += [
        f"{part} {before.get(part)!r} -> {now[part]!r}"
        for part in parts
        if before.get(part) != now[part]
    ]
    if changes:
        raise ValueError(
            f"{folder} contains a run with different settings ({'; '.join(changes)}); "
            f"use another folder"
        )


def _recipe_before(now: dict[str, Any]) -> str:
    """Return the recipe of a run that names none, which is either of those on concepts alone."""
    recipe = now["training"].get("recipe", "uhscm")
    return "uhscm" if recipe in MIXING else str(recipe)


_DESCRIPTION: dict[str, Types] = {
    **dict.fromkeys(("backbone", "status", "message", "parent", "device"), str),
    "pretrained": bool,
    "seconds": (int, float),
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
            FileNotFoundError: the folder contains no run that `save` wrote.
            ValueError: its description is damaged, or no description of a run.
        """
        path = folder / _RUN
        values = store.load_json(path)
        check_format(path, values)
        check_fields(path, values, {"bits": int, "config": dict}, _DESCRIPTION)
        values.pop("format", None)
        try:
            config = config_from(values["config"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        return cls(folder, **{**values, "config": config})

    def save(self) -> None:
        """Write the description of the run to its folder."""
        values = {"format": FORMAT, **dataclasses.asdict(self)}
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
        return network | dataclasses.asdict(self.config.complete())

    def history(self) -> tuple[TrainingStep, ...]:
        """Read the steps so far, see `read_history`; of a damaged run there are none."""
        return () if self.is_damaged else read_history(self.folder)

    @property
    def is_damaged(self) -> bool:
        """Whether the run is listed only because its folder is there; `message` says why."""
        return self.status == _DAMAGED

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to resume."""
        return (self.folder / _CHECKPOINT).exists()

    def best(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read the best weights, with their ``epoch``, ``step`` and ``value``; None before any."""
        path = self.folder / _BEST
        return _load(path, "to continue without the best weights so far") if path.exists() else None

    def save_best(self, weights: Mapping[str, Tensor], step: TrainingStep, value: float) -> None:
        """Replace the best weights.

        Args:
            weights: of the network.
            step: after which they were taken.
            value: what they scored in the validation after it.
        """
        place = {"epoch": step.epoch, "step": step.step, "value": value}
        _save(self.folder / _BEST, weights, place)

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
            settings = _read_config(self.folder / _CONFIG)["network"] | settings
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
        if not (self.folder / _LOCK).exists():
            return False
        lock = _lock(self.folder)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        except OSError:
            return self.status == "running"
        lock.release()
        return False


def new_run(folder: Path, bits: int, config: TrainingConfig, **more: Any) -> Run:
    """Create the next run of a study; two notebooks that do so at once get two runs.

    Args:
        folder: of the study's runs.
        bits, config, more: of `Run`.
    """
    store.make_folder(folder)
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
    """Read all runs of a study, oldest first.

    A run whose description or log is not what was written is listed with the status
    ``"damaged"`` and the reason as its message; a folder without a description is no run.
    """
    return [run for run_folder in _run_folders(folder) for run in _read_run(run_folder)]


def _run_folders(folder: Path) -> list[Path]:
    found = (path for path in folder.glob("[0-9]*") if path.is_dir())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _read_run(folder: Path) -> Iterator[Run]:
    run = Run(folder, bits=0, config=TrainingConfig())
    try:
        run = Run.read(folder)
        run.history()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        run = dataclasses.replace(run, status=_DAMAGED, message=str(error))
    yield run


def delete_runs(folder: Path, keep: int) -> list[str]:
    """Delete the oldest runs of a study, except those that are being trained.

    Args:
        folder: of the study's runs, see `uhscm_core.analysis.study_runs.runs_folder`.
        keep: how many of the newest runs stay, 0 or more.

    Returns:
        The names of the deleted runs.
    """
    keep = whole_number("keep", keep, low=0)
    runs = _run_folders(folder)
    deleted = []
    for path in runs[: max(len(runs) - keep, 0)]:
        with contextlib.suppress(BlockingIOError), _locked(path):
            shutil.rmtree(path)
            deleted.append(path.name)
    return deleted
