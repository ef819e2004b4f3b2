"""States of the explorers are values: what they begin with, change to and refuse."""

from __future__ import annotations

import pytest

from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES, most_similar, sources_of
from uhscm_core.analysis.study_images import StudyImages
from widgets.states.distribution import NOTHING, DistributionState


@pytest.fixture(scope="module")
def pictures(trained) -> StudyImages:
    return StudyImages(trained)


def test_an_image_is_paired_with_the_one_most_like_it(pictures):
    state = DistributionState.first(pictures, 3)
    assert (state.image, state.pair) == (3, (3, int(most_similar(pictures, 3, 1)[0])))
    assert state.comparing((5, 8)).image == 5
    similar = DistributionState(3, (3, 4), sample="similar", without=("tree",))
    assert similar.comparing((5, 8)) == DistributionState(3, (5, 8), sample="similar")


def test_another_study_keeps_what_it_can_show(study, trained):
    state = DistributionState(
        1, (1, 2), source=CODES, minus=CONCEPTS, without=("zebra", trained.kept_names[0])
    )
    sources = sources_of(StudyImages(study))
    kept = state.in_study(study, sources)
    assert (kept.source, kept.minus) == (CONCEPTS, NOTHING)  # not concepts with themselves
    assert kept.without == (trained.kept_names[0],)
    assert state.in_study(trained, sources_of(StudyImages(trained))).source == CODES


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image": 10**6}, "image"),
        ({"sample": "none"}, "sample"),
        ({"order": "size"}, "order"),
        ({"minus": "size"}, "minus"),
        ({"source": FEATURES, "minus": FEATURES}, "features compared with itself"),
    ],
)
def test_what_cannot_be_shown_is_named(pictures, wrong, said):
    DistributionState(1, (1, 2)).check(pictures)
    with pytest.raises((ValueError, IndexError), match=said):
        DistributionState(**{"image": 1, "pair": (1, 2), **wrong}).check(pictures)
