"""Settings as they are typed: ``name=value``, ``name=value,value``, and names alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["assigned", "listed_values", "names_of"]


def assigned(texts: Iterable[str]) -> dict[str, Any]:
    """Return the settings that ``name=value`` texts give.

    Raises:
        ValueError: a text of another form, or a name that is there twice.
    """
    return {name: _value(text) for name, text in _pairs(texts)}


def names_of(text: str) -> list[str]:
    """Return the names that ``A,B`` lists."""
    return [name.strip() for name in text.split(",")]


def listed_values(texts: Iterable[str]) -> dict[str, list[Any]]:
    """Return the values that ``name=value,value`` texts list.

    Raises:
        ValueError: a text of another form, or a name that is there twice.
    """
    return {name: [_value(part) for part in text.split(",")] for name, text in _pairs(texts)}


def _pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise ValueError(f"expected NAME=VALUE, such as bits=32, got {text!r}")
        name = name.replace("-", "_")
        if name in pairs:
            raise ValueError(f"{name} is set twice: {pairs[name]!r} and {value!r}")
        pairs[name] = value
    return list(pairs.items())


def _value(text: str) -> Any:
    """Return a number, true, false or null as JSON reads it, and anything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return value if isinstance(value, int | float | bool | None) else text.strip()
