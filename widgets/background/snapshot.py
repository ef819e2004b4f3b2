"""The network at one moment of its training, applied to the validation images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from uhscm_core import HashNetwork, Study, hamming_distance, pack_codes
from uhscm_core.analysis.validation import Validation

__all__ = ["Snapshot", "outputs_of", "take_snapshot"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the network at one moment makes of the validation images.

    Attributes:
        step: after which it was taken; 0 before the first.
        outputs: (n, L).
        pinned: the image whose neighbors are shown.
        results: (k,) ids of the validation images nearest to it, nearest first.
        distances: (k,) in bits.
        tied: how many of the validation images are as far as the last of these.
    """

    step: int
    outputs: Tensor
    pinned: int
    results: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int64]
    tied: int


def outputs_of(study: Study, network: HashNetwork, ids: npt.NDArray[np.int64]) -> Tensor:
    """Return (n, L) outputs for some images of the study."""
    if network.on_pixels:
        return network.outputs([study.dataset.images[int(i)] for i in ids])
    return network.outputs(study.image_features[ids])


def take_snapshot(
    study: Study, validation: Validation, network: HashNetwork, pinned: int, step: int, k: int = 8
) -> Snapshot | None:
    """Apply a network to the validation images; None if its outputs are not finite.

    Args:
        study, validation: whose images.
        network: as it is now.
        pinned: the image whose k nearest are found; it is not among them itself.
        step: after which this is.
        k: how many.
    """
    outputs = outputs_of(study, network, np.append(validation.ids, pinned))
    if not bool(outputs.isfinite().all()):
        return None
    codes = pack_codes(outputs)
    distances = hamming_distance(codes[-1:], codes[:-1])[0].long().numpy()
    order = np.lexsort((validation.ids, distances))
    order = order[validation.ids[order] != pinned]
    first = order[:k]
    tied = int((distances[order] == distances[first[-1:]]).sum())
    return Snapshot(step, outputs[:-1], pinned, validation.ids[first], distances[first], tied)
