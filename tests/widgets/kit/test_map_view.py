"""The map's side in Python: points in bytes, groups, picks, pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from widgets.kit.map_view import MapView, most_frequent
from widgets.kit.selection import Selection


def sends(view, buffers=(), **content):
    content.setdefault("generation", view.generation)
    view._handle_custom_msg(content, list(buffers))


def picks(view, positions, **content):
    sends(view, [memoryview(np.asarray(positions, "<i4").tobytes())], type="pick", **content)


def picked(view):
    return np.frombuffer(view.picked, "<i4").tolist()


@pytest.fixture
def images():
    return [Image.new("RGB", (8, 8), (i,) * 3) for i in range(50)]


@pytest.fixture
def view(images):
    made = MapView(images)
    made.show([[0, 0], [1, 0.5], [-2, 3]], [40, 7, 12], groups=["b", "a", "b"], summary="Three")
    return made


@given(st.lists(st.text(max_size=3), max_size=60))
def test_the_most_frequent_names_stand_for_themselves(names):
    place, legend = most_frequent(names, most=3)
    assert len(place) == len(names)
    counts = {name: names.count(name) for name in set(names)}
    own = legend[:3]
    assert [counts[name] for name in own] == sorted(counts.values(), reverse=True)[:3]
    assert legend[3:] == (["other"] if len(counts) > 3 else [])
    for name, position in zip(names, place, strict=True):
        assert legend[position] == (name if name in own else "other") or own[position] == name


def test_the_points_travel_as_bytes(view):
    assert np.frombuffer(view.points, "<f4").tolist() == [0, 0, 1, 0.5, -2, 3]
    assert (list(view.members), view.legend) == ([0, 1, 0], ["b", "a"])
    frame = view.to_frame()
    assert frame.to_dict("list") == {
        "image": [40, 7, 12],
        "x": [0, 1, -2],
        "y": [0, 0.5, 3],
        "group": ["b", "a", "b"],
        "picked": [False] * 3,
    }
    assert repr(view) == "MapView: Three"


def test_show_is_one_message(view, monkeypatch):
    states = []
    monkeypatch.setattr(view, "send_state", lambda key: states.append(set(key)))
    view.show([[5, 5]], [3], groups=["c"])
    assert len(states) == 1
    assert states[0] >= {"points", "members", "legend", "generation", "version"}


def test_the_same_images_elsewhere_are_of_the_same_generation(view):
    generation, version = view.generation, view.version
    view.show(np.ones((3, 2)), [40, 7, 12])
    assert (view.generation, view.version, view.legend) == (generation, version + 1, [])
    view.show(np.ones((3, 2)), [7, 40, 12])
    assert (view.generation, view.version) == (generation + 1, version + 2)


def test_a_lasso_and_a_click_become_the_selection(view):
    heard = []
    view.selection.observe(lambda change: heard.append((change["name"], change["new"])))
    picks(view, [2, 0])
    sends(view, type="choose", position=1)
    assert heard == [("ids", (40, 12)), ("focus", 7)]
    assert (picked(view), view.chosen) == ([0, 2], 1)
    assert view.to_frame()["picked"].tolist() == [True, False, True]
    picks(view, [])
    assert (view.selection.ids, picked(view)) == ((), [])


def test_what_is_picked_elsewhere_is_marked_as_far_as_it_is_here(images):
    selection = Selection()
    view = MapView(images, selection=selection)
    view.show(np.zeros((3, 2)), [40, 7, 12])
    selection.ids, selection.focus = (12, 3, 49, 40), 7
    assert (picked(view), view.chosen) == ([2, 0], 1)
    assert selection.ids == (12, 3, 49, 40)  # others may show what is not here
    selection.focus = 3
    assert view.chosen == -1
    view.show(np.zeros((2, 2)), [3, 12])
    assert (picked(view), view.chosen) == ([1, 0], 0)


@pytest.mark.parametrize("positions", [[3], [-1, 0], [0, 2**31 - 1]])
def test_points_that_are_none_are_not_picked(view, positions):
    view.selection.ids = (7,)
    picks(view, positions)
    assert view.selection.ids == (7,)


def test_the_button_does_what_it_offers_as_long_as_it_does(images):
    taken = []
    view = MapView(images, taken.append)
    view.offer = "Cancel"
    sends(view, type="take", offer="Cancel")
    view.offer = "Fit"
    sends(view, type="take", offer="Cancel")  # pressed before the words changed
    sends(view, type="take", offer="Fit")
    assert taken == ["Cancel", "Fit"]


def test_what_makes_no_sense_is_dropped(view, monkeypatch):
    sent = []
    monkeypatch.setattr(view, "send", lambda content, _: sent.append(content["positions"]))
    sends(view, [b"abc"], type="pick")
    sends(view, type="pick")
    picks(view, [1], generation=view.generation - 1)
    for position in (-1, 3, "0", None, 0.5):
        sends(view, type="choose", position=position)
        sends(view, type="want", positions=[position, 1])
    sends(view, type="want", positions="12")
    sends(view, type="?")
    assert (view.selection.ids, view.selection.focus) == ((), None)
    assert sent == [[1]] * 5


def test_pictures_come_with_captions_a_few_at_a_time(images, monkeypatch):
    images[3] = None  # cannot be read
    got = []
    view = MapView(images)
    monkeypatch.setattr(view, "send", lambda content, buffers: got.append((content, buffers)))
    captions = {1: "<b>one</b>", 2: "two"}
    groups = ["odd", "even"] * 25
    view.show(np.zeros((50, 2)), range(50), groups=groups, captions=lambda i: captions[i])
    sends(view, type="want", positions=[1, 2, 3, 4, 5, 6, 7, 8])
    [(content, (joined,))] = got
    assert content["positions"] == [1, 2, 3, 4, 5, 6]
    assert content["captions"][:2] == ["<b>one</b>", "two"]
    assert content["captions"][2].startswith("image 3: ")
    assert content["captions"][3] == "no caption: 4"
    assert content["groups"] == ["even", "odd"] * 3
    assert content["sizes"][2] == 0
    assert sum(content["sizes"]) == len(joined)
    view.show(np.zeros((50, 2)), range(50))
    sends(view, type="want", positions=[9])
    assert (got[1][0]["captions"], got[1][0]["groups"]) == (["image 9"], [""])


def test_a_refused_show_changes_nothing(view):
    state = view.get_state()
    for points, ids, more, reason in (
        ([[1, 2]], [0, 1], {}, r"shape \(2, 2\), got \(1, 2\)"),
        ([[1, np.nan]], [0], {}, "finite"),
        ([[1, 2]], [50], {}, "between 0 and 49"),
        (np.zeros((2, 2)), [4, 4], {}, "listed twice"),
        ([[1, 2]], [0], {"groups": ["a", "b"]}, "expected 1 groups, got 2"),
    ):
        with pytest.raises(ValueError, match=reason):
            view.show(points, ids, **more)
    assert view.get_state() == state


def test_none_one_and_sixty_thousand():
    class Many:
        def __len__(self):
            return 60_000

    view = MapView(Many())
    view.show(np.zeros((60_000, 2)), range(60_000), groups=["a"] * 60_000)
    assert (len(view.points), len(view.members)) == (480_000, 60_000)
    picks(view, range(60_000))
    assert len(view.selection.ids) == 60_000
    view.show([[3, 3]], [9])
    view.show(np.zeros((0, 2)), [])
    assert view.to_frame().shape == (0, 5)


def test_an_unknown_keyword_is_named(images):
    with pytest.raises(TypeError, match="MapView has no colour"):
        MapView(images, colour="red")
