r"""Features and concepts as one vector per image, weighted by how far concepts cover the images.

The paper compares images by their concepts alone. That wins where the list names what is on the
images, and loses where it does not, as the features know much that no list names. A mixture of
both,

.. math:: v = [\sqrt{w}\, f;\ \sqrt{1-w}\, u], \qquad
    v \cdot v' = w\, f \cdot f' + (1-w)\, u \cdot u',

leans on the features by a share w. With x a unit feature and :math:`\mu` the mean of the training
images, :math:`f = (x - \mu)/|x - \mu|`. With T the kept concepts' text features and
:math:`\sigma` the model's own logit scale, u holds :math:`q = \mathrm{softmax}(\sigma T x)` and the
softer :math:`\mathrm{softmax}(\sigma T x / 3)` by 1 - w and w: where the list names everything, an
image's first concepts say what it is; where it does not, those that come after them say more.

A distribution is the longer the fewer concepts share it. At unit length, an image that fits no
concept would count as much as one that fits a single concept; at its own length, it would hardly
count at all. So each is divided by :math:`\sqrt{|q|\,m}`, where m is the mean of |q| over the
training images: the squared length is then |q|/m, 1 in the mean.

The share needs no label. :math:`R^2` is the part of the centered features' variance that a linear
map from :math:`q/|q|` explains on the training images, adjusted for the number of concepts; see
`feature_share` for the rule.

Symbols: N training images, K kept concepts, D embedding width.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize

__all__ = ["ConceptMixture", "explained_share", "feature_share"]

_SOFTER = 3
_ROWS = 8192  # at a time
_SAMPLE = 5000  # images by which the share is found
_EVEN = 0.5  # the share where there are too few images to tell
_LEAST, _ALL_NAMED = 0.02, 0.85


class ConceptMixture(nn.Module):
    """Maps (n, D) unit features to (n, D + 2K) mixtures of features and concepts.

    Everything it needs is in its buffers, and so in saved weights; `fit` sets what the training
    images decide.

    Args:
        width: D.
        concepts: K.
        feature_share: w, from 0 to 1.
        temperature: the model's own logit scale.
    """

    mean: Tensor
    concepts: Tensor
    lengths: Tensor  # (2,), the mean lengths of both distributions
    feature_share: Tensor
    temperature: Tensor

    def __init__(self, width: int, concepts: int, feature_share: float, temperature: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("concepts", torch.zeros(concepts, width))
        self.register_buffer("lengths", torch.ones(2))
        self.register_buffer("feature_share", torch.tensor(float(feature_share)))
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    @property
    def out_features(self) -> int:
        """The width of a mixture."""
        concepts, width = self.concepts.shape
        return width + 2 * concepts

    @torch.no_grad()
    def forward(
        self, x: Float[Tensor, "n d"], rest: Bool[Tensor, " k"] | None = None
    ) -> Float[Tensor, "n v"]:
        """Return the mixtures; their products are the weighted sum of those of the parts.

        Args:
            x: (n, D) unit features.
            rest: (K,) flags of the concepts to mix in, at least one; None for all of them.
        """
        sharp, soft = (
            q / (q.norm(dim=1, keepdim=True) * mean).sqrt()
            for q, mean in zip(self._distributions(x, rest), self.lengths, strict=True)
        )
        w = self.feature_share
        parts = (
            w.sqrt() * normalize(x - self.mean, dim=1),
            (1 - w) * sharp,
            ((1 - w) * w).sqrt() * soft,
        )
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def fit(self, features: Float[Tensor, "n d"], concepts: Float[Tensor, "k d"]) -> None:
        """Take the mean and the lengths from the training images.

        Args:
            features: (n, D), one row or more.
            concepts: (K, D), text features of the kept concepts.
        """
        self.mean.copy_(features.mean(0, dtype=torch.float64))
        self.concepts.copy_(concepts)
        total = torch.zeros(2, dtype=torch.float64)
        for rows in torch.split(features, _ROWS):
            total += torch.stack([q.norm(dim=1).double().sum() for q in self._distributions(rows)])
        self.lengths.copy_(total / len(features))

    def _distributions(self, x: Tensor, rest: Tensor | None = None) -> tuple[Tensor, Tensor]:
        scores = self.temperature * (x @ self.concepts.T)  # (n, K)
        if rest is not None:
            scores = scores.masked_fill(~rest, -torch.inf)
        return torch.softmax(scores, dim=1), torch.softmax(scores / _SOFTER, dim=1)


def explained_share(
    features: Float[Tensor, "n d"], concepts: Float[Tensor, "k d"], temperature: float
) -> float | None:
    r"""Return :math:`R^2`, the share of what sets images apart that concepts explain.

    Args:
        features: (n, D) of the training images; at most 5,000 of them count.
        concepts: (K, D), text features of the kept concepts.
        temperature: the model's own logit scale.

    Returns:
        At most 1, below 0 where the concepts explain less than as many random numbers would; None
        where there are too few images to tell, or all are equal.
    """
    x = features[:: -(-len(features) // _SAMPLE) or 1].double()
    q = torch.softmax(temperature * x @ concepts.double().T, dim=1)
    n, k = q.shape
    if n <= 2 * k:
        return None
    u = normalize(q, dim=1)
    x, u = x - x.mean(0), u - u.mean(0)
    total = float(x.square().sum())
    if not total:
        return None
    # The columns of u may depend on one another.
    solution = torch.linalg.pinv(u.T @ u, hermitian=True, rtol=1e-12) @ (u.T @ x)
    unexplained = float((x - u @ solution).square().sum()) / total
    return 1 - unexplained * (n - 1) / (n - k - 1)


def feature_share(explained: float | None) -> float:
    r"""Return how far codes should lean on the features, from what the concepts explain.

    .. math:: w = \max(0.02,\ 1 - R^2 / 0.85)

    Chosen on images cut from the databases of postcards, Corel-5k and CIFAR-10; see
    `benchmarks/share.py`, which compares it with other rules.

    Args:
        explained: as `explained_share` returns it.

    Returns:
        w from 0.02 to 1, to two decimals, so that rounding on another machine does not change it;
        0.5 for None.
    """
    if explained is None:
        return _EVEN
    return round(min(max(1 - explained / _ALL_NAMED, _LEAST), 1.0), 2)
