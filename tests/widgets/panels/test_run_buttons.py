"""Start, pause, resume and stop, each enabled while it makes sense."""

from __future__ import annotations

import pytest

from widgets.background.long_running import Pausable
from widgets.kit.gestures import Gestures
from widgets.panels.run_buttons import RunButtons


class Owner:
    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return lambda: self.asked.append(name)


class Work(Pausable):
    """Long work that is active, or is not, as a test says."""

    def __init__(self, *, active, pausing=False, stopping=False):
        super().__init__("none")
        self._is_active = active
        if stopping:
            self.stop()
        if pausing:
            self.pause()

    @property
    def active(self):
        return self._is_active


@pytest.mark.parametrize(
    ("work", "settings", "enabled"),
    [
        (None, {}, {"start"}),
        (None, {"may_start": False}, set()),
        (None, {"may_resume": True}, {"start", "resume"}),
        (Work(active=True), {}, {"pause", "stop"}),
        (Work(active=True), {"may_resume": True}, {"pause", "stop"}),
        (Work(active=True, pausing=True), {}, {"resume", "stop"}),
        (Work(active=True, stopping=True), {}, set()),
        (Work(active=False), {}, {"start"}),
        (Work(active=False, pausing=True), {}, {"start"}),
    ],
)
def test_only_what_makes_sense_is_enabled(work, settings, enabled):
    buttons = RunButtons(Owner(), Gestures(print), "the best")
    buttons.show(work, **settings)
    assert {name for name, button in buttons.all.items() if not button.disabled} == enabled


def test_each_button_asks_its_owner():
    owner = Owner()
    buttons = RunButtons(owner, Gestures(print), "the results")
    for button in buttons.all.values():
        button.click()
    assert owner.asked == ["start", "pause", "resume", "stop"]
    assert buttons.all["stop"].description == "Stop, keep the results"
