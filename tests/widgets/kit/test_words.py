from __future__ import annotations

import pytest

from widgets.kit.words import counted, duration, file_size


@pytest.mark.parametrize(
    ("n", "words"), [(0, "0 bits"), (1, "1 bit"), (2, "2 bits"), (12_345, "12,345 bits")]
)
def test_one_has_no_plural_and_thousands_have_a_comma(n, words):
    assert counted(n, "bit") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.1 s"),
        (0.94, "0.9 s"),
        (1, "1 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (5399, "90 min"),
        (5400, "1.5 hours"),
    ],
)
def test_a_duration_has_the_unit_that_people_use(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "1 kB"), (1_499, "1 kB"), (999_499, "999 kB"), (1_000_000, "1.0 MB"), (7.84e6, "7.8 MB")],
)
def test_a_file_has_at_least_a_kilobyte(size, words):
    assert file_size(size) == words
