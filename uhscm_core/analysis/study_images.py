"""The images of a study, followed by uploaded ones."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from uhscm_core.export import readable
from uhscm_core.results import Embedding
from uhscm_core.study import Study

__all__ = ["ImagePairs", "StudyImages", "UploadedImage"]


class UploadedImage(NamedTuple):
    """An image that is not in the dataset, as the study reads it."""

    image: Image.Image
    name: str
    embedding: Embedding


@dataclass(frozen=True, eq=False)
class StudyImages(Sequence[Image.Image]):
    """Images by id: those of the study's dataset first, then the uploaded ones.

    Like a study it never changes: `with_image` returns a longer one.

    Attributes:
        study: whose model, concepts and network read the images.
        uploaded: images that follow those of the dataset.
        from_pixels: have codes also where the network reads pixels, which takes long because it
            reads every image again.
    """

    study: Study
    uploaded: tuple[UploadedImage, ...] = ()
    from_pixels: bool = False

    def __len__(self) -> int:
        return len(self.study.dataset) + len(self.uploaded)

    def __getitem__(self, index: Any) -> Any:
        image = operator.index(index)
        if not 0 <= image < len(self):
            raise IndexError(f"no image {image}: there are {len(self)}")
        n = len(self.study.dataset)
        return self.study.dataset.images[image] if image < n else self.uploaded[image - n].image

    def with_image(self, image: Image.Image, name: str) -> StudyImages:
        """Return these images and one more, which gets the next id."""
        added = UploadedImage(image, name, self.study.embed(image))
        return dataclasses.replace(self, uploaded=(*self.uploaded, added))

    def in_study(self, study: Study) -> StudyImages:
        """Return these images as another study reads them; those uploaded, if it has the others.

        Ids keep their meaning where both studies are of one dataset.
        """
        changed = dataclasses.replace(self, study=study, uploaded=())
        if study.dataset.digest == self.study.dataset.digest:
            for image in self.uploaded:
                changed = changed.with_image(image.image, image.name)
        return changed

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each; bytes of a file's name that are not UTF-8 are escaped."""
        of_dataset = (readable(name) for name in self.study.dataset.names)
        return (*of_dataset, *(image.name for image in self.uploaded))

    @functools.cached_property
    def features(self) -> Float[Tensor, "n d"]:
        """(n, D) of all images."""
        own = [image.embedding.features[None] for image in self.uploaded]
        return torch.cat([self.study.image_features, *own]) if own else self.study.image_features

    @functools.cached_property
    def distribution(self) -> Float[Tensor, "n k"]:
        """(n, K) of all images."""
        own = [image.embedding.distribution[None] for image in self.uploaded]
        return torch.cat([self.study.distribution, *own]) if own else self.study.distribution

    @functools.cached_property
    def codes(self) -> UInt8[Tensor, "n bytes"] | None:
        """(n, ⌈L/8⌉) packed, or None without a network to compute them."""
        network = self.study.network
        if network is None or (network.on_pixels and not self.from_pixels):
            return None
        own = [code[None] for image in self.uploaded if (code := image.embedding.code) is not None]
        return torch.cat([self.study.codes, *own]) if own else self.study.codes

    def embedding(self, image: int) -> Embedding:
        """Return the features, distribution and code of an image; the code is None without codes.

        Raises:
            IndexError: no such image.
        """
        if not 0 <= image < len(self):
            raise IndexError(f"no image {image}: there are {len(self)}")
        code = None if self.codes is None else self.codes[image]
        return Embedding(self.features[image], self.distribution[image], code)

    def caption(self, image: int) -> str:
        """Return the image's name, and its labels where it has any."""
        dataset = self.study.dataset
        labels = dataset.labels_of(image) if image < len(dataset) else ()
        labels = tuple(readable(label) for label in labels)
        return "\n".join([self.names[image], *([", ".join(labels)] if labels else [])])


class ImagePairs(Sequence[Image.Image]):
    """Two images as one, the first above the second, so that pairs show as images.

    Args:
        images: where they come from.
        pairs: of ids.
    """

    def __init__(self, images: Sequence[Image.Image], pairs: Sequence[tuple[int, int]]) -> None:
        self._images, self._pairs = images, pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: Any) -> Any:
        both = Image.new("RGB", (224, 224), "#7f7f7f")  # a line that light and dark grounds show
        for image, top in zip(self._pairs[index], (0, 114), strict=True):
            both.paste(ImageOps.fit(self._images[image], (224, 110)), (0, top))
        return both
