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
        content: returns the file's name and its bytes.
        worker: writes the file in the background and reports errors; None for a file that takes
            no time and cannot fail.
    """

    _esm, _css = static("download")

    label = traitlets.Unicode("").tag(sync=True)
    """Text on the button; default empty."""
    icon = traitlets.Unicode("download").tag(sync=True)
    """Name of the sign in its place where there is little room; default "download"."""

    def __init__(
        self, label: str, content: Callable[[], tuple[str, bytes]], worker: Worker | None = None
    ) -> None:
        super().__init__(label=label, summary=label)
        self._content = content
        self._worker = worker

    def to_frame(self) -> pd.DataFrame:
        """Return the name and the size of the file, in bytes."""
        name, content = self._content()
        return pd.DataFrame({"name": [name], "bytes": [len(content)]})

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        if content.get("type") != "ask":
            return
        if self._worker is None:
            self._give()
        else:
            self._worker.submit(f"making {self.label}", self._give)

    def _give(self) -> None:
        name, file = self._content()
        self.send({"type": "file", "name": name}, buffers=[file])
