r"""The training objective, as separate terms.

On a batch of B images with network outputs :math:`z_i \in (-1, 1)^L`, semantic similarity
:math:`S` and :math:`h_{ij} = \cos(z_i, z_j)`, with the positive pairs
:math:`P = \{(i, j) : S_{ij} \ge \lambda\}` (the diagonal included):

.. math::

    \mathcal{L}_s &= \tfrac{1}{B^2} \sum_{ij} (h_{ij} - S_{ij})^2 \\
    \mathcal{L}_c &= -\tfrac{1}{|P|} \sum_{(i,j) \in P} \log
        \frac{e^{h_{ij}/\gamma}}{\sum_{k : S_{ik} < \lambda} e^{h_{ik}/\gamma} + 10^{-5}} \\
    \mathcal{L}_q &= \tfrac{1}{B} \sum_i |\mathrm{sign}(z_i) - z_i|^2 \\
    \mathcal{L} &= \mathcal{L}_s + \beta\,\mathcal{L}_q + \alpha\,\mathcal{L}_c

The denominator of the contrastive term runs over negatives only, unlike InfoNCE, so the term may
be negative.

Differs from the authors' released code in: their log swaps the labels of two terms.

Source: Tu et al., arXiv 2209.11475, and the formulas of the released code.

S is about -0.6 on average, but the mean of a matrix of cosines is never below 0, so that this
target is out of reach. `mixed_loss` has one within reach: the products :math:`v_i v_j` of the
batch's mixtures (`uhscm_core.mixing`), double-centered to c, and
:math:`C_{ij} = c_{ij} / \sqrt{c_{ii} c_{jj}}`:

.. math::

    \mathcal{L}_s &= \tfrac{1}{B^2} \sum_{ij} (h_{ij} - C_{ij})^2 \\
    \mathcal{L}_q &= \tfrac{1}{L B} \sum_i |\mathrm{sign}(z_i) - z_i|^2 \\
    \mathcal{L}_b &= \tfrac{1}{L} |\bar z|^2 \\
    \mathcal{L}_i &= \tfrac{1}{L^2} \sum_{k \ne l} \big(\tfrac{1}{B} Z^\top Z\big)_{kl}^2

The last two ask for bits that are on for half of the images, and that do not repeat one another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from uhscm_core.support.checks import instance, real_number, shown

__all__ = ["WEIGHTS", "LossTerms", "MixedLossTerms", "mixed_loss", "uhscm_loss", "weight"]

# The least value of each weight, and the largest if there is one.
WEIGHTS: Mapping[str, tuple[float, ...]] = {
    "alpha": (0,),
    "beta": (0,),
    "gamma": (1e-6,),  # below, exp(h / gamma) of similar pairs is beyond single precision
    "lam": (-1, 1),
    "similarity_weight": (0,),
    "balance": (0,),
    "independence": (0,),
}


class LossTerms(NamedTuple):
    """The objective and its terms as scalars; ``total`` is the weighted sum of the others."""

    total: Float[Tensor, ""]
    similarity: Float[Tensor, ""]
    contrastive: Float[Tensor, ""]
    quantization: Float[Tensor, ""]


def uhscm_loss(
    outputs: Float[Tensor, "b l"],
    similarity: Float[Tensor, "b b"],
    alpha: float = 0.2,
    beta: float = 0.001,
    gamma: float = 0.2,
    lam: float = 0.8,
    similarity_weight: float = 1.0,
) -> LossTerms:
    r"""Compute the UHSCM objective on one batch.

    Args:
        outputs: (B, L) network outputs, in (-1, 1).
        similarity: (B, B) semantic similarity of the batch's images, in [-1, 1].
        alpha: :math:`\alpha \ge 0`, weight of the contrastive term; the paper's 0.2.
        beta: :math:`\beta \ge 0`, weight of the quantization term; the paper's 0.001.
        gamma: :math:`\gamma`, temperature of the contrastive term, at least 1e-6; the paper's 0.2.
        lam: :math:`\lambda` in [-1, 1], pairs at least this similar are positives; the paper's 0.8.
        similarity_weight: of the similarity term, at least 0; the paper has none, that is 1.

    Returns:
        The total and the three terms, differentiable in `outputs`.

    Raises:
        TypeError: no tensors, or a weight that is no number.
        ValueError: shapes or dtypes that do not match, or a weight out of range.
    """
    for name, x in (("outputs", outputs), ("similarity", similarity)):
        if not instance(name, x, Tensor, "float").is_floating_point():
            raise ValueError(f"{name} must be float, got {shown(x)}")
    b = len(outputs) if outputs.ndim == 2 and outputs.shape[1] else 0
    if not b or similarity.shape != (b, b):
        raise ValueError(
            "outputs must be (B, L) and similarity (B, B) with B and L at least 1, got "
            f"{tuple(outputs.shape)} and {tuple(similarity.shape)}"
        )
    alpha, beta = weight("alpha", alpha), weight("beta", beta)
    gamma, lam = weight("gamma", gamma), weight("lam", lam)
    similarity_weight = weight("similarity_weight", similarity_weight)
    unit = torch.nn.functional.normalize(outputs, dim=1)
    h = unit @ unit.T  # (B, B)
    similarity_term = (h - similarity).square().mean()

    # An image is its own positive even if rounding puts its S just below lambda.
    positive = (similarity >= lam) | torch.eye(b, dtype=torch.bool, device=h.device)  # (B, B)
    logits = h / gamma
    # log(sum over negatives + 1e-5) as one logsumexp, which does not overflow at a small gamma.
    floor = logits.new_full((b, 1), math.log(1e-5))
    negatives = torch.cat([logits.masked_fill(positive, -torch.inf), floor], dim=1)
    log_ratio = logits - negatives.logsumexp(dim=1, keepdim=True)  # (B, B)
    contrastive_term = -log_ratio[positive].mean()

    quantization_term = (outputs.sign() - outputs).square().sum(1).mean()
    total = similarity_weight * similarity_term
    total = total + beta * quantization_term + alpha * contrastive_term
    return LossTerms(total, similarity_term, contrastive_term, quantization_term)


class MixedLossTerms(NamedTuple):
    """The objective and its terms as scalars; ``total`` is the weighted sum of the others."""

    total: Float[Tensor, ""]
    similarity: Float[Tensor, ""]
    quantization: Float[Tensor, ""]
    balance: Float[Tensor, ""]
    independence: Float[Tensor, ""]


def mixed_loss(
    outputs: Float[Tensor, "b l"],
    mixtures: Float[Tensor, "b v"],
    similarity_weight: float = 1.0,
    beta: float = 0.64,
    balance: float = 1.0,
    independence: float = 1.0,
) -> MixedLossTerms:
    r"""Compute the objective of the recipes "tuned" and "adaptive" on one batch.

    Args:
        outputs: (B, L) network outputs, in (-1, 1).
        mixtures: (B, V), what the batch's images are compared by; see `ConceptMixture`.
        similarity_weight, beta, balance, independence: weights of the four terms, at least 0.

    Returns:
        The total and the four terms, differentiable in `outputs`.

    Raises:
        ValueError: shapes that do not match, or no row.
    """
    if outputs.ndim != 2 or mixtures.ndim != 2 or not 0 < len(outputs) == len(mixtures):
        raise ValueError(
            "outputs must be (B, L) and mixtures (B, V) with B at least 1, got "
            f"{tuple(outputs.shape)} and {tuple(mixtures.shape)}"
        )
    b, bits = outputs.shape
    # Double-centered products are the products of centered rows, and C their cosines.
    target = torch.nn.functional.normalize(mixtures - mixtures.mean(0), dim=1)
    unit = torch.nn.functional.normalize(outputs, dim=1)
    apart = 1 - torch.eye(b, dtype=outputs.dtype, device=outputs.device)
    similarity_term = ((unit @ unit.T - target @ target.T) * apart).square().mean()
    quantization_term = (outputs.sign() - outputs).square().mean()
    balance_term = outputs.mean(0).square().mean()
    together = outputs.T @ outputs / b  # (L, L)
    independence_term = (together - together.diagonal().diag()).square().sum() / bits**2
    total = similarity_weight * similarity_term + beta * quantization_term
    total = total + balance * balance_term + independence * independence_term
    return MixedLossTerms(
        total, similarity_term, quantization_term, balance_term, independence_term
    )


def weight(name: str, value: Any) -> float:
    """Return a weight of the objective as a plain number.

    Args:
        name: one of `WEIGHTS`.
        value: as it was given.

    Raises:
        TypeError: no number.
        ValueError: a number out of range.
    """
    return real_number(name, value, *WEIGHTS[name])
