"""Undo and redo, which remember so many steps and no more."""

from __future__ import annotations

from widgets.background.history import MOST, History


def test_only_the_last_steps_can_be_undone():
    history = History(0)
    for value in range(1, 3 * MOST):
        history.push(value)
    assert history.now == 3 * MOST - 1
    steps = 0
    while history.can_undo:
        history.undo()
        steps += 1
    assert (steps, history.now) == (MOST, 2 * MOST - 1)
    assert history.redo() == 2 * MOST
    history.push(-1)
    assert not history.can_redo
    assert (history.now, history.undo()) == (-1, 2 * MOST)
