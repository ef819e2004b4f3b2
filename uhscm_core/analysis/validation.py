r"""Evaluate a run while it trains: on database images only, never on the queries.

Some images of the database play the queries and others the database; none of them is trained on if
there are enough of those. Two definitions of "this image is relevant":

- **by concepts**: :math:`S \ge 0.8`, the paper's :math:`\lambda`, whatever the run's own. It needs
  no labels, and it alone decides which weights are best.
- **by labels**, if there are any: a shared label, over the queries that have one. It is reported
  and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uhscm_core.codes import pack_codes
from uhscm_core.metrics import mean_average_precision
from uhscm_core.mining import semantic_similarity
from uhscm_core.study import Study

__all__ = [
    "EVALUATED_BY_CONCEPTS",
    "EVALUATED_BY_LABELS",
    "LAM",
    "Validation",
    "bit_balance",
    "distance_histograms",
    "output_histogram",
]

# The names of the two figures in a step's `metrics`, and so in every run on disk.
EVALUATED_BY_CONCEPTS = "mAP by concepts"
EVALUATED_BY_LABELS = "mAP by labels"
LAM = 0.8
_HISTOGRAM_IMAGES = 300  # the pairs of these are counted by distance
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Validation:
    """The images on which every run of a study is evaluated.

    Attributes:
        ids: images of ``study.dataset``, the validation queries first.
        n_queries: how many of them play the queries.
        held_out: whether none of them is trained on.
        similarity: (n, n) S among the first n, to count pairs by distance.
    """

    ids: npt.NDArray[np.int64]
    n_queries: int
    held_out: bool
    similarity: Tensor
    _relevant: Tensor  # (n_others, n_queries) uint8: S >= 0.8
    _labels: Tensor | None  # (n_queries + n_others, n_labels)

    @classmethod
    def of(cls, study: Study, n_queries: int = 200, n_others: int = 2000) -> Validation:
        """Choose the images at random, but always the same ones for the same study.

        Args:
            study: with at least one image in the database.
            n_queries, n_others: at most this many.
        """
        splits = study.dataset.splits
        untrained = np.setdiff1d(splits["database"], splits["train"])
        held_out = len(untrained) >= 20
        pool = untrained if held_out else np.asarray(splits["database"])
        ids = np.random.default_rng(0).permutation(pool)[: n_queries + n_others]
        n_queries = min(n_queries, max(1, len(ids) // 5))
        q = study.distribution[ids]
        queries, others = _split(q, n_queries)
        labels = study.dataset.labels
        return cls(
            ids.astype(np.int64),
            n_queries,
            held_out,
            semantic_similarity(q[:_HISTOGRAM_IMAGES]),
            (semantic_similarity(others, queries) >= LAM).to(torch.uint8),
            None if labels is None or not labels[ids[:n_queries]].any() else labels[ids],
        )

    def evaluate(self, outputs: Tensor) -> dict[str, float]:
        """Return the mean average precision of the queries, expected over ties.

        Args:
            outputs: (n, L) of the network for `ids`.

        Returns:
            The figure by concepts and, if there are labels, the one by labels.
        """
        queries, others = _split(pack_codes(outputs), self.n_queries)
        # A query's "label" is its own number, and an image has those of the queries it is like.
        numbers = torch.eye(self.n_queries, dtype=torch.uint8)
        values = {EVALUATED_BY_CONCEPTS: _map(queries, others, numbers, self._relevant)}
        if self._labels is not None:
            of_queries, of_others = _split(self._labels, self.n_queries)
            labelled = of_queries.bool().any(1)
            values[EVALUATED_BY_LABELS] = _map(
                queries[labelled], others, of_queries[labelled], of_others
            )
        return values

    def description(self) -> str:
        """Return a sentence that says which images are used, and what decides."""
        others = max(len(self.ids) - self.n_queries, 1)
        where = (
            "that are not trained on"
            if self.held_out
            else "(also trained on, because there are no more)"
        )
        labels = "there are no labels"
        if self._labels is not None:
            labels = "labels are reported and decide nothing"
            if unlabelled := int((~self._labels[: self.n_queries].bool().any(1)).sum()):
                labels += f", without {unlabelled:,} of the {self.n_queries:,} that have none"
        return (
            f"Validated on {self.n_queries:,} database images against {others:,} others "
            f"{where}. The best weights are chosen by concepts (S ≥ {LAM:g}); {labels}. "
            f"The queries are never used."
        )


def _split(rows: Tensor, n_queries: int) -> tuple[Tensor, Tensor]:
    """Split rows into the queries and the others; one image alone is both."""
    return rows[:n_queries], rows[n_queries:] if len(rows) > 1 else rows


def _map(queries: Tensor, others: Tensor, query_labels: Tensor, labels: Tensor) -> float:
    return mean_average_precision(queries, others, query_labels, labels, None, "expected")


def bit_balance(outputs: Tensor) -> Floats:
    """Return the share of images whose bit is 1, for each bit.

    Args:
        outputs: (n, L).

    Returns:
        (L,) shares in [0, 1]; a bit at 0.5 tells most about an image, one at 0 or 1 nothing.
    """
    share: Floats = (outputs > 0).float().mean(0).numpy()
    return share


def output_histogram(outputs: Tensor, bins: int = 40) -> Floats:
    """Return the share of outputs in each bin of [-1, 1].

    Args:
        outputs: (n, L).
        bins: how many.

    Returns:
        (bins,) shares in [0, 1].
    """
    counts = torch.histc(outputs.float(), bins, -1, 1)
    share: Floats = (counts / max(outputs.numel(), 1)).numpy()
    return share


def distance_histograms(
    outputs: Tensor, similarity: Tensor, lam: float = LAM
) -> tuple[Floats, Floats, int, int]:
    """Return how far apart the codes of similar pairs are, and those of dissimilar pairs.

    Args:
        outputs: (n, L).
        similarity: (n, n) S of the same images.
        lam: pairs of this S or more are similar.

    Returns:
        (L + 1,) the share of the similar pairs at each Hamming distance, the same for the others,
        and the number of pairs of each kind; an image is not paired with itself.
    """
    n, bits = outputs.shape
    signs = torch.where(outputs > 0, 1.0, -1.0)
    distances = ((bits - signs @ signs.T) / 2).round().long()  # (n, n)
    upper = torch.ones(n, n, dtype=torch.bool).triu(1)
    similar = similarity >= lam
    counts = [
        torch.bincount(distances[upper & pairs], minlength=bits + 1)
        for pairs in (similar, ~similar)
    ]
    shares = [(count / max(int(count.sum()), 1)).float().numpy() for count in counts]
    return shares[0], shares[1], int(counts[0].sum()), int(counts[1].sum())
