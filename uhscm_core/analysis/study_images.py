"""The images of a study, and those that a person brought along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from uhscm_core.codes import pack_codes
from uhscm_core.export import readable
from uhscm_core.study import Study

__all__ = ["Pairs", "Pictures"]


class Pictures(Sequence[Image.Image]):
    """Images by id: the study's own first, then each that was added.

    Attributes:
        study: whose model, concepts and network read the images.
        names: a name for each; bytes of a file's name that are not UTF-8 are escaped.
        features: (n, D).
        distribution: (n, K).
        codes: (n, ⌈L/8⌉) packed, or None without a network.

    Args:
        study: to look at.
        from_pixels: have codes also where the network reads pixels, which takes long: it reads
            every image anew.
    """

    def __init__(self, study: Study, *, from_pixels: bool = False) -> None:
        self.study = study
        self.names = [readable(name) for name in study.dataset.names]
        self.features = study.image_features
        self.distribution = study.distribution
        network = study.network
        has_codes = network is not None and (from_pixels or not network.on_pixels)
        self._network = network if has_codes else None
        self.codes: Tensor | None = None if self._network is None else study.codes
        self._own: list[Image.Image] = []

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        own = int(index) - len(self.study.dataset)
        return self.study.dataset.images[index] if own < 0 else self._own[own]

    def add(self, image: Image.Image, name: str) -> int:
        """Read an image with the study's model.

        Returns:
            Its id.
        """
        features = self.study.vlp.encode_images([image])
        self.features = torch.cat([self.features, features])
        more = self.study.mined.apply(features)
        self.distribution = torch.cat([self.distribution, more])
        if self._network is not None and self.codes is not None:
            codes = pack_codes(
                self._network.outputs([image] if self._network.on_pixels else features)
            )
            self.codes = torch.cat([self.codes, codes])
        self._own.append(image)
        self.names.append(name)
        return len(self.names) - 1

    def caption(self, image: int) -> str:
        """The image's name, and its labels where it has any."""
        dataset = self.study.dataset
        labels = dataset.labels_of(image) if image < len(dataset) else ()
        labels = tuple(readable(label) for label in labels)
        return "\n".join([self.names[image], *([", ".join(labels)] if labels else [])])


class Pairs(Sequence[Image.Image]):
    """Two images as one, the second laid over a corner of the first, so that pairs show as images.

    Args:
        images: where they come from.
        pairs: of ids.
    """

    def __init__(self, images: Sequence[Image.Image], pairs: Sequence[tuple[int, int]]) -> None:
        self._images, self._pairs = images, pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: Any) -> Any:
        both = Image.new("RGB", (192, 192), "#7f7f7f")  # on light and dark ground alike
        for image, (left, top) in zip(self._pairs[index], ((0, 0), (84, 84)), strict=True):
            both.paste(ImageOps.fit(self._images[image], (108, 108)), (left, top))
        return both
