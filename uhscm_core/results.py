"""What a study answers with: an image's embedding, a search's result, a pair's explanation.

Symbols: D embedding width, K kept concepts, L code length in bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import pandas as pd
from jaxtyping import Float, UInt8
from torch import Tensor

__all__ = ["Embedding", "Explanation", "SearchResult", "TextReading"]


@dataclass(frozen=True, eq=False)
class Embedding:
    """One image, as each stage of the method sees it.

    Attributes:
        features: (D,) of unit length.
        distribution: (K,) over the kept concepts; sums to 1.
        code: (⌈L/8⌉,) packed uint8, or None before training.
    """

    features: Float[Tensor, " d"]
    distribution: Float[Tensor, " k"]
    code: UInt8[Tensor, " bytes"] | None


@dataclass(frozen=True, eq=False)
class TextReading:
    """A text, as the model and the kept concepts see it.

    Attributes:
        features: (D,) of unit length, of the text in the first template.
        distribution: (K,) over the kept concepts; sums to 1 whether or not one of them fits.
        notes: sentences: what the model does not read, that no kept concept covers the text, or
            that the text looks like a file.
    """

    features: Float[Tensor, " d"]
    distribution: Float[Tensor, " k"]
    notes: tuple[str, ...]


class SearchResult(NamedTuple):
    """What a query found among the database images, nearest first.

    Attributes:
        ids: (k,) int64, images of ``study.dataset``.
        distances: (k,), Hamming distances in bits; for a text :math:`(1 - S)/2` in [0, 1].
        kind: which of the two.
    """

    ids: Tensor
    distances: Tensor
    kind: Literal["hamming", "concepts"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why two images are as similar as they are.

    Attributes:
        similarity: S in [-1, 1].
        parts: (K,), each kept concept's part; they sum to ``similarity + 1``.
        names: the K kept concepts.
    """

    similarity: float
    parts: Float[Tensor, " k"]
    names: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the parts, largest first."""
        frame = pd.DataFrame({"concept": self.names, "part": self.parts.numpy()})
        return frame.sort_values("part", ascending=False, ignore_index=True)
