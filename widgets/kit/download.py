"""A button that saves a file where the browser keeps its downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import traitlets

from widgets.background.worker import Worker
from widgets.kit.view import View, static

__all__ = ["Download"]


class Download(View):
    """A button whose file is written when it is asked for.

    Args:
        label: text on the button.
        content: returns the file's name and its bytes; None if it is not ready yet. Then the
            button says so, and the file is given at the next `ready`.
        worker: writes the file in the background and reports errors; None for a file that takes
            no time and cannot fail.
    """

    _esm, _css = static("download")

    label = traitlets.Unicode("").tag(sync=True)
    """Text on the button; default empty."""
    icon = traitlets.Unicode("download").tag(sync=True)
    """Name of the sign in its place where there is little room; default "download"."""
    waiting = traitlets.Bool(False).tag(sync=True)
    """Whether a file that was asked for is not ready yet; default False."""

    def __init__(
        self,
        label: str,
        content: Callable[[], tuple[str, bytes] | None],
        worker: Worker | None = None,
    ) -> None:
        super().__init__(label=label, summary=label)
        self._content = content
        self._worker = worker

    def to_frame(self) -> pd.DataFrame:
        """Return the name and the size of the file, in bytes; no row while it is not ready."""
        files = [file] if (file := self._content()) is not None else []
        names, sizes = [name for name, _ in files], [len(content) for _, content in files]
        return pd.DataFrame({"name": names, "bytes": sizes})

    def ready(self) -> None:
        """Give the file if it was asked for before it was ready."""
        if self.waiting:
            self._give()

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        if content.get("type") != "ask":
            return
        if self._worker is None:
            self._give()
        else:
            self._worker.submit(f"making {self.label}", self._give)

    def _give(self) -> None:
        made = self._content()
        self.waiting = made is None
        if made is not None:
            name, file = made
            self.send({"type": "file", "name": name}, buffers=[file])
