"""What a study answers with: an image's embedding, a search's result, a pair's explanation.

Symbols: D embedding width, K kept concepts, L code length in bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import pandas as pd
from jaxtyping import Float, UInt8
from torch import Tensor

__all__ = ["Embedding", "Explanation", "SearchResult", "TextOrder", "TextReading"]

TextOrder: TypeAlias = Literal["concepts", "features"]
"""By what a text ranks the images: it has no code."""


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
        order: of the images that answers the text better: by "concepts", if a kept one says the
            same as the text, and by the cosine of "features" if none does.
        notes: sentences: what the model does not read, that no kept concept covers the text, or
            that the text looks like a file.
    """

    features: Float[Tensor, " d"]
    distribution: Float[Tensor, " k"]
    order: TextOrder
    notes: tuple[str, ...]


class SearchResult(NamedTuple):
    """What a query found among the database images, nearest first.

    Attributes:
        ids: (k,) int64, images of ``study.dataset``.
        distances: (k,), Hamming distances in bits; for a text :math:`(1 - S)/2` in [0, 1], or 1
            minus the cosine of features.
        kind: which of the three.
    """

    ids: Tensor
    distances: Tensor
    kind: Literal["hamming", "concepts", "features"]


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
