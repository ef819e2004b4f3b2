"""Rows of a tensor under ``$UHSCM_HOME``, found again by content key.

A folder holds shards: safetensors files of n keys, (n, 32) uint8, and n rows. A shard is written
once and never changed, so readers need no lock; `Shards.merge` joins small ones into new ones
before it deletes them. A shard that is not what was written is put aside.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import safetensors
import torch
from torch import Tensor

from uhscm_core.support import store

__all__ = ["SHARD", "Shards"]

SHARD = 2048  # rows of a shard that is not merged any more
_KEY_BYTES = 32


class Shards:
    """The shards of one folder.

    Args:
        folder: created by the first `add`.
        name: of the tensor in each file.
        width: number of columns of that tensor; None if it differs between shards.
    """

    def __init__(self, folder: Path, name: str, width: int | None = None) -> None:
        self.folder, self.name, self.width = folder, name, width
        self._seen: set[Path] = set()

    def find(self, wanted: Mapping[str, int]) -> Iterator[tuple[list[int], Tensor]]:
        """Yield what the shards that were not seen before hold of the wanted rows.

        Args:
            wanted: the number that each key is asked for by.

        Yields:
            r numbers, and the (r, width) rows of their keys.
        """
        numbers = {bytes.fromhex(key): number for key, number in wanted.items()}
        # A shard that vanishes was merged into one that the next look finds.
        while unseen := [path for path in self._paths() if path not in self._seen]:
            self._seen.update(unseen)
            for path in unseen:
                if any(key in numbers for key in self._keys(path)):
                    keys, rows = self._load(path)
                    mine = [row for row, key in enumerate(keys) if key in numbers]
                    yield [numbers[keys[row]] for row in mine], rows[mine]

    def add(self, keys: Iterable[str], rows: Tensor) -> Path:
        """Write a shard of n rows and return its path.

        Raises:
            OSError: it cannot be written.
        """
        return self._write([bytes.fromhex(key) for key in keys], rows)

    def merge(self) -> None:
        """Join the shards that are not full.

        Raises:
            OSError: the folder cannot be written.
        """
        if len(self._small()) < 2:
            return
        with store.locked(self.folder):
            parts = [(path, *self._load(path)) for path in self._small()]
            keys = [key for _, part, _ in parts for key in part]
            if not keys:
                return
            rows = _stacked([part for _, _, part in parts])
            unique = list({key: row for row, key in enumerate(keys)}.values())
            for start in range(0, len(unique), SHARD):
                chosen = unique[start : start + SHARD]
                self._write([keys[row] for row in chosen], rows[chosen])
            for path, part, _ in parts:
                if part:  # else it could not be read, or is put aside
                    path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    def _small(self) -> list[Path]:
        return [path for path in self._paths() if len(self._keys(path)) < SHARD]

    def _write(self, keys: list[bytes], rows: Tensor) -> Path:
        path = self.folder / f"{uuid.uuid4().hex}.safetensors"
        packed = torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8)
        tensors = {"keys": packed.view(-1, _KEY_BYTES), self.name: rows}
        store.save_tensors(path, tensors, {"folder": self.folder.name})
        self._seen.add(path)
        return path

    def _keys(self, path: Path) -> list[bytes]:
        """Read the keys alone, unchecked: one that is damaged is not found, which does no harm."""
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return _unpacked(file.get_tensor("keys"))
        except OSError:
            return []
        except (safetensors.SafetensorError, ValueError) as error:
            store.set_aside(path, store.DamagedFileError(f"{path}: damaged ({error})"))
            return []

    def _load(self, path: Path) -> tuple[list[bytes], Tensor]:
        """Read a whole shard, checked; one that is damaged is put aside and has no row."""
        try:
            tensors, about = store.load_tensors(path)
            keys, rows = _unpacked(tensors.get("keys")), tensors.get(self.name)
            if about.get("folder") != self.folder.name:
                raise store.DamagedFileError(f"{path}: damaged, it is a shard of another folder")
            if rows is None or rows.ndim != 2 or len(rows) != len(keys):
                raise store.DamagedFileError(f"{path}: damaged, not one row per key")
            if self.width is not None and rows.shape[1] != self.width:
                raise store.DamagedFileError(
                    f"{path}: damaged, its rows have {rows.shape[1]} numbers and not {self.width}"
                )
            return keys, rows
        except OSError:
            pass
        except ValueError as error:
            store.set_aside(path, error)
        return [], torch.empty(0, self.width or 0)


def _unpacked(keys: Tensor | None) -> list[bytes]:
    if keys is None or keys.dtype != torch.uint8 or tuple(keys.shape[1:]) != (_KEY_BYTES,):
        raise ValueError("no keys")
    content = keys.numpy().tobytes()
    return [content[i : i + _KEY_BYTES] for i in range(0, len(content), _KEY_BYTES)]


def _stacked(parts: list[Tensor]) -> Tensor:
    """Concatenate rows; narrower ones are filled with zeros at their end."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(p, (0, width - p.shape[1])) for p in parts])
