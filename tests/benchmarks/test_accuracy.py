"""The accuracy table: one command that resumes, and says what was not run or is absent."""

from __future__ import annotations

import argparse
import re
import sys

import pytest

from benchmarks import accuracy
from uhscm_core import Experiment
from uhscm_core.recipe import RECIPES


def absent():
    raise FileNotFoundError("no such folder: put the photos there")


@pytest.fixture
def table_of(study, tmp_path, monkeypatch, capsys):
    """What the command prints for a small dataset and one that is absent."""

    def small():
        return study.dataset, "postcards"

    def run(*options):
        folder = str(tmp_path / "kept")
        monkeypatch.setattr(sys, "argv", ["accuracy", "--folder", folder, *options])
        accuracy.main()
        return capsys.readouterr().out

    monkeypatch.setattr(accuracy, "DATASETS", {"small": small, "absent": absent})
    monkeypatch.setattr(accuracy, "load_vlp", lambda _: study.vlp)
    return run


ASKED = ("--datasets", "small,absent", "--lists", "nuswide81,coco80", "--bits", "16,32")
METHODS = ("--methods", "LSH,cosine of concepts")


def test_what_was_not_run_is_marked_and_what_is_absent_is_said(table_of):
    said = table_of(*ASKED, *METHODS, "--table")
    assert "| LSH | (none read) | not run / not run | not run / not run |" in said
    assert said.count("| cosine of concepts |") == 2  # one per list
    assert "absent is left out: no such folder" in said


def test_a_run_is_found_again_and_goes_on_with_what_is_missing(table_of, monkeypatch):
    first = table_of(*ASKED, "--methods", "LSH", "--bits", "16")
    assert first.count("RunResult(") == 3 * 2  # seeds, over all and at 1000
    rest = table_of(*ASKED, *METHODS)
    assert rest.count("method='LSH'") == 3 * 2  # of 32 bits
    assert rest.count("cosine of concepts';") == 2 * 2  # a list each
    monkeypatch.setattr(Experiment, "__iter__", None)  # nothing is computed from here on
    again = table_of(*ASKED, *METHODS, "--table")
    assert again.splitlines()[-6:] == rest.splitlines()[-6:]
    assert "not run" not in again
    assert " ± " in again
    assert "(3 of 4 seeds)" in table_of(*ASKED, "--methods", "LSH", "--seeds", "4", "--table")


def test_names_with_commas_are_read_and_unknown_ones_refused():
    read = accuracy.names_of(tuple(accuracy.TRAINED))
    assert read("UHSCM, paper(),UHSCM") == ("UHSCM, paper()", "UHSCM")
    assert accuracy.names_of((16, 32))("32,16") == (32, 16)
    with pytest.raises(argparse.ArgumentTypeError, match=r"unknown: ITK; expected some of"):
        accuracy.names_of(("ITQ", "LSH"))("LSH,ITK")


def test_every_recipe_is_in_the_table():
    assert sorted(accuracy.TRAINED.values()) == sorted(RECIPES)


def test_a_margin_is_over_the_best_other_method_with_its_interval(table_of):
    asked = ("--datasets", "small", "--lists", "nuswide81", "--bits", "16", "--ranks", "all")
    methods = ("--methods", "LSH,ITQ,cosine of features")
    said = table_of(*asked, *methods, "--margin", "ITQ")
    (row,) = [line for line in said.splitlines() if line.startswith("| nuswide81 | 16 |")]
    *_, lsh, itq, cosine, margin = (cell.strip() for cell in row.strip("|").split("|"))
    assert float(cosine.split()[0]) > float(itq.split()[0]) > float(lsh.split()[0])
    found = re.fullmatch(r"(\S+) \[(\S+), (\S+)\] \(cosine of features\)", margin)
    assert found is not None
    value, low, high = map(float, found.groups())
    assert low < value < high < 1
    assert value == pytest.approx(float(itq.split()[0]) - float(cosine.split()[0]), abs=0.0015)
