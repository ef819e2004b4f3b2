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
    """One template a line, several are averaged; one concept a line, or a list by name.

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
        self.list.observe(self._picked, "value")
        accordion = ipw.Accordion([ipw.VBox([self.list, self.names])], titles=["Concepts"])
        self._accordion = accordion
        super().__init__(
            [
                ipw.Label("Templates, one a line, {} is the concept; several are averaged"),
                self.templates,
                accordion,
                self._apply,
            ]
        )

    def show(self, concepts: ConceptSet) -> None:
        """Show the templates and names of a study."""
        self.templates.value = "\n".join(concepts.templates)
        self.names.value = "\n".join(concepts.names)
        known = (name for name in _LISTS if load_concepts(name).names == concepts.names)
        self.list.value = next(known, _OWN)
        self._accordion.titles = [f"Concepts: {self.list.value}, {len(concepts):,} names"]

    def apply(self) -> None:
        """Hand on what is typed; lines left blank are passed over."""
        templates = [line.strip() for line in self.templates.value.splitlines() if line.strip()]
        names = [line.strip() for line in self.names.value.splitlines() if line.strip()]
        self._on_apply(names, templates)

    def _picked(self, change: dict[str, Any]) -> None:
        if change["new"] == _OWN:
            return
        names = "\n".join(load_concepts(change["new"]).names)
        if names != self.names.value:
            self.names.value = names
            self.apply()
