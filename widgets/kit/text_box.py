"""A box for a text, of one line or several."""

from __future__ import annotations

from typing import Any

import traitlets

from widgets.kit.field import Field
from widgets.kit.view import static

__all__ = ["TextBox"]


class TextBox(Field):
    """A text as it is typed: each key is sent, so that a button acts on all of it.

    In a box of one line Enter submits the text, in one of several Ctrl+Enter.
    """

    _esm, _css = static("field", "text_box")

    _used_at_once = False  # who uses the text says whether it works

    value = traitlets.Unicode("")
    """The text; default empty."""
    rows = traitlets.Int(1).tag(sync=True)
    """Lines in sight; with 1, the default, the text is one line."""
    leaving = traitlets.Bool(False).tag(sync=True)
    """Whether a changed text is submitted when the box is left, too; default False."""
    placeholder = traitlets.Unicode("").tag(sync=True)
    """An example, shown while the box is empty; default none."""

    def show(self, value: str) -> None:
        """Put a text in view, but keep what was typed since the text before was shown or asked."""
        if value.strip() != self._shown:
            self.restore(value)
            self._shown = value.strip()

    def _written(self) -> object:
        return self.value

    def _read(self, content: object) -> Any:
        return str(content)

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        if content.get("type") == "submit":
            self._shown = str(content.get("content")).strip()
        super()._receive(_, content, _buffers)
