"""What the settings of a bench are called in plain words: what tells them apart, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from widgets.kit.words import counted

__all__ = ["NUMBERS", "plain_names", "said_of_two"]

NUMBERS = ("mAP", "sd", "low", "high", "seeds")
"""What the table of an experiment has besides what varies."""
_COUNTED = {"bits": "bit", "epochs": "epoch"}
_SAID = {"lam": "λ {}", "views": "{} views"}
_ITSELF = ("method", "recipe", "template", "concepts")


def plain_names(names: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """Return such as "adaptive, 64 bits" for each setting, each another one.

    Args:
        names: of `Experiment.names`, which stand in where two would be called the same.
        frame: of `uhscm_core.Experiment.to_frame`.
    """
    telling = _telling(frame)
    found = [_words(row, telling) or name for name, row in zip(names, _rows(frame), strict=True)]
    often = Counter(found)
    return [name if often[text] > 1 else text for name, text in zip(names, found, strict=True)]


def said_of_two(frame: pd.DataFrame, a: int, b: int) -> tuple[str, str]:
    """Return "A" and "B", each with what only it is, for the rows of two settings.

    Args:
        frame: of `uhscm_core.Experiment.to_frame`.
        a, b: the rows.
    """
    rows = _rows(frame)
    first, second = rows[a], rows[b]
    differing = [name for name in _telling(frame) if _text(first, name) != _text(second, name)]
    words = (_words(row, differing) for row in (first, second))
    said = [f"{mark} ({text})" if text else mark for mark, text in zip("AB", words, strict=True)]
    return said[0], said[1]


def _telling(frame: pd.DataFrame) -> list[str]:
    """Return what has several values; what only some methods read can have one."""
    return [
        name for name in frame.columns if name not in NUMBERS and frame[name].dropna().nunique() > 1
    ]


def _rows(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")


def _words(row: dict[Any, Any], names: Sequence[str]) -> str:
    return ", ".join(filter(None, (_text(row, name) for name in names)))


def _text(row: dict[Any, Any], name: str) -> str:
    value = row[name]
    if pd.isna(value):  # which its method does not read
        return ""
    if isinstance(value, float) and value.is_integer():  # next to one that is missing
        value = int(value)
    if name in _COUNTED:
        return counted(value, _COUNTED[name])
    return str(value) if name in _ITSELF else _SAID.get(name, f"{name} {{}}").format(value)
