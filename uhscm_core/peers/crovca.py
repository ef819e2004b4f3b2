r"""CroVCA: each view predicts the bits of the other, and codes are kept apart by a coding rate.

Moummad, Zaher, Goëau and Joly, "Image Hashing via Cross-View Code Alignment in the Age of
Foundation Models", 2026, https://arxiv.org/abs/2510.27584, equations 1 to 5.

What differs from the publication: views of features, or of few augmented copies, in place of images
augmented each time; 50 epochs in place of 5, because there are 5,000 training images and not 10,000
and more; and noise of 0.5. The network is its small HashCoder, as a probe on a frozen encoder: it
has no LoRA variant here.

Symbols: B batch, L code length in bits.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from uhscm_core.peers.fitting import (
    Inputs,
    Project,
    Schedule,
    codes_by,
    fit_network,
    made_from,
)

__all__ = ["coding_rate_penalty", "crovca_loss", "fit_crovca"]

_NOISE = 0.5
_SCHEDULE = Schedule(epochs=50, falls=True, decay=0.01)


def crovca_loss(
    z: Float[Tensor, "b l"], other: Float[Tensor, "b l"], weight: float = 0.1
) -> Float[Tensor, ""]:
    r"""Compute the loss of CroVCA on two views.

    With :math:`\ell(z, c)` the binary cross-entropy of logits z against bits c, averaged over
    images and bits, and R the penalty of `coding_rate_penalty`:

    .. math:: \frac{\ell(z, [z' > 0]) + \ell(z', [z > 0])}{2}
        + \lambda\, \frac{R(z) + R(z')}{2}

    Args:
        z, other: (B, L) outputs of two views of B images.
        weight: λ.
    """
    first = binary_cross_entropy_with_logits(z, (other > 0).to(z))
    second = binary_cross_entropy_with_logits(other, (z > 0).to(z))
    penalty = coding_rate_penalty(z) + coding_rate_penalty(other)
    return (first + second + weight * penalty) / 2


def coding_rate_penalty(z: Float[Tensor, "b l"], epsilon: float = 0.05) -> Float[Tensor, ""]:
    r"""Compute how much codes have in common: minus the coding rate of rows at unit length.

    .. math:: -\frac{L + B}{L B} \cdot \frac{1}{2} \log\det
        \Big(I + \frac{L}{B \epsilon} \hat Z^\top \hat Z\Big)

    Args:
        z: (B, L).
        epsilon: ε, the distortion that is allowed.
    """
    batch, bits = z.shape
    rows = normalize(z, dim=1)
    # Both products have the same determinant; its half is that of the Cholesky factor.
    product = rows.T @ rows if bits <= batch else rows @ rows.T
    matrix = torch.eye(len(product), dtype=z.dtype) + bits / (batch * epsilon) * product
    half: Tensor = torch.linalg.cholesky(matrix).diagonal().log().sum()
    return -(bits + batch) / (bits * batch) * half


def fit_crovca(x: np.ndarray, bits: int, seed: int, copies: np.ndarray | None = None) -> Project:
    """Fit CroVCA to (N, D) features; see `uhscm_core.baselines.Baseline`."""
    inputs, width = Inputs(x, copies), x.shape[1]
    network = made_from(
        seed,
        lambda: nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, bits), nn.BatchNorm1d(bits)
        ),
    )

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        z, other = map(network, inputs.two_views(rows, _NOISE, generator))
        return crovca_loss(z, other)

    fit_network(network, len(x), loss, _SCHEDULE, seed)
    return codes_by(network, inputs)
