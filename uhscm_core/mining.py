r"""Semantic concept mining: score, denoise, mine again, compare.

With image features :math:`f_i` and text features :math:`g_j` of unit length,

.. math::

    s_{ij} = f_i \cdot g_j, \qquad
    p_i = \mathrm{softmax}_j(\tau M s_{ij}), \qquad
    \mathrm{wins}_j = \#\{i : j = \arg\max_j p_{ij}\}

concept j is kept when :math:`\mathrm{wins}_j > 0.5\,N/M`, and with the K kept ones

.. math::

    q_i = \mathrm{softmax}_{j\ \mathrm{kept}}(\tau K s_{ij}), \qquad
    S_{ij} = 2\cos(q_i, q_j) - 1 .

Symbols: N images, M candidate concepts, K kept concepts, D embedding width.

Two remarks. The softmax of the first step is monotone, so the votes are those of the scores
themselves: tau and M do not change them. And tau has a meaning only relative to the model's own
logit scale: CLIP was trained with 100, while the paper's :math:`\tau M` is 243 for 81 names.

Differs from the authors' released code in: images reach the model with the model's own
preprocessing (theirs were normalised for ImageNet), and an upper bound on a concept's votes is
available (the paper has one, their code does not; off by default, as there).

Source: Tu et al., *Unsupervised Hashing with Semantic Concept Mining*, arXiv 2209.11475.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from uhscm_core.support.checks import check_directions, check_unit_rows, instance, real_number
from uhscm_core.support.ways import THRESHOLD

__all__ = [
    "MinedConcepts",
    "concept_scores",
    "explain_similarity",
    "mine_concepts",
    "semantic_similarity",
    "top_concepts",
]

_SHARPEST = 1e30  # times the number of concepts, it is still a number in single precision
_ROWS = 65_536  # rows scored at a time, so that no (N, M) score matrix is ever whole in memory


def concept_scores(
    image_features: Float[Tensor, "n d"], text_features: Float[Tensor, "m d"]
) -> Float[Tensor, "n m"]:
    r"""Score each image against each concept, :math:`s_{ij} = f_i \cdot g_j`.

    Args:
        image_features: (N, D), rows of unit length.
        text_features: (M, D), rows of unit length.

    Returns:
        (N, M) cosines in [-1, 1].

    Raises:
        ValueError: the widths differ, or a row is not finite or not of unit length.
    """
    check_unit_rows(image_features=image_features, text_features=text_features)
    return image_features @ text_features.T  # (N, M)


def top_concepts(
    image_features: Float[Tensor, "n d"], text_features: Float[Tensor, "m d"]
) -> Int64[Tensor, " n"]:
    r"""Return the concept that each image votes for, :math:`\arg\max_j s_{ij}`.

    Args:
        image_features: (N, D), rows of unit length.
        text_features: (M, D), rows of unit length, at least one.

    Returns:
        (N,) indices in [0, M); the first concept among equal scores.

    Raises:
        ValueError: the widths differ, a row is not finite or not of unit length, or there is no
            concept to vote for.
    """
    check_unit_rows(image_features=image_features, text_features=text_features)
    if not len(text_features):
        raise ValueError("text_features must have at least one row, a concept, got none")
    return _votes(image_features, text_features)


@dataclass(frozen=True, eq=False)
class MinedConcepts:
    r"""The kept concepts and each image's distribution over them.

    Attributes:
        wins: (M,) int64, how many images voted for each candidate; they sum to N.
        kept: (M,) bool, which candidates were kept.
        distribution: (N, K), rows :math:`q_i`, non-negative, summing to 1.
        temperature: :math:`\tau K`, the scale inside the softmax of ``distribution``. Compare it
            with the model's own logit scale.
        tau: the paper's :math:`\tau`.
        min_votes: a kept concept has more votes than this, ``min_share * N / M``.
        max_votes: a kept concept has at most this many votes, ``max_share * N``; None: no bound.
        text_features: (K, D), text features of the kept concepts.
    """

    wins: Int64[Tensor, " m"]
    kept: Bool[Tensor, " m"]
    distribution: Float[Tensor, "n k"]
    temperature: float
    tau: float
    min_votes: float
    max_votes: float | None
    text_features: Float[Tensor, "k d"]

    def apply(self, image_features: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Return the distributions of other images over the same kept concepts.

        Args:
            image_features: (n, D), rows of unit length.

        Returns:
            (n, K), rows that sum to 1. For the mined images these equal ``distribution``.

        Raises:
            ValueError: the width differs, or a row is not finite or not of unit length.
        """
        check_unit_rows(image_features=image_features, text_features=self.text_features)
        return _distribution(image_features, self.text_features, self.temperature)


def mine_concepts(
    image_features: Float[Tensor, "n d"],
    text_features: Float[Tensor, "m d"],
    tau: float = 3.0,
    min_share: float = 0.5,
    max_share: float | None = None,
) -> MinedConcepts:
    r"""Let the images vote, drop the concepts that hardly any image votes for, and mine again.

    Args:
        image_features: (N, D), rows of unit length.
        text_features: (M, D), rows of unit length.
        tau: :math:`\tau > 0`, the paper's 3.
        min_share: keep concept j when :math:`\mathrm{wins}_j > \mathrm{min\_share} \cdot N / M`;
            the paper's 0.5. A negative share keeps every concept, also those without a vote, so
            that nothing is denoised.
        max_share: also drop concepts with more than this share of the N images, in (0, 1]; None,
            as in the released code, for no such bound.

    Returns:
        The votes, the kept concepts and the (N, K) distribution. Peak memory beyond the features
        and the result is a block of 65,536 rows of scores.

    Raises:
        TypeError: a setting that is no number.
        ValueError: no image or concept, rows that are not finite or not of unit length, a setting
            out of range, or no concept kept (the message holds the vote counts).
    """
    check_unit_rows(image_features=image_features, text_features=text_features)
    n, m = len(image_features), len(text_features)
    if not n or not m:
        raise ValueError(
            f"image_features and text_features: mining needs at least one image and one concept, "
            f"got {n} and {m}"
        )
    tau, min_share, max_share = mining_settings(tau, min_share, max_share)

    wins = torch.bincount(_votes(image_features, text_features), minlength=m)
    min_votes = min_share * n / m
    max_votes = None if max_share is None else max_share * n
    kept = wins > min_votes
    if max_votes is not None:
        kept &= wins <= max_votes
    if not kept.any():
        bounds = f"more than {_plain(min_votes)}"
        bounds += "" if max_votes is None else f" and at most {_plain(max_votes)}"
        votes = ", ".join(str(w) for w in sorted(wins.tolist(), reverse=True)[:10])
        raise ValueError(
            f"no concept passed the threshold: each needs {bounds} of {n:,} votes, and the {m:,} "
            f"concepts got {votes}{', ...' if m > 10 else ''} (largest first){THRESHOLD}"
            f"{_plain(min_share)}"
        )
    kept_features = text_features[kept]
    temperature = tau * len(kept_features)
    return MinedConcepts(
        wins=wins,
        kept=kept,
        distribution=_distribution(image_features, kept_features, temperature),
        temperature=temperature,
        tau=tau,
        min_votes=min_votes,
        max_votes=max_votes,
        text_features=kept_features,
    )


def semantic_similarity(
    a: Float[Tensor, "n k"], b: Float[Tensor, "m k"] | None = None
) -> Float[Tensor, "n m"]:
    r"""Compare images by their concept distributions, :math:`S_{ij} = 2\cos(q_i, q_j) - 1`.

    This is for a batch or a small selection: the result is (n, m), so never call it on all pairs
    of a training set.

    Args:
        a: (n, K) distributions.
        b: (m, K) distributions; None compares `a` with itself.

    Returns:
        (n, m) in [-1, 1], 1 for equal distributions and -1 for disjoint ones.

    Raises:
        TypeError: no tensors.
        ValueError: the widths differ, a value is not finite, or a row is all zeros.
    """
    b = a if b is None else b
    check_directions(a=a, b=b)
    unit_a = torch.nn.functional.normalize(a, dim=1)  # (n, K)
    unit_b = torch.nn.functional.normalize(b, dim=1)  # (m, K)
    return (2 * unit_a @ unit_b.T - 1).clamp(-1, 1)  # (n, m)


def explain_similarity(qi: Float[Tensor, " k"], qj: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    r"""Split the similarity of two images into one part per concept.

    With :math:`u = q / |q|`, :math:`S_{ij} + 1 = \sum_c 2\,u_{ic}\,u_{jc}`, which is exact.

    Args:
        qi: (K,) distribution of one image.
        qj: (K,) distribution of the other.

    Returns:
        (K,) parts, non-negative, that sum to :math:`S_{ij} + 1`, which lies in [0, 2].

    Raises:
        TypeError: no tensors.
        ValueError: the lengths differ, a value is not finite, or all are zeros.
    """
    for name, q in (("qi", qi), ("qj", qj)):
        instance(name, q, Tensor, "a row of a distribution")
    check_directions(qi=qi[None], qj=qj[None])
    unit_i = torch.nn.functional.normalize(qi, dim=0)
    unit_j = torch.nn.functional.normalize(qj, dim=0)
    return 2 * unit_i * unit_j  # (K,)


def mining_settings(tau: Any, min_share: Any, max_share: Any) -> tuple[float, float, float | None]:
    """Return the settings of `mine_concepts` as plain numbers.

    Raises:
        TypeError: no number.
        ValueError: a number out of range.
    """
    return (
        real_number("tau", tau, high=_SHARPEST, above=0),
        real_number("min_share", min_share, -1),
        None if max_share is None else real_number("max_share", max_share, high=1, above=0),
    )


def _plain(number: float) -> str:
    return f"{number:,.0f}" if 1e3 <= abs(number) < 1e15 else f"{number:.4g}"


def _votes(image_features: Tensor, text_features: Tensor) -> Tensor:
    blocks = [(rows @ text_features.T).argmax(1) for rows in torch.split(image_features, _ROWS)]
    return torch.cat(blocks)  # (N,)


def _distribution(image_features: Tensor, text_features: Tensor, temperature: float) -> Tensor:
    result = image_features.new_empty(len(image_features), len(text_features))  # (n, K)
    for start in range(0, len(image_features), _ROWS):
        rows = slice(start, start + _ROWS)
        scores = image_features[rows] @ text_features.T
        result[rows] = torch.softmax(temperature * scores, dim=1)
    return result
