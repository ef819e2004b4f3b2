"""An explorer at a desk: it shows the moment in view, and follows it to another study."""

from __future__ import annotations

import threading
import warnings
from typing import Any, ClassVar, Generic, TypeVar

from uhscm_core import Study
from widgets.background.errors import message_of
from widgets.explorers.arguments import checked, same_images
from widgets.explorers.desk import Desk, Moment
from widgets.explorers.framed import Framed
from widgets.kit.pages import Pages, open_pages, pages_of
from widgets.kit.selection import Selection

__all__ = ["Following"]

T = TypeVar("T")


class Following(Framed, Generic[T]):
    """Shows a state of type T, which is a part of the moment in view, and the study of it.

    Args:
        study: to begin with, or the `Desk` of other explorers to share with them.
        selection: of other views, which is shared; None for one of its own.
    """

    state_type: ClassVar[type | None] = None
    """A dataclass whose values can be written as JSON; None where the study says it all."""

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        self.desk = study if isinstance(study, Desk) else Desk(checked(study), selection)
        self.name = self.desk.join(self, type(self).__name__.removesuffix("Explorer"))
        self.live = True
        """Whether it is in sight, so that it has to show what changes."""
        self.selection = self.desk.selection
        self._drawn: dict[str, Any] = {}
        self._shown_study: Study | None = None
        self._adopting: int | None = None  # the thread that shows another study
        super().__init__(self.desk.line)

    @property
    def state(self) -> T:
        """What the explorer shows now; a new value per change, so that it can be undone."""
        return self._state_in(self.desk.now)

    @property
    def now(self) -> T:
        """The same as `state`, which replaces it."""
        warnings.warn("`now` is deprecated, use `state`", DeprecationWarning, stacklevel=2)
        return self.state

    @property
    def pages(self) -> Pages:
        """The pages that are open in it; others can be opened."""
        return tuple(pages_of(self))

    @pages.setter
    def pages(self, pages: Pages) -> None:
        open_pages(self, pages)

    # -- what each explorer says of itself -------------------------------------------------------

    def _needs(self, study: Study) -> str:  # noqa: ARG002  # most need nothing
        """Return a sentence that says what a study lacks to be shown here; empty for nothing."""
        return ""

    def _adopt(self, study: Study) -> None:
        """Get ready to show another study; what was drawn of an earlier one counts no more."""

    def _is_old(self) -> bool:
        """Return whether the study in view has more to show than when it was adopted."""
        return False

    def _begin(self, before: T | None) -> T:
        """Return the state to begin a study with, which has just been adopted.

        Args:
            before: the state in an earlier study of the same images; None if there was none.
        """
        raise NotImplementedError

    def _show(self) -> None:
        """Put the value in view on the screen."""
        raise NotImplementedError

    def _check(self, value: T) -> None:
        """Compute what may fail or take long, before a changed value comes into view."""

    def _state_in(self, moment: Moment) -> T:
        state: T = moment.states[self.name]
        return state

    def _with_state(self, moment: Moment, state: T) -> Moment:
        return moment.with_state(self.name, state)

    def _show_bound(self) -> None:
        """Put the fields of the state into their controls."""

    def _follow(self, *, step: bool) -> None:
        """Look at what other views look at.

        Args:
            step: whether that is a step to undo.
        """

    def _show_history(self) -> None:
        """Say what can be undone."""

    # -- how it follows --------------------------------------------------------------------------

    def reveal(self) -> None:
        """Come into sight again: show the moment in view, and the image that others look at."""
        self.live = True

        def job() -> None:
            if self._offering or (self._shown_study is self.desk.study and self._is_old()):
                self._shown_study = None
            self._refresh()
            self._follow(step=False)

        self._worker.submit("opening", job)

    def hide(self) -> None:
        """Go out of sight: nothing is drawn until `reveal`."""
        self.live = False

    def refresh(self) -> None:
        """Show the moment in view; errors are shown, not raised."""
        try:
            self._refresh()
        except Exception as error:
            self.status.fail(message_of(error))

    def _refresh(self) -> None:
        if not self.live:
            return
        self._show_history()
        if self.desk.study is not self._shown_study:
            self._open_study(self.desk.study)
        if not self._offering:
            self._show_bound()
            self._show()

    def _open_study(self, study: Study) -> None:
        before = self._shown_study
        kept = {"focus"} if before is not None and same_images(before, study) else set()
        self._drawn = {what: value for what, value in self._drawn.items() if what in kept}
        self._shown_study = study
        if needs := self._needs(study):
            self._show_offer(study, needs)
        else:
            self._hide_offer()
            self._adopting = threading.get_ident()
            try:
                self._adopt(study)
                state = self._first_state(self.desk.now.states.get(self.name))
            except Exception:
                self._shown_study = None  # to be tried again
                raise
            finally:
                self._adopting = None
            self.desk.amend(lambda moment: self._with_state(moment, state))

    def _first_state(self, before: T | None) -> T:
        """Return a state that can be shown: a file may have asked for what is not there."""
        if before is not None:
            try:
                state = self._begin(before)
                self._check(state)
            except (TypeError, ValueError, IndexError) as error:
                self.status.fail(f"{self.name}: what was kept cannot be shown: {error}")
            else:
                return state
        return self._begin(None)

    @property
    def _adopts(self) -> bool:
        """Whether this thread shows another study: what a control gets then, no person chose."""
        return self._adopting == threading.get_ident()

    def _changed(self, what: str, shown: object) -> bool:
        """Return whether `what` has to be drawn again; a gallery drawn again scrolls to its top."""
        before = self._drawn.get(what)
        self._drawn[what] = shown
        return shown != before
