r"""Evaluate rankings, by labels or by concepts.

What is relevant to a query is what shares a label with it, or, as in the validation of a training,
what is similar by concepts: the images with :math:`S \ge 0.8`, by the distributions of the study
that the experiment was made with, whatever a setting mines itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uhscm_core.evaluation import evaluated_images
from uhscm_core.experiments.settings import study_identity
from uhscm_core.metrics import average_precisions, cosine_average_precisions
from uhscm_core.mining import semantic_similarity
from uhscm_core.study import Study
from uhscm_core.support import store
from uhscm_core.support.ways import BY_CONCEPTS, NO_LABELS

__all__ = ["Evaluation", "Relevance"]

Relevance = Literal["labels", "concepts"]
Floats = npt.NDArray[np.float64]
Rank = Callable[[Tensor, Tensor, Tensor, Tensor, int | None], Floats]

_SIMILAR = 0.8  # the paper's lambda
_QUERIES = 256  # whose relevant images are marked at a time


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How rankings are evaluated.

    Attributes:
        study: whose concepts decide, where concepts do.
        relevant: ``"labels"`` or ``"concepts"``.
        top_k: rank to cut at; None for the whole database.
    """

    study: Study
    relevant: Relevance
    top_k: int | None

    def key(self, study: Study) -> str:
        """Return a digest of all that decides the result of a ranking in a study."""
        if self.relevant == "concepts":
            yardstick: object = study_identity(self.study)
        else:
            labels = evaluated_images(study.dataset).labels
            yardstick = hashlib.sha256(labels.numpy().tobytes()).hexdigest()
        return store.digest_of(self.top_k, self.relevant, yardstick)

    def notes(self, study: Study) -> tuple[str, ...]:
        """Return what has to be said about the evaluation of a study of the experiment.

        Raises:
            ValueError: it cannot be evaluated.
        """
        if self.relevant == "concepts" and study.dataset.digest != self.study.dataset.digest:
            raise ValueError(
                "relevant='concepts' compares images by the study's own concepts, so that its "
                "dataset cannot be varied"
            )
        if self.relevant == "labels" and study.dataset.labels is None:
            raise ValueError(f"an experiment evaluates by {NO_LABELS}{BY_CONCEPTS}")
        self.queries(study)
        return evaluated_images(study.dataset).notes if self.relevant == "labels" else ()

    def queries(self, study: Study) -> npt.NDArray[np.int64]:
        """Return the ids of the queries that count.

        Raises:
            ValueError: there are none, or no labels to evaluate by.
        """
        if self.relevant == "labels":
            return evaluated_images(study.dataset).queries
        queries = study.dataset.splits["query"]
        if not len(queries):
            raise ValueError("evaluation needs queries, but this dataset has none")
        return queries

    def average_precision(self, study: Study, rows: Tensor, hashed: bool) -> Floats:
        """Compute the average precision of each query, expected over ties.

        Args:
            study: of the setting.
            rows: (N, ...) of all images: codes if they are hashed, or else vectors, for cosines.
            hashed: which of them.
        """
        rank: Rank = _by_code if hashed else _by_cosine
        queries, database = self.queries(study), study.dataset.splits["database"]
        if self.relevant == "labels":
            labels = evaluated_images(study.dataset).labels
            return rank(
                rows[queries], rows[database], labels[queries], labels[database], self.top_k
            )
        q = self.study.distribution
        parts = []
        for start in range(0, len(queries), _QUERIES):
            block = queries[start : start + _QUERIES]
            # A query's "label" is its own number, and an image has those of queries it is like.
            similar = semantic_similarity(q[database], q[block]) >= _SIMILAR
            numbers = torch.eye(len(block), dtype=torch.uint8)
            parts.append(
                rank(rows[block], rows[database], numbers, similar.to(torch.uint8), self.top_k)
            )
        return np.concatenate(parts)


def _by_code(q: Tensor, d: Tensor, q_labels: Tensor, d_labels: Tensor, k: int | None) -> Floats:
    return average_precisions(q, d, q_labels, d_labels, k, "expected")


def _by_cosine(q: Tensor, d: Tensor, q_labels: Tensor, d_labels: Tensor, k: int | None) -> Floats:
    return cosine_average_precisions(q, d, q_labels, d_labels, k, "expected")
