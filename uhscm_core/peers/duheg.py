r"""DUH-EG: codes of images agree with codes of the words that describe them.

Song, Liu, Zhu, Zhou, Peng and Hu, "Deep Unsupervised Hashing via External Guidance", ICML 2025,
https://openreview.net/forum?id=tAwNFWTXSr, sections 3.2 and 3.3.

Each image has an external feature, a mixture of the text features T of nouns:
:math:`e = \sum_k p_k (t_k - \bar t)`, at unit length, with
:math:`p = \mathrm{softmax}(T x / 0.004)` and :math:`\bar t` the mean of the text features. A
network for images and one for external features learn to agree on which pairs are similar.

What differs from the publication: the nouns are the kept concepts of the study in place of clusters
of WordNet's nouns; their mean is taken off, as text features of few concepts can have so large a
common part that nearly all pairs of images would be positive (92% of them on CIFAR-10 with the
development model); views of features, or of few augmented copies, in place of images augmented each
time; 20 epochs at a rate of 0.001 in batches of 256 in place of 60 at 0.0001 in batches of 512. The
released evaluation ranks by the real outputs, so that its published figures are not those of binary
codes; here it is signs.

Symbols: N training images, K kept concepts, D embedding width, B batch, L code length in bits.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from uhscm_core.codes import TooManyBitsError
from uhscm_core.peers.fitting import (
    HIDDEN,
    Inputs,
    Project,
    Schedule,
    codes_by,
    fit_network,
    made_from,
)

__all__ = ["agreement_loss", "duheg_loss", "external_features", "fit_duheg"]

_NOISE = 0.5
_SIMILAR = 0.97  # cosine of external features
_SCHEDULE = Schedule(epochs=20, warm_up=3, falls=True)


def external_features(
    x: Float[Tensor, "n d"], texts: Float[Tensor, "k d"], temperature: float = 0.004
) -> Float[Tensor, "n d"]:
    r"""Return e (n, D), the mixture of centered text features that describes each image.

    Args:
        x: (n, D) unit features.
        texts: (K, D) unit text features.
        temperature: of the softmax over the K texts.

    Returns:
        (n, D), at unit length.
    """
    weights = torch.softmax(x @ texts.T / temperature, dim=1)  # (n, K)
    return normalize(weights @ (texts - texts.mean(0)), dim=1)


def duheg_loss(
    z: Float[Tensor, "b l"],
    other: Float[Tensor, "b l"],
    text: Float[Tensor, "b l"],
    positive: Bool[Tensor, "b b"],
    temperature: float = 0.8,
) -> Float[Tensor, ""]:
    """Compute the loss of DUH-EG: both views agree with the external codes, and with each other.

    Args:
        z, other: (B, L) outputs of two views of B images.
        text: (B, L) outputs of their external features.
        positive: (B, B) which pairs are positive, the diagonal included.
        temperature: of the agreement.
    """
    pairs = ((z, text), (other, text), (z, other))
    terms = [agreement_loss(one, two, positive, temperature) for one, two in pairs]
    return torch.stack(terms).sum()


def agreement_loss(
    a: Float[Tensor, "b l"],
    b: Float[Tensor, "b l"],
    positive: Bool[Tensor, "b b"],
    temperature: float = 0.8,
) -> Float[Tensor, ""]:
    r"""Compute how far rows of a are from finding the rows of b that are similar.

    .. math:: -\frac{1}{B} \sum_i \log \sum_{j \in P_i}
        \frac{e^{\cos(a_i, b_j)/\gamma}}{\sum_k e^{\cos(a_i, b_k)/\gamma}}

    Args:
        a, b: (B, L).
        positive: (B, B), the positive pairs P.
        temperature: γ.
    """
    scores = normalize(a, dim=1) @ normalize(b, dim=1).T / temperature  # (B, B)
    chosen = scores.masked_fill(~positive, -torch.inf)
    return (scores.logsumexp(1) - chosen.logsumexp(1)).mean()


def fit_duheg(
    x: np.ndarray, bits: int, seed: int, texts: np.ndarray, copies: np.ndarray | None = None
) -> Project:
    """Fit DUH-EG to (N, D) features and (K, D) text features; see `Baseline`.

    Raises:
        TooManyBitsError: there is one kept concept, so that all images have one description.
    """
    if len(texts) < 2:
        raise TooManyBitsError(
            f"texts: DUH-EG needs at least two concepts to tell images apart, got {len(texts)}"
        )
    inputs, width = Inputs(x, copies), x.shape[1]
    external = external_features(torch.from_numpy(x), torch.from_numpy(texts))  # (N, D)
    images, words = made_from(seed, lambda: (_network(width, bits), _network(width, bits)))

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        z, other = map(images, inputs.two_views(rows, _NOISE, generator))
        e = external[rows]
        positive = e @ e.T > _SIMILAR
        return duheg_loss(z, other, words(e), positive | torch.eye(len(e), dtype=torch.bool))

    fit_network(nn.ModuleList([images, words]), len(x), loss, _SCHEDULE, seed)
    return codes_by(images, inputs)


def _network(width: int, bits: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, bits),
        nn.Tanh(),
    )
