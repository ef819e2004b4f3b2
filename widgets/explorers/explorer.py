"""What the explorers have in common: controls bound to a state, views that follow it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import ipywidgets as ipw
import pandas as pd
import traitlets

from uhscm_core import Study
from widgets.explorers.arguments import checked_selection, focus_of
from widgets.explorers.desk import Desk
from widgets.explorers.undoable import Undoable
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.field import Field
from widgets.kit.layout import brief, row
from widgets.kit.selection import Selection
from widgets.panels.steps import Steps

__all__ = ["Explorer"]

T = TypeVar("T")


class Explorer(Undoable[T]):
    """An explorer: controls that change its state, and views that show it.

    Args:
        study: to begin with, or the `Desk` of other explorers to share with them.
        selection: of other views, which is shared; None for one of its own.
    """

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        checked_selection(selection)
        super().__init__(study, selection)
        self._joins = isinstance(study, Desk) or self.desk.joins
        self._watched: list[tuple[traitlets.HasTraits, Callable[..., None], str]] = []
        self._bound: dict[str, Field | ipw.Checkbox] = {}
        # A workbench has buttons of its own for all tabs.
        self._steps = Steps(self.undo, self.redo, "76px", hidden=self.desk.go_to is not None)
        self._undo, self._redo = self._steps.undo, self._steps.redo
        self._csv = Download("Save as CSV", self._as_csv)
        brief(self._csv)

    def _leave(self) -> None:
        self.live = False
        self._worker.stop()
        self.desk.leave(self)
        for owner, handler, name in self._watched:
            owner.unobserve(handler, name)

    def to_frame(self) -> pd.DataFrame:
        """The numbers in view."""
        raise NotImplementedError

    def _at(self, value: T, image: int) -> T:  # noqa: ARG002  # some look at no image
        """Return the value that looks at an image which another view chose."""
        return value

    def _bar(self, *more: ipw.Widget) -> ipw.HBox:
        """Return a row of undo, redo, the table as a file, and more."""
        return row(self._undo, self._redo, self._csv, *more)

    def _watch(self, owner: traitlets.HasTraits, handler: Callable[..., None], name: str) -> None:
        """Observe what may live longer than this explorer."""
        owner.observe(handler, name)
        self._watched.append((owner, handler, name))

    def _follow_control(self, control: ipw.Widget, act: Callable[[Any], object]) -> None:
        """Act on each value that a control gets, unless another study's options gave it one."""

        def follow(change: dict[str, Any]) -> None:
            if not self._adopts:
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
        """Put the fields of the state into their controls."""
        for name, control in self._bound.items():
            value = getattr(self.state, name)
            if isinstance(control, Field):
                control.show(value)
            else:
                control.value = value

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

    def _set(self, what: str = "", /, **changes: Any) -> None:
        """Change fields of the state, unless they are as they should be; see `_change`."""
        if any(getattr(self.state, name) != value for name, value in changes.items()):
            name = next(iter(changes))
            at = self._bound.get(name)
            self._change(
                what or f"changing {name}",
                lambda state: dataclasses.replace(cast(Any, state), **changes),
                at=at if isinstance(at, Field) else None,
            )

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

    def _focused(self, _: object) -> None:
        if self.live and not self.desk.is_going:  # a moment says it all
            self._follow(step=not self.desk.several)

    def _follow(self, *, step: bool) -> None:
        """Look at what the selection looks at, unless it is this explorer that chose it."""
        image = focus_of(self.selection, self.desk.study)
        if image is not None and image != self._drawn.get("focus") and not self._offering:
            self._change("looking", lambda value: self._at(value, image), step=step)

    def _show_history(self) -> None:
        self._steps.show(self.desk.history)

    def _as_csv(self) -> tuple[str, bytes]:
        return f"{self.name.lower()}.csv", csv_bytes(self.to_frame())
