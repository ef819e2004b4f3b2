"""Show progress as bars of one style, and report the same progress to a function."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

__all__ = ["progress_bar", "report_progress_to"]

Report = Callable[[str, int, int], None]
_REPORT: ContextVar[Report | None] = ContextVar("report", default=None)


@contextlib.contextmanager
def report_progress_to(report: Report) -> Iterator[None]:
    """Report all progress within the block to a function, whether its bars are shown or not.

    Args:
        report: called with the name of the work, how many images are done, and the total, after
            every image that is checked and every batch that is encoded. Whatever it raises ends
            that work, which is how to stop it. It is called only for the thread that entered the
            block.
    """
    token = _REPORT.set(report)
    try:
        yield
    finally:
        _REPORT.reset(token)


def _in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class _NotebookLine(io.TextIOBase):
    """A file that shows in a notebook only the last line that was written to it."""

    def __init__(self) -> None:
        from IPython import display  # is there: a kernel runs

        shown: Any = display  # without types
        self._handle = shown.DisplayHandle()
        self._show = self._handle.display

    def write(self, text: str) -> int:
        line = text.rpartition("\r")[2].rstrip()
        if line:
            self._show({"text/plain": line}, raw=True)
            self._show = self._handle.update
        return len(text)


class _Bar(tqdm):  # type: ignore[type-arg]  # at run time it takes none
    """A bar that reports each update, even where it is not shown."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._done = 0
        self._report = _REPORT.get()
        self._what, self._of = settings["desc"], settings["total"]
        super().__init__(*args, **settings)

    def __iter__(self) -> Iterator[Any]:
        try:
            for item in self.iterable:
                yield item
                self.update()
        finally:
            self.close()

    def update(self, n: float | int | None = 1) -> bool | None:
        updated = super().update(n)
        self._done += int(n or 0)
        if n and self._report is not None:
            self._report(self._what, self._done, self._of)
        return updated


def progress_bar(
    what: str, total: int, shown: bool, items: Iterable[Any] | None = None
) -> tqdm[Any]:
    """Return a text bar that counts images and reports to the function of `report_progress_to`.

    It writes to the standard output, because notebooks paint the error output as a failure, and as
    text, because a bar that is a widget is gone when a saved notebook is opened again. In a
    notebook the line replaces itself, because a page made of one shows every line ever written.
    """
    return _Bar(
        items,
        desc=what,
        total=total,
        disable=not shown,
        unit="image",
        mininterval=0.5,
        file=_NotebookLine() if shown and _in_notebook() else sys.stdout,
    )
