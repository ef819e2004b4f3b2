"""One image through a model's preprocessing, in memory that does not grow with its proportions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image
from torch import Tensor

from uhscm_core.datasets.reading import as_rgb

__all__ = ["LONGEST", "preprocessed"]

LONGEST = 64  # times as long as wide; a picture resized to 224 px then has 3 million pixels


def preprocessed(image: Image.Image, preprocess: Callable[[Image.Image], Tensor]) -> Tensor:
    """Apply a preprocessing to an image of any mode and proportions.

    Most preprocessings scale the short side to the model's size and crop afterwards: 10,000 x 1
    pixels become 2,240,000 x 224 of which 224 x 224 are used. Of a picture that is more than
    `LONGEST` times as long as wide, only the middle of these proportions is resized where a crop
    follows. All other pictures pass as they are.

    Args:
        image: an image of any mode.
        preprocess: image -> tensor, such as a composition of torchvision's transforms.
    """
    # torchvision takes a second to import, and who has a preprocessing mostly has it.
    from torchvision import transforms
    from torchvision.transforms import v2

    image = as_rgb(image)
    crops = (transforms.CenterCrop, transforms.RandomCrop, v2.CenterCrop, v2.RandomCrop)
    steps: Any = getattr(preprocess, "transforms", ())
    if any(isinstance(step, crops) for step in steps):
        image = _middle(image)
    return preprocess(image)


def _middle(image: Image.Image) -> Image.Image:
    short, long = sorted(image.size)
    if long <= LONGEST * short:
        return image
    # As many pixels on either side, so that the middle stays where it was.
    cut = (long - LONGEST * short) // 2
    if image.width == long:
        return image.crop((cut, 0, long - cut, short))
    return image.crop((0, cut, short, long - cut))
