"""The files of a run: their names, what every one of them holds, and the lock."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from uhscm_core.recipe import TrainingStep, step_from
from uhscm_core.support import store
from uhscm_core.support.fields import check_fields, check_format

__all__ = [
    "BEST",
    "CHECKPOINT",
    "CONFIG",
    "LOCK",
    "METRICS",
    "RUN",
    "WEIGHTS",
    "id_of",
    "line_of",
    "load_file",
    "lock_of",
    "locked",
    "read_config",
    "save_file",
    "saved_step",
    "stamp_of",
    "step_of",
]

CONFIG = "config.json"
METRICS = "metrics.jsonl"
CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
BEST = "best.safetensors"
RUN = "run.json"
LOCK = "run.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder.

    Raises:
        BlockingIOError: another process trains there.
    """
    store.make_folder(folder)
    lock = lock_of(folder)
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


def lock_of(folder: Path) -> filelock.BaseFileLock:
    """Return the lock of a run's folder, not held yet."""
    return filelock.FileLock(folder / LOCK)


def line_of(step: TrainingStep, run_id: str) -> bytes:
    """Return the line of the log for a step, with its digest."""
    values = {name: v for name, v in dataclasses.asdict(step).items() if v is not None}
    values["digest"] = store.digest_of(run_id, values)
    return json.dumps(values).encode() + b"\n"


def step_of(line: bytes, run_id: str) -> TrainingStep:
    """Read what `line_of` wrote.

    Raises:
        ValueError: it is not what was written.
    """
    values = json.loads(line)
    # Lines without a digest were written before version 0.3.
    digest = values.pop("digest", None) if isinstance(values, dict) else None
    if digest is not None and digest != store.digest_of(run_id, values):
        raise ValueError("its content is not what was written")
    return step_from(values, "the step")


def read_config(path: Path) -> dict[str, Any]:
    """Read what must not change when a run continues."""
    values = store.load_json(path)
    check_format(path, values)
    required = {"training": dict, "network": dict, "data": str}
    check_fields(path, values, required, {"format": int, "id": str})
    return dict(values)


def id_of(folder: Path) -> str:
    """Return the id of a run; empty before its training began, and for runs of version 0.1."""
    config = folder / CONFIG
    return str(read_config(config).get("id", "")) if config.exists() else ""


def save_file(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a file of tensors that belongs to a run."""
    store.save_tensors(path, tensors, {**about, "run": id_of(path.parent), "file": path.name})


def load_file(path: Path, purpose: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_file` wrote; `purpose` is why one would delete the file if it is damaged."""
    run_id = id_of(path.parent)
    try:
        tensors, about = store.load_tensors(path)
        place = about.pop("run", run_id), about.pop("file", path.name)
        if place != (run_id, path.name):
            raise store.DamagedFileError(f"{path}: damaged, another file took its place")
    except store.DamagedFileError as error:
        raise store.DamagedFileError(f"{error}; delete the file {purpose}") from error
    return tensors, about


def saved_step(folder: Path) -> int:
    """Return the step of the last checkpoint, without reading its tensors; 0 if there is none."""
    try:
        step = store.load_metadata(folder / CHECKPOINT).get("step", 0)
    except (FileNotFoundError, store.DamagedFileError):  # which says so to who loads it
        return 0
    return step if type(step) is int else 0


def stamp_of(folder: Path) -> tuple[Any, ...]:
    """Return what differs once the description of a run, its log or its checkpoint does."""
    found = []
    for name in (RUN, CONFIG, METRICS, CHECKPOINT):
        with contextlib.suppress(OSError):
            about = (folder / name).stat()
            found.append((name, about.st_ino, about.st_mtime_ns, about.st_size))
    return tuple(found)
