"""Near-duplicates and outliers, as lists to look at."""

from __future__ import annotations

import dataclasses
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from uhscm_core import NearDuplicates, rank_outliers
from uhscm_core.analysis.duplicates import COSINE, LIKENESS
from uhscm_core.analysis.oddities import Oddities
from widgets.kit.selection import Selection
from widgets.panels import duplicates as module
from widgets.panels.duplicates import DuplicatesPanel, n_duplicates, notes
from widgets.panels.outliers import OutliersPanel

NONE = (lambda _: None, lambda: None, lambda _: None)
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "tidy-2026-11-27.md"


@pytest.fixture
def oddities(trained):
    return Oddities(trained)


@pytest.fixture
def done():
    return []


def test_pairs_their_group_and_why(oddities, trained, done):
    panel = DuplicatesPanel(Selection(), done.append, *NONE)
    found = oddities.pairs(3, 0.5, False)
    assert len(found.pairs) > 0
    panel.show_pairs(trained, found)
    assert panel.pairs.count == len(found.pairs)
    panel.show_group(trained, found, 0)
    assert panel.group.ids.tolist() == list(found.groups[0])
    panel.show_group(trained, found, len(found.groups))
    assert panel.group.count == 0
    panel.pairs.selection.focus = 0
    assert done == [0]
    panel.show_why(trained, found, 0, ())
    assert panel.why.why.measured.distance == int(found.distances[0])
    panel.show_why(trained, found, None, ())
    assert panel.why.why is None


def test_no_pair_says_what_to_do(oddities, trained):
    panel = DuplicatesPanel(Selection(), print, *NONE)
    panel.show_pairs(trained, oddities.pairs(0, 1.0, False))
    assert panel.pairs.summary == "No pair is so near: allow more bits, or a smaller cosine"


def test_what_is_said_of_the_defaults_was_measured():
    panel = DuplicatesPanel(Selection(), print, *NONE)
    note = panel.children[1]
    measured = RESULTS.read_text(encoding="utf-8").split("The other half of ")[1]
    row = rf"^\| 16 \| {COSINE} \| {LIKENESS} \| (.*?) \| \d+ \|$"
    half, recompressed, cropped, mirrored = re.search(row, measured, re.M)[1].split(" | ")
    assert note.value == (
        f"These thresholds are the defaults. On {measured.split(':')[0]} photos they found all "
        f"copies that are mirrored, {recompressed} of the recompressed, {half} of those at half "
        f"the size, and {cropped} of the cropped."
    )
    assert mirrored == "100%"
    panel.tell_misses(default=False)
    assert note.layout.display == "none"
    panel.tell_misses(default=True)
    assert note.layout.display is None


def test_outliers_stand_above_the_neighbours_of_one(oddities, done):
    panel = OutliersPanel(done.append, lambda: None, done.append)
    panel.show(oddities, "codes", 5)
    panel.search.wait()
    panel.show(oddities, "codes", 5)
    first = int(oddities.far("codes", 5).ids[0])
    assert panel.outliers.ids[0] == first == panel.near.ids[0]
    assert panel.near.ids[1:].tolist() == oddities.near(first, "codes", 5)[0]
    panel.outliers.selection.focus = int(panel.outliers.ids[2])
    assert done == [int(panel.outliers.ids[2])]


def test_outliers_come_when_all_are_ranked_which_can_be_stopped(oddities, monkeypatch):
    half, go_on, told = threading.Event(), threading.Event(), threading.Event()
    ranking = oddities._ranking("codes", 3)
    ranking._block, scores = 100, ranking._scores
    asked = []

    def waiting(start):
        asked.append(start)
        if start == 100:
            half.set()
            assert go_on.wait(20)
        return tuple(part[:100] for part in scores(start))

    monkeypatch.setattr(ranking, "_scores", waiting)
    panel = OutliersPanel(print, told.set, print)
    panel.show(oddities, "codes", 3)
    assert half.wait(20)
    assert (panel.outliers.count, panel.search.running) == (0, True)
    assert panel.outliers.layout.visibility == panel.near.layout.visibility == "hidden"
    panel.search.stop.click()
    go_on.set()
    panel.search.wait()
    assert told.is_set()
    assert panel.search.progress.summary.startswith("Stopped: 200 of ")
    panel.show(oddities, "codes", 3)
    assert (panel.outliers.count, panel.search.running) == (0, False)
    panel.search.more.click()
    panel.search.wait()
    panel.show(oddities, "codes", 3)
    assert asked == list(range(0, len(oddities.study.dataset), 100))  # none twice
    assert panel.outliers.count == min(200, len(oddities.study.dataset))
    assert panel.search.layout.display == "none"
    assert panel.outliers.layout.visibility == panel.near.layout.visibility == "visible"
    expected = rank_outliers(oddities.study.codes, oddities.bits, oddities.study.image_features, 3)
    assert panel.outliers.ids.tolist() == expected.ids[: panel.outliers.count].tolist()


def test_what_is_to_be_known_of_groups_is_said(monkeypatch):
    groups = ((0, 1), (1, 2), (5, 6, 7))
    none = np.zeros(0, np.int64)
    numbers = none.astype(np.int32), none.astype(np.float32)
    found = NearDuplicates(groups, none.reshape(0, 2), none, *numbers, chains=1)
    assert n_duplicates(found) == 6
    assert notes(dataclasses.replace(found, chains=0), 12) == []
    many, chain = notes(found, 11)
    assert many.startswith("55% of all images have a near-duplicate")
    assert chain.startswith("1 chain of similar images cut")
    monkeypatch.setattr(module, "LONGEST_CHAIN", 2)
    assert notes(found, 12)[-1].startswith("a group of 3 images is too large to be cut")
