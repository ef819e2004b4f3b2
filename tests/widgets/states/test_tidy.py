"""What of near-duplicates is looked at is a value: other pairs have other groups."""

from __future__ import annotations

import numpy as np

from uhscm_core import NearDuplicates
from widgets.states.tidy import TidyState

STATE = TidyState(8, group=2, pair=5, without=("tree",))


def test_it_begins_at_a_quarter_of_the_bits():
    assert TidyState.first(64, has_pixels=True) == TidyState(16)
    assert TidyState.first(64, has_pixels=False) == TidyState(16, 0.9, looks=False)


def test_it_knows_its_own_thresholds_from_others():
    assert TidyState(16, group=3, k=2).finds_as_first(64)
    assert not TidyState(16).finds_as_first(32)
    assert not TidyState(16, 0.9).finds_as_first(64)
    assert not TidyState.first(64, has_pixels=False).finds_as_first(64)


def test_shorter_codes_have_a_smaller_radius_and_other_pairs():
    assert STATE.in_study(8) == TidyState(4)
    assert STATE.in_study(64) == TidyState(8)


def test_settings_of_pairs_forget_the_pair_and_those_of_outliers_keep_it():
    assert STATE.changes_of("k", 3) == {"k": 3}
    assert STATE.changes_of("radius", 8) == {}
    assert STATE.changes_of("cosine", 0.8000000001) == {}  # as a slider gives it
    other = {"radius": 9, "group": 0, "pair": None, "without": ()}
    assert STATE.changes_of("radius", 9) == other


def found(*pairs):
    ids = np.array(pairs, np.int64).reshape(-1, 2)
    groups = tuple(map(tuple, ids.tolist()))
    distances, cosines = np.zeros(len(ids), np.int32), np.ones(len(ids), np.float32)
    return NearDuplicates(groups, ids, np.arange(len(ids)), distances, cosines)


def test_the_pair_in_view_is_followed_through_a_search():
    before, after = found((0, 1), (4, 7)), found((2, 3), (4, 7), (0, 1))
    looks = TidyState(8, group=0, pair=0, without=("tree",))
    followed = looks.followed(after, before)
    assert followed == TidyState(8, group=2, pair=2, without=("tree",))
    assert followed.followed(after, after) == followed
    assert looks.followed(found((5, 6)), before) == TidyState(8, pair=None, without=("tree",))
    assert STATE.followed(before, None).pair is None  # a view of other pairs
    assert TidyState(8, group=1).followed(after, before) == TidyState(8, group=1)
