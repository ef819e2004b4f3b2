"""Two panels never control one thing: the one that was made last leads."""

from __future__ import annotations

import gc

import pytest

from widgets.panels.lead import Lead


def test_the_last_panel_leads_and_the_one_before_is_told():
    told = []
    first, second = (Lead(lambda name=name: told.append(name)) for name in ("first", "second"))
    first.take("runs")
    second.take("runs")
    assert told == ["first"]
    assert (first.held, second.held) == (False, True)
    second.insist()
    with pytest.raises(RuntimeError, match="is shown by the cell that was run last"):
        first.insist()


def test_panels_on_different_things_do_not_meet():
    told = []
    first, second = Lead(lambda: told.append(1)), Lead(lambda: told.append(2))
    first.take("one thing")
    second.take("another")
    assert told == []
    first.take("a third")  # which leaves the first thing
    second.take("one thing")
    assert told == []
    assert first.held
    assert second.held


def test_a_panel_that_left_is_not_told_of_another():
    told = []
    first, second = Lead(lambda: told.append(1)), Lead(lambda: told.append(2))
    first.take("left")
    first.leave()
    second.take("left")
    assert told == []
    first.leave()  # once more takes nothing from the other
    third = Lead(lambda: None)
    third.take("left")
    assert told == [2]


def test_a_panel_that_is_forgotten_is_not_kept_for_its_lead():
    told = []
    forgotten = Lead(lambda: told.append(1))
    forgotten.take("forgotten")
    del forgotten
    gc.collect()
    Lead(lambda: None).take("forgotten")
    assert told == []
