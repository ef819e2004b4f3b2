"""Buttons whose errors are said: an exception in a callback is seen by no one."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from widgets.background.errors import message_of

__all__ = ["Gestures"]


class Gestures:
    """Does what is asked for, and says what goes wrong.

    Args:
        fail: called with the sentence of an error.
        after: done after each press of a button, whether it worked or not.
        said: errors that were said before they were raised, at the control that they are about.
    """

    def __init__(
        self,
        fail: Callable[[str], None],
        after: Callable[[], object] = lambda: None,
        said: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        self._fail, self._after, self._said = fail, after, said

    def button(
        self, text: str, icon: str, action: Callable[[], object], style: str = ""
    ) -> ipw.Button:
        """Return a button as wide as its text.

        A press that arrives while it is out of use is none: it was the second of a double click.
        """
        button = ipw.Button(description=text, icon=icon, button_style=style)
        button.layout.width = "auto"

        def press(_: object) -> None:
            if not button.disabled:
                self.do(action)
                self.do(self._after)

        button.on_click(press)
        return button

    def do(self, action: Callable[[], object]) -> None:
        """Act, or say why not."""
        try:
            action()
        except self._said:
            pass
        except Exception as error:
            self._fail(message_of(error))
