"""Which two runs are compared: one in color and one in gray."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as ipw

from widgets.kit.choice import Choice

__all__ = ["RunPair"]

_NONE = "none"


class RunPair(ipw.HBox):
    """Two lists of the same runs.

    Args:
        changed: called when a person has chosen another run.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed, self._quiet = changed, False
        self.colour = Choice("run in color", [_NONE], layout={"flex": "1 1 0"})
        self.grey = Choice("run in gray", [_NONE], layout={"flex": "1 1 0"})
        for choice in (self.colour, self.grey):
            choice.observe(self._chosen, "value")
        super().__init__([self.colour, self.grey])

    @property
    def names(self) -> tuple[str, str]:
        """The run in color and the run in gray; empty for none."""
        colour, grey = self.colour.value, self.grey.value
        return ("" if colour == _NONE else colour, "" if grey == _NONE else grey)

    def choose(self, colour: str, grey: str, names: Sequence[str] | None = None) -> None:
        """Put two runs in view at once, without calling `changed`.

        Args:
            colour, grey: names; empty, or the name of no run, for none.
            names: of all runs; None if they are those of before.
        """
        self._quiet = True
        try:
            for choice, name in ((self.colour, colour), (self.grey, grey)):
                if names is not None:
                    choice.options = [_NONE, *names]
                choice.value = name if name in choice.options else _NONE
        finally:
            self._quiet = False

    def _chosen(self, _: object) -> None:
        if not self._quiet:
            self._changed()
