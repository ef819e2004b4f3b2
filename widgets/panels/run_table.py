"""The runs of a study as a table: sorted, named, noted, hidden, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study, TrainingStep
from uhscm_core.analysis.study_runs import TRAINED_WITH, differences
from uhscm_core.analysis.validation import EVALUATED_BY_LABELS
from uhscm_core.runs import Run, RunLabel, read_label
from widgets.kit.layout import row
from widgets.kit.table import Table
from widgets.kit.words import counted
from widgets.panels.run_deletion import RunDeletion
from widgets.panels.run_editor import RunEditor

__all__ = ["RunTable"]

_UNSEEN = ("seconds", "validate_every", "workers")
_BY_NUMBER = "number"
_OWN_CONCEPTS = (
    "mAP by concepts is by those of each run, so compare it only where the template and the "
    "concepts are the same"
)


class RunTable(ipw.VBox):
    """A row per run, with what can be done to the one that is chosen below it.

    Args:
        pick: called with the name of a run that is chosen.
        changed: called after a run was named or hidden, or runs were deleted.
        fail: called with what went wrong.
        use: called with the name of the run whose template and settings are wanted.
    """

    def __init__(
        self,
        pick: Callable[[str], None],
        changed: Callable[[], None],
        fail: Callable[[str], None],
        use: Callable[[str], None],
    ) -> None:
        self._pick, self._changed, self._fail = pick, changed, fail
        self._frame = pd.DataFrame()
        self._runs: dict[str, Run] = {}
        self._marks: Mapping[str, str] = {}
        self._order: list[str] = []
        self._labels: dict[str, RunLabel] = {}
        self._chosen = ""
        self.table = Table()
        self.table.observe(self._on_row, "chosen")
        self.sort = ipw.Dropdown(
            description="Sort by", options=[_BY_NUMBER], layout={"width": "250px"}
        )
        self.sort.style.description_width = "55px"
        self.largest = ipw.Checkbox(
            True, description="largest or newest first", indent=False, layout={"width": "auto"}
        )
        self.hidden = ipw.Checkbox(
            description="show hidden runs", indent=False, layout={"width": "auto"}
        )
        for control in (self.sort, self.largest, self.hidden):
            control.observe(lambda _: self._draw(), "value")
        self.deletion = RunDeletion(self._deleted, fail)
        self.editor = RunEditor(changed, self.deletion.ask, fail, use)
        order = row(self.sort, self.largest, self.hidden)
        order.layout.align_items = "flex-start"
        super().__init__([order, self.table, self.editor, self.deletion])
        self.add_class("uhscm-runs")

    # -- what is shown ---------------------------------------------------------------------------

    def show(
        self,
        runs: Sequence[Run],
        histories: Mapping[str, Sequence[TrainingStep]],
        marks: Mapping[str, str],
        study: Study,
        *,
        by_labels: bool,
    ) -> None:
        """Replace the runs.

        Args:
            runs: oldest first.
            histories: their steps, by name.
            marks: a sign for each run that is in view elsewhere, by name.
            study: in view; a run says with what else it was trained.
            by_labels: whether there are labels to evaluate by.
        """
        self._runs, self._marks = {run.name: run for run in runs}, marks
        self._labels = {run.name: self._label(run) for run in runs}
        self.deletion.show(runs, self._labels)
        frame = differences(runs, histories, study) if runs else pd.DataFrame()
        unseen = _UNSEEN if by_labels else (*_UNSEEN, f"last {EVALUATED_BY_LABELS}")
        self._frame = frame.drop(columns=[*unseen], errors="ignore")
        if runs:
            labels = self._labels.values()
            if any(label.title for label in labels):
                self._frame.insert(1, "name", [label.title for label in labels])
            if any(label.note for label in labels):
                self._frame["note"] = [" / ".join(lab.note.split("\n")) for lab in labels]
            self._frame["MB"] = [size / 1e6 for size in self.deletion.sizes.values()]
        self._draw()

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
        said = "Runs on these images: ● in color, ○ in gray, and the settings in which they differ"
        if TRAINED_WITH in self._frame:
            said += f"; {_OWN_CONCEPTS}"
        if number and not self.hidden.value:
            said += f"; {counted(number, 'run')} hidden"
        place = self._order.index(self._chosen) if self._chosen in self._order else None
        self.table.unobserve(self._on_row, "chosen")
        self.table.show(
            frame,
            marks=[self._marks.get(name, "") for name in self._order],
            summary=said if self._runs else "No run on these images yet.",
            chosen=place,
        )
        self.table.observe(self._on_row, "chosen")
        several = len(self._runs) > 1
        for control in (self.sort, self.largest):
            control.layout.display = "" if several else "none"
        self.editor.show(self._runs.get(self._chosen), self._labels.get(self._chosen, RunLabel()))

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

    # -- what a person does ----------------------------------------------------------------------

    def choose(self, name: str) -> None:
        """Put a run below the table, to be named, hidden or deleted."""
        self.deletion.keep()
        self._chosen = name
        self.editor.forget()
        self._draw()

    def _on_row(self, change: dict[str, Any]) -> None:
        place = change["new"]
        if place is not None and place < len(self._order):
            name = self._order[place]
            self.choose(name)
            self._pick(name)

    def _deleted(self) -> None:
        self._chosen = ""
        self._changed()
