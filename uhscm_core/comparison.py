r"""The codes of a study next to the baselines and to rankings without hashing, the references.

A reference ranks by the cosine of vectors that no code of L bits can hold. It is no upper bound:
codes that generalize better than the vectors they were learned from score higher, and often do.

- **cosine of features**: :math:`f = x - \mu`, the features minus the mean of the training images.
- **cosine of concepts**: :math:`q`, the distributions over the kept concepts.
- **cosine of both**: :math:`v = [f/|f|, q/|q|]`, so that
  :math:`\cos(v_i, v_j) = \frac{1}{2}\cos(f_i, f_j) + \frac{1}{2}\cos(q_i, q_j)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from uhscm_core.baselines import BASELINES, TooManyBitsError
from uhscm_core.evaluation import Evaluated
from uhscm_core.metrics import Ties, cosine_mean_average_precision, mean_average_precision
from uhscm_core.peers.augmenting import VIEWS, Views
from uhscm_core.support.checks import is_ordered, one_of, shown
from uhscm_core.support.notices import say

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = [
    "REFERENCES",
    "NoDirectionError",
    "Reference",
    "centered_features",
    "checked_methods",
    "compare_methods",
    "features_and_concepts",
]

_NO_DIRECTION = 1e-5  # features are of unit length; rounding leaves some 1e-7 of equal ones


class NoDirectionError(ValueError):
    """Images lie where the center is, so that nothing has a cosine with them."""


def centered_features(study: Study) -> Tensor:
    """Return the features (N, D) minus their mean over the training images, as baselines do.

    Raises:
        NoDirectionError: an image of the database or a query is that mean, as with one training
            image, or with copies of one.
    """
    features, splits = study.image_features, study.dataset.splits
    rows = features - features[splits["train"]].mean(0)
    ranked = np.concatenate([splits["database"], splits["query"]])
    still = int((torch.linalg.vector_norm(rows[ranked], dim=1) < _NO_DIRECTION).sum())
    if still:
        raise NoDirectionError(
            f"{still:,} of {len(ranked):,} images in the database and query splits are the mean of "
            f"the {len(splits['train']):,} images in the train split, so that centered features "
            f"have no cosine there; train on more images that differ"
        )
    return rows


def features_and_concepts(study: Study) -> Tensor:
    """Return v (N, D + K): centered features and distributions, each at unit length."""
    parts = centered_features(study), study.distribution
    return torch.cat([normalize(part, dim=1) for part in parts], dim=1)


@dataclass(frozen=True)
class Reference:
    """What is ranked by cosine, without hashing.

    Attributes:
        vectors_of: takes a study and returns a row per image.
        version: raise it when the same study begins to give other vectors, as for a `Baseline`.
    """

    vectors_of: Callable[[Study], Tensor]
    version: int = 1


REFERENCES = {
    "cosine of concepts": Reference(lambda study: study.distribution),
    "cosine of features": Reference(centered_features),
    "cosine of both": Reference(features_and_concepts),
}


def checked_methods(methods: Any) -> tuple[str, ...]:
    """Return names of baselines; None for those that train nothing.

    Raises:
        TypeError: no list of names.
        ValueError: an unknown name, or one that is there twice.
    """
    if methods is None:
        return tuple(name for name, baseline in BASELINES.items() if not baseline.trains)
    if not is_ordered(methods):
        raise TypeError(f"methods must be a list of names of BASELINES, got {shown(methods)}")
    names = tuple(one_of("methods", name, BASELINES) for name in methods)
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"methods must name each baseline once, got {name!r} twice")
    return names


def compare_methods(
    study: Study,
    on: Evaluated,
    top_k: int | None,
    ties: Ties,
    references: bool,
    methods: Sequence[str],
    views: Views,
) -> pd.DataFrame:
    """Compute the mean average precision of each method; for the arguments see `Study.compare`."""
    one_of("views", views, VIEWS)
    bits = study.index.bits
    labels = (on.labels[on.queries], on.labels[on.database])

    def evaluate(codes: Tensor) -> float:
        return mean_average_precision(codes[on.queries], codes[on.database], *labels, top_k, ties)

    rows = [("UHSCM", bits, evaluate(study.codes))]
    for name in methods:
        try:
            taken: Views = views if BASELINES[name].augments else "noised"
            codes = study.baseline_codes(name, bits, views=taken)
        except TooManyBitsError:
            rows.append((name, bits, float("nan")))
            continue
        rows.append((name, bits, evaluate(codes)))
    said = set()
    for name, reference in REFERENCES.items() if references else ():
        try:
            vectors = reference.vectors_of(study)
        except NoDirectionError as error:
            rows.append((name, 0, float("nan")))
            said.add(f"the references that read features are NaN: {error}")
            continue
        value = cosine_mean_average_precision(
            vectors[on.queries], vectors[on.database], *labels, top_k, ties
        )
        rows.append((name, 0, value))
    say(*said)
    return pd.DataFrame(rows, columns=["method", "bits", "mAP"])
