"""What the method needs of a vision-language model: two towers into one space of unit vectors.

`VLP`, any open_clip model, is an encoder. So is any object with these members: a model of another
library, or a few lines around one, needs no base class and no registration.

Symbols: D embedding width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from uhscm_core.concepts import ConceptSet

__all__ = ["BatchEncoder", "Encoder", "ReadingEncoder", "checked_rows"]


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
        """The content digest of all that decides an embedding: weights, preprocessing, tokenizer.

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


@runtime_checkable
class ReadingEncoder(Protocol):
    """An encoder that knows what it reads of a text, so that this can be said once, and early.

    Without the members of `Encoder`: asking an object for its digest may hash all weights.
    """

    def text_notes(self, texts: ConceptSet | Sequence[str], /) -> tuple[str, ...]:
        """Return sentences on what is cut off, or raise a ValueError for concepts read as one."""
        ...

    def embed_texts(self, texts: ConceptSet | Sequence[str], /) -> Float32[Tensor, "m d"]:
        """Do what `encode_texts` does without saying anything of the texts."""
        ...


def checked_rows(encoder: Encoder, method: str, features: Any, n: int) -> Float32[Tensor, "n d"]:
    """Return what a method of an encoder returned as float32 on the CPU, if it is what it must be.

    Args:
        encoder: whose method it is.
        method: ``"encode_images"`` or ``"encode_texts"``.
        features: what it returned, torch or numpy.
        n: how many images or texts it was given.

    Raises:
        ValueError: something other than n finite rows of D numbers and unit length.
    """
    if not isinstance(features, Tensor):
        features = torch.tensor(np.asarray(features))
    rows: Tensor = features.detach().float().cpu()
    expected = (n, encoder.embed_dim)
    if tuple(rows.shape) != expected:
        raise ValueError(
            f"{method} of {encoder.name} must return shape {expected} for {n} "
            f"{method.removeprefix('encode_')}, got {tuple(rows.shape)}"
        )
    lengths = rows.norm(dim=1)
    if not torch.allclose(lengths, torch.ones(n), atol=1e-3):  # NaN is not close either
        raise ValueError(
            f"{method} of {encoder.name} must return finite rows of unit length, got lengths from "
            f"{lengths.min():.4g} to {lengths.max():.4g}; divide each row by its length, in float32"
        )
    return rows
