r"""The codes of a study next to the baselines and to rankings without hashing, the references.

A reference ranks by the cosine of vectors that no code of L bits can hold. It is no upper bound:
codes that generalize better than the vectors they were learned from score higher, and often do.

- **cosine of features**: :math:`f = x - \mu`, the features minus the mean of the training images.
- **cosine of concepts**: :math:`q`, the distributions over the kept concepts.
- **cosine of both**: :math:`v = [f/|f|, q/|q|]`, so that
  :math:`\cos(v_i, v_j) = \frac{1}{2}\cos(f_i, f_j) + \frac{1}{2}\cos(q_i, q_j)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from uhscm_core.baselines import BASELINES, TooManyBitsError
from uhscm_core.evaluation import Evaluated
from uhscm_core.metrics import Ties, cosine_mean_average_precision, mean_average_precision

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["REFERENCES", "centered_features", "compare_methods", "features_and_concepts"]


def centered_features(study: Study) -> Tensor:
    """Return the features (N, D) minus their mean over the training images, as baselines do."""
    features = study.image_features
    return features - features[study.dataset.splits["train"]].mean(0)


def features_and_concepts(study: Study) -> Tensor:
    """Return v (N, D + K): centered features and distributions, each at unit length."""
    parts = centered_features(study), study.distribution
    return torch.cat([normalize(part, dim=1) for part in parts], dim=1)


# What is ranked by cosine, without hashing.
REFERENCES: dict[str, Callable[[Study], Tensor]] = {
    "cosine of concepts": lambda study: study.distribution,
    "cosine of features": centered_features,
    "cosine of both": features_and_concepts,
}


def compare_methods(
    study: Study, on: Evaluated, top_k: int | None, ties: Ties, references: bool
) -> pd.DataFrame:
    """Compute the mean average precision of each method; for the arguments see `Study.compare`."""
    bits = study.index.bits
    labels = (on.labels[on.queries], on.labels[on.database])

    def evaluate(codes: Tensor) -> float:
        return mean_average_precision(codes[on.queries], codes[on.database], *labels, top_k, ties)

    rows = [("UHSCM", bits, evaluate(study.codes))]
    for name in BASELINES:
        try:
            codes = study.baseline_codes(name, bits)
        except TooManyBitsError:
            rows.append((name, bits, float("nan")))
            continue
        rows.append((name, bits, evaluate(codes)))
    for name, vectors_of in REFERENCES.items() if references else ():
        vectors = vectors_of(study)
        value = cosine_mean_average_precision(
            vectors[on.queries], vectors[on.database], *labels, top_k, ties
        )
        rows.append((name, 0, value))
    return pd.DataFrame(rows, columns=["method", "bits", "mAP"])
