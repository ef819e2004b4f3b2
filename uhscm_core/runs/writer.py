"""Write the folder of a run while it is trained."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from uhscm_core.recipe import MIXING, RESUMABLE_WITH, TrainingConfig, TrainingStep
from uhscm_core.runs.checkpoint import Checkpoint
from uhscm_core.runs.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    id_of,
    line_of,
    locked,
    read_config,
    save_file,
)
from uhscm_core.runs.reading import read_history
from uhscm_core.support import store
from uhscm_core.support.fields import FORMAT
from uhscm_core.support.notices import say

__all__ = ["RunWriter", "holding"]

_CHECKPOINT_SECONDS = 10.0
_held = threading.local()  # .folders: those that this thread holds, see `holding`


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a run's folder: no other process trains in it, and what this thread trains may.

    Raises:
        BlockingIOError: it is held already.
    """
    with locked(folder):
        folders = _held.__dict__.setdefault("folders", set())
        folders.add(folder)
        try:
            yield
        finally:
            folders.discard(folder)


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
                stack.enter_context(locked(self._folder))
            self._resume()
            self._held = stack.pop_all()
        return self

    def _resume(self) -> None:
        config = self._folder / CONFIG
        if config.exists():
            _check_identity(self._folder, read_config(config), self._identity)
        self.restored = Checkpoint.load(self._folder)
        done = 0 if self.restored is None else self.restored.step
        if self.restored is not None:
            self._saved_step = done
        if self._writes:
            kept = [step for step in read_history(self._folder) if step.step <= done]
            self._id = id_of(self._folder) or uuid.uuid4().hex
            store.save_json(config, {"format": FORMAT, **self._identity, "id": self._id})
            store.sweep(self._folder)
            if (self._folder / METRICS).exists():
                with store.replacing(self._folder / METRICS) as file:
                    file.write(b"".join(line_of(step, self._id) for step in kept))

    def write(self, step: TrainingStep) -> None:
        """Log a step, and save a checkpoint if the last one is some seconds old."""
        if not self._writes:
            return
        if self._metrics is None:
            self._metrics = _appending(self._folder / METRICS)
        self._metrics.write(line_of(step, self._id))
        self._metrics.flush()
        if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
            self._save()

    def finish(self) -> None:
        """Save the last checkpoint and the weights of a run that has done all its epochs."""
        if self._writes:
            self._save()
            weights, settings = self._take().weights, self._identity["network"]
            save_file(self._folder / WEIGHTS, weights, settings)

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


def _appending(path: Path) -> IO[bytes]:
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o666), "ab")


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
