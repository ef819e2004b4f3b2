"""The folder of an experiment: what was computed stays there, and is found again.

- ``experiment.json``: the study that the folder belongs to, by digests and settings;
- ``codes/<key>.safetensors``: the codes of all images in one run;
- ``networks/<key>.safetensors``: the network of a run that trained one on features;
- ``results/<key>.safetensors``: the average precision of each query in one run;
- ``training/<key>/``: the folder of a training in progress (`uhscm_core.runs`), gone once its codes
  are kept;
- ``locks/<key>.lock``: held by the process that computes a run.

A key is a digest of everything that decides the content, so that experiments which share a run
share its files. Each file is replaced whole and holds a digest and its key: one that is damaged, or
that took the place of another, is set aside, and its content is computed again.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from uhscm_core.support import store
from uhscm_core.support.fields import FORMAT, check_format
from uhscm_core.support.notices import say

__all__ = ["Records"]

_EXPERIMENT = "experiment.json"


class Records:
    """Reads and writes the folder of an experiment.

    Args:
        folder: created if missing.
        identity: values of JSON that say which study it belongs to.

    Raises:
        NotADirectoryError: the path is a file.
        ValueError: the folder belongs to another study.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"folder must be a folder, got the file {folder}")
        self.folder = folder
        path = folder / _EXPERIMENT
        with store.locked(folder):
            before = self._identity(path)
            if before is None:
                store.save_json(path, {"format": FORMAT, **identity})
            else:
                _check_same(folder, before, identity)

    @classmethod
    def of(cls, folder: Path) -> Records:
        """Return the records of a folder that another process has opened."""
        return cls(folder, {})

    @staticmethod
    def _identity(path: Path) -> dict[str, Any] | None:
        try:
            before = store.load_json(path)
        except FileNotFoundError:
            return None
        except store.DamagedFileError as error:  # the keys of the runs name the study too
            store.set_aside(path, error)
            return None
        check_format(path, before)
        return before if isinstance(before, dict) else {}

    def load(self, kind: str, key: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the tensors and the metadata of a file; None if it is missing or damaged.

        Args:
            kind: ``"codes"``, ``"networks"`` or ``"results"``.
            key: of the run.
        """
        path = self._path(kind, key)
        try:
            tensors, about = store.load_tensors(path)
            if about.get("key") != key or about.get("kind") != kind:
                raise store.DamagedFileError(f"{path}: damaged, another file took its place")
        except FileNotFoundError:
            return None
        except store.DamagedFileError as error:
            store.set_aside(path, error)
            return None
        return tensors, about

    def has(self, kind: str, key: str) -> bool:
        """Return whether there is a file, which may be damaged."""
        return self._path(kind, key).exists()

    def save(
        self, kind: str, key: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
    ) -> None:
        """Write a file whole."""
        metadata = {"format": FORMAT, "kind": kind, "key": key, **about}
        store.save_tensors(self._path(kind, key), tensors, metadata)

    @contextlib.contextmanager
    def holding(self, key: str) -> Iterator[bool]:
        """Hold a run; yields False if another process or thread holds it."""
        path = self.folder / "locks" / f"{key}.lock"
        store.make_folder(path.parent)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
            path.unlink(missing_ok=True)  # done: who opened it before finds the result
        finally:
            lock.release()

    @contextlib.contextmanager
    def training(self, key: str) -> Iterator[Path]:
        """Give a training a folder to resume in, which is gone when the block succeeds."""
        folder = self.folder / "training" / key
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    def abandon(self, training: Path, error: Exception) -> None:
        """Set a training in progress aside that cannot be resumed, and say so."""
        kept = training.with_name(f"{training.name}.{uuid.uuid4().hex[:8]}.damaged")
        training.rename(kept)
        say(f"{error}; this training starts again, and its folder is kept as {kept.name}")

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key}.safetensors"


def _check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changes = [
        f"{name} {before.get(name)!r} -> {value!r}"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if changes:
        raise ValueError(
            f"folder: {folder} contains an experiment with another study ({'; '.join(changes)}); "
            f"use another folder"
        )
