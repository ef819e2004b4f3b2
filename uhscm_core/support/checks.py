"""Checks of arguments: each names the argument, what was expected, and what came.

They return the value as Python's own type, so that it can be saved and compared. Booleans are no
numbers here, and 64.0 is no whole number.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection
from typing import Any

import numpy as np
from torch import Tensor

__all__ = ["one_of", "real_number", "whole_number"]

Number = int | float


def whole_number(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number within bounds, both included.

    Raises:
        TypeError: `value` is no whole number.
        ValueError: it is out of bounds.
    """
    expected = f"{name} must be a whole number{_within(low, high)}"
    plain = _scalar(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Integral):
        raise TypeError(f"{expected}, got {_shown(value)}")
    number = int(plain)
    if not ((low is None or number >= low) and (high is None or number <= high)):
        raise ValueError(f"{expected}, got {number}")
    return number


def real_number(
    name: str,
    value: Any,
    low: Number | None = None,
    high: Number | None = None,
    *,
    above: Number | None = None,
) -> float:
    """Return a finite real number: at least `low`, at most `high`, and greater than `above`.

    Raises:
        TypeError: `value` is no real number.
        ValueError: it is NaN, infinite, or out of bounds.
    """
    bounds = f" greater than {above:g}" if above is not None else ""
    if above is not None and high is not None:
        bounds += f" and at most {high:g}"
    elif above is None:
        bounds = _within(low, high)
    expected = f"{name} must be a finite number{bounds}"
    plain = _scalar(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise TypeError(f"{expected}, got {_shown(value)}")
    number = float(plain)
    good = math.isfinite(number) and (low is None or number >= low)
    if not (good and (high is None or number <= high) and (above is None or number > above)):
        raise ValueError(f"{expected}, got {number:g}")
    return number


def one_of(name: str, value: Any, options: Collection[str]) -> str:
    """Return a text that is one of the options.

    Raises:
        TypeError: `value` is no text.
        ValueError: it is none of the options.
    """
    expected = f"{name} must be one of {', '.join(map(repr, options))}"
    if not isinstance(value, str):
        raise TypeError(f"{expected}, got {_shown(value)}")
    if value not in options:
        raise ValueError(f"{expected}, got {_shown(value)}")
    return value


def _scalar(value: Any) -> Any:
    """Return the one number that a numpy scalar or a 0-dimensional array or tensor holds."""
    if isinstance(value, np.generic | np.ndarray | Tensor) and not np.ndim(value):
        return value.item()
    return value


def _within(low: Number | None, high: Number | None) -> str:
    if low is not None and high is not None:
        return f" between {low:,g} and {high:,g}"
    if low is not None:
        return f" of at least {low:,g}"
    return "" if high is None else f" of at most {high:,g}"


def _shown(value: Any) -> str:
    text = repr(value)
    text = text if len(text) <= 60 else f"{text[:50]}..."
    return f"{text} ({type(value).__name__})"
