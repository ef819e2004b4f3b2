"""The images to ask with, one at random, a text, an image of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.query import QueryPanel, text_query, upload_query


@pytest.fixture
def asked():
    return []


@pytest.fixture
def panel(study, asked):
    made = QueryPanel(asked.append, StudyImages(study), edge=44, height=66, seed=0)
    made.offer(StudyImages(study), np.array([4, 7]), "Choose a query: {} of the dataset")
    return made


def test_a_click_asks(panel, asked):
    panel.gallery.selection.focus = 7
    assert asked == [7]
    assert panel.gallery.summary == "Choose a query: 2 of the dataset"


def test_a_strip_has_captions_for_its_cards_but_no_line_for_them(panel, study):
    assert not panel.gallery.captioned
    assert panel.gallery.to_frame()["caption"][0].startswith(study.dataset.names[4])
    panel.show_alone(StudyImages(study), 4)
    assert not panel.gallery.captioned
    high = QueryPanel(print, StudyImages(study), edge=44, height=90)
    high.offer(StudyImages(study), np.array([4, 7]), "Images: {}")
    assert high.gallery.captioned


def test_what_is_uploaded_is_listed_first(panel, study):
    pictures = StudyImages(study).with_image(Image.new("RGB", (9, 9)), "own.png")
    panel.offer(pictures, np.array([4, 7]), "Images: {}")
    assert panel.gallery.ids.tolist() == [260, 4, 7]
    assert panel.gallery.summary == "Images: 1 of your own, then 2"


def test_at_random_comes_another_image_than_the_one_in_view(panel, asked):
    panel.show(4)
    asked.clear()
    random = panel.random_button("Random query")
    for _ in range(6):
        random.click()
    assert asked == [7] * 6
    panel.ids = panel.ids[:1]
    random.click()  # there is no other
    assert asked == [7] * 6


def test_the_button_and_enter_ask_by_the_text(asked):
    box, button = text_query(asked.append)
    box._handle_custom_msg({"type": "submit", "content": "a castle", "view": "a browser"}, [])
    box.value = "a boat"
    button.click()
    assert asked == ["a castle", "a boat"]


def test_an_uploaded_image_is_handed_on(asked):
    box = upload_query(lambda image, name: asked.append((image.size, name)), asked.append)
    box._on_image(Image.new("RGB", (30, 20)), "own.png")
    assert asked == [((30, 20), "own.png")]
