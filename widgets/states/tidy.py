"""Which images count as near-duplicates and as outliers, and what of them is looked at."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from uhscm_core import NearDuplicates
from uhscm_core.analysis.duplicates import COSINE, COSINE_ALONE

__all__ = ["FAR_BY", "TidyState"]

FAR_BY = {"features (what is foreign)": "features", "codes": "codes"}
"""What outliers are far by, by its words."""
_OF_PAIRS = ("radius", "cosine", "looks")


@dataclass(frozen=True)
class TidyState:
    """What is looked at.

    Attributes:
        radius: of codes in bits.
        cosine: least cosine of features.
        looks: whether sketches are compared too.
        group: of near-duplicates, the one shown whole.
        far: outliers by ``"features"`` or ``"codes"``.
        k: which neighbour counts.
        pair: of near-duplicates, the one that is explained; None for none.
        without: concepts left out of that explanation.
    """

    radius: int
    cosine: float = COSINE
    looks: bool = True
    group: int = 0
    far: str = "features"
    k: int = 5
    pair: int | None = None
    without: tuple[str, ...] = ()

    @classmethod
    def first(cls, bits: int, *, has_pixels: bool) -> TidyState:
        """Return the state to begin with, for codes of so many bits."""
        return cls(bits // 4, COSINE if has_pixels else COSINE_ALONE, has_pixels)

    def finds_as_first(self, bits: int) -> bool:
        """Return whether its thresholds are the defaults, with looks, for codes of so many bits."""
        first = type(self).first(bits, has_pixels=True)
        return all(getattr(self, name) == getattr(first, name) for name in _OF_PAIRS)

    def in_study(self, bits: int) -> TidyState:
        """Keep what another study of the same images can show, which has other pairs."""
        radius = min(self.radius, bits // 2)
        return dataclasses.replace(self, radius=radius, group=0, pair=None, without=())

    def changes_of(self, name: str, value: Any) -> dict[str, Any]:
        """Return the fields that change with one of them: other pairs have other groups."""
        if name not in _OF_PAIRS:
            return {name: value}
        value = round(value, 6) if name == "cosine" else value
        if value == getattr(self, name):
            return {}
        return {name: value, "group": 0, "pair": None, "without": ()}

    def followed(self, found: NearDuplicates, before: NearDuplicates | None) -> TidyState:
        """Keep looking at the same pair, where a search has found more.

        Args:
            found: is in view now.
            before: was in view while it was searched for; None where nothing was.
        """
        pair = self.pair
        if pair is None:
            return self
        if before is not None and before is not found and pair < len(before.pairs):
            same = (found.pairs == before.pairs[pair]).all(1)
            pair = int(same.argmax()) if same.any() else None
        elif pair >= len(found.pairs):
            pair = None
        group = 0 if pair is None else int(found.group_of[pair])
        return dataclasses.replace(self, pair=pair, group=group)
