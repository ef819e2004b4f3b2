"""What the explorers have in common: a history, a worker, a status line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import ipywidgets as ipw
import pandas as pd
from IPython.display import HTML, display

from uhscm_core import Study
from uhscm_core.support.checks import shown
from widgets.background.history import History
from widgets.background.worker import Worker
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.selection import Selection
from widgets.kit.status import Status

__all__ = ["Explorer", "checked", "checked_selection", "columns", "focus_of"]

T = TypeVar("T")

# Shown where JupyterLab has no explorer above it, after a moment: an explorer takes one to appear.
_OPENED_AGAIN = """
<style>
  .uhscm-again { display: none; }
  .jp-OutputArea-child:not(:has(.uhscm-explorer)) + .jp-OutputArea-child .uhscm-again {
    display: block; animation: uhscm-again 0s 3s both;
  }
  @keyframes uhscm-again { from { visibility: hidden; } }
</style>
<p class="uhscm-again">An explorer was here. It lives as long as its kernel: run the cells above and
this one again (Run &gt; Run All Above Selected Cell, then Shift+Enter).</p>
"""


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
    """The image that other views look at; None where it is not one of the data set.

    Explorers number the images that people bring along each by itself.
    """
    given = checked_selection(selection)
    focus = None if given is None else given.focus
    return focus if focus is not None and 0 <= focus < len(study.dataset) else None


def columns(left: Sequence[ipw.Widget], right: Sequence[ipw.Widget]) -> ipw.HBox:
    """Two columns, one below the other where there is no room for both."""
    layouts = [
        {"flex": f"1 1 {share}", "min_width": "min(390px, 100%)"} for share in ("44%", "53%")
    ]
    parts = [ipw.VBox(w, layout=lay) for w, lay in zip((left, right), layouts, strict=True)]
    return ipw.HBox(parts, layout={"flex_flow": "row wrap", "grid_gap": "0 12px"})


class Explorer(ipw.VBox, Generic[T]):
    """An explorer; what a person changes are values of type T, so that they can be undone.

    Args:
        first: the value to begin with.
        selection: of other views to go along with; None for one of its own.
    """

    def __init__(self, first: T, selection: Selection | None = None) -> None:
        checked_selection(selection)
        self._history = History(first)
        self._drawn: dict[str, object] = {}
        self._joins = selection is not None
        self.selection = selection or Selection()
        self.status = Status()
        self._worker = Worker(self._busy, self.status.fail)
        self._undo = ipw.Button(description="Undo", icon="undo", layout={"width": "90px"})
        self._redo = ipw.Button(description="Redo", icon="repeat", layout={"width": "90px"})
        self._csv = Download("Save as CSV", self._as_csv)
        self._undo.on_click(lambda _: self.undo())
        self._redo.on_click(lambda _: self.redo())
        super().__init__([])
        self.add_class("uhscm-explorer")

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.status.summary}"

    def _ipython_display_(self) -> None:
        # Where a saved notebook is opened again no kernel stands behind the explorer, and
        # JupyterLab shows an error in its place. What to do then is an output of its own.
        display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
        display(HTML(_OPENED_AGAIN))  # type: ignore[no-untyped-call]

    @property
    def state(self) -> T:
        """What the explorer shows now; a new value per change, so that it can be undone."""
        return self._history.now

    @property
    def now(self) -> T:
        """The same as `state`, which replaces it."""
        warnings.warn("`now` is deprecated, use `state`", DeprecationWarning, stacklevel=2)
        return self.state

    def undo(self) -> None:
        """Go back to the value before this one."""
        self._go(self._history.undo)

    def redo(self) -> None:
        """Go forward to the value that was undone."""
        self._go(self._history.redo)

    def wait(self) -> None:
        """Until what was asked for is shown; for notebooks without a front end, and for tests."""
        self._worker.wait()

    def to_frame(self) -> pd.DataFrame:
        """The numbers in view."""
        raise NotImplementedError

    def _show(self) -> None:
        """Put the value in view on the screen."""
        raise NotImplementedError

    def _check(self, value: T) -> None:
        """Compute what may fail or take long, before a changed value comes into view."""

    def _equivalent(self, before: T, after: T) -> bool:
        """Return whether a change had no effect, so that there is nothing to undo."""
        return before == after

    def _changed(self, what: str, shown: object) -> bool:
        """Return whether `what` has to be drawn again; a gallery drawn again scrolls to its top."""
        before = self._drawn.get(what)
        self._drawn[what] = shown
        return shown != before

    def _look_at(self, image: int | None) -> None:
        """Tell the other views which image this one is about now, and say it once.

        An explorer that joins others does not tell them what it begins with, and nothing is told
        again when something else is shown anew: what another view was asked stays.

        Args:
            image: of the data set; None for a text, or an image that only this explorer has.
        """
        begins = "focus" not in self._drawn
        if self._changed("focus", image) and not (begins and self._joins):
            self.selection.focus = image

    def _change(self, what: str, change: Callable[[T], T], *, each: bool = False) -> None:
        """Go on to a changed value, or stay and say why not.

        Args:
            what: is done, shown meanwhile; a later change of this name replaces one that waits.
            change: from the value in view then.
            each: also when the same waits already.
        """

        def job() -> None:
            try:
                value = change(self.state)
                self._check(value)
            except Exception:
                self._refresh()  # the controls go back to the value in view
                raise
            if not self._equivalent(self.state, value):
                self._history.push(value)
            self._refresh()

        self._worker.submit(what, job, each=each)

    def _go(self, step: Callable[[], T]) -> None:
        def job() -> None:
            step()
            self._refresh()

        self._worker.submit("going back", job, each=True)  # each press counts

    def _refresh(self) -> None:
        self._undo.disabled = not self._history.can_undo
        self._redo.disabled = not self._history.can_redo
        self._show()

    def _busy(self, what: str) -> None:
        self.status.busy = what

    def _as_csv(self) -> tuple[str, bytes]:
        name = type(self).__name__.removesuffix("Explorer").lower()
        return f"{name}.csv", csv_bytes(self.to_frame())
