"""Encode a data set once, and find its features again by digest.

Features are kept under ``home()/features/<key>``, where the key is the digest of the data set, the
model and its preprocessing, in shards of 2,048 rows. A shard under way is kept as far as it goes
every few seconds and when it is stopped, so that a killed run loses no more than those seconds. All
files are written aside and renamed. Each shard has a lock: two processes that encode the same
images share the work, and the lock of a killed process is free again.

Features that ship with the package lie under ``uhscm_core/shipped``, in half precision, by the same
key: another data set, model or preprocessing has another key and does not find them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import filelock
import torch
from jaxtyping import Float32
from torch import Tensor
from tqdm import tqdm

from uhscm_core.datasets import ImageDataset
from uhscm_core.support import store
from uhscm_core.support.progress import progress_bar
from uhscm_core.vlp import BATCH, VLP

__all__ = ["encode_dataset", "features_key", "ship_features"]

SHARD = 2048
KEEP_SECONDS = 5.0  # how often a shard under way is kept: a large model encodes ten images a second
SHIPPED = Path(__file__).parent / "shipped"


def encode_dataset(
    dataset: ImageDataset, vlp: VLP, *, workers: int | None = None, progress: bool = True
) -> Float32[Tensor, "n d"]:
    """Features of all images of a data set, from the package or the cache where they are there.

    Args:
        dataset: N images.
        vlp: the model.
        workers: processes that read images, see `VLP.encode_images`.
        progress: show a bar while anything is encoded.

    Returns:
        (N, D) float32 rows of unit length, on the CPU.

    Raises:
        OSError: an image that can't be read any more, or a full disk; finished shards stay.
    """
    n, key = len(dataset), features_key(dataset, vlp)
    shipped = _Shards(SHIPPED / key, n, vlp.embed_dim)
    if not shipped.missing():
        return shipped.rows()
    folder = store.home() / "features" / key
    folder.mkdir(parents=True, exist_ok=True)
    shards = _Shards(folder, n, vlp.embed_dim)
    with progress_bar("encoding images", n, progress and bool(shards.missing())) as bar:
        left = sum(len(rows) - len(shards.begun(rows)) for rows in shards.missing())
        bar.update(n - left)
        while shards.missing():
            _encode_missing(shards, dataset, vlp, workers, bar)
    return shards.rows()


def features_key(dataset: ImageDataset, vlp: VLP) -> str:
    """What features are found again by."""
    return store.digest_of(dataset.digest, vlp.digest, vlp.preprocess_digest)


def ship_features(features: Float32[Tensor, "n d"], key: str, folder: Path = SHIPPED) -> Path:
    """Write features, in half precision, where `encode_dataset` finds what is shipped.

    Args:
        features: (N, D).
        key: of `features_key`.
        folder: of everything that is shipped.

    Returns:
        The folder of these features.
    """
    shards = _Shards(folder / key, *features.shape)
    for rows in shards.all:
        part = features[rows.start : rows.stop].half()
        store.save_tensors(shards.path(rows), {"features": part}, {"key": key})
    return shards.folder


def _encode_missing(
    shards: _Shards, dataset: ImageDataset, vlp: VLP, workers: int | None, bar: tqdm[Any]
) -> None:
    """Encode the missing shards that no other process is at; wait for one where all are taken."""
    claimed: list[tuple[range, Tensor]] = []  # and what an earlier run has begun of it
    with ExitStack() as locks:

        def batches() -> Iterator[range]:
            for rows in shards.missing():
                try:
                    locks.enter_context(shards.lock(rows).acquire(blocking=False))
                except filelock.Timeout:
                    continue
                if shards.path(rows).exists():  # finished by another process just now
                    continue
                claimed.append((rows, shards.begun(rows)))
                rest = rows[len(claimed[-1][1]) :]
                yield from (rest[i : i + BATCH] for i in range(0, len(rest), BATCH))

        finished: list[Tensor] = []
        kept = time.monotonic()
        try:
            for features in vlp.encode_batches(dataset.images, batches(), workers=workers):
                rows, begun = claimed[0]
                finished.append(features)
                if len(begun) + sum(map(len, finished)) == len(rows):
                    shards.save(rows, torch.cat([begun, *finished]))
                    shards.lock(rows).release()
                    claimed.pop(0)
                    finished = []
                elif time.monotonic() - kept > KEEP_SECONDS:
                    shards.keep(rows, torch.cat([begun, *finished]))
                    kept = time.monotonic()
                bar.update(len(features))
        except BaseException:  # stopped, an image that vanished: what was encoded is encoded
            if finished:
                rows, begun = claimed[0]
                shards.keep(rows, torch.cat([begun, *finished]))
            raise
    taken = shards.missing()
    if taken:
        with shards.lock(taken[0]):  # its holder finished it or died
            pass


class _Shards:
    def __init__(self, folder: Path, n: int, width: int) -> None:
        self.folder = folder
        self.width = width
        self.all = [range(start, min(start + SHARD, n)) for start in range(0, n, SHARD)]
        self._locks: dict[int, filelock.FileLock] = {}

    def path(self, rows: range) -> Path:
        return self.folder / f"{rows.start:09d}.safetensors"

    def lock(self, rows: range) -> filelock.FileLock:
        path = self.path(rows).with_suffix(".lock")
        return self._locks.setdefault(rows.start, filelock.FileLock(path))

    def missing(self) -> list[range]:
        return [rows for rows in self.all if not self.path(rows).exists()]

    def save(self, rows: range, features: Tensor) -> None:
        """Write a shard, whole."""
        store.save_tensors(self.path(rows), {"features": features})
        self._begun(rows).unlink(missing_ok=True)

    def keep(self, rows: range, features: Tensor) -> None:
        """Write the first rows of a shard under way, if there is room."""
        with suppress(OSError):
            store.save_tensors(self._begun(rows), {"features": features})

    def begun(self, rows: range) -> Tensor:
        """(r, D), the rows that `keep` wrote of a shard; r is 0 where there is nothing of use."""
        try:
            features = store.load_tensors(self._begun(rows))[0]["features"]
            if features.shape[1] == self.width and len(features) < len(rows):
                return features
        except (OSError, ValueError, KeyError, IndexError):
            pass
        return torch.empty(0, self.width)

    def _begun(self, rows: range) -> Path:
        return self.path(rows).with_suffix(".begun")

    def rows(self) -> Tensor:
        return torch.cat([self.load(rows) for rows in self.all])

    def load(self, rows: range) -> Tensor:
        try:
            features = store.load_tensors(self.path(rows))[0]["features"]
        except (ValueError, KeyError):
            features = torch.empty(0)
        if features.shape != (len(rows), self.width):
            raise ValueError(
                f"{self.path(rows)}: a damaged cache file, delete it to have it made again"
            )
        if features.dtype == torch.half:  # shipped
            return torch.nn.functional.normalize(features.float(), dim=1)
        return features
