"""Undo and redo over immutable values."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["MOST", "History"]

MOST = 100  # steps to undo; a study may hold a network and its codes

T = TypeVar("T")


class History(Generic[T]):
    """The last values, and which of them is the current one.

    Args:
        first: the initial value.
    """

    def __init__(self, first: T) -> None:
        self._values = [first]
        self._at = 0

    @property
    def now(self) -> T:
        """The current value."""
        return self._values[self._at]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier value."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a value was undone and none was added since."""
        return self._at + 1 < len(self._values)

    def push(self, value: T) -> None:
        """Add a new value, and drop those that were undone and those of over `MOST` steps ago."""
        self._values[self._at + 1 :] = [value]
        del self._values[: -MOST - 1]
        self._at = len(self._values) - 1

    def undo(self) -> T:
        """Go back by one value, if there is one; return the current value."""
        self._at -= self.can_undo
        return self.now

    def redo(self) -> T:
        """Go forward by one value, if there is one; return the current value."""
        self._at += self.can_redo
        return self.now
