r"""Augmented images as the views of a peer, and whether an encoder bears them.

The augmentation is that of CIBHash's released code (https://github.com/zexuanqiu/CIBHash): a random
crop of half to all of the image's area, resized to a square; a random flip; with probability 0.7,
brightness, contrast and saturation times 0.6 to 1.4 and a hue shifted by at most 0.1 of a turn;
gray with probability 0.2; and with probability 0.5 a Gaussian blur of 3 x 3 pixels and
:math:`\sigma` from 0.1 to 2. What differs: the square is as wide as the image's short side, at most
512 pixels, in place of 224, because the encoder's own preprocessing resizes it afterwards.

The encoder is frozen, so that each training image is augmented twice, and each copy encoded once,
in place of two new augmentations in every epoch: a copy depends on the image's content and its
number alone, and its features are kept as those of any image (`uhscm_core.features`). A stopped
encoding continues where it was.

An encoder bears the augmentations as far as it still knows an image by its copy:

.. math:: r = \frac{1}{C n} \sum_{c, i}
    \big[\, a_{ci} \cdot x_i \ge \max_{j \ne i} a_{ci} \cdot x_j \,\big]

over the C copies a of n training images x. Where r is small, two copies of one image are less
similar than two images, and a network that learns to give them one code unlearns what tells images
apart. `BORNE` is where three encoders were measured to draw the line (``benchmarks.peer_views``).

Symbols: N training images, C copies of each, D embedding width.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, SupportsIndex, overload

import torch
from jaxtyping import Float, Float32
from PIL import Image
from torch import Tensor

from uhscm_core.datasets.content import content_key
from uhscm_core.datasets.reading import as_rgb
from uhscm_core.encoder import Encoder
from uhscm_core.features import encode_keyed
from uhscm_core.support.seeding import seeded

if TYPE_CHECKING:
    from torchvision.transforms import v2

__all__ = [
    "AUGMENTATION",
    "BORNE",
    "COPIES",
    "RECOGNIZED_AMONG",
    "VIEWS",
    "AugmentedImages",
    "Views",
    "augmented_features",
    "recognized_share",
]

Views = Literal["noised", "augmented", "auto"]

AUGMENTATION = "crop 0.5, flip, jitter 0.4, gray 0.2, blur 3; 1"  # part of a copy's key
COPIES = 2
_NARROWEST, _WIDEST = 2, 512  # pixels of the square; a blur reads a pixel next to each
RECOGNIZED_AMONG = 1000  # images, at most; more of them are harder to tell apart
BORNE = 0.3  # share of recognized images from which an encoder bears the augmentations
VIEWS = ("noised", "augmented", "auto")


class AugmentedImages(Sequence[Image.Image]):
    """A random augmentation of each of some images, computed on access, the same each time.

    Args:
        images: n images of any size and mode.
        keys: their n content keys.
        copy: which augmentation of the image, from 0.

    Attributes:
        keys: the content keys of the augmented images.
    """

    def __init__(self, images: Sequence[Image.Image], keys: Sequence[str], copy: int) -> None:
        self.images = images
        self.keys = [content_key(f"{key} {copy} {AUGMENTATION}".encode()) for key in keys]

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image.Image]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | list[Image.Image]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = operator.index(index)
        return self._augmented(self.images[place], place)

    def unchanged(self, index: SupportsIndex) -> Image.Image:
        """Augment one image, if it is still the one of its key.

        Raises:
            OSError, ValueError: it is not, or it cannot be read.
        """
        read = getattr(self.images, "unchanged", self.images.__getitem__)
        place = operator.index(index)
        return self._augmented(read(place), place)

    def _augmented(self, image: Image.Image, index: int) -> Image.Image:
        side = min(max(min(image.size), _NARROWEST), _WIDEST)
        seed = int(self.keys[index][:15], 16)
        with seeded(seed):  # the transforms draw from the global state
            augmented: Image.Image = _augmentation(side)(as_rgb(image))
        return augmented


def augmented_features(
    images: Sequence[Image.Image],
    keys: Sequence[str],
    encoder: Encoder,
    copies: int = COPIES,
    *,
    progress: bool = True,
) -> Float32[Tensor, "c n d"]:
    """Return the features of augmented copies of n images; encode those that are not cached.

    Args:
        images: n images.
        keys: their n content keys.
        encoder: embeds them.
        copies: C.
        progress: show a bar for each copy while it is encoded.

    Returns:
        (C, n, D) float32 rows of unit length, on the CPU.

    Raises:
        OSError: an image can no longer be read, or is another one than when its key was computed.
        ValueError: the encoder returns something other than D finite numbers per image.
    """
    parts = [AugmentedImages(images, keys, copy) for copy in range(copies)]
    return torch.stack(
        [encode_keyed(part, part.keys, encoder, progress=progress) for part in parts]
    )


def recognized_share(features: Float[Tensor, "n d"], copies: Float[Tensor, "c n d"]) -> float:
    r"""Compute r, the share of copies that are at least as near to their own image as to others.

    Args:
        features: (n, D) unit features x of images.
        copies: (C, n, D) unit features a of their augmented copies.

    Returns:
        From 0 to 1.
    """
    scores = copies @ features.T  # (C, n, n)
    own = scores.diagonal(dim1=1, dim2=2)  # (C, n)
    return float((own >= scores.amax(2)).float().mean())


def _augmentation(side: int) -> v2.Transform:
    """Return the augmentation of an image into a square of so many pixels."""
    from torchvision.transforms import v2  # takes a second to import

    return v2.Compose(
        [
            v2.RandomResizedCrop(side, scale=(0.5, 1.0)),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.7),
            v2.RandomGrayscale(p=0.2),
            v2.RandomApply([v2.GaussianBlur(3, (0.1, 2.0))], p=0.5),
        ]
    )
