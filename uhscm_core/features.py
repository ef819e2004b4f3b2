"""Encode a dataset once, and find its features again by digest.

Features are cached under ``home()/features/<key>``, where the key is the digest of the dataset, the
encoder and its preprocessing, in shards of 2,048 rows. The rows of an unfinished shard are saved
every few seconds and when the work is stopped, so that a killed run loses no more than those
seconds. All files are written aside and renamed. Each shard has a lock: two processes that encode
the same images share the work, and the lock of a killed process is free again.

Features that ship with the package lie under ``uhscm_core/shipped``, in half precision, by the same
key: another dataset, encoder or preprocessing has another key and does not find them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import filelock
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from uhscm_core.datasets import ImageDataset
from uhscm_core.datasets.reading import as_rgb
from uhscm_core.encoder import BatchEncoder, Encoder, checked_rows
from uhscm_core.support import store
from uhscm_core.support.progress import progress_bar
from uhscm_core.vlp import BATCH

__all__ = ["encode_dataset", "features_key", "ship_features"]

SHARD = 2048
SAVE_SECONDS = 5.0  # between saves of an unfinished shard: a large model encodes ten images/second
SHIPPED = Path(__file__).parent / "shipped"


def encode_dataset(
    dataset: ImageDataset, encoder: Encoder, *, workers: int | None = None, progress: bool = True
) -> Float32[Tensor, "n d"]:
    """Return the features of all images of a dataset; encode what neither package nor cache holds.

    Args:
        dataset: N images.
        encoder: embeds the images. One with ``encode_batches``, such as `VLP`, reads them ahead in
            worker processes; any other is given lists of RGB images.
        workers: number of those processes, see `VLP.encode_images`.
        progress: show a bar while images are encoded.

    Returns:
        (N, D) float32 rows of unit length, on the CPU.

    Raises:
        OSError: an image can no longer be read, or the disk is full; finished shards stay.
        ValueError: the encoder returns something other than D finite numbers of unit length per
            image, or a cache file is damaged.
    """
    n, key = len(dataset), features_key(dataset, encoder)
    shipped = _Shards(SHIPPED / key, n, encoder.embed_dim)
    if not shipped.missing():
        return shipped.rows()
    folder = store.home() / "features" / key
    folder.mkdir(parents=True, exist_ok=True)
    shards = _Shards(folder, n, encoder.embed_dim)
    with progress_bar("encoding images", n, progress and bool(shards.missing())) as bar:
        left = sum(len(rows) - len(shards.partial(rows)) for rows in shards.missing())
        bar.update(n - left)
        while shards.missing():
            _encode_missing(shards, dataset, encoder, workers, bar)
    return shards.rows()


def features_key(dataset: ImageDataset, encoder: Encoder) -> str:
    """Return the digest that features are found again by: of the images and of the encoder."""
    digests = [dataset.digest, encoder.digest]
    preprocess_digest = getattr(encoder, "preprocess_digest", None)
    if preprocess_digest is not None:  # an encoder that keeps it apart from its digest
        digests.append(preprocess_digest)
    return store.digest_of(*digests)


def ship_features(features: Float32[Tensor, "n d"], key: str, folder: Path = SHIPPED) -> Path:
    """Write features, in half precision, where `encode_dataset` finds what ships.

    Args:
        features: (N, D).
        key: what `features_key` returns for them.
        folder: the folder of all features that ship.

    Returns:
        The folder of these features.
    """
    shards = _Shards(folder / key, *features.shape)
    for rows in shards.all:
        part = features[rows.start : rows.stop].half()
        store.save_tensors(shards.path(rows), {"features": part}, {"key": key})
    return shards.folder


def _encode_missing(
    shards: _Shards, dataset: ImageDataset, encoder: Encoder, workers: int | None, bar: tqdm[Any]
) -> None:
    """Encode the missing shards that no other process works on; if all are taken, wait for one."""
    claimed: list[tuple[range, Tensor]] = []  # the rows of a shard, and the first ones if saved
    with ExitStack() as locks:

        def batches() -> Iterator[range]:
            for rows in shards.missing():
                try:
                    locks.enter_context(shards.lock(rows).acquire(blocking=False))
                except filelock.Timeout:
                    continue
                if shards.path(rows).exists():  # finished by another process just now
                    continue
                claimed.append((rows, shards.partial(rows)))
                rest = rows[len(claimed[-1][1]) :]
                yield from (rest[i : i + BATCH] for i in range(0, len(rest), BATCH))

        finished: list[Tensor] = []
        saved = time.monotonic()
        try:
            for features in _encode_batches(encoder, dataset.images, batches(), workers):
                rows, partial = claimed[0]
                finished.append(features)
                if len(partial) + sum(map(len, finished)) == len(rows):
                    shards.save(rows, torch.cat([partial, *finished]))
                    shards.lock(rows).release()
                    claimed.pop(0)
                    finished = []
                elif time.monotonic() - saved > SAVE_SECONDS:
                    shards.save_partial(rows, torch.cat([partial, *finished]))
                    saved = time.monotonic()
                bar.update(len(features))
        except BaseException:  # stopped, or an image vanished: save what is encoded
            if finished:
                rows, partial = claimed[0]
                shards.save_partial(rows, torch.cat([partial, *finished]))
            raise
    taken = shards.missing()
    if taken:
        with shards.lock(taken[0]):  # its holder finished it or died
            pass


def _encode_batches(
    encoder: Encoder,
    images: Sequence[Image.Image],
    batches: Iterable[Sequence[int]],
    workers: int | None,
) -> Iterator[Float32[Tensor, "b d"]]:
    """Yield the embeddings of each batch of indices, in order."""
    if isinstance(encoder, BatchEncoder):
        yield from encoder.encode_batches(images, batches, workers=workers)
        return
    for batch in batches:
        features = encoder.encode_images([as_rgb(images[i]) for i in batch])
        yield checked_rows(encoder, "encode_images", features, len(batch))


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
        """Write a whole shard."""
        store.save_tensors(self.path(rows), {"features": features})
        self._partial_path(rows).unlink(missing_ok=True)

    def save_partial(self, rows: range, features: Tensor) -> None:
        """Write the first rows of an unfinished shard, if the disk has room."""
        with suppress(OSError):
            store.save_tensors(self._partial_path(rows), {"features": features})

    def partial(self, rows: range) -> Tensor:
        """Return the (r, D) rows that `save_partial` wrote; r is 0 if none can be used."""
        try:
            features = store.load_tensors(self._partial_path(rows))[0]["features"]
            if features.shape[1] == self.width and len(features) < len(rows):
                return features
        except (OSError, ValueError, KeyError, IndexError):
            pass
        return torch.empty(0, self.width)

    def _partial_path(self, rows: range) -> Path:
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
                f"{self.path(rows)}: a damaged cache file; delete it, and it is encoded again"
            )
        if features.dtype == torch.half:  # shipped
            return torch.nn.functional.normalize(features.float(), dim=1)
        return features
