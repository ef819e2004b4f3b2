"""Errors at the controls that asked for what went wrong, until their values work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from widgets.background.errors import message_of
from widgets.background.long_running import Stopped

__all__ = ["Control", "Failures"]

T = TypeVar("T")


class Control(Protocol):
    """What holds a value that a person sets, and says what is wrong with it."""

    error: str

    def fail(self, message: str) -> None:
        """Say what is wrong with the value, which is kept."""

    def restore(self) -> None:
        """Put the value that worked last into the control."""


class Failures(Generic[T]):
    """Controls whose value does not work, and the change of a state that each asks for.

    Args:
        check: raises an error for a state that cannot be shown.
        record: called with each error, for the log.
    """

    def __init__(self, check: Callable[[T], None], record: Callable[[str], None]) -> None:
        self._check, self._record = check, record
        self._changes: dict[Control, Callable[[T], T] | None] = {}

    def add(self, at: Control, message: str, change: Callable[[T], T] | None = None) -> None:
        """Say at a control what is wrong with its value, and keep it in the log."""
        at.fail(message)
        self._changes[at] = change
        self._record(message)

    def guarded(
        self, job: Callable[[], None], at: Control | None, change: Callable[[T], T] | None = None
    ) -> Callable[[], None]:
        """Return a job that says what goes wrong at the control that asks for it.

        Args:
            job: what to run.
            at: the control; without one, the error is raised.
            change: of the state, which the control asks for again when another value works.
        """
        if at is None:
            return job

        def run() -> None:
            try:
                job()
            except Stopped as canceled:  # asked again only by a person
                at.fail(str(canceled))
                self._changes[at] = None
            except Exception as error:  # shown at the control, whatever it is
                self.add(at, message_of(error), change)
            else:
                at.error = ""

        return run

    def changed(self, state: T, change: Callable[[T], T], at: Control | None) -> T:
        """Return the changed state; with what other controls ask for, if that works by now.

        Args:
            state: to be changed.
            change: what is asked for.
            at: the control that asks.
        """
        if at is not None:
            self._changes.pop(at, None)
        waiting = [again for field, again in self._changes.items() if again and field.error]
        if waiting:
            try:
                value = self._checked(state, *waiting, change)
            except Exception:  # noqa: S110  # what is wrong is shown at the controls already
                pass
            else:
                for field in self._changes:
                    field.error = ""
                self._changes.clear()
                return value
        return self._checked(state, change)

    def restore(self) -> None:
        """Put the values that worked last into the controls."""
        while self._changes:
            self._changes.popitem()[0].restore()

    def _checked(self, state: T, *changes: Callable[[T], T]) -> T:
        for change in changes:
            state = change(state)
        self._check(state)
        return state
