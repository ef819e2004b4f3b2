"""A list of which one is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from widgets.kit.field import Field
from widgets.kit.view import static

__all__ = ["Choice"]


class Choice(Field):
    """One of several options.

    Args:
        label: the control's name.
        options: texts, or the values by their texts.
        traits: any trait to set; the first option is chosen unless `value` is among them.

    Raises:
        traitlets.TraitError: `value` is none of the options.
    """

    _esm, _css = static("field", "choice")

    value = traitlets.Any()
    """The value of the option that is chosen; default the first."""
    _names = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self, label: str = "", options: Sequence[str] | Mapping[str, Any] = (), **traits: Any
    ) -> None:
        self._values: tuple[Any, ...] = ()
        self._list(options)
        super().__init__(label, **{"value": next(iter(self._values), None), **traits})

    @property
    def options(self) -> tuple[Any, ...]:
        """The values to choose from; what is chosen stays where it is still among them."""
        return self._values

    @options.setter
    def options(self, options: Sequence[str] | Mapping[str, Any]) -> None:
        self._list(options)
        if self.value not in self._values:
            self.value = next(iter(self._values), None)
        self._hold()

    def _list(self, options: Sequence[str] | Mapping[str, Any]) -> None:
        by_name = options if isinstance(options, Mapping) else {name: name for name in options}
        self._values = tuple(by_name.values())
        self._names = list(by_name)

    @traitlets.validate("value")
    def _is_option(self, proposal: dict[str, Any]) -> Any:
        value = proposal["value"]
        if self._values and value not in self._values:
            raise traitlets.TraitError(
                f"{self.label}: expected one of {self._values}, got {value!r}"
            )
        return value

    def _written(self) -> object:
        return self._values.index(self.value) if self.value in self._values else None

    def _read(self, content: object) -> Any:
        if isinstance(content, int) and 0 <= content < len(self._values):
            return self._values[content]
        raise ValueError(f"{self.label} must be one of the options")
