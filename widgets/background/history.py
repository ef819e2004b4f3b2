"""Undo and redo over immutable values."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["MOST", "MOST_HEAVY", "History"]

MOST = 100  # steps to undo
MOST_HEAVY = 32  # different heavy parts among them; a study may hold features, a network and codes

T = TypeVar("T")


def _nothing(_: object) -> Hashable:
    return None


class History(Generic[T]):
    """The last values, and which of them is the current one.

    Memory is bounded twice: by the number of values, and by how many different heavy parts they
    hold between them. The oldest values are dropped first; the one before the current value stays.

    Args:
        first: the initial value.
        heavy: returns what tells a value's heavy part from another's, such as the `id` of its
            study; values that share it count once.
    """

    def __init__(self, first: T, heavy: Callable[[T], Hashable] = _nothing) -> None:
        self._values = [first]
        self._at = 0
        self._heavy = heavy

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

    def __len__(self) -> int:
        return len(self._values)

    def push(self, value: T) -> None:
        """Add a value, and drop those that were undone and the oldest ones beyond the bounds."""
        self._values[self._at + 1 :] = [value]
        del self._values[: -MOST - 1]
        while len(self._values) > 2 and len(set(map(self._heavy, self._values))) > MOST_HEAVY:
            del self._values[0]
        self._at = len(self._values) - 1

    def amend(self, value: T) -> None:
        """Put a value in the place of the current one: no step of its own to undo."""
        self._values[self._at] = value

    def withdraw(self) -> None:
        """Take back the last push: the value before it is current again."""
        if self.can_undo:
            del self._values[self._at :]
            self._at -= 1

    def undo(self) -> T:
        """Go back by one value, if there is one; return the current value."""
        self._at -= self.can_undo
        return self.now

    def redo(self) -> T:
        """Go forward by one value, if there is one; return the current value."""
        self._at += self.can_redo
        return self.now
