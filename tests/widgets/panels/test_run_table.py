"""The table of runs without a browser: sorted, named, hidden, deleted after a question."""

from __future__ import annotations

import pandas as pd
import pytest

from uhscm_core import TrainingConfig
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import (
    MiningSettings,
    RunLabel,
    holding,
    new_run,
    read_label,
    read_runs,
    write_label,
)
from widgets import TrainingExplorer
from widgets.kit.table import Table
from widgets.panels.run_table import RunTable

HOSTILE = "<img src=x onerror=alert(1)>"


class Shown:
    """A table over a folder of runs, shown again after each change."""

    def __init__(self, folder, study):
        self.folder, self.study = folder, study
        self.picked, self.failed, self.used = [], [], []
        self.panel = RunTable(self.picked.append, self.show, self.failed.append, self.used.append)
        self.show()

    def show(self):
        runs = read_runs(self.folder)
        histories = {run.name: () for run in runs}
        self.panel.show(runs, histories, {}, self.study, by_labels=True)

    def names(self):
        return [row[0] for row in self.panel.table.rows]

    def choose(self, name):
        self.panel.table.chosen = None
        self.panel.table.chosen = self.names().index(name)

    def asks(self):
        return self.panel.deletion.asking


@pytest.fixture
def shown(tmp_path, study):
    for bits, size in ((32, 3000), (16, 1000), (64, 2000)):
        run = new_run(tmp_path, bits, TrainingConfig())
        (run.folder / "weights.safetensors").write_bytes(bytes(size))
    return Shown(tmp_path, study)


def test_a_run_says_its_prompt_where_it_is_another_and_can_be_used_again(shown):
    panel = shown.panel
    assert "trained with" not in panel.table.columns
    assert "compare it only" not in panel.table.summary
    other = shown.study.with_(template="a drawing of the {}")
    new_run(shown.folder, 16, TrainingConfig(), mining=MiningSettings.of(other))
    shown.show()
    column = [*panel.table.columns].index("trained with")
    said = [row[column] for row in panel.table.rows]
    assert said == ["template “a drawing of the {}”"] + ["what is in view"] * 3
    assert "mAP by concepts is by those of each run" in panel.table.summary
    shown.choose("004")
    panel.editor.buttons["use"].click()
    assert shown.used == ["004"]


def test_runs_are_sorted_by_any_column_either_way(shown):
    panel = shown.panel
    assert shown.names() == ["003", "002", "001"]  # the one just trained is in sight
    panel.sort.value = "bits"
    assert shown.names() == ["003", "001", "002"]
    panel.sort.value = "MB"
    assert shown.names() == ["001", "003", "002"]
    panel.largest.value = False
    assert shown.names() == ["002", "003", "001"]
    panel.sort.value = "number"
    assert shown.names() == ["001", "002", "003"]
    shown.choose("002")
    assert shown.picked == ["002"]  # the row as it is sorted, not as it was made


def test_the_numbers_of_a_column_have_as_many_digits():
    table = Table()
    frame = {"mAP": [0.4, 0.451], "λ": [0.8, float("nan")], "bits": [16, 8], "note": ["a", 0.5]}
    table.show(pd.DataFrame(frame | {"less": [-0.12, 1.0]}))
    assert table.rows == [
        ["0.400", "0.8", "16", "a", "\N{MINUS SIGN}0.12"],
        ["0.451", "", "8", "0.5", "1.00"],
    ]
    table.show(pd.DataFrame())
    assert table.rows == []


def test_a_name_and_a_note_are_kept_and_shown_as_text(shown):
    shown.choose("002")
    panel = shown.panel
    panel.editor.title.value, panel.editor.note.value = f" {HOSTILE} ", "line one\nline two"
    panel.editor.save()
    assert read_label(shown.folder / "002") == RunLabel(HOSTILE, "line one\nline two")
    row = panel.table.rows[1]
    assert HOSTILE in row
    assert "line one / line two" in row
    shown.choose("001")
    assert (panel.editor.title.value, panel.editor.note.value) == ("", "")
    shown.choose("002")
    assert panel.editor.title.value == HOSTILE


@pytest.mark.parametrize("typed", ["x" * 61, "a\tb", "\u202ereversed"])
def test_a_name_that_does_not_work_is_said_at_its_box_and_stays_there(shown, typed):
    shown.choose("001")
    shown.panel.editor.title.value = typed
    shown.panel.editor.save()
    assert shown.panel.editor.title.error.startswith("title must ")
    assert shown.panel.editor.title.value == typed
    assert read_label(shown.folder / "001") == RunLabel()
    shown.panel.editor.title.value = "fine"
    shown.panel.editor.save()
    assert shown.panel.editor.title.error == ""


def test_hidden_runs_are_counted_and_can_be_shown_again(shown):
    shown.choose("001")
    shown.panel.editor.title.value = "not saved yet"
    shown.panel.editor.hide()
    assert shown.panel.editor.title.value == "not saved yet"
    assert shown.names() == ["003", "002"]
    assert "1 run hidden" in shown.panel.table.summary
    shown.panel.hidden.value = True
    assert shown.names() == ["003", "002", "001"]
    shown.choose("001")
    assert shown.panel.editor.buttons["hide"].description == "Show again"
    shown.panel.editor.hide()
    assert not read_label(shown.folder / "001").hidden


def test_nothing_is_deleted_before_the_question_is_answered(shown):
    shown.choose("002")
    write_label(shown.folder / "002", RunLabel("mine"))
    shown.show()
    shown.panel.editor.ask_to_delete()
    assert shown.asks()
    assert shown.panel.deletion.question.value.startswith("Delete run 002 (mine), ")
    shown.panel.deletion.keep()
    assert not shown.asks()
    shown.panel.deletion.delete()  # of nothing that is asked about
    assert shown.names() == ["003", "002", "001"]
    shown.panel.editor.ask_to_delete()
    shown.choose("003")  # another row takes the question away
    assert not shown.asks()
    shown.choose("002")
    shown.panel.editor.ask_to_delete()
    shown.panel.deletion.delete()
    assert shown.names() == ["003", "001"]


def test_the_oldest_go_when_there_is_too_little_space(shown):
    panel = shown.panel
    assert panel.deletion.space.value.startswith("3 runs, ")
    panel.deletion.most.value = "0.0045"
    panel.deletion.ask_to_prune()
    assert panel.deletion.question.value.startswith("Delete run 001, ")
    panel.deletion.delete()
    assert shown.names() == ["003", "002"]
    panel.deletion.most.value = "0"
    panel.deletion.ask_to_prune()
    assert panel.deletion.question.value.startswith("Delete 2 runs, 002 to 003, ")


def test_an_empty_size_is_said_to_be_empty(shown):
    shown.panel.deletion.most.value = " "
    shown.panel.deletion.ask_to_prune()
    assert shown.panel.deletion.most.error == "the box is empty: type a number of MB"


@pytest.mark.parametrize("typed", ["-1", "nan", "inf", "many"])
def test_a_size_that_is_none_is_said_at_its_box(shown, typed):
    shown.panel.deletion.most.value = typed
    shown.panel.deletion.ask_to_prune()
    assert "expected a number of at least 0" in shown.panel.deletion.most.error
    assert not shown.asks()


def test_a_run_in_training_is_kept_and_it_is_said(shown):
    shown.choose("001")
    with holding(shown.folder / "001"):
        shown.panel.editor.ask_to_delete()
        shown.panel.deletion.delete()
    assert "run 001 is being trained" in shown.failed[0]
    assert shown.names() == ["003", "002", "001"]


def test_a_damaged_label_is_said_and_the_run_is_listed(shown):
    (shown.folder / "001" / "label.json").write_text("{")
    shown.show()
    assert shown.names() == ["003", "002", "001"]
    assert "label.json" in shown.failed[0]


def test_the_training_explorer_forgets_a_run_that_was_deleted(study):
    explorer = TrainingExplorer(study)
    for _ in range(2):
        explorer.start(bits=8, epochs=1)
        explorer.wait()
    explorer.run_table.choose("002")
    explorer.run_table.editor.ask_to_delete()
    explorer.run_table.deletion.delete()
    explorer.wait()
    assert [run.name for run in read_runs(runs_folder(study))] == ["001"]
    assert explorer.colour.options == ("none", "001")
    assert explorer.table.to_frame()["run"].tolist() == ["001"]
    assert explorer.status.errors == []
    explorer.start(bits=8, epochs=1)
    explorer.wait()
    assert explorer.colour.value == "003"
    explorer.close()
