"""What of near-duplicates is looked at is a value: other pairs have other groups."""

from __future__ import annotations

from widgets.states.tidy import TidyState

STATE = TidyState(8, group=2, pair=5, without=("tree",))


def test_it_begins_at_a_quarter_of_the_bits():
    assert TidyState.first(64, has_pixels=True) == TidyState(16)
    assert not TidyState.first(64, has_pixels=False).looks


def test_shorter_codes_have_a_smaller_radius_and_other_pairs():
    assert STATE.in_study(8) == TidyState(4)
    assert STATE.in_study(64) == TidyState(8)


def test_settings_of_pairs_forget_the_pair_and_those_of_outliers_keep_it():
    assert STATE.changes_of("k", 3) == {"k": 3}
    assert STATE.changes_of("radius", 8) == {}
    assert STATE.changes_of("cosine", 0.9000000001) == {}  # as a slider gives it
    other = {"radius": 9, "group": 0, "pair": None, "without": ()}
    assert STATE.changes_of("radius", 9) == other
