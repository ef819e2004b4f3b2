"""Which images of a dataset a ranking can be evaluated on, and what has to be said about them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import UInt8
from torch import Tensor

from uhscm_core.datasets import ImageDataset
from uhscm_core.support.ways import NO_LABELS

__all__ = ["Evaluated", "evaluated_images"]

Ids = npt.NDArray[np.int64]


class Evaluated(NamedTuple):
    """What a ranking is evaluated on.

    Attributes:
        queries: the queries that have a label; of the others nothing is known to be relevant.
        database: all database images, with or without a label.
        labels: (N, C) of all images.
        notes: sentences on what was left out, and on figures that say nothing.
    """

    queries: Ids
    database: Ids
    labels: UInt8[Tensor, "n c"]
    notes: tuple[str, ...]


def evaluated_images(dataset: ImageDataset) -> Evaluated:
    """Return the images of a dataset that an evaluation uses.

    Raises:
        ValueError: there are no labels, no queries, or no query has a label.
    """
    labels = dataset.labels
    if labels is None:
        raise ValueError(f"evaluation needs {NO_LABELS}")
    asked, database = dataset.splits["query"], dataset.splits["database"]
    if not len(asked):
        raise ValueError("evaluation needs queries, but this dataset has none")
    queries = asked[labels[asked].bool().any(1).numpy()]
    if not len(queries):
        raise ValueError(
            f"evaluation needs labels, but none of the {len(asked):,} queries has one; label "
            f"them, or draw the queries from the labelled images"
        )
    notes = []
    if unlabelled := len(asked) - len(queries):
        notes.append(
            f"{unlabelled:,} of {len(asked):,} queries have no label and are left out of the "
            f"evaluation"
        )
    of_queries, of_database = labels[queries].bool(), labels[database].bool()
    unanswerable = int((~(of_queries & of_database.any(0)).any(1)).sum())
    if unanswerable:
        notes.append(
            f"{unanswerable:,} of {len(queries):,} queries share no label with any database "
            f"image and count as 0"
        )
    if len(database) and bool((of_queries.all(0) & of_database.all(0)).any()):
        notes.append(
            "every database image shares a label with every query, so that any ranking has an "
            "mAP of 1"
        )
    return Evaluated(queries, database, labels, tuple(notes))
