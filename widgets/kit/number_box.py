"""A box for a number, which says what was expected where the number is out of range."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import traitlets

from uhscm_core.support.checks import real_number, whole_number
from widgets.kit.field import Field
from widgets.kit.view import static

__all__ = ["NumberBox"]

_OF_TYPE = re.compile(r" \(\w+\)$")  # at the end of an error


class NumberBox(Field):
    """A number that is sent when Enter is pressed or the box is left; arrow keys change it.

    A number that is out of range does not become the value. It stays in the box, with a sentence
    that says what was expected.

    Args:
        label: the control's name.
        check: called with what is typed; it raises an error that says what was expected. None:
            any finite number works.
        traits: any trait to set.
    """

    _esm, _css = static("field", "number_box")

    value = traitlets.Union([traitlets.Int(), traitlets.Float()], default_value=0)
    """The number that worked last; default 0."""
    whole = traitlets.Bool(False)
    """Whether it must be a whole number; default False."""
    step = traitlets.Float(1.0).tag(sync=True)
    """What an arrow key adds or takes away; default 1."""

    def __init__(
        self, label: str = "", check: Callable[[Any], object] | None = None, **traits: Any
    ) -> None:
        self._check = check
        super().__init__(label, **traits)

    @traitlets.validate("value")
    def _of_kind(self, proposal: dict[str, Any]) -> float:
        try:
            return proposal["value"] if self.whole else float(proposal["value"])
        except OverflowError as error:
            raise traitlets.TraitError(f"{self.label}: expected a finite number, {error}") from None

    def _written(self) -> object:
        return repr(self.value).removesuffix(".0")

    def _read(self, content: object) -> Any:
        typed = str(content).strip().replace("\N{MINUS SIGN}", "-")
        if not typed:
            raise ValueError("the box is empty: type a number")
        number: object = typed  # the check says what was expected in place of a text
        with contextlib.suppress(ValueError):
            number = int(typed) if self.whole else float(typed)
        return self._checked(number)

    def _checked(self, number: object) -> float:
        try:
            if self._check is not None:
                self._check(number)
            return (whole_number if self.whole else real_number)(self.label, number)
        except (TypeError, ValueError) as error:  # said to a person, who knows no types
            raise ValueError(_OF_TYPE.sub("", str(error))) from None

    def _hold(self) -> None:
        super()._hold()
        if not self._view:
            try:
                self._checked(self.value)
            except ValueError as error:
                self.error = str(error)
