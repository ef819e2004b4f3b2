"""Templates and concept names, edited in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from uhscm_core import ConceptSet, load_concepts

__all__ = ["ConceptEditor"]

_LISTS = ("nuswide81", "coco80", "common", "nuswide81+coco80")
_OWN = "a list of your own"


class ConceptEditor(ipw.VBox):
    """One template per line, several are averaged; one concept per line, or a list by name.

    Args:
        on_apply: called with the names and the templates, as typed.
    """

    def __init__(self, on_apply: Callable[[list[str], list[str]], None]) -> None:
        self._on_apply = on_apply
        wide = {"width": "98%"}
        self.templates = ipw.Textarea(rows=2, layout=wide, placeholder="a photo of the {}")
        self.list = ipw.Dropdown(options=(*_LISTS, _OWN), layout=wide)
        self.names = ipw.Textarea(rows=6, layout=wide)
        self._apply = ipw.Button(description="Apply", button_style="primary")
        self._apply.on_click(lambda _: self.apply())
        self._shown: ConceptSet | None = None
        self.list.observe(self._picked, "value")
        for text in (self.templates, self.names):
            text.observe(lambda _: self._edited(), "value")
        accordion = ipw.Accordion(
            [ipw.VBox([self.list, ipw.Label("One name per line"), self.names])], titles=["Concepts"]
        )
        self._accordion = accordion
        super().__init__(
            [
                ipw.Label("Templates, one per line, {} is the concept; several are averaged"),
                self.templates,
                accordion,
                self._apply,
            ]
        )

    def show(self, concepts: ConceptSet) -> None:
        """Show the templates and names of a study; what is typed stays while these do."""
        if concepts == self._shown:
            return
        self._shown = concepts
        self.templates.value = "\n".join(concepts.templates)
        self.names.value = "\n".join(concepts.names)
        known = (name for name in _LISTS if load_concepts(name).names == concepts.names)
        self.list.value = next(known, _OWN)
        self._accordion.titles = [f"Concepts: {self.list.value}, {len(concepts):,} names"]
        self._edited()

    def apply(self) -> None:
        """Hand on what is typed."""
        self._on_apply(*self._typed())

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


def _lines(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]
