"""Encode each image once, and find its features again by what it shows.

Features are kept under ``home()/features/<key>``, where the key is the digest of the encoder, its
preprocessing and the version of the reader of images. There each image is found by its content key
(`uhscm_core.datasets.content`), in shards that are only ever added: an image that is added to a
folder is encoded alone, and one that is renamed, moved, or in another folder too, is not encoded
again.

Images are encoded in chunks of 2,048. What is encoded is saved every few seconds and when the work
is stopped, so that a killed run loses no more than those seconds. Each chunk has a lock: two
processes that encode the same images share the work, and the lock of a killed process is free
again. An image is hashed and decoded from one reading of its file: one that changed since its
dataset was loaded is an error.

Features that ship with the package lie under ``uhscm_core/shipped``, in half precision, by the
digest of their encoder alone, because the pictures are painted and not read.
"""

from __future__ import annotations

import operator
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsIndex, overload

import filelock
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from uhscm_core.datasets import ImageDataset
from uhscm_core.datasets.content import keys_of
from uhscm_core.datasets.reading import READER_VERSION, as_rgb
from uhscm_core.encoder import BatchEncoder, Encoder, checked_rows
from uhscm_core.support import store
from uhscm_core.support.keeping import keeping, say_once
from uhscm_core.support.progress import progress_bar
from uhscm_core.support.shards import SHARD, Shards
from uhscm_core.vlp import BATCH

__all__ = ["encode_dataset", "encode_keyed", "encoder_key", "ship_features"]

SAVE_SECONDS = 5.0  # between saves of an unfinished chunk: a large model encodes ten images/second
SHIPPED = Path(__file__).parent / "shipped"
_FEATURES = "features"
_FEW = 512  # images that are encoded before worker processes have started
_OLD_SHARD = "000000000.safetensors"  # the first of each folder that version 0.2 or older wrote


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
        OSError: an image can no longer be read or is another one than when the dataset was loaded;
            what is encoded stays.
        ValueError: the encoder returns something other than D finite numbers of unit length per
            image.
    """
    keys = keys_of(dataset.images, dataset.digest)
    return encode_keyed(dataset.images, keys, encoder, workers=workers, progress=progress)


def encode_keyed(
    images: Sequence[Image.Image],
    keys: Sequence[str],
    encoder: Encoder,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Float32[Tensor, "n d"]:
    """Do what `encode_dataset` does, for N images with their N content keys."""
    wanted = _Wanted(keys, encoder.embed_dim)
    wanted.take_from(Shards(SHIPPED / encoder_key(encoder), _FEATURES, encoder.embed_dim))
    if wanted.missing():
        features = store.home() / "features"
        shards = Shards(features / encoder_key(encoder, READER_VERSION), _FEATURES, wanted.width)
        wanted.take_from(shards)
        if wanted.missing():
            _say_what_is_left_behind(features)
            _encode(wanted, shards, images, encoder, workers, progress)
    return wanted.features_of(keys)


def encoder_key(encoder: Encoder, *more: object) -> str:
    """Return the digest of an encoder, its preprocessing, and what else the features depend on."""
    # An encoder may keep the digest of its preprocessing apart.
    return store.digest_of(encoder.digest, getattr(encoder, "preprocess_digest", None), *more)


def ship_features(
    features: Float32[Tensor, "n d"], keys: Sequence[str], encoder: Encoder, folder: Path = SHIPPED
) -> Path:
    """Write features, in half precision, where `encode_dataset` finds what ships.

    Args:
        features: (N, D).
        keys: content keys of the N images.
        encoder: what encoded them.
        folder: the folder of all features that ship.

    Returns:
        The folder of these features.
    """
    shards = Shards(folder / encoder_key(encoder), _FEATURES)
    for start in range(0, len(features), SHARD):
        rows = slice(start, start + SHARD)
        shards.add(keys[rows], features[rows].half())
    return shards.folder


class _Wanted:
    """The features of the images that are asked for, each once, as far as they are known.

    Args:
        keys: content keys of the images, some of them perhaps equal.
        width: D.

    Attributes:
        keys: the keys that differ; a row is a position in them.
        places: where the first image with each key is.
    """

    def __init__(self, keys: Sequence[str], width: int) -> None:
        first: dict[str, int] = {}
        for place, key in enumerate(keys):
            first.setdefault(key, place)
        self.keys, self.places, self.width = list(first), list(first.values()), width
        self._row = {key: row for row, key in enumerate(self.keys)}
        self._features = torch.empty(len(self.keys), width)
        self._known = torch.zeros(len(self.keys), dtype=torch.bool)

    def take_from(self, shards: Shards) -> None:
        """Take what shards hold that were not looked at before."""
        for rows, features in shards.find(self._row):
            if features.dtype == torch.half:  # shipped
                features = torch.nn.functional.normalize(features.float(), dim=1)
            self.put(rows, features)

    def put(self, rows: Sequence[int], features: Tensor) -> None:
        """Take the features of some rows."""
        self._features[rows] = features
        self._known[rows] = True

    def save(self, rows: Sequence[int], shards: Shards) -> Path:
        """Write the features of some rows as one shard."""
        return shards.add([self.keys[row] for row in rows], self._features[rows])

    def missing(self, among: range | None = None) -> list[int]:
        """Return the rows without features, of all or of some."""
        among = range(len(self.keys)) if among is None else among
        unknown = (~self._known[among.start : among.stop]).nonzero().flatten()
        return [among[i] for i in unknown.tolist()]

    def features_of(self, keys: Sequence[str]) -> Tensor:
        """Return (N, D), a row for each of N keys."""
        if len(keys) == len(self.keys):
            return self._features
        return self._features[[self._row[key] for key in keys]]


@dataclass
class _Chunk:
    """Rows that one lock is held for while they are encoded.

    Attributes:
        rows: those without features when the lock was taken.
        lock: the lock.
        done: how many of the rows are encoded.
        parts: the shards that hold the first of them already.
        saved: how many rows those are.
    """

    rows: list[int]
    lock: filelock.BaseFileLock
    done: int = 0
    parts: list[Path] = field(default_factory=list)
    saved: int = 0

    def save(self, wanted: _Wanted, shards: Shards) -> None:
        """Write what is encoded and not saved; in one shard once all is."""
        whole = self.done == len(self.rows)
        first = 0 if whole else self.saved
        if first == self.done:
            return
        with keeping():
            path = wanted.save(self.rows[first : self.done], shards)
            if whole:
                for part in self.parts:
                    part.unlink(missing_ok=True)
            self.parts, self.saved = [*self.parts, path], self.done


class _Unchanged(Sequence[Image.Image]):
    """Images that are an error if they are not those that their dataset was loaded with."""

    def __init__(self, images: Sequence[Image.Image]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image.Image]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | Sequence[Image.Image]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        read = getattr(self.images, "unchanged", None)
        place = operator.index(index)
        image: Image.Image = self.images[place] if read is None else read(place)
        return image


def _encode(
    wanted: _Wanted,
    shards: Shards,
    images: Sequence[Image.Image],
    encoder: Encoder,
    workers: int | None,
    progress: bool,
) -> None:
    """Encode what is missing, together with other processes that do so."""
    n, missing = len(wanted.keys), len(wanted.missing())
    if workers is None and missing <= _FEW:
        workers = 0
    with progress_bar("encoding images", n, progress) as bar:
        bar.update(n - missing)
        while wanted.missing():
            _encode_free_chunks(wanted, shards, _Unchanged(images), encoder, workers, bar)
    with keeping():
        shards.merge()


def _encode_free_chunks(
    wanted: _Wanted,
    shards: Shards,
    images: Sequence[Image.Image],
    encoder: Encoder,
    workers: int | None,
    bar: tqdm[Any],
) -> None:
    """Encode the chunks that no other process is at; then wait for one that another is at."""
    n = len(wanted.keys)
    chunks = [range(start, min(start + SHARD, n)) for start in range(0, n, SHARD)]
    claimed: deque[_Chunk] = deque()
    with ExitStack() as locks:

        def batches() -> Iterator[list[int]]:
            for chunk in chunks:
                if not wanted.missing(chunk):
                    continue
                lock = _lock(shards, wanted.keys[chunk.start : chunk.stop])
                if not _acquired(lock):
                    continue
                locks.callback(_release, lock)
                wanted.take_from(shards)  # what another process finished just now
                rows = wanted.missing(chunk)
                if not rows:
                    _release(lock)
                    continue
                claimed.append(_Chunk(rows, lock))
                places = [wanted.places[row] for row in rows]
                yield from (places[i : i + BATCH] for i in range(0, len(places), BATCH))

        saved = time.monotonic()
        try:
            for features in _encode_batches(encoder, images, batches(), workers):
                chunk = claimed[0]
                wanted.put(chunk.rows[chunk.done :][: len(features)], features)
                chunk.done += len(features)
                if chunk.done == len(chunk.rows):
                    chunk.save(wanted, shards)
                    _release(chunk.lock)
                    claimed.popleft()
                elif time.monotonic() - saved > SAVE_SECONDS:
                    chunk.save(wanted, shards)
                    saved = time.monotonic()
                bar.update(len(features))
        except BaseException:  # stopped, or an image vanished: save what is encoded
            for chunk in claimed:
                chunk.save(wanted, shards)
            raise
    taken = [chunk for chunk in chunks if wanted.missing(chunk)]
    if taken:
        with keeping():  # its holder finishes it or dies
            lock = _lock(shards, wanted.keys[taken[0].start : taken[0].stop])
            lock.acquire()
            _release(lock)
    wanted.take_from(shards)


def _lock(shards: Shards, keys: Sequence[str]) -> filelock.BaseFileLock:
    return filelock.FileLock(shards.folder / f"{store.digest_of(keys)}.lock")


def _acquired(lock: filelock.BaseFileLock) -> bool:
    """Take a lock if no other process has it; where none can be had, work without."""
    with keeping():
        store.make_folder(Path(lock.lock_file).parent)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
    return True


def _release(lock: filelock.BaseFileLock) -> None:
    if lock.is_locked:
        with suppress(OSError):  # Windows deletes no open file
            Path(lock.lock_file).unlink()
        lock.release()


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


def _say_what_is_left_behind(folder: Path) -> None:
    if any(folder.glob(f"*/{_OLD_SHARD}")):
        say_once(
            f"features that version 0.2 or older kept in {folder} are encoded again, because they "
            f"may be of pixels that were read wrongly; python -m uhscm_doctor --clean deletes the "
            f"old ones"
        )
