"""Which two rankings are compared, for which query, and how many results of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from uhscm_core.support.checks import one_of, position, whole_number
from widgets.states.bench import Plan

__all__ = ["CompareState"]

_AT_FIRST = 30  # results of a side


@dataclass(frozen=True)
class CompareState:
    """What is compared.

    Attributes:
        left, right: names of the rankers.
        query: the image asked with.
        k: how many results are looked at.
        without: concepts left out of why the picked result is near.
        plan: of the bench; None for what a study begins with.
    """

    left: str
    right: str
    query: int
    k: int = _AT_FIRST
    without: tuple[str, ...] = ()
    plan: Plan | None = None

    @classmethod
    def first(cls, pair: tuple[str, str], query: int, most: int) -> CompareState:
        """Return the state to begin with, where at most so many results can be looked at."""
        return cls(*pair, query, min(_AT_FIRST, most))

    def swapped(self) -> CompareState:
        """Exchange the sides."""
        return dataclasses.replace(self, left=self.right, right=self.left)

    def check(self, rankers: Collection[str], n_images: int, most: int) -> None:
        """Raise an error that names the field that cannot be shown.

        Args:
            rankers: names of all that can be compared.
            n_images: of the dataset.
            most: results that can be looked at.
        """
        one_of("left", self.left, rankers)
        one_of("right", self.right, rankers)
        position("query", self.query, n_images, "images of the dataset")
        whole_number("k", self.k, 1, most)
        if self.left == self.right:
            raise ValueError(f"{self.left} on both sides moves nothing: choose two of them")
