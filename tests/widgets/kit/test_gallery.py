"""The gallery's side in Python: pages, captions, and one selection."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection


class Images:
    """Images of one gray each, so that one can tell them apart; 77 cannot be read."""

    def __init__(self, n=200):
        self.n, self.reads = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.reads.append(i)
        if i == 77:
            raise OSError("photos/77.jpg: image file is truncated")
        return Image.new("RGB", (8, 8), (i % 256,) * 3)


class Browser:
    """What the browser sends, and what it gets."""

    def __init__(self, view, monkeypatch):
        self.view, self.got, self.states = view, [], []
        monkeypatch.setattr(
            view, "send", lambda content, buffers: self.got.append((content, buffers))
        )
        monkeypatch.setattr(view, "send_state", lambda key: self.states.append(set(key)))

    def sends(self, **content):
        content.setdefault("generation", self.view.generation)
        self.view._handle_custom_msg(content, [])

    def page(self, page):
        self.sends(type="want", page=page)
        content, (joined,) = self.got.pop()
        ends = np.cumsum(content["sizes"])
        parts = [bytes(joined[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        assert len(joined) == ends[-1]
        json.dumps(content)  # numpy's numbers cannot travel
        return content, parts


@pytest.fixture
def shown(monkeypatch):
    gallery = Gallery(Images())
    return gallery, Browser(gallery, monkeypatch)


def grey(data):
    return Image.open(io.BytesIO(data)).getpixel((0, 0))[0]


def test_a_page_has_sixty_images_and_the_last_one_the_rest(shown):
    gallery, browser = shown
    gallery.show(range(199, -1, -1), marks=[True, False, None, np.True_] * 50)
    content, parts = browser.page(1)
    assert content["ids"] == list(range(139, 79, -1))
    assert content["captions"] == [""] * 60
    assert content["marks"][:4] == [True, False, None, True]
    assert [grey(part) for part in parts] == pytest.approx(content["ids"], abs=1)
    assert Image.open(io.BytesIO(parts[0])).size == (168, 168)  # 84 CSS px on a dense screen
    content, parts = browser.page(3)
    assert content["ids"] == list(range(19, -1, -1))
    assert (content["type"], content["page"]) == ("pictures", 3)


def test_nothing_is_read_before_it_is_in_sight():
    images = Images(100_000)
    gallery = Gallery(images)
    gallery.show(range(100_000))
    assert (gallery.count, images.reads) == (100_000, [])


@pytest.mark.parametrize("page", [-1, 4, 10**9, "0", None, 1.0, [0]])
def test_a_page_that_is_not_there_is_not_answered(shown, page):
    _, browser = shown
    browser.sends(type="want", page=page)
    assert browser.got == []


def test_captions_are_asked_for_the_page_alone(shown):
    gallery, browser = shown
    asked = []
    gallery.show(range(100, 200), captions=lambda i: asked.append(i) or f"photo {i}")
    assert (gallery.captioned, asked) == (True, [])
    content, _ = browser.page(1)
    assert asked == list(range(160, 200))
    assert content["captions"] == [f"photo {i}" for i in asked]
    gallery.show([5, 6], captions=["five", "six"])
    assert browser.page(0)[0]["captions"] == ["five", "six"]
    gallery.show([5])
    assert not gallery.captioned


def test_an_image_that_cannot_be_read_says_why_in_its_place(shown):
    gallery, browser = shown
    gallery.show([76, 77, 78], captions=str)
    content, parts = browser.page(0)
    assert content["captions"] == ["76", "image 77: photos/77.jpg: image file is truncated", "78"]
    assert [len(part) > 0 for part in parts] == [True, False, True]


def test_a_caption_that_raises_is_seen(shown):
    gallery, browser = shown
    gallery.show([1, 2], captions=lambda i: {1: "one"}[i])
    assert browser.page(0)[0]["captions"] == ["one", "no caption: 2"]


def test_what_was_asked_before_show_is_dropped(shown):
    gallery, browser = shown
    old = gallery.generation
    gallery.show([1, 2, 3])
    browser.sends(type="want", page=0, generation=old)
    browser.sends(type="choose", position=2, generation=old)
    browser.view._handle_custom_msg({"type": "want", "page": 0}, [])
    assert (browser.got, gallery.selection.focus, gallery.chosen) == ([], None, -1)
    assert browser.page(0)[0]["generation"] == old + 1


def test_show_is_one_message(shown):
    gallery, browser = shown
    gallery.selection.focus = 2
    browser.states.clear()
    gallery.show([1, 2], captions=str, summary="Two images")
    expected = {"count", "generation", "captioned", "summary", "chosen"}
    assert [state & expected for state in browser.states] == [expected]


def test_a_choice_is_the_selections_focus_and_comes_back_once(shown):
    gallery, browser = shown
    heard = []
    gallery.selection.observe(lambda change: heard.append(change["new"]), "focus")
    gallery.show([9, 5, 7, 5])
    browser.sends(type="choose", position=3)
    assert (gallery.chosen, heard) == (3, [5])  # the one clicked, not the first of its image
    browser.sends(type="choose", position=2)
    assert (gallery.chosen, heard) == (2, [5, 7])


@pytest.mark.parametrize("position", [-1, 200, "3", None])
def test_a_choice_of_nothing_is_dropped(shown, position):
    gallery, browser = shown
    browser.sends(type="choose", position=position)
    assert (gallery.selection.focus, gallery.chosen) == (None, -1)


def test_a_focus_set_elsewhere_moves_the_frame():
    selection = Selection(focus=7)
    gallery = Gallery(Images(), [9, 5, 7], selection=selection)
    assert gallery.chosen == 2
    selection.focus = 9
    assert gallery.chosen == 0
    selection.focus = 100  # not among those shown
    assert gallery.chosen == -1
    gallery.show([100])
    assert gallery.chosen == 0
    selection.focus = None
    assert gallery.chosen == -1


def test_a_view_that_answers_by_another_choice_is_followed(shown):
    gallery, browser = shown
    gallery.selection.observe(lambda _: setattr(gallery.selection, "focus", 3), "focus")
    browser.sends(type="choose", position=8)
    assert (gallery.selection.focus, gallery.chosen) == (3, 3)
    gallery.selection.unobserve_all()
    gallery.selection.observe(gallery._follow, "focus")
    gallery.selection.focus = 4
    assert gallery.chosen == 4


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one(n, monkeypatch):
    gallery = Gallery(Images(n))
    browser = Browser(gallery, monkeypatch)
    browser.sends(type="want", page=0)
    assert (gallery.count, len(browser.got)) == (n, n)
    assert gallery.to_frame().shape == (n, 3)


def test_the_frame_has_what_is_shown(shown):
    gallery, _ = shown
    gallery.show([4, 2], captions=["four", "two"])
    assert gallery.to_frame().to_dict("list") == {
        "position": [0, 1],
        "image": [4, 2],
        "caption": ["four", "two"],
    }
    assert (gallery.ids.tolist(), gallery.ids.dtype) == ([4, 2], np.int64)


def test_other_images_take_the_place_of_the_first(shown):
    gallery, browser = shown
    other = [Image.new("RGB", (2, 2), (250,) * 3)]
    gallery.show([0], images=other)
    assert grey(browser.page(0)[1][0]) == pytest.approx(250, abs=1)
    with pytest.raises(ValueError, match="between 0 and 0"):
        gallery.show([1])


def test_a_refused_show_changes_nothing(shown):
    gallery, browser = shown
    gallery.show([1, 2])
    browser.states.clear()
    for wrong in (
        {"ids": [200]},
        {"ids": [1], "captions": ["a", "b"]},
        {"ids": [1], "marks": []},
        {"ids": [5], "images": [Image.new("RGB", (1, 1))]},
    ):
        with pytest.raises(ValueError, match=r"expected 1 (captions, got 2|marks, got 0)|ids must"):
            gallery.show(**wrong)
    assert (gallery.ids.tolist(), browser.states) == ([1, 2], [])
    assert browser.page(0)[0]["ids"] == [1, 2]


def test_an_unknown_keyword_is_named():
    with pytest.raises(TypeError, match="Gallery has no colour"):
        Gallery(Images(), colour="red")
