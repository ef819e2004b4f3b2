"""What binds a lesson's text to its output notices when one of them changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.notebooks.bound_numbers import disagreements, question, unbound

SAYS = "On the postcards 26 of 81 names stay, and 84 % of the pairs are an image with itself."
MEASURED = {"26 of 81": "[26, 81]", "84 % of the pairs": "0.8412"}


def test_a_bound_number_has_a_source():
    assert unbound(SAYS, {"measured": MEASURED}) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It takes 30 epochs.", "30"),
        ("a share of .5 of them", ".5"),
        ("10,000 photos", "10,000"),
        ("5 % of them", "5 %"),
        ("−2.5 is lower", "−2.5"),
        ("Twelve names stay.", "Twelve"),
        ("sixty-four bits", "sixty-four"),
        ("half of them", "half"),
        ("a tenth", "a tenth"),
        ("$0.5\\,N/M$ votes", "0.5"),
    ],
)
def test_a_number_without_a_source_is_found(text, number):
    (fault,) = unbound(text, {})
    assert f"{number!r} comes from" in fault
    assert unbound(text, {"given": {"example": [text]}}) == []


@pytest.mark.parametrize(
    "text",
    [
        "## 3. Score\n\n1. Click a bar.\n2. Undo.\n\n**3.** Why?",
        "see section 7, sections 3 and 4, lesson 2 and step 10",
        "`bits=64` and\n```python\nx = 3.5\n```\n[arXiv 2209.11475](https://arxiv.org/abs/2209.11475)",
        "from −1 to 1, never below 0",
        "two images, one concept",
        "VGG19, NUS-WIDE and ViT-B/16 are names; so is x86.",
    ],
)
def test_what_counts_no_result_needs_no_source(text):
    assert unbound(text, {}) == []


def test_a_source_has_to_be_in_the_text_and_a_reason_in_the_list():
    (fault,) = unbound("Nothing.", {"measured": {"26 names": "26"}})
    assert "does not contain '26 names'" in fault
    (fault,) = unbound("It is 26.", {"given": {"because": ["26"]}})
    assert "'because' is no reason" in fault


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        ("0.82", 0.8249),
        ("−.31", -0.314),
        ("84 %", 0.8412),
        ("10,000 images", 10_000),
        ("about .86", 0.8695),
        ("some 500 nouns", 514),
        ("more than 0.4", 0.41),
        ("at most twelve", 12),
        ("hardly 2 %", 0.013),
        ("half", 0.5),
        ("a quarter of the bits", 0.25),
        ("26 of 81", [26, 81]),
        ("castle with 12 votes", ["castle", 12]),
        ("the best of all", True),
        ("two names of one thing, .93", 0.93),
    ],
)
def test_a_text_agrees_with_its_output(piece, value):
    assert disagreements(f"so {piece} it is", piece, value) == []


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        ("0.82", 0.8251),
        ("−.31", 0.31),
        ("84 %", 0.8349),
        ("84 %", 84),
        ("10,000 images", 9999),
        ("about .86", 0.881),
        ("more than 0.4", 0.39),
        ("at most twelve", 13),
        ("26 of 81", [26, 80]),
        ("26 of 81", 26),
        ("castle with 12 votes", ["tower", 12]),
        ("the best of all", False),
        ("the best of 5", True),  # the 5 would be bound to nothing
        ("0.82", float("nan")),
    ],
)
def test_a_text_that_differs_from_its_output_is_found(piece, value):
    assert len(disagreements(f"so {piece} it is", piece, value)) == 1


@pytest.mark.parametrize(
    ("piece", "value", "agrees"),
    [("0.82", 0.8299, True), ("0.82", 0.831, False), ("at most 0.82", 0.8201, False)],
)
def test_the_last_digit_of_what_was_trained_may_be_off_by_one(piece, value, agrees):
    assert (disagreements(f"so {piece} it is", piece, value, trained=True) == []) is agrees
    assert len(disagreements(f"so {piece} it is", piece, value)) == 1


def test_a_changed_text_is_found():
    changed = SAYS.replace("84 %", "48 %")
    (fault,) = disagreements(changed, "48 % of the pairs", 0.8412)
    assert "says '48 %', but it is 0.8412" in fault
    (fault, _) = unbound(changed, {"measured": MEASURED})
    assert "does not contain '84 % of the pairs'" in fault


def test_expressions_are_evaluated_and_their_errors_reported():
    source = question(["kept = [True, False]"], ["sum(kept)", "lost", "'\"' + chr(233)"])
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == (
        '[["", 1], ["NameError: name \'lost\' is not defined", null], ["", "\\"\\u00e9"]]'
    )
