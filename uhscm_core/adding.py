r"""New images in an index, without training again, and a word when they are of another world.

A network gives any image a code, also one of a kind that it never saw; such codes say little, and
nothing about them shows it. So new images are compared with those that were held out of the
training, by two numbers per image that are large for what is foreign:

- the distance of the features to the nearest training image, :math:`1 - \max_t \cos(x, x_t)`;
- how little the first concept fits, :math:`1 - \max_j \mathrm{softmax}_j(\sigma\, x \cdot c_j)`,
  with the model's own scale :math:`\sigma`.

New images drift if either is larger than for held-out images by a one-sided Kolmogorov-Smirnov
statistic of at least 0.35 with a probability below 0.001: among so many new images more than among
held-out ones lies a number beyond some bound. Both numbers are needed: a model maps photos unlike
all that it knows among the images that it knows, and then finds no concept for them.

The bound was chosen on postcards and their model: 60 postcards of another seed reach 0.11, those
with a castle, a beach or a house alone 0.32, noise 0.45, photos of CIFAR-10 0.44 and of Corel-5k
0.54.

Symbols: N training images, n new images, D embedding width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from uhscm_core.codes import pack_codes
from uhscm_core.datasets import ImageDataset
from uhscm_core.features import encode_dataset
from uhscm_core.index import HammingIndex
from uhscm_core.precomputed import unit_rows
from uhscm_core.study import Study
from uhscm_core.support.checks import instance
from uhscm_core.support.notices import say

__all__ = ["Drift", "add_images", "drift_of"]

Numbers = npt.NDArray[np.float64]

_LEAST, _CHANCE = 0.35, 0.001
_HELD_OUT, _TRAINED_ON = 2000, 5000  # images that are looked at
_ENOUGH = 20  # held-out images; of fewer, training images are compared with the others
_ROWS = 2048  # at a time


class Drift(NamedTuple):
    """How far new images lie from what a network was trained on, by one of two numbers per image.

    Attributes:
        kind: ``"distance"`` or ``"concepts"``, the number in which they differ more.
        statistic: of Kolmogorov and Smirnov, one-sided, from 0 to 1.
        chance: the probability of as large a statistic for images of the same world.
        bound: the value at which the shares differ most.
        beyond, expected: the shares of new and of held-out images beyond it.
        new: n.
    """

    kind: Literal["distance", "concepts"]
    statistic: float
    chance: float
    bound: float
    beyond: float
    expected: float
    new: int

    @property
    def found(self) -> bool:
        """Whether the images are of another world, by the rule of this module."""
        return self.statistic >= _LEAST and self.chance < _CHANCE

    @property
    def sentence(self) -> str:
        """What it means for the codes."""
        fact = {
            "distance": f"are farther than {self.bound:.3f} from every training image",
            "concepts": f"have no concept with a probability above {1 - self.bound:.2f}",
        }[self.kind]
        return (
            f"{self.beyond:.0%} of the {self.new:,} new images {fact}, against "
            f"{self.expected:.0%} of the images held out of the training: they differ from what "
            f"the network was trained on, so their codes say little; train again with them"
        )


def add_images(
    study: Study,
    images: ImageDataset | npt.ArrayLike | Float[Tensor, "n d"],
    index: HammingIndex | None = None,
) -> HammingIndex:
    """Return an index with new images added, without training again.

    That they are unlike the images that the network was trained on is said with a `UHSCMWarning`.

    Args:
        study: with a trained network, which gives the codes.
        images: a dataset, of which all images are added in their order, or (n, D) features of the
            same model, for a network that reads features.
        index: to add to; None for the study's own, whose ids are positions in its database.

    Returns:
        A new index; the ids of the new images follow those of `index`.

    Raises:
        TypeError: arguments of another kind.
        ValueError: no network yet, features of another width, or an index of another code length.
        OSError: an image can no longer be read.
    """
    instance("study", study, Study, "with a trained network")
    network = study.trained_network()
    index = study.index if index is None else instance("index", index, HammingIndex, "of codes")
    if isinstance(images, ImageDataset):
        features = encode_dataset(images, study.vlp, progress=study.progress)
    else:
        features, notes = unit_rows("images", images, study.vlp.embed_dim)
        say(*notes)
    if (drift := drift_of(study, features)).found:
        say(drift.sentence)
    inputs = images.images if network.on_pixels and isinstance(images, ImageDataset) else features
    return index.add(pack_codes(network.outputs(inputs, workers=2)))


def drift_of(study: Study, features: Float[Tensor, "n d"]) -> Drift:
    """Return how far new images lie from those that a study trains on.

    Args:
        study: trained or not.
        features: (n, D) of one new image or more, at unit length.
    """
    from scipy.stats import ks_2samp  # takes half a second to import

    trained, held_out = (study.image_features[ids] for ids in _known_images(study))
    itself = len(held_out) < _ENOUGH
    known = trained if itself else held_out
    kinds: dict[Literal["distance", "concepts"], tuple[Numbers, Numbers]] = {
        "distance": (_distances(features, trained), _distances(known, trained, itself)),
        "concepts": (_unfitting(study, features), _unfitting(study, known)),
    }
    found = []
    for kind, (new, before) in kinds.items():
        test = ks_2samp(new, before, alternative="less")
        bound = float(test.statistic_location)
        beyond, expected = (float((values > bound).mean()) for values in (new, before))
        statistic, chance = float(test.statistic), float(test.pvalue)
        found.append(Drift(kind, statistic, chance, bound, beyond, expected, len(features)))
    return max(found, key=lambda drift: (drift.found, drift.statistic))


def _known_images(study: Study) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the training images and those that were held out, or some of them."""
    splits = study.dataset.splits
    both = np.concatenate([splits["database"], splits["query"]])
    for ids, most in (
        (splits["train"], _TRAINED_ON),
        (np.setdiff1d(both, splits["train"]), _HELD_OUT),
    ):
        yield ids[:: -(-len(ids) // most) or 1]


def _distances(rows: Tensor, trained: Tensor, itself: bool = False) -> Numbers:
    """Return the distance to the nearest training image; `itself`: rows are training images."""
    found = []
    for start in range(0, len(rows), _ROWS):
        cosines = rows[start : start + _ROWS] @ trained.T
        if itself:
            cosines[torch.arange(len(cosines)), torch.arange(start, start + len(cosines))] = -1
        found.append(1 - cosines.amax(1))
    return torch.cat(found).double().numpy()


def _unfitting(study: Study, rows: Tensor) -> Numbers:
    """Return how little the first concept fits each row."""
    scores = study.vlp.logit_scale * rows @ study.text_features.T
    return (1 - torch.softmax(scores, dim=1).amax(1)).double().numpy()
