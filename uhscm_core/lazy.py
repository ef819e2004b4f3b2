"""Values that are computed once and shared by all studies with the same inputs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from uhscm_core.concepts import ConceptSet

if TYPE_CHECKING:
    from uhscm_core.stages import Stages

__all__ = ["computed_from", "equivalent", "share"]

T = TypeVar("T")


class _Computed(Generic[T]):
    """A property whose value is kept in the study's cache."""

    def __init__(self, compute: Callable[[Any], T], inputs: frozenset[str]) -> None:
        self.compute, self.inputs = compute, inputs
        functools.update_wrapper(self, compute)  # type: ignore[arg-type]

    def __get__(self, study: Stages, owner: type[Stages]) -> T:
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


def share(source: Stages, target: Stages, changed: Collection[str]) -> None:
    """Let `target` share each value of `source` that follows from nothing in `changed`.

    The cell is shared whether or not it holds a value yet: whichever study is asked first fills it
    for both.
    """
    for name, value in inspect.getmembers(type(source), lambda value: isinstance(value, _Computed)):
        if value.inputs.isdisjoint(changed):
            target._cache[name] = source._cache.setdefault(name, [])


def equivalent(a: object, b: object) -> bool:
    """Return whether two values of a setting are one, so that nothing has to be computed again."""
    return a is b or (isinstance(a, ConceptSet | int | float | str) and a == b)
