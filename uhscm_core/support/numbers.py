"""Numbers as they are shown: with a minus sign, no negative zero, and differences that add up."""

from __future__ import annotations

__all__ = ["difference", "digits_of", "real", "signed"]

_MINUS = "\N{MINUS SIGN}"


def real(value: float, digits: int) -> str:
    """Return a number with so many decimals, such as ``"−0.31"``."""
    shown = f"{value:.{digits}f}"
    if shown.startswith("-"):
        shown = shown[1:] if not float(shown) else _MINUS + shown[1:]
    return shown


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, such as ``"+0.62"``; zero has none."""
    shown = real(value, digits)
    return shown if shown.startswith(_MINUS) or not float(shown) else f"+{shown}"


def difference(a: float, b: float, digits: int) -> str:
    """Return a − b, to stand next to both with so many decimals, see `digits_of`."""
    return signed(a - b, digits_of(a, b, digits))


def digits_of(a: float, b: float, digits: int) -> int:
    """Return the decimals of a − b next to both with so many.

    Where it is not the difference of the digits shown, it has one more: 0.900 and 0.893 may differ
    by 0.0065.
    """
    of_shown = round(round(a, digits) - round(b, digits), digits)
    return digits if of_shown == round(a - b, digits) else digits + 1
