r"""What a run is judged by while it trains: pairs of database images, never the queries.

Some images of the database, not trained on where there are enough of those, play the queries and
others the database. Two answers to "is this one relevant?":

- **by concepts**: :math:`S \ge 0.8`, the paper's :math:`\lambda`, whatever the run's own. It needs
  no label, and it alone says which weights are the best.
- **by labels**, where there are any: a shared label. It judges and decides nothing.
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
from uhscm_core.runs import JUDGED_BY_CONCEPTS, JUDGED_BY_LABELS
from uhscm_core.study import Study

__all__ = ["Validation", "bit_balance", "distance_histograms", "output_histogram"]

LAM = 0.8
_PAIRS = 300  # images whose pairs are counted by distance
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Validation:
    """The images that runs on a study are judged by; the same for each of its runs.

    Attributes:
        ids: images of ``study.dataset``, the judging queries first.
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
        """Choose the images, by chance but always the same.

        Args:
            study: with at least one image in the database.
            n_queries, n_others: at most this many.
        """
        splits = study.dataset.splits
        free = np.setdiff1d(splits["database"], splits["train"])
        held_out = len(free) >= 20
        pool = free if held_out else np.asarray(splits["database"])
        ids = np.random.default_rng(0).permutation(pool)[: n_queries + n_others]
        n_queries = min(n_queries, max(1, len(ids) // 5))
        q = study.distribution[ids]
        queries, others = q[:n_queries], q[n_queries:] if len(ids) > 1 else q
        labels = study.dataset.labels
        return cls(
            ids.astype(np.int64),
            n_queries,
            held_out,
            semantic_similarity(q[:_PAIRS]),
            (semantic_similarity(others, queries) >= LAM).to(torch.uint8),
            None if labels is None else labels[ids],
        )

    def judge(self, outputs: Tensor) -> dict[str, float]:
        """Mean average precision of the queries against the others, ties expected.

        Args:
            outputs: (n, L) of the network for `ids`.
        """
        codes = pack_codes(outputs)
        n = self.n_queries
        queries, others = codes[:n], codes[n:] if len(codes) > 1 else codes
        # A query's "label" is its own number, and an image has those of the queries it is like.
        own = torch.eye(n, dtype=torch.uint8)
        judged = {JUDGED_BY_CONCEPTS: _map(queries, others, own, self._relevant)}
        if self._labels is not None:
            ours, theirs = self._labels[:n], self._labels[n:] if len(codes) > 1 else self._labels
            judged[JUDGED_BY_LABELS] = _map(queries, others, ours, theirs)
        return judged

    def said(self) -> str:
        """In a sentence: who judges, and what decides."""
        others = max(len(self.ids) - self.n_queries, 1)
        where = (
            "that are not trained on" if self.held_out else "(trained on too: there are no more)"
        )
        labels = "labels judge and decide nothing" if self._labels is not None else "no labels here"
        return (
            f"Validated on {self.n_queries:,} database images against {others:,} others "
            f"{where}; the best is chosen by concepts (S ≥ {LAM:g}), {labels}; "
            f"the queries are never looked at."
        )


def _map(queries: Tensor, others: Tensor, ours: Tensor, theirs: Tensor) -> float:
    return mean_average_precision(queries, others, ours, theirs, None, "expected")


def bit_balance(outputs: Tensor) -> Floats:
    """(n, L) -> (L,), the share of images whose bit is 1; 0.5 tells most, 0 or 1 nothing."""
    share: Floats = (outputs > 0).float().mean(0).numpy()
    return share


def output_histogram(outputs: Tensor, bins: int = 40) -> Floats:
    """(n, L) -> (bins,), the share of outputs in each bin of [-1, 1]."""
    counts = torch.histc(outputs.float(), bins, -1, 1)
    share: Floats = (counts / max(outputs.numel(), 1)).numpy()
    return share


def distance_histograms(
    outputs: Tensor, similarity: Tensor, lam: float = LAM
) -> tuple[Floats, Floats, int, int]:
    """How far apart the codes of pairs are that are alike, and of those that are not.

    Args:
        outputs: (n, L).
        similarity: (n, n) S of the same images.
        lam: a pair is alike from here on.

    Returns:
        (L + 1,) the share of the alike pairs at each Hamming distance, the same for the others,
        and how many pairs each are; a pair of an image with itself is none.
    """
    n, bits = outputs.shape
    signs = torch.where(outputs > 0, 1.0, -1.0)
    distances = ((bits - signs @ signs.T) / 2).round().long()  # (n, n)
    upper = torch.ones(n, n, dtype=torch.bool).triu(1)
    alike = similarity >= lam
    counts = [
        torch.bincount(distances[upper & some], minlength=bits + 1) for some in (alike, ~alike)
    ]
    shares = [(count / max(int(count.sum()), 1)).float().numpy() for count in counts]
    return shares[0], shares[1], int(counts[0].sum()), int(counts[1].sum())
