"""What the method needs of a vision-language model: two towers into one space of unit vectors.

`VLP`, any open_clip model, is an encoder. So is any object with these members: a model of another
library, or a few lines around one, needs no base class and no registration.

Symbols: D embedding width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from uhscm_core.concepts import ConceptSet

__all__ = ["BatchEncoder", "Encoder"]


@runtime_checkable
class Encoder(Protocol):
    """Embeds images and texts as unit vectors whose cosines say how well they fit.

    A class that keeps the preprocessing out of its `digest` has a second one, `preprocess_digest`:
    features are then found again by both.
    """

    @property
    def name(self) -> str:
        """The name to show to people."""
        ...

    @property
    def digest(self) -> str:
        """The content digest of all that decides an embedding: the weights and the preprocessing.

        Features are cached under it: equal digests must mean equal embeddings.
        """
        ...

    @property
    def embed_dim(self) -> int:
        """D, the width of the embeddings."""
        ...

    @property
    def logit_scale(self) -> float:
        """The factor of the cosines that the model was trained with (CLIP's: 100), to show."""
        ...

    def encode_images(self, images: Sequence[Image.Image], /) -> Float32[Tensor, "n d"]:
        """Embed n images, of any size and mode, as (n, D) rows of unit length."""
        ...

    def encode_texts(self, texts: ConceptSet | Sequence[str], /) -> Float32[Tensor, "m d"]:
        """Embed m concepts, or m plain texts, as (m, D) rows of unit length.

        For a `ConceptSet` with several templates, each concept's embeddings are averaged over its
        prompts, ``texts.prompts(template)``, and normalised again.
        """
        ...


@runtime_checkable
class BatchEncoder(Encoder, Protocol):
    """An encoder that reads images ahead, in worker processes, while it embeds."""

    def encode_batches(
        self,
        images: Sequence[Image.Image],
        batches: Iterable[Sequence[int]],
        /,
        *,
        workers: int | None = None,
    ) -> Iterator[Float32[Tensor, "b d"]]:
        """Yield the (b, D) embeddings of each batch of indices into `images`, in order."""
        ...
