"""Arguments are taken as what they are, or refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.support.checks import one_of, real_number, whole_number


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
