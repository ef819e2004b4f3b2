"""Results on shelves, and what a radius takes in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from uhscm_core.analysis.questions import Question, mean_curve
from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.shelved_results import ShelvedResults


@pytest.fixture
def done():
    return []


@pytest.fixture
def panel(trained, done):
    return ShelvedResults(
        StudyImages(trained),
        lambda image: done.append(("pick", image)),
        lambda image: done.append(("like", image)),
        lambda level: done.append(("move", level)),
    )


def test_each_distance_has_a_shelf_and_the_radius_dims_the_others(panel, trained):
    asked = Question(StudyImages(trained), 3)
    panel.show(asked, 2, None)
    levels = [level for level, _, _ in asked.answer.shelves()]
    assert [shelf["words"][0].split()[0] for shelf in panel.shelves.shelves] == [
        str(level) for level in levels
    ]
    assert panel.shelves.until == sum(level <= 2 for level in levels)
    assert panel.radius.radius == 2
    assert panel.radius.summary == asked.judgement
    assert "A shelf holds all images at one distance, tied" in panel.shelves.summary


def test_an_answer_is_drawn_once_however_the_radius_moves(panel, trained):
    asked = Question(StudyImages(trained), 3)
    panel.show(asked, 2, None)
    drawn = panel.shelves.generation
    panel.show(asked, 16, None)
    assert panel.shelves.generation == drawn
    assert panel.shelves.until == len(panel.shelves.shelves)
    panel.show(Question(StudyImages(trained), 4), 16, None)
    assert panel.shelves.generation == drawn + 1


def test_a_click_picks_and_the_slider_moves(panel, trained, done):
    asked = Question(StudyImages(trained), 3)
    panel.show(asked, 2, None)
    done.clear()
    panel.shelves.selection.focus = first = int(asked.answer.ids[0])
    panel.radius.radius = 7
    panel.shelves._on_action(first)
    assert done == [("pick", first), ("move", 7), ("like", first)]


def test_a_search_in_words_says_how_many_images_it_leaves_out(panel, trained):
    said = "No search finds the 20 images kept as queries."
    panel.show(Question(StudyImages(trained), 3), 2, None)
    assert "kept as queries" not in panel.shelves.summary
    panel.show(Question(StudyImages(trained), None, "a castle"), 2, None)
    assert f" {said}" in panel.shelves.summary
    splits = trained.dataset.splits
    everywhere = dataclasses.replace(
        trained.dataset, splits={**splits, "query": splits["query"][:0]}
    )
    whole = dataclasses.replace(trained, dataset=everywhere)
    panel.show(Question(StudyImages(whole), None, "a castle"), 2, None)
    assert "kept as queries" not in panel.shelves.summary


def test_the_mean_curve_appears_once_it_is_known(panel, trained):
    asked = Question(StudyImages(trained), 3)
    panel.show(asked, 2, None)
    assert panel.radius.mean.shape == (2, 0)
    panel.evaluate(trained)
    np.testing.assert_allclose(panel.radius.mean, mean_curve(trained)[0], rtol=1e-6)
    assert panel.radius.mean_of == "mean of 20 queries"
    panel.show(Question(StudyImages(trained), None, "a castle"), 2, None)
    assert panel.radius.mean.shape == (2, 0)  # a query in words has no code
    panel.adopt()
    panel.show(asked, 2, None)
    assert panel.radius.mean.shape == (2, 0)  # that of the study before does not count
