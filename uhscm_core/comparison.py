"""The codes of a study next to the baselines and to rankings without hashing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from uhscm_core.baselines import BASELINES, TooManyBitsError
from uhscm_core.metrics import Ties, cosine_mean_average_precision, mean_average_precision

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["compare_methods"]


def compare_methods(study: Study, top_k: int | None, ties: Ties, references: bool) -> pd.DataFrame:
    """Compute the mean average precision of each method; for the arguments see `Study.compare`."""
    bits = study.index.bits
    query, database = study.dataset.splits["query"], study.dataset.splits["database"]
    labels = study.evaluation_labels()
    rows = [("UHSCM", bits, study.evaluate(top_k, ties))]
    for name in BASELINES:
        try:
            codes = study.baseline_codes(name, bits)
        except TooManyBitsError:
            rows.append((name, bits, float("nan")))
            continue
        value = mean_average_precision(
            codes[query], codes[database], labels[query], labels[database], top_k, ties
        )
        rows.append((name, bits, value))
    vectors_of = {
        "cosine of concepts": study.distribution,
        "cosine of features": study.image_features,
    }
    for name, vectors in vectors_of.items() if references else ():
        value = cosine_mean_average_precision(
            vectors[query], vectors[database], labels[query], labels[database], top_k
        )
        rows.append((name, 0, value))
    return pd.DataFrame(rows, columns=["method", "bits", "mAP"])
