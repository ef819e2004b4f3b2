"""Numbers as they are shown."""

from __future__ import annotations

import pytest

from uhscm_core.support.numbers import difference, real, signed


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [(0.31, "0.31", "+0.31"), (-0.311, "−0.31", "−0.31"), (-0.001, "0.00", "0.00")],
)
def test_a_minus_sign_and_no_negative_zero(value, plain, with_sign):
    assert real(value, 2) == plain
    assert signed(value, 2) == with_sign


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [
        (0.8996, 0.8931, "+0.0065"),  # 0.900 and 0.893
        (0.9, 0.893, "+0.007"),
        (0.893, 0.9, "−0.007"),
        (0.7001, 0.7003, "0.000"),
        (0.7004, 0.7006, "−0.0002"),  # 0.700 and 0.701
    ],
)
def test_a_difference_is_that_of_the_digits_shown_or_has_one_more(a, b, shown):
    assert difference(a, b, 3) == shown
