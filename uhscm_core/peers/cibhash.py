r"""CIBHash: contrastive learning of bits through an information bottleneck.

Qiu, Su, Ou, Yu and Chen, "Unsupervised Hashing with Contrastive Information Bottleneck", IJCAI
2021, https://arxiv.org/abs/2105.06138, equations 4 to 8 and 15.

What differs from the publication: features of the vision-language model in place of those of VGG16;
views of features, or of few augmented copies, in place of images augmented each time; a hidden
layer of 512 units in place of 1024; 20 epochs in batches of 256 in place of 100 in batches of 64;
and a temperature of 0.5 in place of 0.3. Bits are taken at :math:`p > 1/2` in place of drawn from
p, as in the released code.

Symbols: B batch, L code length in bits.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from uhscm_core.peers.fitting import (
    HIDDEN,
    Inputs,
    Project,
    Schedule,
    codes_by,
    fit_network,
    made_from,
)

__all__ = ["cibhash_loss", "fit_cibhash"]

_NOISE = 0.2
_SCHEDULE = Schedule(epochs=20)
_SMALLEST = 1e-6  # a probability, and how near it comes to 1 in single precision


def cibhash_loss(
    p: Float[Tensor, "b l"],
    other: Float[Tensor, "b l"],
    temperature: float = 0.5,
    beta: float = 0.001,
) -> Float[Tensor, ""]:
    r"""Compute the loss of CIBHash on two views.

    With codes :math:`b = \mathrm{sign}(p - 1/2)`, whose gradient is taken to be that of p, and the
    2B codes of both views numbered through, i's partner the other view of the same image:

    .. math:: \frac{1}{2B} \sum_i -\log \frac{e^{\cos(b_i, b_{i'})/\gamma}}
        {\sum_{k \ne i} e^{\cos(b_i, b_k)/\gamma}}
        + \frac{\beta}{2B} \sum_i \sum_l \mathrm{KL}(p_{il} \,\|\, p_{i'l})

    where KL is between two coins, and its second argument is taken as constant.

    Args:
        p, other: (B, L) probabilities of bits being 1, in [0, 1], of two views of B images.
        temperature: γ; 0.3 in the publication.
        beta: β, the weight of the bottleneck.
    """
    both = torch.cat([p, other])  # (2B, L)
    codes = both + (torch.where(both > 0.5, 1.0, -1.0) - both).detach()
    z = normalize(codes, dim=1)
    scores = z @ z.T / temperature  # (2B, 2B)
    scores = scores.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    partners = torch.arange(len(z)).roll(len(p))
    bottleneck = (_divergence(p, other.detach()) + _divergence(other, p.detach())) / 2
    return cross_entropy(scores, partners) + beta * bottleneck


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return the mean over images of the summed KL divergence of coins p from coins q."""
    p, q = p.clamp(_SMALLEST, 1 - _SMALLEST), q.clamp(_SMALLEST, 1 - _SMALLEST)
    return (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum(1).mean()


def fit_cibhash(x: np.ndarray, bits: int, seed: int, copies: np.ndarray | None = None) -> Project:
    """Fit CIBHash to (N, D) features; see `uhscm_core.baselines.Baseline`."""
    inputs = Inputs(x, copies)
    network = made_from(
        seed,
        lambda: nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, bits)),
    )

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        views = inputs.two_views(rows, _NOISE, generator)
        p, other = (torch.sigmoid(network(view)) for view in views)
        return cibhash_loss(p, other)

    fit_network(network, len(x), loss, _SCHEDULE, seed)
    return codes_by(network, inputs)
