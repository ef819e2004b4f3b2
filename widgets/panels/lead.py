"""Of several panels on one thing, the one of the cell that was run last leads."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable

__all__ = ["LED_BY_ANOTHER", "Lead"]

LED_BY_ANOTHER = "This panel is shown by the cell that was run last."

_LEADS: weakref.WeakValueDictionary[Hashable, Lead] = weakref.WeakValueDictionary()


class Lead:
    """Whether a panel leads; two panels must not control one thing.

    Args:
        retire: called when another panel takes the lead.
    """

    def __init__(self, retire: Callable[[], None]) -> None:
        self._retire = retire
        self._key: Hashable = None
        self.held = True
        """Whether no other panel has taken over, and this one was not closed."""

    def take(self, key: Hashable) -> None:
        """Lead what this key stands for, in place of the panel that did and of what was led."""
        self.leave()
        earlier = _LEADS.get(key)
        if earlier is not None:
            earlier.held = False
            earlier._retire()
        self._key, self.held = key, True
        _LEADS[key] = self

    def leave(self) -> None:
        """Lead nothing any more."""
        self.held = False
        if _LEADS.get(self._key) is self:
            del _LEADS[self._key]

    def insist(self) -> None:
        """Raise a RuntimeError unless this panel leads."""
        if not self.held:
            raise RuntimeError("this panel is shown by the cell that was run last")
