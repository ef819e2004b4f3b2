"""Check what was read from a JSON file that a stranger may have written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Types", "FORMAT", "check_fields", "check_format"]

# Of study.json, and of config.json and run.json in the folder of a run. Files without one were
# written before version 0.3, and name images and models by the digests of that time.
FORMAT = 2

Types = type | tuple[type, ...]


def check_format(where: str | Path, values: Any) -> None:
    """Raise a ValueError if a value was written by a later version than this."""
    written = values.get("format") if isinstance(values, dict) else None
    if type(written) is int and written > FORMAT:
        raise ValueError(
            f"{where}: written by a later version of this package, in format {written}; this one "
            f"knows formats up to {FORMAT}: update it to read this file"
        )


def check_fields(
    where: str | Path,
    values: Any,
    required: Mapping[str, Types],
    optional: Mapping[str, Types] | None = None,
) -> None:
    """Raise an error unless a value is a dict of these fields.

    Args:
        where: the file, and the place in it, for messages.
        values: as JSON gives it.
        required: the types of each field that must be there. A number is no bool.
        optional: those of each field that may be there.

    Raises:
        ValueError: no dict, a missing or an unknown field, or a field of another type.
    """
    types: dict[str, Types] = {**required, **(optional or {})}
    if not isinstance(values, dict):
        raise ValueError(f"{where}: must be a dict, got {type(values).__name__}")
    if missing := required.keys() - values.keys():
        raise ValueError(f"{where}: without {', '.join(sorted(missing))}")
    if unknown := sorted(map(str, values.keys() - types.keys())):
        raise ValueError(
            f"{where}: unknown {', '.join(map(repr, unknown[:5]))}: the file is damaged, or of a "
            f"later version of this package"
        )
    for name, value in values.items():
        kinds = types[name]
        allowed = kinds if isinstance(kinds, tuple) else (kinds,)
        is_bool = isinstance(value, bool) and bool not in allowed
        if is_bool or not isinstance(value, allowed):
            expected = " or ".join(kind.__name__.replace("NoneType", "null") for kind in allowed)
            raise ValueError(f"{where}: {name} must be {expected}, got {str(value)[:80]!r}")
