"""A button that saves a file where the browser saves its downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import traitlets

from widgets.background.worker import Worker
from widgets.kit.view import View, static

__all__ = ["Download"]


class Download(View):
    """The file is made when it is asked for.

    Args:
        label: on the button.
        content: gives the file's name and its bytes.
        worker: makes the file beside the notebook, and says what went wrong; None for a file that
            takes no time and can't fail.
    """

    _esm, _css = static("download")

    label = traitlets.Unicode("").tag(sync=True)
    """On the button."""

    def __init__(
        self, label: str, content: Callable[[], tuple[str, bytes]], worker: Worker | None = None
    ) -> None:
        super().__init__(label=label, summary=label)
        self._content = content
        self._worker = worker

    def to_frame(self) -> pd.DataFrame:
        """The name and the size of the file, in bytes."""
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
