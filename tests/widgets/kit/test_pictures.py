"""The answers to a browser's requests for pictures, as every view of images gives them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from widgets.kit.gallery import Gallery
from widgets.kit.grid import Grid
from widgets.kit.map_view import MapView
from widgets.kit.pictures import Shown
from widgets.kit.thumbnails import Thumbnails


class Greys:
    """Images of one gray each; the seventh cannot be read."""

    def __len__(self):
        return 40

    def __getitem__(self, i):
        if i == 7:
            raise OSError("truncated")
        return Image.new("RGB", (2, 2), (5 * i,) * 3)


THUMBNAILS = Thumbnails(Greys(), 4)


def shown_of(ids, paged=4, thumbnails=THUMBNAILS):
    return Shown(3, np.array(ids, np.int64), thumbnails, paged)


def greys(answer):
    """The grays of an answer's pictures, None for one that is not there."""
    message, (joined,) = answer
    json.dumps(message)  # numpy's numbers do not travel
    found, start = [], 0
    for size in message["sizes"]:
        part = joined[start : start + size]
        start += size
        found.append(round(Image.open(io.BytesIO(part)).getpixel((1, 1))[0] / 5) if part else None)
    assert start == len(joined)
    return found


@given(
    ids=st.lists(st.integers(0, 39), max_size=30),
    paged=st.integers(1, 9),
    page=st.integers(-2, 40),
)
def test_a_page_holds_the_images_at_its_positions(ids, paged, page):
    expected = [ids[p] for p in range(len(ids)) if page >= 0 and p // paged == page]
    answer = shown_of(ids, paged).answer({"type": "want", "page": page})
    if not expected:
        assert answer is None
        return
    assert greys(answer) == [None if image == 7 else image for image in expected]
    assert (answer[0]["type"], answer[0]["generation"], answer[0]["page"]) == ("pictures", 3, page)
    assert "positions" not in answer[0]  # the browser counts them: nothing travels twice


@given(
    ids=st.lists(st.integers(0, 39), max_size=30),
    asked=st.lists(st.one_of(st.integers(-3, 33), st.text(max_size=1), st.none()), max_size=9),
)
def test_single_positions_are_answered_as_far_as_they_are_there(ids, asked):
    expected = [p for p in asked if isinstance(p, int) and 0 <= p < len(ids)][:4]
    answer = shown_of(ids).answer({"type": "want", "positions": asked})
    if not expected:
        assert answer is None
        return
    assert answer[0]["positions"] == expected
    assert greys(answer) == [None if ids[p] == 7 else ids[p] for p in expected]


@pytest.mark.parametrize(
    "request_", [{}, {"page": "0"}, {"page": None}, {"page": 1.0}, {"positions": "01"}]
)
def test_what_makes_no_sense_has_no_answer(request_):
    assert shown_of(range(10)).answer({"type": "want", **request_}) is None


def test_a_view_without_pictures_has_no_answer():
    assert shown_of(range(10), thumbnails=None).answer({"page": 0}) is None


def views():
    gallery = Gallery(Greys())
    grid = Grid()
    grid.show(np.eye(40), range(40), images=Greys())
    points = MapView(Greys())
    points.show(np.zeros((40, 2)), range(40), groups=["a"] * 40)
    return [gallery, grid, points]


@pytest.mark.parametrize(
    ("which", "extra"), [(0, "ids captions marks"), (1, ""), (2, "captions groups")]
)
def test_views_add_what_they_say_about_a_picture(which, extra, monkeypatch):
    view, sent = views()[which], []
    monkeypatch.setattr(view, "send", lambda content, buffers: sent.append((content, buffers)))
    view._receive(None, {"type": "want", "page": 1, "generation": view.generation}, [])
    view._receive(None, {"type": "want", "page": 1, "generation": view.generation - 1}, [])
    if view.paged > 39:
        assert sent == []
        view._receive(None, {"type": "want", "page": 0, "generation": view.generation}, [])
    [answer] = sent
    first = answer[0]["page"] * view.paged
    count = min(view.paged, 40 - first)
    assert greys(answer) == [None if i == 7 else i for i in range(first, first + count)]
    common = {"type", "generation", "page", "sizes"}
    assert answer[0].keys() - common == set(extra.split())
    assert all(len(answer[0][name]) == count for name in extra.split())
