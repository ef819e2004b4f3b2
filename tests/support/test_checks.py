"""Arguments are taken as what they are, or refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.support.checks import (
    check_features,
    flag,
    one_of,
    plain_array,
    position,
    real_number,
    whole_number,
)


@given(st.integers(-(10**12), 10**12))
def test_whole_numbers_of_any_kind_become_int(number):
    for value in (number, np.int64(number), torch.tensor(number), np.array(number)):
        result = whole_number("k", value)
        assert result == number
        assert type(result) is int


@pytest.mark.parametrize("value", [True, 64.0, "64", None, [1], np.array([1]), 1j, float("nan")])
def test_what_is_no_whole_number_is_named(value):
    expected = "^bits must be a whole number of at least 1, got "
    with pytest.raises(TypeError, match=expected) as info:
        whole_number("bits", value, 1)
    assert type(value).__name__ in str(info.value)


def test_bounds_belong_to_the_range():
    assert [whole_number("k", k, 0, 2) for k in (0, 1, 2)] == [0, 1, 2]
    for k in (-1, 3):
        with pytest.raises(ValueError, match=f"k must be a whole number between 0 and 2, got {k}"):
            whole_number("k", k, 0, 2)
    assert real_number("x", 0, 0.0, 1.0) == 0.0
    with pytest.raises(ValueError, match="x must be a finite number greater than 0, got 0"):
        real_number("x", 0, above=0)
    with pytest.raises(ValueError, match="greater than 0 and at most 1, got 2"):
        real_number("x", 2, high=1, above=0)
    with pytest.raises(ValueError, match="x must be a finite number of at most 1, got 2"):
        real_number("x", 2, high=1)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_real_numbers_of_any_kind_become_float(number):
    for value in (number, np.float32(number), torch.tensor(number)):
        result = real_number("tau", value)
        assert result == number
        assert type(result) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="tau must be a finite number, got"):
        real_number("tau", value)
    for wrong in (True, "3", None, 1j):
        with pytest.raises(TypeError, match="tau must be a finite number, got"):
            real_number("tau", wrong)


def test_one_of_lists_the_options():
    assert one_of("ties", "index", ("index", "best")) == "index"
    with pytest.raises(ValueError, match="ties must be one of 'index', 'best', got 'x'"):
        one_of("ties", "x", ("index", "best"))
    with pytest.raises(TypeError, match="ties must be one of 'index', 'best', got 3"):
        one_of("ties", 3, ("index", "best"))


def test_a_long_value_is_shown_by_its_beginning():
    with pytest.raises(TypeError) as info:
        whole_number("k", "x" * 10_000)
    assert len(str(info.value)) < 200


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize("value", [10**400, 10**5000, Unprintable()], ids=["long", "longer", "own"])
def test_what_cannot_be_printed_is_named_by_its_type(value):
    with pytest.raises((TypeError, ValueError), match="tau must be a finite number, got"):
        real_number("tau", value)


def test_a_masked_number_is_none():
    for masked in (np.ma.array(3, mask=True), np.ma.masked):
        with pytest.raises(TypeError, match="k must be a whole number, got"):
            whole_number("k", masked)


def test_a_flag_is_true_or_false():
    assert flag("paired", np.bool_(True)) is True
    for wrong in (1, 0, "no", None, float("nan")):
        with pytest.raises(TypeError, match="paired must be True or False, got"):
            flag("paired", wrong)


def test_a_position_does_not_count_from_the_end():
    assert position("image", np.int64(2), 3, "images") == 2
    for wrong in (-1, 3, 10**9, 2**63):
        with pytest.raises(IndexError, match="image must be one of the 3 images, 0 to 2, got"):
            position("image", wrong, 3, "images")
    with pytest.raises(TypeError, match=r"image must be a whole number, got 1\.0"):
        position("image", 1.0, 3, "images")


def test_arrays_of_any_kind_become_plain_ones():
    for made in ([[1.0, 2.0]], np.array([[1.0, 2.0]]), torch.tensor([[1.0, 2.0]])):
        assert plain_array("x", made).tolist() == [[1.0, 2.0]]
    assert plain_array("x", torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32
    assert plain_array("x", [torch.ones(2), torch.zeros(2)]).shape == (2, 2)
    assert plain_array("x", np.arange(6)[::-2]).tolist() == [5, 3, 1]
    for wrong in (None, {}, "features", b"x", object(), np.ma.array([1.0], mask=[False])):
        with pytest.raises(TypeError, match=r"x must be an array .*, got"):
            plain_array("x", wrong)
    with pytest.raises(ValueError, match="x must have rows of one length, got"):
        plain_array("x", [[1.0], [1.0, 2.0]])


def test_large_finite_features_are_not_taken_for_infinite():
    check_features(x=torch.tensor([[3e38], [3e38]]))  # their sum overflows
    with pytest.raises(ValueError, match="x: 1 of 2 rows hold NaN or inf: 1"):
        check_features(x=torch.tensor([[3e38], [math.inf]]))
