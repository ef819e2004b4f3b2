"""The buttons that go through a history."""

from __future__ import annotations

from widgets.background.history import History
from widgets.panels.steps import Steps


def test_the_buttons_go_back_and_forward_where_there_is_something():
    history = History("a")
    steps = Steps(history.undo, history.redo, "76px")
    steps.show(history)
    assert (steps.undo.disabled, steps.redo.disabled) == (True, True)
    history.push("b")
    steps.show(history)
    assert (steps.undo.disabled, steps.redo.disabled) == (False, True)
    steps.undo.click()
    steps.show(history)
    assert (history.now, steps.undo.disabled, steps.redo.disabled) == ("a", True, False)
    steps.show(None)
    assert (steps.undo.disabled, steps.redo.disabled) == (True, True)


def test_a_workbench_hides_those_of_its_tabs():
    history = History("a")
    steps = Steps(history.undo, history.redo, "76px", hidden=True)
    assert steps.undo.layout.display == steps.redo.layout.display == "none"
