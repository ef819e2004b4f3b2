r"""K-means pseudo-labels with OrthoHash's loss: codes near fixed random centers, one per cluster.

Hoe, Ng, Zhang, Chan, Song and Xiang, "One Loss for All: Deep Hashing with a Single Cosine
Similarity based Learning Objective", NeurIPS 2021, https://arxiv.org/abs/2109.14449, equation 6;
the centers are its Bernoulli codebook.

What differs from the publication: it learns from labels; here, as it proposes for unsupervised
hashing, clusters take their place, found by k-means among the training images. A head with a hidden
layer on features in place of AlexNet; views of features, or of few augmented copies, in place of
images augmented each time.

Symbols: N training images, C clusters, B batch, L code length in bits.
"""

from __future__ import annotations

import faiss
import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot

from uhscm_core.peers.fitting import (
    HIDDEN,
    Inputs,
    Project,
    Schedule,
    codes_by,
    fit_network,
    made_from,
)

__all__ = ["fit_orthohash", "orthohash_loss"]

_NOISE = 0.5
_CLUSTERS = 30  # at most; and not fewer than four images in each, in the mean
_SCHEDULE = Schedule(epochs=20, falls=True)


def orthohash_loss(
    z: Float[Tensor, "b l"],
    centers: Float[Tensor, "c l"],
    labels: Int64[Tensor, " b"],
    margin: float = 0.2,
    scale: float = 8.0,
) -> Float[Tensor, ""]:
    r"""Compute the cross-entropy of cosines to centers, with a margin on the right one.

    .. math:: -\frac{1}{B} \sum_i \log
        \frac{e^{s(\cos(z_i, o_{y_i}) - m)}}
        {e^{s(\cos(z_i, o_{y_i}) - m)} + \sum_{c \ne y_i} e^{s \cos(z_i, o_c)}}

    Args:
        z: (B, L) outputs.
        centers: o, (C, L) of ±1.
        labels: y, (B,) the center of each image.
        margin: m.
        scale: s.
    """
    cosines = normalize(z, dim=1) @ normalize(centers, dim=1).T  # (B, C)
    return cross_entropy(scale * (cosines - margin * one_hot(labels, len(centers))), labels)


def fit_orthohash(x: np.ndarray, bits: int, seed: int, copies: np.ndarray | None = None) -> Project:
    """Fit clusters and their codes to (N, D) features; see `uhscm_core.baselines.Baseline`."""
    inputs = Inputs(x, copies)
    labels, clusters = _clusters(inputs.rows.numpy(), seed)
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randint(2, (clusters, bits), generator=generator) * 2.0 - 1
    network = made_from(
        seed,
        lambda: nn.Sequential(
            nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, bits), nn.BatchNorm1d(bits)
        ),
    )

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        z = network(inputs.view(rows, _NOISE, generator))
        return orthohash_loss(z, centers, labels[rows])

    fit_network(network, len(x), loss, _SCHEDULE, seed)
    return codes_by(network, inputs)


def _clusters(rows: np.ndarray, seed: int) -> tuple[Tensor, int]:
    """Return the cluster (N,) of each row, and how many there are."""
    number = max(min(_CLUSTERS, len(rows) // 4), 2)
    kmeans = faiss.Kmeans(
        rows.shape[1],
        number,
        niter=25,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(rows),
    )
    kmeans.train(rows)
    _, found = kmeans.index.search(rows, 1)
    return torch.from_numpy(found[:, 0]), number
