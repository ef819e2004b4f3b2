"""What goes wrong in a callback is said; no one sees its exceptions."""

from __future__ import annotations

from widgets.kit.gestures import Gestures


def test_an_error_of_a_button_is_said_and_what_follows_is_done_all_the_same():
    said, after = [], []

    def fail():
        raise FileNotFoundError(2, "No such file or directory", "/gone")

    gestures = Gestures(said.append, lambda: after.append(len(said)))
    gestures.button("Go", "play", fail).click()
    assert said == ["/gone: no such file or directory"]
    assert after == [1]


def test_an_error_without_words_is_said_by_its_name():
    said = []

    def fail():
        raise KeyError

    Gestures(said.append).do(fail)
    assert said == ["KeyError"]


def test_an_error_that_was_said_at_its_control_is_not_said_again():
    said = []

    def fail():
        raise ValueError("said there")

    gestures = Gestures(said.append, said=ValueError)
    gestures.button("Go", "play", fail).click()
    assert said == []


def test_a_button_is_as_wide_as_its_text():
    button = Gestures(print).button("Go", "play", lambda: None, "primary")
    assert (button.description, button.icon, button.button_style) == ("Go", "play", "primary")
    assert button.layout.width == "auto"


def test_the_second_press_of_a_double_click_is_none():
    done, said = [], []
    gestures = Gestures(said.append, lambda: setattr(button, "disabled", True))
    button = gestures.button("Start", "play", lambda: done.append("started"))
    for _ in range(2):
        button.click()
    assert done == ["started"]
    assert said == []
