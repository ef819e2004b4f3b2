"""What can be done to one run: used again, named, noted, hidden, deleted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from uhscm_core.runs import Run, RunLabel, write_label
from widgets.kit.gestures import Gestures
from widgets.kit.text_box import TextBox

__all__ = ["RunEditor"]


class RunEditor(ipw.HBox):
    """The name and the note of a run, with buttons; out of sight while there is no run.

    Args:
        changed: called after a run was named, noted or hidden.
        delete: called with the name of the run that is to be deleted.
        fail: called with what went wrong.
        use: called with the name of the run whose template and settings are wanted.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        delete: Callable[[str], None],
        fail: Callable[[str], None],
        use: Callable[[str], None],
    ) -> None:
        self._changed, self._delete, self._use = changed, delete, use
        self._run: Run | None = None
        self._label = RunLabel()
        self.title = TextBox("name", placeholder="none", layout={"width": "260px"})
        self.note = TextBox("note", placeholder="none", rows=2, layout={"width": "420px"})
        gestures = Gestures(fail)
        for box in (self.title, self.note):
            box.on_submit(lambda _: gestures.do(self.save))
        self.buttons = {
            "use": gestures.button("Use its template and settings", "reply", self.use),
            "save": gestures.button("Save name and note", "check", self.save),
            "hide": gestures.button("Hide", "eye-slash", self.hide),
            "delete": gestures.button("Delete …", "trash", self.ask_to_delete),
        }
        layout = {"flex_flow": "row wrap", "align_items": "flex-start"}
        super().__init__([self.title, self.note, *self.buttons.values()], layout=layout)

    def show(self, run: Run | None, label: RunLabel) -> None:
        """Show a run with its label, but keep what is typed; None for no run."""
        self._run, self._label = run, label
        self.layout.display = "none" if run is None else ""
        if run is None:
            return
        self.title.label, self.note.label = f"name of run {run.name}", "note"
        for box, value in ((self.title, label.title), (self.note, label.note)):
            box.show(value)
        self.buttons["use"].disabled = run.is_damaged
        self.buttons["hide"].description = "Show again" if label.hidden else "Hide"

    def forget(self) -> None:
        """Forget what is typed, because another run is to be shown."""
        for box in (self.title, self.note):
            box.restore("")

    def use(self) -> None:
        """Put the template and the settings of the run in view."""
        if self._run is not None:
            self._use(self._run.name)

    def save(self) -> None:
        """Keep the name and the note that are typed."""
        label = self._label
        for name, box in (("title", self.title), ("note", self.note)):
            try:
                changed: dict[str, Any] = {name: box.value.strip()}
                label = dataclasses.replace(label, **changed)
            except ValueError as error:
                box.fail(str(error))
                return
        self._write(label)

    def hide(self) -> None:
        """Leave the run out of the table, or show it again."""
        self._write(dataclasses.replace(self._label, hidden=not self._label.hidden))

    def ask_to_delete(self) -> None:
        """Ask whether the run is to be deleted."""
        if self._run is not None:
            self._delete(self._run.name)

    def _write(self, label: RunLabel) -> None:
        if self._run is None:
            return
        write_label(self._run.folder, label)
        self._changed()
