"""Near-duplicates and outliers of a trained study, each question answered once."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from uhscm_core.analysis.duplicates import NearDuplicates, near_duplicates
from uhscm_core.analysis.outliers import Outliers, rank_outliers, rank_outliers_by_features
from uhscm_core.analysis.sketches import sketch
from uhscm_core.codes import hamming_distance
from uhscm_core.study import Study

__all__ = ["Oddities"]


class Oddities:
    """Near-duplicates and outliers of one study.

    Args:
        study: with a network.
        before: of an earlier study, whose sketches are used again if it has the same images.
    """

    def __init__(self, study: Study, before: Oddities | None = None) -> None:
        self.study = study
        self.pairs = functools.lru_cache(8)(self._find_pairs)
        self.far = functools.lru_cache(8)(self._find_far)
        if before is None or before.study.dataset.digest != study.dataset.digest:
            return
        if "sketches" in vars(before):
            self.sketches = before.sketches

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.study.network.bits  # type: ignore[union-attr]  # there is one

    @functools.cached_property
    def sketches(self) -> Tensor:
        """(N, side, side) small gray pictures of all images.

        Raises:
            OSError, ValueError: an image cannot be read any more; the message names it.
        """
        made = []
        for image, name in zip(self.study.dataset.images, self.study.dataset.names, strict=True):
            try:
                made.append(sketch(image))
            except (OSError, ValueError) as error:
                raise type(error)(f"{name} cannot be read any more: {error}") from error
        return torch.from_numpy(np.stack(made))

    def near(self, image: int, by: str, k: int) -> tuple[list[int], list[float]]:
        """Return the k images nearest to one, and their distances.

        Args:
            image: which is left out.
            by: ``"features"``, for one minus the cosine, or ``"codes"``, for bits.
            k: how many; fewer where there are fewer.
        """
        study, features = self.study, self.study.image_features
        if by == "features":
            values = 1 - features @ features[image]
        else:
            values = hamming_distance(study.codes[[image]], study.codes)[0].float()
        values[image] = torch.inf
        nearest = values.argsort(stable=True)[: min(k, len(values) - 1)].tolist()
        return nearest, values[nearest].tolist()

    def _find_pairs(self, radius: int, cosine: float, looks: bool) -> NearDuplicates:
        study, sketches = self.study, self.sketches if looks else None
        return near_duplicates(
            study.codes, self.bits, study.image_features, radius, cosine, sketches
        )

    def _find_far(self, by: str, k: int) -> Outliers:
        study = self.study
        if by == "features":
            return rank_outliers_by_features(study.image_features, k)
        return rank_outliers(study.codes, self.bits, study.image_features, k)
