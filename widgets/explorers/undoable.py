"""A state that a person changes: in the background, checked first, and each step can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from uhscm_core import Study
from widgets.explorers.arguments import checked
from widgets.explorers.desk import Desk
from widgets.explorers.following import Following
from widgets.kit.selection import Selection
from widgets.panels.failures import Control, Failures

__all__ = ["Undoable"]

T = TypeVar("T")


class Undoable(Following[T]):
    """What a person changes are values of type T, so that they can be undone.

    Args:
        study: to begin with, or the `Desk` of other explorers to share with them.
        selection: of other views, which is shared; None for one of its own.
    """

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self._failures = Failures[T](self._check, self.status.record)

    @property
    def study(self) -> Study:
        """The study in view; another one can be put in its place, which can be undone."""
        return self.desk.study

    @study.setter
    def study(self, study: Study) -> None:
        wanted = checked(study)
        self._open("opening another study", lambda _: wanted, each=True)

    def undo(self) -> None:
        """Go back to the value before this one."""
        self._go(self.desk.undo)

    def redo(self) -> None:
        """Go forward to the value that was undone."""
        self._go(self.desk.redo)

    def _equivalent(self, before: T, after: T) -> bool:
        """Return whether a change had no effect, so that there is nothing to undo."""
        return before == after

    def _change(
        self,
        what: str,
        change: Callable[[T], T],
        *,
        each: bool = False,
        step: bool = True,
        at: Control | None = None,
    ) -> None:
        """Change the value in view, or keep it and say why.

        Args:
            what: is done, shown meanwhile; a later change of this name replaces one that waits.
            change: from the value in view then.
            each: also when the same waits already.
            step: whether it is a step to undo; else it belongs to the one before.
            at: the control that asks for it. An error is shown there, next to the value that does
                not work, until one works; without a control, it is shown in the status line.
        """
        if self._adopts:
            return

        def job() -> None:
            try:
                value = self._failures.changed(self.state, change, at)
            except Exception:
                if at is None:
                    self._refresh()  # the controls go back to the value in view
                raise
            self.status.settle()
            if not self._equivalent(self.state, value):
                if step:
                    self.desk.change(self.name, lambda moment: self._with_state(moment, value))
                else:
                    self.desk.amend(lambda moment: self._with_state(moment, value))
            self._refresh()
            self.desk.tell(self)

        self._worker.submit(what, self._failures.guarded(job, at, change), each=each)

    def _attempt(
        self, what: str, job: Callable[[], None], *, each: bool = False, at: Control | None = None
    ) -> None:
        """Run a job in the background, and say what goes wrong at the control that asks for it."""
        self._worker.submit(what, self._failures.guarded(job, at), each=each)

    def _open(
        self,
        what: str,
        make: Callable[[Study], Study],
        *,
        each: bool = False,
        at: Control | None = None,
        network: str = "",
    ) -> None:
        """Show another study, or stay and say why not.

        Args:
            what: is done, shown meanwhile.
            make: returns the other study, from the one in view then.
            each: also when the same waits already.
            at: the control that asks for it, where an error is shown.
            network: what its network is called; empty for the name that it has, if any.
        """

        def job() -> None:
            wanted = make(self.desk.study)
            self.status.settle()
            if wanted is self.desk.study:
                return
            self.desk.change(self.name, lambda moment: moment.with_study(wanted, network))
            try:
                self._refresh()
            except Exception:
                self.desk.withdraw()
                self._refresh()
                raise
            self.desk.tell(self)

        self._attempt(what, job, each=each, at=at)

    def _go(self, step: Callable[[], object]) -> None:
        def job() -> None:
            with self.desk.going():
                step()
                self.status.settle()
                self._failures.restore()
                self._refresh()
                self.desk.tell(self)

        self._worker.submit("going back", job, each=True)  # each press counts

    def _take_trained(self, study: Study, network: str) -> None:
        self._open("opening the run", lambda _: study, each=True, network=network)
