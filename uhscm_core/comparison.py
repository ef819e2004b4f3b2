"""The codes of a study next to the baselines and to rankings without hashing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
from torch import Tensor

from uhscm_core.baselines import BASELINES, TooManyBitsError
from uhscm_core.evaluation import Evaluated
from uhscm_core.metrics import Ties, cosine_mean_average_precision, mean_average_precision

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["REFERENCES", "centered_features", "compare_methods"]


def centered_features(study: Study) -> Tensor:
    """Return the features (N, D) minus their mean over the training images, as baselines do."""
    features = study.image_features
    return features - features[study.dataset.splits["train"]].mean(0)


# What is ranked by cosine, without hashing.
REFERENCES: dict[str, Callable[[Study], Tensor]] = {
    "cosine of concepts": lambda study: study.distribution,
    "cosine of features": centered_features,
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
