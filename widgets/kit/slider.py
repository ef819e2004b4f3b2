"""A number to drag along a scale."""

from __future__ import annotations

import math
from typing import Any

import traitlets

from widgets.kit.field import Field
from widgets.kit.view import static

__all__ = ["Slider"]


class Slider(Field):
    """A number between two bounds; it is sent when the handle is let go."""

    _esm, _css = static("field", "slider")

    value = traitlets.Union([traitlets.Int(), traitlets.Float()], default_value=0)
    """The number; default 0."""
    min = traitlets.Float(0.0).tag(sync=True)
    """The smallest number; default 0."""
    max = traitlets.Float(100.0).tag(sync=True)
    """The largest number; default 100."""
    step = traitlets.Float(1.0).tag(sync=True)
    """From one number to the next; default 1."""
    digits = traitlets.Int(0).tag(sync=True)
    """Decimals that are shown; with 0, the default, the number is whole."""

    @traitlets.validate("value")
    def _of_kind(self, proposal: dict[str, Any]) -> float:
        number: float = min(max(proposal["value"], self.min), self.max)
        if math.isnan(number):
            raise traitlets.TraitError(f"{self.label}: expected a number, got NaN")
        return float(number) if self.digits else round(number)

    def _written(self) -> object:
        return self.value

    def _read(self, content: object) -> Any:
        if isinstance(content, bool) or not isinstance(content, int | float):
            raise ValueError(f"{self.label} must be a number, got {content!r}")
        if not self.min <= content <= self.max:
            raise ValueError(
                f"{self.label} must be from {self.min:g} to {self.max:g}, got {content:g}"
            )
        return content
