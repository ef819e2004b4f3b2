"""What the explorers have in common: a place at a desk, a worker, a status line."""

from __future__ import annotations

import dataclasses
import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import ipywidgets as ipw
import pandas as pd
import traitlets

from uhscm_core import Study
from uhscm_core.support.checks import shown
from widgets.background.worker import Worker
from widgets.explorers.desk import Desk, Moment
from widgets.explorers.displayed import Displayed
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.field import Field
from widgets.kit.layout import row
from widgets.kit.selection import Selection
from widgets.kit.stage import framed
from widgets.kit.status import Status
from widgets.kit.view import close_all
from widgets.panels.train_offer import TrainOffer

__all__ = ["Explorer", "checked", "checked_selection", "focus_of", "same_images"]

T = TypeVar("T")


def checked(study: object) -> Study:
    """The study that an explorer was given.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(study, Study):
        raise TypeError(
            f"study: an explorer needs a Study, got {type(study).__name__} {repr(study)[:200]}"
        )
    return study


def checked_selection(selection: object) -> Selection | None:
    """The selection that an explorer was given, or None.

    Raises:
        TypeError: it is neither.
    """
    if selection is not None and not isinstance(selection, Selection):
        raise TypeError(f"selection must be a Selection or None, got {shown(selection)}")
    return selection


def focus_of(selection: Selection | None, study: Study) -> int | None:
    """The image that other views look at; None where it is not in the dataset.

    Explorers number the images that people bring along each by itself.
    """
    given = checked_selection(selection)
    focus = None if given is None else given.focus
    return focus if focus is not None and 0 <= focus < len(study.dataset) else None


def same_images(one: Study, other: Study) -> bool:
    """Return whether ids of images mean the same in two studies."""
    return one.dataset.digest == other.dataset.digest


class Explorer(Displayed, Generic[T]):
    """An explorer; what a person changes are values of type T, so that they can be undone.

    Args:
        study: to begin with, or the `Desk` of other explorers to share with them.
        selection: of other views, which is shared; None for one of its own.
    """

    state_type: ClassVar[type | None] = None
    """A dataclass whose values can be written as JSON; None where the study says it all."""

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        checked_selection(selection)
        shared = isinstance(study, Desk)
        self.desk = study if isinstance(study, Desk) else Desk(checked(study), selection)
        self.name = self.desk.join(self, type(self).__name__.removesuffix("Explorer"))
        self.live = True
        """Whether it is in sight, so that it has to show what changes."""
        self.selection = self.desk.selection
        self._joins = shared or self.desk.joins
        self._drawn: dict[str, Any] = {}
        self._shown_study: Study | None = None
        self._adopting: int | None = None  # the thread that shows another study
        self._watched: list[tuple[traitlets.HasTraits, Callable[..., None], str]] = []
        self._body: tuple[ipw.Widget, ...] = ()
        self._offer: TrainOffer | None = None
        self._bound: dict[str, Field | ipw.Checkbox] = {}
        # Controls whose value does not work, and the change that each asks for.
        self._failed: dict[Field, Callable[[T], T] | None] = {}
        self.status = Status()
        self._head = framed(self.status)
        self._worker = Worker(self._busy, self.status.fail, self.desk.line)
        self._undo = ipw.Button(description="Undo", icon="undo", layout={"width": "76px"})
        self._redo = ipw.Button(description="Redo", icon="repeat", layout={"width": "76px"})
        for button in (self._undo, self._redo):  # a workbench has its own for all tabs
            button.layout.display = None if self.desk.go_to is None else "none"
        self._csv = Download("Save as CSV", self._as_csv)
        self._undo.on_click(lambda _: self.undo())
        self._redo.on_click(lambda _: self.redo())
        super().__init__([])
        self.add_class("uhscm-explorer")

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.status.summary}"

    @property
    def study(self) -> Study:
        """The study in view; another one can be put in its place, which can be undone."""
        return self.desk.study

    @study.setter
    def study(self, study: Study) -> None:
        wanted = checked(study)
        self._open("opening another study", lambda _: wanted, each=True)

    @property
    def state(self) -> T:
        """What the explorer shows now; a new value per change, so that it can be undone."""
        return self._state_in(self.desk.now)

    @property
    def now(self) -> T:
        """The same as `state`, which replaces it."""
        warnings.warn("`now` is deprecated, use `state`", DeprecationWarning, stacklevel=2)
        return self.state

    def undo(self) -> None:
        """Go back to the value before this one."""
        self._go(self.desk.undo)

    def redo(self) -> None:
        """Go forward to the value that was undone."""
        self._go(self.desk.redo)

    def wait(self) -> None:
        """Until what was asked for is shown; for notebooks without a front end, and for tests."""
        if self._offer is not None:
            self._offer.wait()
        self._worker.wait()

    def close(self) -> None:
        """Leave the desk, stop what is waiting, and close every widget of this explorer."""
        if self.comm is None:  # Python may clean up what was closed, or never made
            return
        self.live = False
        self._worker.stop()
        self.desk.leave(self)
        for owner, handler, name in self._watched:
            owner.unobserve(handler, name)
        close_all(self)

    def to_frame(self) -> pd.DataFrame:
        """The numbers in view."""
        raise NotImplementedError

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

    def _at(self, value: T, image: int) -> T:  # noqa: ARG002  # some look at no image
        """Return the value that looks at an image which another view chose."""
        return value

    def _equivalent(self, before: T, after: T) -> bool:
        """Return whether a change had no effect, so that there is nothing to undo."""
        return before == after

    def _state_in(self, moment: Moment) -> T:
        state: T = moment.states[self.name]
        return state

    def _with_state(self, moment: Moment, state: T) -> Moment:
        return moment.with_state(self.name, state)

    # -- the same in all -------------------------------------------------------------------------

    def _bar(self, *more: ipw.Widget) -> ipw.HBox:
        """Return a row of undo, redo, the table as a file, and more."""
        return row(self._undo, self._redo, self._csv, *more)

    def _lay_out(self, *parts: ipw.Widget) -> None:
        """Set what stands below the status line."""
        self._body = parts
        self.children = [self._head, *parts]

    def _watch(self, owner: traitlets.HasTraits, handler: Callable[..., None], name: str) -> None:
        """Observe what may live longer than this explorer."""
        owner.observe(handler, name)
        self._watched.append((owner, handler, name))

    def _follow_control(self, control: ipw.Widget, act: Callable[[Any], object]) -> None:
        """Act on each value that a control gets, unless another study's options gave it one."""

        def follow(change: dict[str, Any]) -> None:
            if self._adopting != threading.get_ident():
                act(change["new"])

        control.observe(follow, "value")

    def _bind(self, **controls: Field | ipw.Checkbox) -> None:
        """Let each control change the field of the state that has its name, and show it."""
        self._bound |= controls
        for name, control in controls.items():
            self._follow_control(control, functools.partial(self._set_bound, name))

    def _set_bound(self, name: str, value: Any) -> None:
        """Take the value of a control."""
        self._set(**{name: value})

    def _show_bound(self) -> None:
        for name, control in self._bound.items():
            value = getattr(self.state, name)
            if isinstance(control, Field):
                control.show(value)
            else:
                control.value = value

    def _changed(self, what: str, shown: object) -> bool:
        """Return whether `what` has to be drawn again; a gallery drawn again scrolls to its top."""
        before = self._drawn.get(what)
        self._drawn[what] = shown
        return shown != before

    def _look_at(self, image: int | None) -> None:
        """Tell the other views which image this one is about now, and say it once.

        An explorer that joins others does not tell them what it begins with, and nothing is told
        again when something else is shown again: what another view was asked stays.

        Args:
            image: of the dataset; None for a text, or an image that only this explorer has.
        """
        begins = "focus" not in self._drawn
        if self._changed("focus", image) and not (begins and self._joins):
            self.selection.focus = image

    def _change(
        self,
        what: str,
        change: Callable[[T], T],
        *,
        each: bool = False,
        step: bool = True,
        at: Field | None = None,
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
        if self._adopting == threading.get_ident():
            return  # a control took another study's options, which the user did not ask for

        def job() -> None:
            try:
                value = self._changed_by(change, at)
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

        self._attempt(what, job, each=each, at=at, change=change)

    def _set(self, what: str = "", /, **changes: Any) -> None:
        """Change fields of the state, unless they are as they should be; see `_change`."""
        if any(getattr(self.state, name) != value for name, value in changes.items()):
            name = next(iter(changes))
            at = self._bound.get(name)
            self._change(
                what or f"changing {name}",
                lambda state: dataclasses.replace(state, **changes),
                at=at if isinstance(at, Field) else None,
            )

    def _changed_by(self, change: Callable[[T], T], at: Field | None) -> T:
        """Return the changed value; with what other controls ask for, if that works by now."""
        if at is not None:
            self._failed.pop(at, None)
        waiting = [each for field, each in self._failed.items() if each is not None and field.error]
        if waiting:
            try:
                value = self.state
                for each in (*waiting, change):
                    value = each(value)
                self._check(value)
            except Exception:  # noqa: S110  # what is wrong is shown at the controls already
                pass
            else:
                for field in self._failed:
                    field.error = ""
                self._failed.clear()
                return value
        value = change(self.state)
        self._check(value)
        return value

    def _attempt(
        self,
        what: str,
        job: Callable[[], None],
        *,
        each: bool = False,
        at: Field | None = None,
        change: Callable[[T], T] | None = None,
    ) -> None:
        """Run a job in the background, and say what goes wrong at the control that asks for it."""

        def run() -> None:
            try:
                job()
            except Exception as error:
                if at is None:
                    raise
                self._fail_at(at, str(error) or type(error).__name__, change)
            else:
                if at is not None:
                    at.error = ""

        self._worker.submit(what, run, each=each)

    def _fail_at(self, field: Field, message: str, change: Callable[[T], T] | None = None) -> None:
        """Say at a control what is wrong with its value, and keep it in the log."""
        field.fail(message)
        self._failed[field] = change
        self.status.record(message)

    def _open(
        self,
        what: str,
        make: Callable[[Study], Study],
        *,
        each: bool = False,
        at: Field | None = None,
    ) -> None:
        """Show another study, or stay and say why not.

        Args:
            what: is done, shown meanwhile.
            make: returns the other study, from the one in view then.
            each: also when the same waits already.
            at: the control that asks for it, where an error is shown.
        """

        def job() -> None:
            wanted = make(self.desk.study)
            if wanted is self.desk.study:
                return
            self.desk.change(self.name, lambda moment: moment.with_study(wanted))
            try:
                self._refresh()
            except Exception:
                self.desk.withdraw()
                self._refresh()
                raise
            self.desk.tell(self)

        self._attempt(what, job, each=each, at=at)

    def _way_to(
        self, tab: str, words: str, first: Callable[[], object] = lambda: None
    ) -> ipw.Button:
        """Return a button that leads to another tab of a workbench; hidden where there is none.

        Args:
            tab: where to.
            words: on the button.
            first: done before; what it raises is said, and the tab stays.
        """
        button = ipw.Button(description=words, icon="arrow-right", layout={"width": "auto"})
        button.layout.display = None if self.desk.go_to is not None else "none"

        def go() -> None:
            first()
            if self.desk.go_to is not None:
                self.desk.go_to(tab)

        button.on_click(lambda _: self._worker.submit(f"going to {tab}", go))
        return button

    def _go(self, step: Callable[[], object]) -> None:
        def job() -> None:
            self.desk.going = threading.get_ident()
            try:
                step()
                self.status.settle()
                while self._failed:
                    self._failed.popitem()[0].restore()
                self._refresh()
                self.desk.tell(self)
            finally:
                self.desk.going = None

        self._worker.submit("going back", job, each=True)  # each press counts

    def reveal(self) -> None:
        """Come into sight again: show the moment in view, and the image that others look at."""
        self.live = True

        def job() -> None:
            offering = self._offer is not None and self._offer.wanted
            if offering or (self._shown_study is self.desk.study and self._is_old()):
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
            self.status.fail(str(error) or type(error).__name__)

    def _refresh(self) -> None:
        if not self.live:
            return
        self._undo.disabled = not self.desk.history.can_undo
        self._redo.disabled = not self.desk.history.can_redo
        if self.desk.study is not self._shown_study:
            self._open_study(self.desk.study)
        if self._offer is None or not self._offer.wanted:
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

    def _show_offer(self, study: Study, needs: str) -> None:
        if self._offer is None:
            self._offer = TrainOffer(self._worker, self.status.fail, self._take_trained)
        self._offer.show(study)
        self.status.say(needs)
        self.children = [self._head, self._offer]

    def _hide_offer(self) -> None:
        if self._offer is not None and self._offer.wanted:
            self._offer.wanted = False
            self.children = [self._head, *self._body]

    def _take_trained(self, study: Study) -> None:
        self.study = study

    def _focused(self, _: object) -> None:
        if self.live and self.desk.going != threading.get_ident():  # a moment says it all
            self._follow(step=not self.desk.several)

    def _follow(self, *, step: bool) -> None:
        """Look at what the selection looks at, unless it is this explorer that chose it."""
        offering = self._offer is not None and self._offer.wanted
        image = focus_of(self.selection, self.desk.study)
        if image is not None and image != self._drawn.get("focus") and not offering:
            self._change("looking", lambda value: self._at(value, image), step=step)

    def _busy(self, what: str) -> None:
        self.status.busy = what

    def _as_csv(self) -> tuple[str, bytes]:
        return f"{self.name.lower()}.csv", csv_bytes(self.to_frame())
