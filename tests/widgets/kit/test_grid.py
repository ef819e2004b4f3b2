"""The grid's side in Python: numbers in two bytes, pairs, pictures."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
import traitlets
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from widgets.kit.grid import Grid, pack_values
from widgets.kit.selection import Selection

HUGE = np.finfo(np.float64).max


def unpacked(packed, least, greatest):
    """As grid.js reads them."""
    # Of the range, which itself may be too large for a float; the codes beyond its ends are none.
    share = np.clip(packed / 32766, -1, 1) / 2 + 0.5
    values = least * (1 - share) + greatest * share
    values[packed == -32768] = np.nan
    values[packed == 32767] = np.inf
    values[packed == -32767] = -np.inf
    return values


def sends(view, **content):
    content.setdefault("generation", view.generation)
    view._handle_custom_msg(content, [])


@pytest.fixture
def images():
    return [Image.new("RGB", (8, 8), (i,) * 3) for i in range(130)]


@given(hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(width=64)))
@example(np.array([HUGE * 0.9, HUGE]))
@example(np.array([-HUGE, 1.0, HUGE]))
@example(np.array([np.inf, HUGE, -np.inf, np.nan]))
def test_two_bytes_hold_a_number_to_a_part_of_the_range(values):
    packed, least, greatest = pack_values(values)
    back = unpacked(packed, least, greatest)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(back[~finite], values[~finite])
    if finite.any():
        step = (greatest / 32766 - least / 32766) / 2
        rounding = 1e-12 * max(abs(least), abs(greatest))
        assert (
            np.abs(back[finite] / 2 - values[finite] / 2) <= step * 0.26 + rounding + 1e-300
        ).all()


def test_the_ends_of_the_range_are_exact():
    packed, least, greatest = pack_values(np.array([-1.0, 0.0, 1.0]))
    assert (packed.tolist(), least, greatest) == ([-32766, 0, 32766], -1.0, 1.0)
    packed, least, greatest = pack_values(np.full(3, 0.25))
    assert (packed.tolist(), least, greatest) == ([0, 0, 0], 0.25, 0.25)


def test_the_numbers_travel_row_by_row():
    grid = Grid()
    grid.show(np.array([[1.0, 0.5], [-1.0, np.nan]]), [7, 3], groups=["a", "b"], label="cos")
    assert np.frombuffer(grid.values, "<i2").tolist() == [32766, 16383, -32766, -32768]
    assert (grid.ids, grid.groups, grid.label, grid.pictured) == ([7, 3], ["a", "b"], "cos", False)
    frame = grid.to_frame()
    assert (frame.index.tolist(), frame.columns.tolist()) == ([7, 3], [7, 3])
    assert frame.loc[7, 3] == 0.5


def test_tensors_are_taken_too():
    grid = Grid()
    grid.show(torch.eye(3), torch.tensor([2, 0, 1]))
    assert grid.to_frame().loc[0, 0] == 1.0


def test_show_is_one_message(monkeypatch):
    grid = Grid()
    grid.show(np.ones((2, 2)), [0, 1])
    grid.cell = (1, 1)
    states = []
    monkeypatch.setattr(grid, "send_state", lambda key: states.append(set(key)))
    grid.show(np.zeros((3, 3)), [0, 1, 2], summary="Three")
    assert len(states) == 1
    assert states[0] >= {"cell", "values", "ids", "least", "generation", "summary"}
    assert grid.cell is None


def test_a_pick_is_read_in_full_and_becomes_the_selection():
    selection = Selection()
    grid = Grid(selection=selection)
    heard = []
    grid.observe(lambda change: heard.append(change["new"]), "cell")
    grid.show([[1, 0.123456789], [0.5, np.nan]], [40, 20], label="cos")
    sends(grid, type="choose", cell=[0, 1])
    assert heard == [(0, 1)]
    assert grid.reading == "Images 40 and 20: cos = 0.123457"
    assert selection.ids == (40, 20)
    sends(grid, type="choose", cell=[1, 1])
    assert grid.reading == "Images 20 and 20: cos = no number"
    grid.show([[1]], [40])
    assert (grid.cell, grid.reading) == (None, "")


def test_a_pair_picked_elsewhere_moves_the_mark():
    selection = Selection()
    grid = Grid(selection=selection)
    grid.show(np.eye(3), [40, 20, 40])
    selection.ids = (20, 40)
    assert grid.cell == (1, 0)
    selection.ids = (20, 5)  # not a pair of these
    assert grid.cell == (1, 0)
    selection.ids = (20, 40, 40)
    assert grid.cell == (1, 0)
    sends(grid, type="choose", cell=[2, 1])  # the one clicked, though 40 comes first at 0
    assert (grid.cell, selection.ids) == ((2, 1), (40, 20))


def test_what_was_sent_before_show_is_dropped():
    grid = Grid()
    grid.show(np.eye(2), [0, 1])
    old = grid.generation
    grid.show(np.eye(2), [1, 0])
    sends(grid, type="choose", cell=[0, 1], generation=old)
    assert grid.cell is None


@pytest.mark.parametrize("cell", [[0, 2], [-1, 0], [0], [0, 0, 0], "00", [0.5, 0], None, ["0", 0]])
def test_a_cell_outside_is_dropped(cell):
    grid = Grid()
    grid.show(np.eye(2), [0, 1])
    sends(grid, type="choose", cell=cell)
    assert grid.cell is None


def test_a_cell_may_be_set_from_python_and_is_checked():
    grid = Grid()
    grid.show(np.eye(2), [0, 1])
    grid.cell = (np.int64(1), 0)
    assert (grid.cell, type(grid.cell[0])) == ((1, 0), int)
    assert grid.reading == "Images 1 and 0: S = 0"
    for wrong in ((0, 2), (0,), (-1, 0), (0.5, 0), ("a", 0)):
        with pytest.raises(traitlets.TraitError, match="two positions below 2"):
            grid.cell = wrong
    grid.cell = None
    assert grid.reading == ""


@pytest.mark.parametrize("n", [0, 1, 400])
def test_none_one_and_many(n):
    grid = Grid()
    grid.show(np.zeros((n, n)), range(n), groups=["a"] * n)
    assert (len(grid.values), grid.to_frame().shape) == (2 * n * n, (n, n))
    if n == 0:
        grid.show([], [])
        assert grid.to_frame().shape == (0, 0)


def test_pictures_come_in_pages(monkeypatch, images):
    images[61] = None  # cannot be read
    grid = Grid()
    got = []
    monkeypatch.setattr(grid, "send", lambda content, buffers: got.append((content, buffers)))
    grid.show(np.zeros((70, 70)), range(129, 59, -1), images=images)
    assert grid.pictured
    for page in (1, 2, -1, "0"):
        sends(grid, type="want", page=page)
    [(content, (joined,))] = got
    assert (content["page"], len(content["sizes"])) == (1, 10)
    assert content["sizes"][8] == 0
    assert sum(content["sizes"]) == len(joined)
    grid.show(np.zeros((1, 1)), [5])  # the same images are kept
    sends(grid, type="want", page=0)
    assert (len(got), len(got[1][0]["sizes"])) == (2, 1)


def test_without_images_there_are_no_pictures(monkeypatch):
    grid = Grid()
    monkeypatch.setattr(grid, "send", None)
    grid.show(np.zeros((1, 1)), [10**9])
    sends(grid, type="want", page=0)
    assert not grid.pictured


def test_a_refused_show_changes_nothing(images):
    grid = Grid()
    grid.show(np.eye(2), [0, 1], images=images)
    state = grid.get_state()
    for wrong, reason in (
        (([[1, 2]], [0, 1]), r"shape \(2, 2\), got \(1, 2\)"),
        ((np.eye(2), [0, 130]), "between 0 and 129"),
        ((np.eye(2), [0, 1], {"groups": ["a"]}), "expected 2 groups, got 1"),
        ((np.eye(2), [0, 1], {"low": 1, "high": 1}), "low must be below high"),
        ((np.eye(2), [0, 1], {"low": float("nan")}), "low must be below high"),
        ((np.zeros((1001, 1001)), [0] * 1001), "at most 1,000 images"),
    ):
        with pytest.raises(ValueError, match=reason):
            grid.show(*wrong[:2], **(wrong[2] if len(wrong) > 2 else {}))
    assert grid.get_state() == state


def test_an_unknown_keyword_is_named():
    with pytest.raises(TypeError, match="Grid has no colour"):
        Grid(colour="red")
