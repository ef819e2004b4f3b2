"""Errors at the controls, until their values work."""

from __future__ import annotations

import pytest

from widgets.background.long_running import Stopped
from widgets.kit.choice import Choice
from widgets.kit.number_box import NumberBox
from widgets.panels.failures import Failures


def check(state):
    left, right = state
    if left == right:
        raise ValueError(f"{left} on both sides")


@pytest.fixture
def log():
    return []


@pytest.fixture
def failures(log):
    return Failures(check, log.append)


def test_an_error_stays_at_its_control_until_another_value_works(failures, log):
    box = NumberBox("a number")

    def job():
        raise ValueError("not this one")

    failures.guarded(job, box)()
    assert (box.error, log) == ("not this one", ["not this one"])
    failures.guarded(lambda: None, box)()
    assert box.error == ""


def test_what_was_canceled_is_asked_again_only_by_a_person(failures, log):
    left, right = Choice("left", "ab"), Choice("right", "ab")

    def job():
        raise Stopped("taking b was canceled")

    failures.guarded(job, right, lambda state: (state[0], "b"))()
    assert (right.error, log) == ("taking b was canceled", [])
    assert failures.changed(("a", "c"), lambda state: ("d", state[1]), left) == ("d", "c")
    failures.restore()
    assert right.error == ""


def test_an_error_is_told_in_the_terms_of_a_form(failures, log):
    box = NumberBox("Minimum votes")

    def job():
        raise ValueError("no concept passed the threshold; min_share is 9")

    failures.guarded(job, box)()
    assert log == ["no concept passed the threshold; Minimum votes is 9"]


def test_an_error_without_a_control_is_raised(failures, log):
    def job():
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        failures.guarded(job, None)()
    assert log == []


def test_what_was_asked_before_is_done_when_another_control_makes_it_work(failures):
    left, right = Choice("left", "ab"), Choice("right", "ab")
    to_a = lambda state: (state[0], "a")  # noqa: E731
    failures.add(right, "a on both sides", to_a)
    assert failures.changed(("a", "b"), lambda state: ("b", state[1]), left) == ("b", "a")
    assert right.error == ""


def test_what_still_does_not_work_is_left_at_its_control(failures):
    left, right = Choice("left", "abc"), Choice("right", "abc")
    failures.add(right, "c on both sides", lambda state: (state[0], "c"))
    assert failures.changed(("a", "b"), lambda state: ("c", state[1]), left) == ("c", "b")
    assert right.error == "c on both sides"


def test_undo_puts_the_values_back_that_worked(failures):
    box = NumberBox("a number", value=1.0)
    box.value = 9.0
    failures.add(box, "too large")
    failures.restore()
    assert (box.value, box.error) == (1.0, "")
