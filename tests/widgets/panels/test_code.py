"""The code of a query next to that of a result."""

from __future__ import annotations

import pytest

from uhscm_core.analysis.answers import bits_of
from uhscm_core.analysis.questions import Question
from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.code import CodePanel


@pytest.fixture
def pressed():
    return []


@pytest.fixture
def panel(trained, pressed):
    made = CodePanel(
        pressed.append, lambda: pressed.append("flip back"), lambda: pressed.append("like")
    )
    made.adopt(trained)
    return made


def test_a_code_alone_can_be_flipped(panel, trained, pressed):
    panel.show(Question(StudyImages(trained), 3), None)
    bits = bits_of(trained.codes[3], 16)
    assert panel.view.bits == bits
    assert panel.view.summary == f"{trained.dataset.names[3]}: {sum(bits)} of 16 bits are 1"
    assert panel.unflip.disabled
    assert panel.likewise.disabled
    panel.view._receive(None, {"type": "flip", "bit": 5}, [])
    assert pressed == [5]


def test_a_flipped_code_is_compared_with_a_result(panel, trained, pressed):
    panel.show(Question(StudyImages(trained), 3, flipped=(5,)), 8)
    one, other = bits_of(trained.codes[3], 16), bits_of(trained.codes[8], 16)
    one[5] = 1 - one[5]
    apart = sum(a != b for a, b in zip(one, other, strict=True))
    assert panel.view.summary == f"The codes differ in {apart} of 16 bits (XOR); flipped: 5"
    panel.unflip.click()
    panel.likewise.click()
    assert pressed == ["flip back", "like"]


def test_a_text_has_no_code(panel, trained):
    text = Question(StudyImages(trained), None, "a castle")
    panel.show(text, None)
    said, *_ = panel.children
    assert said.value.startswith("A text has no code, so there are no bits")
    assert said.layout.display == ""
    assert panel.view.layout.display == panel.unflip.layout.display == "none"
    assert panel.likewise.layout.display == "none"  # no button that does nothing
    panel.show(text, 8)
    assert (panel.likewise.layout.display, panel.likewise.disabled) == ("", False)
    panel.show(Question(StudyImages(trained), 3), None)
    assert panel.view.layout.display == panel.unflip.layout.display == ""
    assert (said.layout.display, panel.likewise.layout.display) == ("none", "")
