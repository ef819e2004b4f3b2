"""What small views say in a real JupyterLab: bits, bins, bars and the colors of pairs."""

from __future__ import annotations

import pytest

from scripts.lab import set_theme, settle
from tests.browser.pages import opened, overlaps, shot

pytestmark = pytest.mark.browser

VIEWS = """
import ipywidgets as ipw
import numpy as np
from widgets.kit.bars import Bars
from widgets.kit.code_view import CodeView
from widgets.kit.curves import Curves
from widgets.kit.grid import Grid
from widgets.kit.histogram import Histogram
from widgets.kit.radius import Radius
code = CodeView(lambda bit: None, names=["query", "result"])
code.show([0, 1, 1, 0], other=[0, 0, 1, 0], flipped=[2],
          shares=[0.0, 0.43, 0.998, 0.002],
          meanings=["", "ocean (+0.62), castle (−0.31)", "sky (+0.21)", ""])
bins = Histogram(title="Bits", most=1.0)
bins.show(np.full(64, 0.5), high=63.0, whole=True, unit="bit")
names = [f"concept {i}" for i in range(60)]
bars = Bars(height=120)
bars.show(names, np.linspace(1, 0, 60))
other = ipw.Button(description="another query")
other.on_click(lambda _: bars.show(names[::-1], np.linspace(1, 0, 60)))
votes = [Bars(height=120, root=True) for _ in range(3)]
for view, at in zip(votes, (6.2, 300.0, 880.0)):
    view.show(names, np.linspace(900, 0, 60), threshold=at, ceiling=1.5 * at, draggable=True)
curves = Curves({"total": "of the loss", "mAP": ""})
epochs = np.linspace(0, 60, 61)
curves.show({"total": (epochs, 3 - epochs / 30), "mAP": (epochs, epochs / 61)}, until=60)
short = Curves({"total": "of the loss"})
short.show({"total": (np.linspace(0, 1, 9), np.linspace(2, 1, 9))}, until=1)
radius = Radius()
found = np.arange(0, 16_500, 500)
radius.show([f"{i} bits" for i in range(33)], found, found // 3, radius=7)
grid = Grid(edge=200)
grid.show(np.linspace(-1, 1, 36).reshape(6, 6), range(6))
bars.add_class("plain")
for view in votes:
    view.add_class("votes")
views = [code, bins, bars, other, *votes, curves, radius, grid, short]
ipw.VBox(views, layout={"width": "420px"})
"""


@pytest.fixture(scope="module")
def page(browser, lab):
    with opened(browser, lab, (VIEWS,), width=1280, height=720) as page:
        page.locator(".grid").wait_for()
        yield page


@pytest.mark.parametrize(
    ("bit", "sentence"),
    [
        (
            0,
            "Bit 0 is 0, like the result. The whole database has a 0 there, so it tells no images "
            "apart.",
        ),
        (
            1,
            "Bit 1 is 1, unlike the result. 43% of the database has a 1 there. It correlates with "
            "ocean (+0.62), castle (−0.31).",
        ),
        (
            2,
            "Bit 2 is 1, flipped, like the result. More than 99% of the database has a 1 there. It "
            "correlates with sky (+0.21).",
        ),
        (
            3,
            "Bit 3 is 0, like the result. Less than 1% of the database has a 1 there. It "
            "correlates with no concept.",
        ),
    ],
)
def test_a_bit_is_said_in_whole_sentences(page, bit, sentence):
    page.locator(".uhscm-code .column").nth(bit).hover()
    assert page.locator(".uhscm-code .reading").inner_text() == sentence


def test_bins_of_whole_numbers_have_whole_labels(page):
    labels = page.locator(".uhscm-histogram text").all_text_contents()
    assert [label for label in labels if "%" not in label] == ["0", "32", "63 bit"]


def test_bars_of_another_query_begin_at_the_top(page):
    bars = page.locator(".plain")
    scroll = bars.locator(".scroll")
    scroll.evaluate("box => { box.scrollTop = 800; }")
    bars.locator(".name:text-is('concept 40')").wait_for()
    page.get_by_role("button", name="another query").click()
    bars.locator(".row >> nth=0").locator(".name:text-is('concept 59')").wait_for()
    assert scroll.evaluate("box => box.scrollTop") == 0
    assert bars.locator(".number").first.inner_text() == "1"


def test_a_wheel_over_the_threshold_scrolls_the_bars(page):
    votes = page.locator(".votes").first
    votes.scroll_into_view_if_needed()
    scroll, line = votes.locator(".scroll"), votes.locator(".threshold:not(.upper)").bounding_box()
    scroll.evaluate("box => { box.scrollTop = 0; }")
    for beside in (0, 8):
        page.mouse.move(line["x"] + 1 + beside, line["y"] + line["height"] / 2)
        before = scroll.evaluate("box => box.scrollTop")
        page.mouse.wheel(0, 60)
        page.wait_for_function(
            "([box, before]) => box.scrollTop > before", arg=[scroll.element_handle(), before]
        )
    page.mouse.move(3, 3)


@pytest.mark.parametrize("at", range(3))
def test_no_label_of_a_threshold_lies_over_another(page, at):
    votes = page.locator(".votes").nth(at)
    votes.scroll_into_view_if_needed()
    boxes = votes.evaluate(
        """box => {
            const upper = box.querySelector('.upper').getBoundingClientRect();
            const after = getComputedStyle(box.querySelector('.upper'), '::after');
            const top = upper.top + parseFloat(after.top);
            const left = upper.left + parseFloat(after.left);
            const words = box.querySelector('.upper').checkVisibility() ? [
                { left, right: left + parseFloat(after.width), top,
                  bottom: top + parseFloat(after.height) }] : [];
            const found = [...box.querySelectorAll('.tick, .handle-text')]
                .map((e) => e.getBoundingClientRect());
            return [...words, ...found].map((b) => [b.left, b.right, b.top, b.bottom]);
        }"""
    )
    assert len(boxes) >= 4
    assert overlaps(boxes) == []
    shot(page, "readings_light")


def test_an_axis_of_one_epoch_says_so(page):
    labels = page.locator(".uhscm-curves").last.locator("text").all_text_contents()
    assert "1 epoch" in labels


@pytest.mark.parametrize("kind", ["curves", "histogram", "radius"])
def test_no_label_of_a_chart_lies_over_another(page, kind):
    for chart in page.locator(f".uhscm-{kind} svg:visible").all():
        boxes = chart.evaluate(
            """svg => [...svg.querySelectorAll('text')].map((e) => e.getBoundingClientRect())
                .map((b) => [b.left, b.right, b.top, b.bottom])"""
        )
        assert len(boxes) >= 4
        assert overlaps(boxes) == []


def test_similarity_stands_out_from_the_ground_in_either_theme(page):
    def ramp():
        return page.evaluate(
            """() => {
                const canvas = document.querySelector('.grid-ramp');
                const data = canvas.getContext('2d').getImageData(0, 0, 256, 1).data;
                return [0, 128, 255].map((i) => [...data.slice(4 * i, 4 * i + 3)]);
            }"""
        )

    for theme, ground in (("light", 255), ("dark", 17)):
        set_theme(page, theme)
        settle(page)
        far = [sum(abs(part - ground) for part in color) for color in ramp()]
        assert far[0] < 100 < far[1] < far[2]
        assert max(ramp()[0]) - min(ramp()[0]) < 20  # nothing in common has no strong color
        shot(page, f"readings_{theme}")
    set_theme(page, "light")
