"""Controls keep what was typed, say what is wrong with it, and act on all of it."""

from __future__ import annotations

import pytest
import traitlets

from uhscm_core.support.checks import code_length
from widgets.kit.choice import Choice
from widgets.kit.field import Field
from widgets.kit.number_box import NumberBox
from widgets.kit.slider import Slider
from widgets.kit.text_box import TextBox


def send(field: Field, content: object, kind: str = "typed", view: str = "a browser") -> None:
    field._handle_custom_msg({"type": kind, "content": content, "view": view}, [])


@pytest.fixture
def bits() -> NumberBox:
    return NumberBox("bits", code_length, whole=True, value=64)


@pytest.mark.parametrize("typed", ["abc", "-3", "0", "1.5", "9" * 400, "nan", "1e3", "<b>"])
def test_a_number_that_does_not_work_stays_with_what_was_expected(bits, typed):
    seen = []
    bits.observe(lambda change: seen.append(change["new"]), "value")
    send(bits, typed)
    assert bits.error.startswith("bits must be a whole number between 1 and 65,536, got ")
    assert not bits.error.endswith(")")  # a person does not ask for the type
    assert bits._held == {"content": typed, "view": "a browser"}
    assert (bits.value, seen) == (64, [])
    send(bits, " 32 ")
    assert (bits.value, bits.error, seen) == (32, "", [32])


def test_an_empty_box_says_that_it_is_empty(bits):
    send(bits, " ")
    assert bits.error == "the box is empty: type a number"
    assert (bits.value, bits._held["content"]) == (64, " ")


def test_a_number_is_read_with_its_sign_and_exponent():
    box = NumberBox("beta", value=0.001)
    assert box._held["content"] == "0.001"
    for typed, value in (("−0.5", -0.5), ("1e-5", 1e-5), (" 3", 3.0)):
        send(box, typed)
        assert (box.value, box.error) == (value, "")
        assert type(box.value) is float
    send(box, "inf")
    assert "beta must be a finite number" in box.error


def test_what_is_typed_is_not_sent_back_to_the_box_it_was_typed_into(bits):
    send(bits, "32", view="the first")
    assert bits._held["view"] == "the first"  # which knows it; another one takes it over
    bits.value = 16
    assert bits._held == {"content": "16", "view": ""}


def test_a_value_that_does_not_work_stays_while_another_control_works(bits):
    bits.show(64)
    send(bits, "32")
    bits.fail("32 bits are too many for this")
    bits.show(64)  # what is in view is as before
    assert (bits.value, bits.error) == (32, "32 bits are too many for this")
    bits.show(48)  # what is in view has changed
    assert (bits.value, bits.error, bits._held["content"]) == (48, "", "48")
    send(bits, "abc")
    bits.restore()
    assert (bits.value, bits.error, bits._held["content"]) == (48, "", "48")


def test_a_text_is_complete_when_a_button_is_pressed_or_enter():
    box, asked = TextBox("query"), []
    box.on_submit(asked.append)
    for typed in ("b", "bo", "boats by a castle"):
        send(box, typed)
    assert box.value == "boats by a castle"  # what a button reads
    send(box, "boats by a castle at night", "submit")
    assert asked == [box.value] == ["boats by a castle at night"]


def test_what_is_typed_while_an_answer_is_found_stays():
    box = TextBox("query")
    send(box, " boats ", "submit")
    send(box, "boats and")
    box.show("boats")  # the answer to what was asked
    assert box.value == "boats and"
    box.show("")  # another kind of query
    assert box.value == ""


def test_an_error_about_a_text_stays_until_a_text_has_worked():
    box = TextBox("template")
    box.fail("a template needs exactly one {}")
    send(box, "a photo of")
    assert box.error
    box.error = ""
    assert box.value == "a photo of"


def test_a_choice_is_one_of_its_options():
    box = Choice("images", {"all of them": "all", "some": 3})
    assert (box.value, box.options, box._held["content"]) == ("all", ("all", 3), 0)
    send(box, 1)
    assert box.value == 3
    for wrong in (2, -1, "some", None):
        send(box, wrong)
        assert (box.value, box.error) == (3, "images must be one of the options")
    with pytest.raises(traitlets.TraitError, match="images: expected one of"):
        box.value = "none of them"
    box.options = ["one", "two"]
    assert (box.value, box._held["content"]) == ("one", 0)
    box.value = "two"
    box.options = ["zero", "one", "two"]
    assert (box.value, box._held["content"]) == ("two", 2)


def test_a_slider_stays_within_its_ends():
    box = Slider("first", min=1, max=30, value=30)
    assert type(box.value) is int
    for wrong in (0, 31, "3", True, float("nan")):
        send(box, wrong)
        assert box.error
        assert box.value == 30
    send(box, 7)
    assert (box.value, box.error) == (7, "")
    box.value = 1000
    assert box.value == 30
    box = Slider("cosine", max=1, digits=3, value=0.5)
    send(box, 1)
    assert type(box.value) is float


def test_every_control_says_its_name_and_returns_its_value(bits):
    send(bits, "abc")
    assert bits.to_frame().iloc[0].tolist() == ["bits", 64, bits.error]
    assert repr(bits) == "NumberBox: bits"
    with pytest.raises(TypeError, match="TextBox has no colour"):
        TextBox("query", colour="red")
    bits._handle_custom_msg({"type": "nothing that it knows"}, [])
    assert bits.value == 64
