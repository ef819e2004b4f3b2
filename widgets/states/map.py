"""How the map explorer lays images out, what their groups are, and which are picked."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from uhscm_core.analysis.pairs import CONCEPTS, FEATURES

__all__ = ["CONCEPT", "LABEL", "PCA", "UMAP", "MapState"]

PCA, UMAP = "PCA", "UMAP"
"""Layouts."""
CONCEPT, LABEL = "dominant concept", "first label"
"""What groups can be."""


@dataclass(frozen=True)
class MapState:
    """What is looked at.

    Attributes:
        source: what makes images similar.
        layout: PCA, or UMAP as soon as it is there.
        colour: what the groups are.
        picked: images, of the database.
    """

    source: str = FEATURES
    layout: str = UMAP
    colour: str = CONCEPT
    picked: tuple[int, ...] = ()

    def in_study(
        self, sources: Collection[str], groups: Collection[str], picked: tuple[int, ...]
    ) -> MapState:
        """Keep what another study of the same images can show.

        Args:
            sources: what makes its images similar.
            groups: what its groups can be.
            picked: those of the picked images that are on its map.
        """
        return dataclasses.replace(
            self,
            source=self.source if self.source in sources else CONCEPTS,
            colour=self.colour if self.colour in groups else CONCEPT,
            picked=picked,
        )
