"""What the values of an experiment are called, and which setting a user's dict names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from torch import Tensor

from uhscm_core.concepts import ConceptSet
from uhscm_core.datasets import ImageDataset
from uhscm_core.experiments.settings import Setting
from uhscm_core.support.checks import shown

__all__ = ["find_setting", "labels_of", "name_of", "row_of"]


def labels_of(values: Mapping[str, tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Return what to call each value in a table: itself, or a short text; each another one."""
    return {name: list(_distinct(map(_label, options))) for name, options in values.items()}


def row_of(setting: Setting, values: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Return what a table shows of a setting; None for what its method does not read."""
    labels = labels_of(values)
    return {
        name: labels[name][_place(options, setting.values[name])]
        if name in setting.values
        else None
        for name, options in values.items()
    }


def name_of(
    setting: Setting, values: Mapping[str, tuple[Any, ...]], other: Setting | None = None
) -> str:
    """Return what a setting is called: its values, without those that nothing else has.

    Args:
        setting: to name.
        values: of the whole experiment; of a name with one value nothing has to be said.
        other: a setting that it is compared with; values that both have are left out.
    """
    telling = {
        name: value
        for name, value in row_of(setting, values).items()
        if name in setting.values
        and len(values[name]) > 1
        and (other is None or other.values.get(name, _NONE) is not setting.values[name])
    }
    method = telling.pop("method", None)
    said = ", ".join(f"{name}={value!r}" for name, value in telling.items())
    if method is None:
        return said or "the study"
    return f"{method} with {said}" if said else str(method)


def _label(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray | Tensor) and not np.ndim(value):
        return value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, ConceptSet):
        return f"{_label(value.names)}; {_label(value.templates)}"
    if isinstance(value, Iterable) and all(isinstance(part, str) for part in value):
        texts = tuple(value)
        return " | ".join(texts) if len(texts) < 4 else f"{len(texts)} names: {texts[0]}, ..."
    if isinstance(value, ImageDataset):
        return f"{len(value):,} images"
    return getattr(value, "name", None) or shown(value)


def _distinct(labels: Iterable[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for label in labels:
        number = 1 + sum(label == other and type(label) is type(other) for other in seen)
        seen.append(label)
        yield label if number == 1 else f"{label} ({number})"


_NONE = object()  # of a name that a method does not read; None is a value


def find_setting(
    argument: str,
    wanted: Any,
    settings: Iterable[Setting],
    values: Mapping[str, tuple[Any, ...]],
) -> Setting:
    """Return the one setting that a dict names.

    Args:
        argument: its name, for messages.
        wanted: names and values, as they were given or as the table shows them; names that all
            settings share, or that the method does not read, may be left out.
        settings: to choose from.
        values: of the whole experiment.

    Raises:
        TypeError: no dict.
        ValueError: an unknown name or value, or not exactly one setting.
    """
    if not isinstance(wanted, Mapping):
        raise TypeError(
            f"{argument} must be a dict that names one setting, such as {{'tau': 3}}, got "
            f"{shown(wanted)}"
        )
    labels = labels_of(values)
    for name, value in wanted.items():
        if name not in values:
            varied = ", ".join(map(repr, values)) or "nothing"
            raise ValueError(f"{argument}: {name!r} is not varied here; varied: {varied}")
        known = zip(values[name], labels[name], strict=True)
        unread = any(name not in setting.values for setting in settings)
        if not any(_same(value, v) or _same(value, label) for v, label in known) and not (
            unread and _is_missing(value)
        ):
            options = ", ".join(map(str, labels[name]))
            raise ValueError(f"{argument}: {name} must be one of {options}, got {shown(value)}")
    found = [s for s in settings if _matches(s, wanted, values, labels)]
    reading = [s for s in found if wanted.keys() <= s.values.keys()]
    found = reading or found
    if len(found) != 1:
        varied = ", ".join(map(repr, values)) or "nothing"
        raise ValueError(
            f"{argument} must name one setting of this experiment, which varies {varied}, but "
            f"{len(found) or 'no'} settings are like this: got {shown(wanted)}"
        )
    return found[0]


def _matches(
    setting: Setting,
    wanted: Mapping[str, Any],
    values: Mapping[str, tuple[Any, ...]],
    labels: Mapping[str, list[Any]],
) -> bool:
    for name, value in wanted.items():
        if name in setting.values:
            own = setting.values[name]
            label = labels[name][_place(values[name], own)]
            if not (_same(value, own) or _same(value, label)):
                return False
    return True


def _place(options: Sequence[Any], value: Any) -> int:
    return next(place for place, option in enumerate(options) if option is value)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _same(a: Any, b: Any) -> bool:
    """Return whether two values are one; True is not 1, and a list is the tuple of its parts."""
    if a is b:
        return True
    if isinstance(a, np.ndarray | Tensor) and isinstance(b, np.ndarray | Tensor):
        return np.shape(a) == np.shape(b) and bool((np.asarray(a) == np.asarray(b)).all())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    a, b = (v.item() if isinstance(v, np.generic) else v for v in (a, b))
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    try:
        return bool(a == b)
    except Exception:  # a class of the user's, or arrays of different shapes
        return False
