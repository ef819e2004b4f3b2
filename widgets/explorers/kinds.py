"""The explorers of a workbench, by the names of their tabs."""

from __future__ import annotations

from typing import Any

from widgets.explorers.compare import CompareExplorer
from widgets.explorers.denoising import DenoisingExplorer
from widgets.explorers.distribution import DistributionExplorer
from widgets.explorers.explorer import Explorer
from widgets.explorers.map import MapExplorer
from widgets.explorers.retrieval import RetrievalExplorer
from widgets.explorers.tidy import TidyExplorer
from widgets.explorers.training import TrainingExplorer

__all__ = ["KINDS", "STATES"]

KINDS: dict[str, type[Explorer[Any]]] = {
    "Concepts": DenoisingExplorer,
    "Similarity": DistributionExplorer,
    "Train": TrainingExplorer,
    "Retrieve": RetrievalExplorer,
    "Compare": CompareExplorer,
    "Map": MapExplorer,
    "Duplicates": TidyExplorer,
}
STATES = {
    kind.__name__.removesuffix("Explorer"): kind.state_type
    for kind in KINDS.values()
    if kind.state_type is not None
}
"""The types of their states, by the names that they have at a desk."""
