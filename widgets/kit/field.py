"""A control with its name, and next to it what is wrong with the value that was typed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import pandas as pd
import traitlets

from widgets.kit.view import View

__all__ = ["Field"]


class Field(View):
    """A control that keeps what was typed, and says what is wrong with it until a value works.

    Each subclass has a trait `value`. What the browser sends is a message of its own and not a
    trait, because changes of traits are held back while the kernel answers: a button that is
    pressed after typing would act on a text that is not complete.

    Args:
        label: the control's name, which is shown in front of it and read by screen readers.
        traits: any trait to set.
    """

    label = traitlets.Unicode("").tag(sync=True)
    """Name of the control; default empty, which no control should have."""
    labelled = traitlets.Bool(True).tag(sync=True)
    """Whether the name is shown; default True. Screen readers say it in any case."""
    label_width = traitlets.Unicode("").tag(sync=True)
    """Width of the name, in CSS, to align several controls; default empty, as wide as it is."""
    error = traitlets.Unicode("").tag(sync=True)
    """What is wrong with the value, shown below the control; empty, the default, if it works."""
    disabled = traitlets.Bool(False).tag(sync=True)
    """Whether the control is out of use; default False."""
    # What the control holds, as the browser writes it, and the view in which it was typed: that
    # view knows it already, and may have more by now.
    _held: Any = traitlets.Dict({"content": None, "view": ""}).tag(sync=True)
    # How many messages of each view have been answered: what is held goes into a box only if it was
    # put in view after all that was typed there.
    _heard: Any = traitlets.Dict().tag(sync=True)
    # Whether a value is used as soon as it is sent, so that an error about the last one is over.
    _used_at_once = True

    def __init__(self, label: str = "", **traits: Any) -> None:
        self._view = ""
        self._on_submit: list[Callable[[Any], object]] = []
        super().__init__(label=label, summary=label, **traits)
        self._shown: object = self._value
        self.observe(lambda _: self._hold(), "value")
        self._hold()

    def on_submit(self, callback: Callable[[Any], object]) -> None:
        """Call back with the value when Enter is pressed, also when the value is as before."""
        self._on_submit.append(callback)

    def fail(self, message: str) -> None:
        """Say what is wrong with the value, which is kept."""
        self.error = message

    def show(self, value: Any) -> None:
        """Put a value in view, but keep a value that does not work while this one is as before."""
        if self.error and value == self._shown:
            return
        self.restore(value)

    def restore(self, *value: Any) -> None:
        """Put a value in view, by default the one that worked last, in place of what was typed."""
        self._shown = value[0] if value else self._shown
        with self.hold_sync():
            self.set_trait("value", self._shown)
            self._hold()

    def to_frame(self) -> pd.DataFrame:
        """Return the name, the value and what is wrong with it."""
        row: dict[str, object] = {"label": self.label, "value": self._value, "error": self.error}
        return pd.DataFrame([row])

    @property
    def _value(self) -> Any:
        return getattr(self, "value")  # noqa: B009  # a trait of each subclass

    @abstractmethod
    def _written(self) -> object:
        """Return the value as the browser writes it."""

    @abstractmethod
    def _read(self, content: object) -> Any:
        """Return the value that the browser has sent.

        Raises:
            ValueError: it is none; the message is shown at the control.
        """

    def _hold(self) -> None:
        if not self._view:  # what is typed is held as it is
            self._held = {"content": self._written(), "view": ""}
            self.error = ""

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        kind = content.get("type")
        if kind not in ("typed", "submit"):
            return
        typed, view = content.get("content"), str(content.get("view"))
        heard = {**self._heard, view: content.get("number")}
        try:
            value = self._read(typed)
        except ValueError as error:
            with self.hold_sync():
                self._held, self._heard = {"content": typed, "view": view}, heard
                self.error = str(error)
            return
        self._view = view
        try:
            with self.hold_sync():
                self._held, self._heard = {"content": typed, "view": view}, heard
            if self._used_at_once:
                self.error = ""
            self.set_trait("value", value)
        finally:
            self._view = ""
        if kind == "submit":
            for callback in self._on_submit:
                callback(value)
