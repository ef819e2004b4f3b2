"""The runs of a study as a table: sorted, named, noted, hidden, deleted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import TrainingStep
from uhscm_core.analysis.study_runs import differences
from uhscm_core.analysis.validation import EVALUATED_BY_LABELS
from uhscm_core.runs import (
    Run,
    RunLabel,
    delete_run,
    oldest_beyond,
    read_label,
    run_size,
    write_label,
)
from widgets.kit.table import Table
from widgets.kit.text_box import TextBox
from widgets.kit.words import counted, file_size

__all__ = ["RunTable"]

_UNSEEN = ("seconds", "validate_every", "workers")
_BY_NUMBER = "number"


class RunTable(ipw.VBox):
    """A row per run, with what can be done to the one that is chosen below it.

    Args:
        pick: called with the name of a run that is chosen.
        changed: called after runs were deleted.
        fail: called with what went wrong.
    """

    def __init__(
        self,
        pick: Callable[[str], None],
        changed: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self._pick, self._changed, self._fail = pick, changed, fail
        self._frame = pd.DataFrame()
        self._runs: dict[str, Run] = {}
        self._marks: Mapping[str, str] = {}
        self._order: list[str] = []
        self._labels: dict[str, RunLabel] = {}
        self._sizes: dict[str, int] = {}
        self._chosen = ""
        self._asked: tuple[str, ...] = ()
        self.table = Table()
        self.table.observe(self._on_row, "chosen")
        self.sort = ipw.Dropdown(
            description="Sort by", options=[_BY_NUMBER], layout={"width": "250px"}
        )
        self.sort.style.description_width = "55px"
        self.largest = ipw.Checkbox(
            description="largest or newest first", indent=False, layout={"width": "auto"}
        )
        self.hidden = ipw.Checkbox(
            description="show hidden runs", indent=False, layout={"width": "auto"}
        )
        for control in (self.sort, self.largest, self.hidden):
            control.observe(lambda _: self._draw(), "value")
        self.title = TextBox("name", placeholder="none", layout={"width": "260px"})
        self.note = TextBox("note", placeholder="none", rows=2, layout={"width": "420px"})
        for box in (self.title, self.note):
            box.on_submit(lambda _: self._safely(self.save))
        self.buttons = {
            "save": self._button("Save name and note", "check", self.save),
            "hide": self._button("Hide", "eye-slash", self.hide),
            "delete": self._button("Delete …", "trash", self.ask_to_delete),
            "prune": self._button("Delete the oldest …", "trash", self.ask_to_prune),
            "yes": self._button("Delete", "trash", self.delete, "danger"),
            "no": self._button("Keep", "", self.keep),
        }
        self.space = ipw.Label("")
        self.most = TextBox("keep at most, MB", value="100", layout={"width": "190px"})
        self.question = ipw.Label("")
        self.question.add_class("uhscm-question")
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        b = self.buttons
        self._editor = ipw.HBox(
            [self.title, self.note, b["save"], b["hide"], b["delete"]], layout=wrap
        )
        self._confirmation = ipw.HBox([self.question, b["yes"], b["no"]], layout=wrap)
        self._pruning = ipw.HBox([self.space, self.most, b["prune"]], layout=wrap)
        super().__init__(
            [
                ipw.HBox([self.sort, self.largest, self.hidden], layout=wrap),
                self.table,
                self._editor,
                self._pruning,
                self._confirmation,
            ]
        )
        self.add_class("uhscm-runs")
        self.keep()

    # -- what is shown ---------------------------------------------------------------------------

    def show(
        self,
        runs: Sequence[Run],
        histories: Mapping[str, Sequence[TrainingStep]],
        marks: Mapping[str, str],
        *,
        by_labels: bool,
    ) -> None:
        """Replace the runs.

        Args:
            runs: oldest first.
            histories: their steps, by name.
            marks: a sign for each run that is in view elsewhere, by name.
            by_labels: whether there are labels to evaluate by.
        """
        self._runs, self._marks = {run.name: run for run in runs}, marks
        self._labels = {run.name: self._label(run) for run in runs}
        self._sizes = {run.name: run_size(run.folder) for run in runs}
        frame = differences(runs, histories) if runs else pd.DataFrame()
        unseen = _UNSEEN if by_labels else (*_UNSEEN, f"last {EVALUATED_BY_LABELS}")
        self._frame = frame.drop(columns=[*unseen], errors="ignore")
        if runs:
            labels = self._labels.values()
            if any(label.title for label in labels):
                self._frame.insert(1, "name", [label.title for label in labels])
            if any(label.note for label in labels):
                self._frame["note"] = [" / ".join(lab.note.split("\n")) for lab in labels]
            self._frame["MB"] = [size / 1e6 for size in self._sizes.values()]
        self._draw()

    def title_of(self, name: str) -> str:
        """Return what the user calls a run; empty for nothing."""
        return self._labels[name].title if name in self._labels else ""

    def _label(self, run: Run) -> RunLabel:
        try:
            return read_label(run.folder)
        except (OSError, ValueError) as error:
            self._fail(str(error))
            return RunLabel()

    def _draw(self) -> None:
        columns = [_BY_NUMBER, *self._frame.columns[1:]]
        if columns != [*self.sort.options]:
            before = self.sort.value
            self.sort.options = columns
            if before in columns:
                self.sort.value = before
        frame = self._sorted()
        number = sum(label.hidden for label in self._labels.values())
        self.hidden.description = f"show hidden runs ({number})"
        self.hidden.layout.display = "" if number else "none"
        self._order = frame["run"].tolist() if len(frame) else []
        said = "Runs on this study: ● in color, ○ in gray, and the settings in which they differ"
        if number and not self.hidden.value:
            said += f"; {counted(number, 'run')} hidden"
        place = self._order.index(self._chosen) if self._chosen in self._order else None
        self.table.unobserve(self._on_row, "chosen")
        self.table.show(
            frame,
            marks=[self._marks.get(name, "") for name in self._order],
            summary=said if self._runs else "No run on this study yet.",
            chosen=place,
        )
        self.table.observe(self._on_row, "chosen")
        several = len(self._runs) > 1
        for control in (self.sort, self.largest):
            control.layout.display = "" if several else "none"
        total = sum(self._sizes.values())
        self.space.value = f"{counted(len(self._runs), 'run')}, {file_size(total)} on disk"
        self._pruning.layout.display = "" if self._runs else "none"
        self._draw_editor()

    def _sorted(self) -> pd.DataFrame:
        frame = self._frame
        if not len(frame):
            return frame
        if not self.hidden.value:
            frame = frame[[not self._labels[name].hidden for name in frame["run"]]]
        down = self.largest.value
        if self.sort.value == _BY_NUMBER:
            return frame[::-1] if down else frame
        values = frame[self.sort.value]
        if values.map(lambda value: isinstance(value, str)).any():
            values = values.astype(str)
        order = values.sort_values(ascending=not down, kind="stable", na_position="last")
        chosen: pd.DataFrame = frame.loc[order.index]
        return chosen

    def _draw_editor(self) -> None:
        run = self._runs.get(self._chosen)
        self._editor.layout.display = "none" if run is None else ""
        if run is None:
            return
        label = self._labels[run.name]
        self.title.label, self.note.label = f"name of run {run.name}", "note"
        for box, value in ((self.title, label.title), (self.note, label.note)):
            box.show(value)
        self.buttons["hide"].description = "Show again" if label.hidden else "Hide"

    # -- what a person does ----------------------------------------------------------------------

    def choose(self, name: str) -> None:
        """Put a run below the table, to be named, hidden or deleted."""
        self.keep()
        self._chosen = name
        for box in (self.title, self.note):
            box.restore("")
        self._draw()

    def save(self) -> None:
        """Keep the name and the note that are typed."""
        before = self._labels[self._chosen]
        try:
            label = dataclasses.replace(before, title=self.title.value.strip())
        except ValueError as error:
            self.title.fail(str(error))
            return
        try:
            label = dataclasses.replace(label, note=self.note.value.strip())
        except ValueError as error:
            self.note.fail(str(error))
            return
        self._write(label)

    def hide(self) -> None:
        """Leave the chosen run out of the table, or show it again."""
        before = self._labels[self._chosen]
        self._write(dataclasses.replace(before, hidden=not before.hidden))

    def ask_to_delete(self) -> None:
        """Ask whether the chosen run is to be deleted."""
        self._ask([self._runs[self._chosen]])

    def ask_to_prune(self) -> None:
        """Ask whether the oldest runs are to be deleted, so that the others fit."""
        try:
            most = float(self.most.value)
            size = round(most * 1e6)
            if most < 0:
                raise ValueError
        except (ValueError, OverflowError):
            self.most.fail(f"expected a number of at least 0, got {self.most.value.strip()!r}")
            return
        self.most.error = ""
        folder = next(iter(self._runs.values())).folder.parent
        going = oldest_beyond(folder, size)
        if going:
            self._ask(going)
        else:
            self.most.fail("nothing to delete: the runs fit already, or are in training")

    def delete(self) -> None:
        """Delete what was asked about."""
        asked = self._asked
        self.keep()
        for name in asked:
            try:
                delete_run(self._runs[name].folder)
            except (OSError, ValueError) as error:
                self._fail(str(error))
        if asked:
            self._chosen = ""
            self._changed()

    def keep(self) -> None:
        """Delete nothing."""
        self._asked = ()
        self._confirmation.layout.display = "none"

    def _ask(self, runs: Sequence[Run]) -> None:
        self._asked = tuple(run.name for run in runs)
        size = sum(self._sizes.get(name, 0) for name in self._asked)
        if len(self._asked) == 1:
            title = self.title_of(self._asked[0])
            what = f"run {self._asked[0]}" + (f" ({title})" if title else "")
        else:
            what = f"{len(self._asked)} runs, {self._asked[0]} to {self._asked[-1]}"
        self.question.value = f"Delete {what}, {file_size(size)}? This cannot be undone."
        self._confirmation.layout.display = ""

    def _write(self, label: RunLabel) -> None:
        write_label(self._runs[self._chosen].folder, label)
        for box in (self.title, self.note):
            box.restore(getattr(label, "title" if box is self.title else "note"))
        self._changed()

    def _on_row(self, change: dict[str, Any]) -> None:
        row = change["new"]
        if row is not None and row < len(self._order):
            name = self._order[row]
            self.choose(name)
            self._pick(name)

    def _button(
        self, text: str, icon: str, action: Callable[[], None], style: str = ""
    ) -> ipw.Button:
        button = ipw.Button(description=text, icon=icon, button_style=style)
        button.layout.width = "auto"
        button.on_click(lambda _: self._safely(action))
        return button

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # a callback's exceptions are seen by no one
            self._fail(str(error) or type(error).__name__)
