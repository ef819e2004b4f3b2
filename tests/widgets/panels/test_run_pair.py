"""Two runs of one list: those chosen by a person are told of, those put in view are not."""

from __future__ import annotations

from widgets.panels.run_pair import RunPair


def test_both_are_put_in_view_without_being_told_of():
    told = []
    pair = RunPair(lambda: told.append(pair.names))
    pair.choose("002", "001", ["001", "002"])
    assert pair.names == ("002", "001")
    pair.choose("001", "")
    assert pair.names == ("001", "")
    assert told == []


def test_a_choice_of_a_person_is_told_of_once():
    told = []
    pair = RunPair(lambda: told.append(pair.names))
    pair.choose("002", "001", ["001", "002"])
    pair.colour.value = "001"
    pair.grey.value = "none"
    assert told == [("001", "001"), ("001", "")]


def test_a_run_that_is_gone_is_in_view_no_more():
    pair = RunPair(lambda: None)
    pair.choose("002", "001", ["001", "002"])
    pair.choose("002", "001", ["001"])
    assert pair.names == ("", "001")
    assert pair.colour.options == ("none", "001")
