"""The index of a study folder: codes, and where their images are. Imports torch.

It is one safetensors file that is replaced whole: ``codes`` (n, ⌈L/8⌉) uint8, and ``places``, the
paths as bytes with a null byte after each, because a file name need not be text.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from uhscm_core import HammingIndex
from uhscm_core.support.fields import check_fields
from uhscm_core.support.store import load_tensors, save_tensors

__all__ = ["StoredIndex"]


@dataclass(frozen=True)
class StoredIndex:
    """Codes, where the image of each is, and whose codes they are.

    Attributes:
        index: the n codes.
        places: n paths, or names of images that have no file.
        network: the digest of the network that made the codes.
    """

    index: HammingIndex
    places: tuple[str, ...]
    network: str

    def save(self, path: Path) -> None:
        """Write it to one file, which replaces the old one whole."""
        joined = b"".join(os.fsencode(place) + b"\0" for place in self.places)
        places = torch.frombuffer(bytearray(joined), dtype=torch.uint8)
        tensors = {"codes": self.index.codes, "places": places}
        save_tensors(path, tensors, {"bits": self.index.bits, "network": self.network})

    @classmethod
    def load(cls, path: Path) -> StoredIndex:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not such an index, or is damaged.
        """
        tensors, about = load_tensors(path)
        check_fields(path, about, {"bits": int, "network": str})
        places: Sequence[bytes] = tensors["places"].numpy().tobytes().split(b"\0")[:-1]
        if len(places) != len(tensors["codes"]):
            raise ValueError(f"{path}: {len(tensors['codes'])} codes of {len(places)} images")
        index = HammingIndex(tensors["codes"], about["bits"])
        return cls(index, tuple(map(os.fsdecode, places)), about["network"])
