"""Checks of arguments: each names the argument, what was expected, and what came.

They return the value as Python's own type, so that it can be saved and compared. Booleans are no
numbers here, and 64.0 is no whole number.
"""

from __future__ import annotations

import contextlib
import math
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = [
    "MANY",
    "MOST_BITS",
    "check_directions",
    "check_features",
    "check_unit_rows",
    "code_length",
    "flag",
    "function",
    "instance",
    "is_ordered",
    "one_of",
    "plain_array",
    "position",
    "real_number",
    "seed_number",
    "shown",
    "text",
    "whole_number",
]

Number = int | float
T = TypeVar("T")

MOST_BITS = 65_536  # of a code; and as many units of a hidden layer, and numbers of a feature
MANY = 10**9  # of anything that is counted here; more is a slip of the keyboard
_OFF_UNIT = 0.01  # far more than half precision loses, far less than features never normalized


def whole_number(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number within bounds, both included.

    Raises:
        TypeError: `value` is no whole number.
        ValueError: it is out of bounds.
    """
    expected = f"{name} must be a whole number{_within(low, high)}"
    plain = _scalar(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Integral):
        raise TypeError(f"{expected}, got {shown(value)}")
    number = int(plain)
    if not ((low is None or number >= low) and (high is None or number <= high)):
        raise ValueError(f"{expected}, got {shown(number)}")
    return number


def code_length(bits: Any, least: int = 1) -> int:
    """Return L, the number of bits of a code; no code is longer than `MOST_BITS`."""
    return whole_number("bits", bits, least, MOST_BITS)


def seed_number(name: str, value: Any, bits: int = 63) -> int:
    """Return a seed: a whole number from 0 on that fits into so many bits."""
    return whole_number(name, value, 0, 2**bits - 1)


def position(name: str, value: Any, n: int, what: str) -> int:
    """Return the position of one of n things; negative numbers do not count from the end.

    Raises:
        TypeError: `value` is no whole number.
        IndexError: there is no such thing; `what` names them, in the plural.
    """
    number = whole_number(name, value)
    if not 0 <= number < n:
        raise IndexError(f"{name} must be one of the {n:,} {what}, 0 to {n - 1:,}, got {number}")
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
        raise TypeError(f"{expected}, got {shown(value)}")
    number = math.inf
    with contextlib.suppress(OverflowError):
        number = float(plain)
    good = math.isfinite(number) and (low is None or number >= low)
    if not (good and (high is None or number <= high) and (above is None or number > above)):
        raise ValueError(f"{expected}, got {shown(plain)}")
    return number


def flag(name: str, value: Any) -> bool:
    """Return True or False.

    Raises:
        TypeError: `value` is neither; 1, 0, texts and None are not.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def text(name: str, value: Any) -> str:
    """Return a text that is not blank.

    Raises:
        TypeError: `value` is no text; bytes and paths are not.
        ValueError: it is blank.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {shown(value)}")
    if not value.strip():
        raise ValueError(f"{name} must be a text that is not blank, got {shown(value)}")
    return str(value)


def one_of(name: str, value: Any, options: Collection[str]) -> str:
    """Return a text that is one of the options.

    Raises:
        TypeError: `value` is no text.
        ValueError: it is none of the options.
    """
    expected = f"{name} must be one of {', '.join(map(repr, options))}"
    if not isinstance(value, str):
        raise TypeError(f"{expected}, got {shown(value)}")
    if value not in options:
        raise ValueError(f"{expected}, got {shown(value)}")
    return value


def is_ordered(value: object) -> TypeGuard[Iterable[Any]]:
    """Say whether a value is several things in an order: a set has another in every process."""
    one = isinstance(value, str | bytes)
    return isinstance(value, Iterable) and not (one or isinstance(value, Mapping | set | frozenset))


def instance(name: str, value: Any, kind: type[T], how: str) -> T:
    """Return a value of one class.

    Args:
        name: of the argument.
        value: what came.
        kind: the class.
        how: where to get one, such as ``"from load_dataset"``.

    Raises:
        TypeError: it is of another class.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__} ({how}), got {shown(value)}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return what can be called.

    Raises:
        TypeError: it cannot.
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {shown(value)}")
    return value  # type: ignore[no-any-return]  # that is all that can be checked


def plain_array(name: str, value: Any) -> npt.NDArray[Any]:
    """Return a numpy array, a torch tensor on any device, or nested lists as a numpy array.

    The numbers are checked where they are used; here, it is an array of something.

    Raises:
        TypeError: a masked array, whose hidden numbers would count, or no array at all.
        ValueError: lists of different lengths.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be an array without a mask, got {shown(value)}; use .filled(...)"
        )
    if isinstance(value, str | bytes):
        raise TypeError(f"{name} must be an array of numbers, got {shown(value)}")
    try:
        if isinstance(value, list | tuple) and value and isinstance(value[0], Tensor):
            value = torch.stack(list(value))
        if isinstance(value, Tensor):
            values = value.detach().cpu()
            return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} must have rows of one length, got {shown(value)}: {error}"
        ) from error
    if array.dtype == object:
        raise TypeError(f"{name} must be an array of numbers, got {shown(value)}")
    return array


def check_features(**features: Tensor) -> None:
    """Raise an error unless all features are finite and share one width and one dtype.

    Raises:
        TypeError: no torch tensor.
        ValueError: another shape or dtype, widths that differ, NaN or infinity.
    """
    _check_shapes(features)
    for name, x in features.items():
        # A sum is finite only if all its terms are (or, rarely, overflow): one cheap pass.
        if not torch.isfinite(x.sum()):
            _check_finite(name, x)


def check_directions(**rows: Tensor) -> None:
    """Raise an error unless all rows have a direction, so that they have a cosine.

    Raises:
        TypeError: no torch tensor.
        ValueError: as `check_features`, or rows of zeros, which are named.
    """
    _check_shapes(rows)
    for name, x in rows.items():
        lengths = torch.linalg.vector_norm(x, dim=1)  # one pass, NaN and infinity included
        none = ~((lengths > 0) & (lengths < torch.inf))
        if none.any():
            _check_finite(name, x)
            raise ValueError(
                f"{name} must have rows with a direction, got zeros or numbers too large to "
                f"square in {_listed(none)}"
            )


def check_unit_rows(**features: Tensor) -> None:
    """Raise an error unless all features are rows of unit length, see `check_features`.

    The dot product of other rows is no cosine, and no text says so afterwards.

    Raises:
        TypeError: no torch tensor.
        ValueError: as `check_features`, or rows of another length, which are named.
    """
    _check_shapes(features)
    for name, x in features.items():
        lengths = torch.linalg.vector_norm(x, dim=1)  # one pass, NaN and infinity included
        off = ~((lengths - 1).abs() <= _OFF_UNIT)
        if off.any():
            _check_finite(name, x)
            raise ValueError(
                f"{name} must have rows of unit length, got lengths from {lengths.min():.3g} to "
                f"{lengths.max():.3g} in {_listed(off)}; divide each row by its length"
            )


def shown(value: Any) -> str:
    """Put what came into a few words: the value, or the shape of an array, and its type."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray | Tensor) and np.ndim(value):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)} ({kind})"
    try:
        said = repr(value)
    except Exception:  # a whole number of more digits than Python prints, or a class of theirs
        return f"a {kind} that cannot be printed"
    said = said if len(said) <= 60 else f"{said[:50]}..."
    return f"{said} ({kind})"


def _check_shapes(features: dict[str, Tensor]) -> None:
    for name, x in features.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {shown(x)}")
        if x.ndim != 2 or not x.is_floating_point():
            dtype = str(x.dtype).removeprefix("torch.")
            raise ValueError(
                f"{name} must be float with shape (n, d), got {dtype} {tuple(x.shape)}"
            )
    if len({x.shape[1] for x in features.values()}) > 1:
        shapes = " and ".join(str(tuple(x.shape)) for x in features.values())
        raise ValueError(f"{' and '.join(features)} must have the same width, got {shapes}")
    if len({x.dtype for x in features.values()}) > 1:
        dtypes = " and ".join(str(x.dtype).removeprefix("torch.") for x in features.values())
        raise ValueError(f"{' and '.join(features)} must have the same dtype, got {dtypes}")


def _check_finite(name: str, x: Tensor) -> None:
    bad = (~torch.isfinite(x)).any(1)
    if bad.any():
        raise ValueError(f"{name}: {_listed(bad, 'hold NaN or inf')}")


def _listed(flags: Tensor, verb: str = "") -> str:
    rows = flags.nonzero().flatten()
    first = ", ".join(map(str, rows[:5].tolist())) + (", ..." if len(rows) > 5 else "")
    return f"{len(rows):,} of {len(flags):,} rows{verb and ' ' + verb}: {first}"


def _scalar(value: Any) -> Any:
    """Return the one number that a numpy scalar or a 0-dimensional array or tensor holds."""
    holds_one = isinstance(value, np.generic | np.ndarray | Tensor) and not np.ndim(value)
    # A masked number is none: what is under the mask must not count.
    return value.item() if holds_one and not np.ma.isMaskedArray(value) else value


def _within(low: Number | None, high: Number | None) -> str:
    if low is not None and high is not None:
        return f" between {_said(low)} and {_said(high)}"
    if low is not None:
        return f" of at least {_said(low)}"
    return "" if high is None else f" of at most {_said(high)}"


def _said(bound: Number) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
