"""What is compared is a value: its sides, its query, and how many results."""

from __future__ import annotations

import pytest

from widgets.states.compare import CompareState

STATE = CompareState("a", "b", 3, 5, ("tree",))


def test_the_sides_are_exchanged_and_nothing_else():
    assert STATE.swapped() == CompareState("b", "a", 3, 5, ("tree",))
    assert STATE.swapped().swapped() == STATE


def test_it_begins_with_thirty_results_or_all():
    assert CompareState.first(("a", "b"), 3, 200).k == 30
    assert CompareState.first(("a", "b"), 3, 7) == CompareState("a", "b", 3, 7)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (CompareState("c", "b", 3), "left"),
        (CompareState("a", "c", 3), "right"),
        (CompareState("a", "b", 9), "query"),
        (CompareState("a", "b", 3, 31), "k must be"),
        (CompareState("a", "a", 3), "a on both sides moves nothing"),
    ],
)
def test_what_cannot_be_compared_is_named(state, said):
    STATE.check(["a", "b"], 4, 30)
    with pytest.raises((ValueError, IndexError), match=said):
        state.check(["a", "b"], 4, 30)
