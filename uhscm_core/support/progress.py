"""Progress bars of one look, and the same progress for whoever listens."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

__all__ = ["Listener", "heard_by", "progress_bar"]

Listener = Callable[[str, int, int], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """A block whose progress bars, shown or not, report to a function.

    Args:
        listener: called with what is done, how many images of it are done, and of how many: after
            every image that is checked and every batch that is encoded. Whatever it raises ends
            that work there, which is how to stop it. Only the thread that entered the block is
            heard.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


class _Bar(tqdm):  # type: ignore[type-arg]  # at run time it takes none
    """A bar that tells the listener, also where it is not shown."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._done = 0
        self._listener = _LISTENER.get()
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
        if n and self._listener is not None:
            self._listener(self._what, self._done, self._of)
        return updated


def progress_bar(
    what: str, total: int, shown: bool, items: Iterable[Any] | None = None
) -> tqdm[Any]:
    """A text bar that counts images, and tells whom `heard_by` named.

    On the standard output, because notebooks paint the error output as a failure; and as text,
    because a bar that is a widget is gone when a saved notebook is opened again.
    """
    return _Bar(
        items,
        desc=what,
        total=total,
        disable=not shown,
        unit="image",
        mininterval=0.5,
        file=sys.stdout,
    )
