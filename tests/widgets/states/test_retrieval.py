"""What is asked is a value: another query, flipped bits, and what another study keeps of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from uhscm_core.analysis.answers import Answer
from widgets.states.retrieval import RetrievalState

STATE = RetrievalState(3, radius=9, flipped=(1, 5), picked=4, without=("zebra",))


def answer(*levels: int, by_text: bool = False) -> Answer:
    return Answer(np.arange(len(levels)), np.array(levels, np.int64), 21, by_text)


def test_another_query_keeps_the_radius_alone():
    assert STATE.asking(7) == RetrievalState(7, radius=9)
    assert STATE.asking(None, "a castle") == RetrievalState(None, radius=9, text="a castle")
    assert STATE.query == (3, "", (1, 5), "")


def test_the_first_twenty_results_count_at_first():
    assert STATE.opened_for(answer(*range(30))).limit == 19
    assert STATE.opened_for(answer(2, 2, 5)).radius == 5
    text = STATE.asking(None, "a castle").opened_for(answer(3, 4, by_text=True))
    assert (text.limit, text.radius) == (4, 9)
    assert STATE.opened_for(answer()).limit == 0


def test_what_answers_texts_is_kept_for_the_next_and_changes_no_image():
    text = STATE.asking(None, "a castle")
    chosen = text.ranked_by("features", lambda _: answer(3, 4, by_text=True))
    assert (chosen.by, chosen.steps, chosen.radius) == ("features", 4, 9)
    assert chosen.query == (None, "a castle", (), "features")
    assert chosen.asking(None, "a boat").by == "features"
    image = STATE.ranked_by("features", lambda _: answer(3))
    assert image.query == STATE.query
    assert image.radius == 9
    with pytest.raises(
        ValueError, match="by must be one of '', 'concepts', 'features', got 'codes'"
    ):
        dataclasses.replace(STATE, by="codes").check(5)


def test_a_bit_is_flipped_and_flipped_back():
    assert STATE.flipping(3).flipped == (1, 3, 5)
    assert STATE.flipping(3).flipping(3) == STATE


def test_a_study_of_shorter_codes_keeps_the_bits_it_has(trained):
    bits = trained.index.bits
    kept = RetrievalState(
        3, radius=bits + 1, flipped=(1, bits), without=("no such", trained.kept_names[0])
    ).in_study(trained)
    expected = RetrievalState(3, radius=bits, flipped=(1,), without=(trained.kept_names[0],))
    assert kept == expected


def test_an_image_that_there_is_not_is_refused():
    STATE.check(5)
    with pytest.raises(IndexError, match="no image 4: there are 4"):
        STATE.check(4)
