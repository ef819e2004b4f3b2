"""What is asked, what answers it, and what is said of both."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from uhscm_core.analysis.questions import Question, mean_curve
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.metrics import precision_recall_curve


def unlabelled(study):
    dataset = dataclasses.replace(study.dataset, labels=None, label_names=())
    return study.with_(dataset=dataset, network=study.network)


def test_an_image_is_answered_as_the_study_searches(trained):
    image = int(trained.dataset.splits["query"][0])
    asked = Question(StudyImages(trained), image)
    assert asked.answer.ids.tolist() == trained.search(image, 240).ids.tolist()
    assert asked.asked == image
    assert asked.code.tolist() == trained.codes[image].tolist()
    assert asked.name == trained.dataset.names[image]
    assert "240 images on" in asked.headline
    assert asked.judgement.startswith("Average precision of this query: 0.")


def test_flipped_bits_are_in_the_code_and_in_the_headline(trained):
    asked = Question(StudyImages(trained), 3, flipped=(0, 15))
    assert (asked.code ^ trained.codes[3]).tolist() == [128, 1]
    assert ", 2 bits flipped: " in asked.headline
    assert ", 1 bit flipped: " in Question(StudyImages(trained), 3, flipped=(0,)).headline


def test_a_text_has_no_code_and_is_answered_by_concepts(trained):
    asked = Question(StudyImages(trained), None, "a castle")
    assert asked.code is None
    assert asked.asked.code is None
    assert asked.answer.ids.tolist() == trained.search("a castle", 240).ids.tolist()
    assert asked.headline.startswith("“a castle”, answered by its concepts (")
    assert asked.judgement == "The text names castle, so a match is an image labelled castle"


def test_what_answers_a_text_is_said(trained):
    pictures = StudyImages(trained)
    both = Question(pictures, None, "boats by a castle")
    name = "“boats by a castle”"
    assert both.headline == f"{name}, by its features, as no kept concept says the same: 240 images"
    assert both.judgement.endswith(
        " names boats and castle, so a match is an image labelled boats or castle"
    )
    by_concepts = Question(pictures, None, "boats by a castle", by="concepts")
    assert by_concepts.headline.startswith(f"{name}, answered by its concepts (")
    chosen = Question(pictures, None, "castle", by="features")
    assert chosen.headline == "“castle”, by its features: 240 images"


def test_without_labels_nothing_is_judged(trained):
    asked = Question(StudyImages(unlabelled(trained)), 3)
    assert asked.answer.match is None
    assert asked.judgement == ""
    with pytest.raises(ValueError, match="label"):
        mean_curve(unlabelled(trained))


def test_the_mean_curve_is_that_of_the_queries(trained):
    mean, words = mean_curve(trained)
    database, queries = (trained.dataset.splits[name] for name in ("database", "query"))
    codes, labels = trained.codes, trained.dataset.labels
    right = precision_recall_curve(
        codes[queries], codes[database], labels[queries], labels[database]
    )
    np.testing.assert_allclose(mean, [right.precision[:17], right.recall[:17]])
    assert words == "mean of 20 queries"
