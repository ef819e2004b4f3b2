"""Runs that are named, noted, hidden and deleted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from uhscm_core import TrainingConfig
from uhscm_core.runs import (
    RunLabel,
    delete_run,
    delete_runs,
    holding,
    new_run,
    oldest_beyond,
    read_label,
    read_runs,
    run_size,
    write_label,
)
from uhscm_core.support import store


@pytest.fixture
def runs(tmp_path):
    return [new_run(tmp_path, 16, TrainingConfig()) for _ in range(3)]


def fill(run, size):
    (run.folder / "weights.safetensors").write_bytes(bytes(size))


@pytest.mark.parametrize(
    "label",
    [
        RunLabel("Größere λ", "line one\nline two", hidden=True),
        RunLabel("<img src=x onerror=alert(1)>"),
        RunLabel("../../etc/passwd", "'; DROP TABLE runs; --"),
        RunLabel("x" * 60, "y" * 2000),
        RunLabel('\\ " {} %s $(rm -rf)'),
    ],
)
def test_a_label_comes_back_as_it_was_written(runs, label):
    assert read_label(runs[0].folder) == RunLabel()
    write_label(runs[0].folder, label)
    assert read_label(runs[0].folder) == label
    assert [run.name for run in read_runs(runs[0].folder.parent)] == ["001", "002", "003"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb", r"title must hold printable characters alone, got '\\n'; .* use the note"),
        ("a\x00b", "title must hold printable characters alone, got"),
        ("\u202egpj.exe", "title must hold printable characters alone, got"),
        ("x" * 61, "title must have at most 60 characters, got 61; shorten it"),
    ],
)
def test_a_title_is_one_line_of_printable_characters(text, message):
    with pytest.raises(ValueError, match=message):
        RunLabel(text)


def test_a_note_has_several_lines_of_printable_characters():
    assert RunLabel(note="a\nb").note == "a\nb"
    with pytest.raises(ValueError, match=r"note must hold printable .* got '\\x1b'; leave it out$"):
        RunLabel(note="a\n\x1b[31m")
    with pytest.raises(ValueError, match="note must have at most 2,000 characters, got 2,001"):
        RunLabel(note="x" * 2001)


def test_a_run_is_named_while_another_process_trains_it(runs):
    run = runs[0]
    with holding(run.folder):
        write_label(run.folder, RunLabel("mine"))
        run.save()  # what its trainer does at the end
    assert read_label(run.folder).title == "mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not readable JSON .*; delete the file to name the run again"),
        (b'{"title": 3}', "title must be str"),
        (b'{"titel": "x"}', "unknown 'titel'"),
        (b'{"title": "a\\nb"}', "label.json: title must hold printable"),
        (b'{"format": 99, "title": "x"}', "later version"),
    ],
)
def test_a_damaged_label_is_said(runs, content, message):
    (runs[0].folder / "label.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_label(runs[0].folder)


def test_a_changed_label_is_found_out(runs):
    write_label(runs[0].folder, RunLabel("a"))
    path = runs[0].folder / "label.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"title": "b"}))
    with pytest.raises(store.DamagedFileError, match="delete the file"):
        read_label(runs[0].folder)


def test_a_deleted_run_cannot_be_named(runs):
    delete_run(runs[0].folder)
    with pytest.raises(FileNotFoundError, match="deleted meanwhile"):
        write_label(runs[0].folder, RunLabel("x"))
    assert not runs[0].folder.exists()


def test_deleting_leaves_nothing_and_never_gives_a_number_again(runs, tmp_path):
    delete_run(runs[2].folder)
    delete_run(runs[0].folder)
    assert [run.name for run in read_runs(tmp_path)] == ["002"]
    assert new_run(tmp_path, 16, TrainingConfig()).name == "004"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["002", "003", "004"]
    assert delete_runs(tmp_path, keep=1) == ["002"]  # the empty 003 is no run that is kept
    with pytest.raises(FileNotFoundError, match="deleted meanwhile"):
        delete_run(tmp_path / "001")


TRAINS = """
import sys, time
from pathlib import Path
from uhscm_core.runs import holding
with holding(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_run_in_training_in_another_notebook_is_not_deleted(runs, tmp_path):
    fill(runs[0], 500)
    root = Path(__file__).resolve().parents[1]
    other = subprocess.Popen(
        [sys.executable, "-c", TRAINS, str(runs[0].folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError, match="run 001 is being trained, here or in another"):
            delete_run(runs[0].folder)
        assert [run.name for run in oldest_beyond(tmp_path, 0)] == ["002", "003"]
        assert delete_runs(tmp_path, keep=0) == ["002", "003"]
        assert run_size(runs[0].folder) > 500
    finally:
        other.communicate()
    delete_run(runs[0].folder)
    assert read_runs(tmp_path) == []


def test_a_run_in_training_here_is_not_deleted(runs):
    with holding(runs[1].folder), pytest.raises(BlockingIOError, match="run 002 is being trained"):
        delete_run(runs[1].folder)
    assert runs[1].folder.exists()


def test_a_link_to_another_folder_is_not_followed(runs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("years")
    (tmp_path / "007").symlink_to(elsewhere)
    with pytest.raises(ValueError, match="is a link to another folder; delete the link yourself"):
        delete_run(tmp_path / "007")
    (runs[0].folder / "link").symlink_to(elsewhere)
    delete_run(runs[0].folder)
    assert (elsewhere / "thesis.txt").read_text() == "years"


def test_the_oldest_go_until_the_others_fit(runs, tmp_path):
    for run in runs:
        fill(run, 1000)
    sizes = [run_size(run.folder) for run in runs]
    assert all(1000 < size < 3000 for size in sizes)
    total = sum(sizes)
    names = {n: [run.name for run in oldest_beyond(tmp_path, n)] for n in (total, total - 1, 1, 0)}
    assert names == {
        total: [],
        total - 1: ["001"],
        1: ["001", "002", "003"],
        0: ["001", "002", "003"],
    }
    with pytest.raises(ValueError, match="size must be a whole number of at least 0, got -1"):
        oldest_beyond(tmp_path, -1)


def test_what_a_killed_deletion_left_goes_with_the_next(runs, tmp_path):
    (tmp_path / ".deleted-abc").mkdir()
    (tmp_path / ".deleted-abc" / "weights.safetensors").write_bytes(b"x")
    assert [run.name for run in read_runs(tmp_path)] == ["001", "002", "003"]
    delete_run(runs[0].folder)
    assert not (tmp_path / ".deleted-abc").exists()
