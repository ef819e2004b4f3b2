"""Undo and redo over values that never change."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["History"]

T = TypeVar("T")


class History(Generic[T]):
    """The values a person has been through; going back is pointing at an earlier one.

    Args:
        first: where it begins.
    """

    def __init__(self, first: T) -> None:
        self._values = [first]
        self._at = 0

    @property
    def now(self) -> T:
        """The present value."""
        return self._values[self._at]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier value."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a value was undone and nothing was done since."""
        return self._at + 1 < len(self._values)

    def push(self, value: T) -> None:
        """Go on to a new value; what had been undone is gone."""
        self._values[self._at + 1 :] = [value]
        self._at += 1

    def undo(self) -> T:
        """Go back by one, and stay where there is none."""
        self._at -= self.can_undo
        return self.now

    def redo(self) -> T:
        """Go forward by one, and stay where there is none."""
        self._at += self.can_redo
        return self.now
