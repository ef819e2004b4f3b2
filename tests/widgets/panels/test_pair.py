"""Two images above the card that says why they are near."""

from __future__ import annotations

import pytest

from uhscm_core.analysis.questions import Question
from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.pair import PairPanel


@pytest.fixture
def panel(trained):
    return PairPanel(StudyImages(trained), lambda _: None)


def test_a_pair_is_explained_below_its_images(panel, trained):
    found = panel.show(StudyImages(trained), 3, 8, summary="The pair in view")
    assert panel.gallery.ids.tolist() == [3, 8]
    assert panel.gallery.summary == "The pair in view"
    assert found is panel.why.why
    assert found.measured.similarity == pytest.approx(trained.explain(3, 8).similarity, abs=1e-5)


def test_the_images_are_drawn_once(panel, trained):
    pictures = StudyImages(trained)
    panel.show(pictures, 3, 8, summary="The pair in view")
    drawn = panel.gallery.generation
    panel.show(pictures, 3, 8, summary="The pair in view", without=trained.kept_names[:1])
    assert panel.gallery.generation == drawn
    panel.show(StudyImages(trained), 3, 8, summary="The pair in view")  # as another study has them
    assert panel.gallery.generation == drawn + 1


def test_one_image_alone_has_no_card(panel, trained):
    panel.show_one(StudyImages(trained), 3, "The query: it")
    assert panel.gallery.ids.tolist() == [3]
    assert (panel.gallery.layout.display, panel.why.layout.display) == ("", "none")
    assert panel.why.why is None


def test_a_text_has_no_image(panel, trained):
    pictures = StudyImages(trained)
    panel.show_one(pictures, None, "The query: “a castle”")
    assert panel.gallery.layout.display == "none"
    panel.show(pictures, Question(pictures, None, "a castle").asked, 8, summary="A text, a result")
    assert panel.gallery.ids.tolist() == [8]
    assert (panel.gallery.layout.display, panel.why.layout.display) == ("", "")
