"""Near-duplicates and outliers, as lists to look at."""

from __future__ import annotations

import pytest

from uhscm_core.analysis.oddities import Oddities
from widgets.kit.selection import Selection
from widgets.panels.duplicates import DuplicatesPanel
from widgets.panels.outliers import OutliersPanel


@pytest.fixture
def oddities(trained):
    return Oddities(trained)


@pytest.fixture
def done():
    return []


def test_pairs_their_group_and_why(oddities, trained, done):
    panel = DuplicatesPanel(Selection(), done.append, lambda _: None)
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
    panel = DuplicatesPanel(Selection(), lambda _: None, lambda _: None)
    panel.show_pairs(trained, oddities.pairs(0, 1.0, False))
    assert panel.pairs.summary == "No pair is so near: allow more bits, or a smaller cosine"


def test_outliers_stand_above_the_neighbours_of_one(oddities, done):
    panel = OutliersPanel(done.append)
    panel.show(oddities, "codes", 5)
    first = int(oddities.far("codes", 5).ids[0])
    assert panel.outliers.ids[0] == first == panel.near.ids[0]
    assert panel.near.ids[1:].tolist() == oddities.near(first, "codes", 5)[0]
    panel.outliers.selection.focus = int(panel.outliers.ids[2])
    assert done == [int(panel.outliers.ids[2])]
