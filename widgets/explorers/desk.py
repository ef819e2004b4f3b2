"""What several explorers over one study share: one undo, one line of work, one selection."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from uhscm_core import Study
from widgets.background.history import History
from widgets.background.worker import Line
from widgets.kit.pages import Pages
from widgets.kit.selection import Selection

__all__ = ["Desk", "Member", "Moment"]


@dataclass(frozen=True)
class Moment:
    """All that can be undone.

    Attributes:
        study: in view.
        states: what each explorer shows, by its name; read-only.
        by: the explorer whose change led here; empty for the first moment.
        network: what the network of the study is called, such as "run 002"; empty if not known.
        pages: open in that explorer when it made the change.
    """

    study: Study
    states: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    by: str = ""
    network: str = ""
    pages: Pages = ()

    def with_state(self, name: str, state: object) -> Moment:
        """Return this moment with another state of one explorer."""
        return dataclasses.replace(self, states=MappingProxyType({**self.states, name: state}))

    def with_study(self, study: Study, network: str = "") -> Moment:
        """Return this moment with another study; states of other images mean nothing in it.

        Args:
            study: the other one.
            network: what its network is called; empty for the name that it has, if any.
        """
        if study.network is self.study.network:
            network = network or self.network
        if study.dataset.digest != self.study.dataset.digest:
            return Moment(study, by=self.by, network=network, pages=self.pages)
        return dataclasses.replace(self, study=study, network=network)


class Member(Protocol):
    """What a desk knows of an explorer."""

    name: str
    live: bool
    pages: Pages

    def refresh(self) -> None:
        """Show the moment in view; errors are shown, not raised."""


class Desk:
    """The study in view and what its explorers show, with one history of both.

    Explorers that are given one desk in place of a study undo and redo together, work one after
    the other on one thread, and share a selection. An explorer alone makes its own desk.

    Args:
        study: to begin with.
        selection: of other views to follow; None for a new one.
        line: the thread to work on; None for a new one.
    """

    def __init__(
        self, study: Study, selection: Selection | None = None, line: Line | None = None
    ) -> None:
        self.selection = Selection() if selection is None else selection
        self.joins = selection is not None
        self.line = Line() if line is None else line
        self.changed: Callable[[], None] = lambda: None
        """Called when another moment is in view."""
        self.history = History(Moment(study), heavy=lambda moment: id(moment.study))
        self.go_to: Callable[[str], None] | None = None
        """Brings another tab into view, where the explorers are tabs of a workbench."""
        self._lock = threading.Lock()
        self._going: int | None = None  # the thread that goes back or forward, while it does
        self._members: list[Member] = []

    @property
    def now(self) -> Moment:
        """The moment in view."""
        return self.history.now

    @property
    def study(self) -> Study:
        """The study in view."""
        return self.now.study

    @property
    def several(self) -> bool:
        """Whether more than one explorer is in sight."""
        return sum(member.live for member in self._members) > 1

    def join(self, member: Member, name: str) -> str:
        """Take an explorer in, and return the name that its state has here."""
        taken = {other.name for other in self._members}
        self._members.append(member)
        tries = (name if n == 1 else f"{name} {n}" for n in range(1, len(taken) + 2))
        return next(one for one in tries if one not in taken)

    def leave(self, member: Member) -> None:
        """Forget an explorer that was closed."""
        self._members = [other for other in self._members if other is not member]

    def change(self, by: str, to: Callable[[Moment], Moment]) -> None:
        """Put another moment in view, which is a step to undo."""
        with self._lock:
            before = self.now
            pages = next((member.pages for member in self._members if member.name == by), ())
            self.history.push(dataclasses.replace(to(before), by=by, pages=pages))
        self._follow(before)

    def amend(self, to: Callable[[Moment], Moment]) -> None:
        """Put another moment in the place of this one, without a step to undo."""
        with self._lock:
            before = self.now
            self.history.amend(to(before))
        if (self.study, self.now.network) != (before.study, before.network):
            self._follow(before)

    def withdraw(self) -> None:
        """Take back the last change, which could not be shown."""
        with self._lock:
            before = self.now
            self.history.withdraw()
        self._follow(before)

    @contextlib.contextmanager
    def going(self) -> Iterator[None]:
        """Go back or forward, and show it: what that changes is no change of a person's."""
        self._going = threading.get_ident()
        try:
            yield
        finally:
            self._going = None

    @property
    def is_going(self) -> bool:
        """Whether this thread goes back or forward."""
        return self._going == threading.get_ident()

    def undo(self) -> str:
        """Go back to the moment before; return which explorer's change is undone."""
        with self._lock:
            before = self.now
            self.history.undo()
        self._follow(before)
        self._open_pages(before)
        return before.by

    def redo(self) -> str:
        """Go forward to the moment that was undone; return whose change that is."""
        with self._lock:
            before = self.now
            self.history.redo()
        self._follow(before)
        self._open_pages(self.now)
        return self.now.by

    def tell(self, by: Member | None = None) -> None:
        """Let all explorers in sight show the moment in view, but for the one that has."""
        for member in list(self._members):
            if member is not by:
                member.refresh()

    def _open_pages(self, moment: Moment) -> None:
        """Open the pages that the change was made on which led to a moment."""
        for member in self._members:
            if member.name == moment.by:
                member.pages = moment.pages

    def _follow(self, before: Moment) -> None:
        """Forget the selected images where they are of other images than those in view now."""
        if before.study.dataset.digest != self.study.dataset.digest:
            self.selection.focus, self.selection.ids = None, ()
        self.changed()
