"""Counts, times and sizes in words, for people."""

from __future__ import annotations

__all__ = ["counted", "duration", "file_size", "how_far", "with_capital"]


def counted(n: int, noun: str) -> str:
    """Return such as ``"1 image"`` or ``"2,300 images"``; the plural takes an s."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return such as ``"0.4 s"``, ``"12 s"``, ``"5 min"`` or ``"1.5 hours"``, never ``"0 s"``."""
    if seconds < 1:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def file_size(size: int) -> str:
    """Return a number of bytes such as ``"41 kB"`` or ``"7.8 MB"``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1e6:,.1f} MB"


def how_far(done: int, total: int, seconds_left: float | None = None, noun: str = "") -> str:
    """Return such as ``"40 of 2,300, about 12 s left"``; without a time if that is None.

    Args:
        done, total: numbers of what is counted.
        seconds_left: estimated time.
        noun: what is counted, in the plural; empty where that is clear.
    """
    left = "" if seconds_left is None else f", about {duration(max(1, seconds_left))} left"
    return f"{done:,} of {total:,}{' ' if noun else ''}{noun}{left}"


def with_capital(note: str) -> str:
    """Return the note as a sentence, unless it begins with the name of a file or an argument."""
    return note[:1].upper() + note[1:] if note.partition(" ")[0].isalpha() else note
