"""Templates and concept names, edited in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from uhscm_core import ConceptSet, load_concepts
from widgets.kit.choice import Choice
from widgets.kit.text_box import TextBox

__all__ = ["ConceptEditor"]

_LISTS = ("nuswide81", "coco80", "common", "nuswide81+coco80")
_OWN = "a list of your own"


class ConceptEditor(ipw.VBox):
    """One template per line, several are averaged; one concept per line, or a list by name.

    Args:
        on_apply: called with the names and the templates, as typed, and with the box where an error
            about them belongs.
    """

    def __init__(self, on_apply: Callable[[list[str], list[str], TextBox], None]) -> None:
        self._on_apply = on_apply
        self.templates = TextBox(
            "Templates, one per line, {} is the concept; several are averaged",
            rows=2,
            placeholder="a photo of the {}",
        )
        self.list = Choice("List of concepts", (*_LISTS, _OWN))
        self.names = TextBox("Concepts, one name per line", rows=6)
        self._apply = ipw.Button(description="Apply", button_style="primary")
        self._apply.on_click(lambda _: self.apply())
        self._shown: ConceptSet | None = None
        self._asked: tuple[Any, ...] = ()  # what was handed on, and as it was typed
        self.list.observe(self._picked, "value")
        for text in (self.templates, self.names):
            text.observe(lambda _: self._edited(), "value")
            text.on_submit(lambda _: self.apply())
        # An accordion of ipywidgets cannot be reached by keyboard.
        self._more = ipw.ToggleButton(tooltip="", layout={"width": "auto"})
        self._rest = ipw.VBox([self.list, self.names])
        self._more.observe(lambda _: self._fold(), "value")
        self._fold()
        super().__init__([self.templates, self._more, self._rest, self._apply])

    def show(self, concepts: ConceptSet) -> None:
        """Show the templates and names of a study.

        What is typed stays while these do, and what was typed since they were handed on.
        """
        if concepts == self._shown:
            return
        self._shown = concepts
        lists = (name for name in _LISTS if load_concepts(name).names == concepts.names)
        known = next(lists, _OWN)
        asked, self._asked = self._asked, ()
        if asked[:2] != (concepts.names, concepts.templates) or asked[2:] == self._texts:
            self.templates.restore("\n".join(concepts.templates))
            self.names.restore("\n".join(concepts.names))
            self.list.value = known
        self._more.description = f"Concepts: {known}, {len(concepts):,} names"
        self._edited()

    def apply(self) -> None:
        """Hand on what is typed."""
        names, templates = self._typed()
        self._asked = (tuple(names), tuple(templates), *self._texts)
        self._on_apply(names, templates, self.names if _work(templates) else self.templates)

    def _fold(self) -> None:
        shown = self._more.value
        self._rest.layout.display = None if shown else "none"
        self._more.icon = "caret-down" if shown else "caret-right"

    @property
    def _texts(self) -> tuple[str, str]:
        return self.names.value, self.templates.value

    def _typed(self) -> tuple[list[str], list[str]]:
        names = _lines(self.names.value)
        if len(names) == 1:  # a list in one line
            names = [name.strip() for name in names[0].split(",") if name.strip()]
        return names, _lines(self.templates.value)

    def _edited(self) -> None:
        names, templates = self._typed()
        shown = self._shown
        same = shown is not None and (tuple(names), tuple(templates)) == (
            shown.names,
            shown.templates,
        )
        self._apply.disabled = same
        self._apply.description = "Apply" if same else "Apply the changes"

    def _picked(self, change: dict[str, Any]) -> None:
        if change["new"] == _OWN:
            return
        names = "\n".join(load_concepts(change["new"]).names)
        if names != self.names.value:
            self.names.value = names
            self.apply()


def _work(templates: list[str]) -> bool:
    """Return whether these are templates, so that an error is about the names."""
    try:
        ConceptSet(("a name",), tuple(templates))
    except ValueError:
        return False
    return True


def _lines(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]
