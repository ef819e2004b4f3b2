"""Shelves, a code and a radius: their side in Python."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from widgets.kit.code_view import CodeView
from widgets.kit.radius import Radius
from widgets.kit.shelves import Shelves

IMAGES = [Image.new("RGB", (8, 8), (i, i, i)) for i in range(30)]


def test_shelves_keep_their_images_and_words():
    shelves = Shelves(IMAGES)
    assert shelves.count == 0
    shelves.show_shelves([4, 9, 2], [0, 1], [["0 bits"], ["3 bits", "2 images"]], until=1)
    assert shelves.ids.tolist() == [4, 9, 2]
    assert shelves.shelves == [
        {"start": 0, "words": ["0 bits"]},
        {"start": 1, "words": ["3 bits", "2 images"]},
    ]
    assert shelves.until == 1
    shelves.show_shelves([], [], [])
    assert shelves.count == 0


@pytest.mark.parametrize("starts", [[1, 2], [0, 0], [0, 3], [0, 2, 1]])
def test_shelves_without_an_image_are_refused(starts):
    with pytest.raises(ValueError, match="starts must rise from 0"):
        Shelves(IMAGES).show_shelves([4, 9, 2], starts, [[]] * len(starts))


def test_each_shelf_needs_words():
    with pytest.raises(ValueError, match="expected words for 2 shelves, got 1"):
        Shelves(IMAGES).show_shelves([4, 9, 2], [0, 1], [[]])


def test_a_refused_call_changes_nothing():
    shelves = Shelves(IMAGES)
    shelves.show_shelves([4], [0], [["0 bits"]])
    with pytest.raises(ValueError, match="500"):
        shelves.show_shelves([500], [0], [["1 bit"]])
    assert shelves.ids.tolist() == [4]
    assert shelves.shelves[0]["words"] == ["0 bits"]


def test_the_button_of_an_image_is_heard_with_its_id():
    heard = []
    shelves = Shelves(IMAGES, action="More like this", on_action=heard.append)
    shelves.show_shelves([4, 9, 2], [0, 1], [[], []])
    shelves._receive(None, {"type": "act", "generation": shelves.generation, "position": 1}, [])
    shelves._receive(None, {"type": "act", "generation": shelves.generation, "position": 3}, [])
    shelves._receive(None, {"type": "act", "generation": 0, "position": 1}, [])
    assert heard == [9]


def test_a_shelf_asks_for_few_images_at_a_time(monkeypatch):
    shelves, sent = Shelves(IMAGES), []
    monkeypatch.setattr(shelves, "send", lambda content, _: sent.append(content))
    shelves.show_shelves(range(30), [0], [[]])
    shelves._receive(None, {"type": "want", "generation": shelves.generation, "page": 1}, [])
    assert sent[0]["ids"] == list(range(12, 24))


def test_a_code_tells_its_bits_and_what_differs():
    view = CodeView(print)
    view.show(
        [1, 0, 1],
        flipped=[2],
        other=[1, 1, 1],
        meanings=["sky", "castle", "boats"],
        shares=[0.5, 0.25, 1.0],
    )
    frame = view.to_frame()
    assert frame["value"].tolist() == [1, 0, 1]
    assert frame["flipped"].tolist() == [False, False, True]
    assert frame["differs"].tolist() == [False, True, False]
    assert frame["meaning"].tolist() == ["sky", "castle", "boats"]
    view.show([1, 0])
    assert "differs" not in view.to_frame()


def test_codes_of_other_lengths_and_bits_that_are_not_there_are_refused():
    view = CodeView(print)
    with pytest.raises(ValueError, match="other must have 3 entries, one per bit, got 2"):
        view.show([1, 0, 1], other=[1, 0])
    with pytest.raises(ValueError, match="flipped must lie between 0 and 2, got 3"):
        view.show([1, 0, 1], flipped=[3])


def test_a_flip_that_the_code_has_not_is_not_heard():
    heard = []
    view = CodeView(heard.append)
    view.show([1, 0, 1])
    for bit in (0, 2, 3, -1, "1", None):
        view._receive(None, {"type": "flip", "bit": bit}, [])
    assert heard == [0, 2]


def test_a_radius_tells_precision_and_recall():
    radius = Radius()
    radius.show(["0 bits", "1 bit", "2 bits"], [0, 2, 5], [0, 1, 4], radius=7)
    assert radius.radius == 2
    frame = radius.to_frame()
    assert frame["precision"].tolist()[1:] == [0.5, 0.8]
    assert np.isnan(frame["precision"][0])
    assert frame["recall"].tolist() == [0, 0.25, 1]
    radius.show(["0 bits"], [3], None, radius=0)
    assert list(radius.to_frame()) == ["within", "found"]


def test_a_mean_curve_travels_as_float32():
    radius = Radius()
    radius.show(["0 bits", "1 bit"], [1, 2], [1, 1], radius=0, mean=[[np.nan, 0.5], [0.0, 1.0]])
    sent = np.frombuffer(radius._mean, np.float32).reshape(2, 2)
    assert sent[1].tolist() == [0, 1]
    assert np.isnan(sent[0, 0])


@pytest.mark.parametrize("view", [Radius, lambda **k: CodeView(print, **k)])
def test_an_unknown_keyword_is_named(view):
    with pytest.raises(TypeError, match="wdith"):
        view(wdith=3)
