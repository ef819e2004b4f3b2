"""Values that are computed once and shared by all studies with the same inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["computed_from", "share"]

T = TypeVar("T")


class _Computed(Generic[T]):
    """A property whose value is kept in the study's cache."""

    def __init__(self, compute: Callable[[Any], T], inputs: frozenset[str]) -> None:
        self.compute, self.inputs = compute, inputs
        functools.update_wrapper(self, compute)  # type: ignore[arg-type]

    def __get__(self, study: Study, owner: type[Study]) -> T:
        if study is None:  # looked up on the class, as documentation tools do
            return self  # type: ignore[unreachable]
        cell = study._cache.setdefault(self.compute.__name__, [])
        if not cell:
            cell.append(self.compute(study))
        value: T = cell[0]
        return value


def computed_from(*inputs: str) -> Callable[[Callable[[Any], T]], _Computed[T]]:
    """Make a method a property that is computed at most once for the same inputs.

    Args:
        inputs: the attributes of the study that the value follows from.
    """
    return lambda compute: _Computed(compute, frozenset(inputs))


def share(source: Study, target: Study, changed: Collection[str]) -> None:
    """Let `target` share each value of `source` that follows from nothing in `changed`.

    The cell is shared whether or not it holds a value yet: whichever study is asked first fills it
    for both.
    """
    for name, value in vars(type(source)).items():
        if isinstance(value, _Computed) and value.inputs.isdisjoint(changed):
            target._cache[name] = source._cache.setdefault(name, [])
