"""The card of a pair in a real JupyterLab, in a column of 360 pixels: keyboard, names, looks."""

from __future__ import annotations

import re

import pytest

from scripts.lab import set_theme
from tests.browser.pages import BITS, STUDY, opened, shot

pytestmark = pytest.mark.browser

# Each tick is answered at once, as an explorer does.
CARD = """
import ipywidgets as ipw
from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.why import WhyPanel
study = study.train(BITS, recipe="tuned", epochs=1)
pictures = StudyImages(study)
panel = WhyPanel(lambda names: panel.show(pictures, 3, 41, without=names))
panel.show(pictures, 3, 41)
ipw.VBox([panel], layout={"width": "360px"})
""".replace("BITS", str(BITS))


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, CARD), width=1280, height=720) as page:
        page.locator(".uhscm-pair").evaluate("box => box.scrollIntoView()")
        yield page


def texts(page, row):
    return page.locator(f".uhscm-pair .numbers tr:has(th:text-is('{row}')) td").all_inner_texts()


def test_a_concept_is_unticked_by_keyboard_and_everything_is_said(page):
    card = page.locator(".uhscm-pair")
    before = [texts(page, row)[0] for row in ("S, by concepts", "differing bits", "rank by code")]
    assert re.search(rf"the codes differ in {before[1]}", card.locator(".sentence").inner_text())
    boxes = card.locator("input[type=checkbox]")
    boxes.first.focus()
    for key in ("ArrowDown", "ArrowUp", "End", "Home"):
        page.keyboard.press(key)
    gone = card.locator(".parts .name").first.inner_text()
    page.keyboard.press(" ")
    card.locator(f"th:text-is('without {gone}')").wait_for()
    after = [texts(page, row) for row in ("S, by concepts", "differing bits", "rank by code")]
    assert [row[0] for row in after] == before
    assert after[0][1] != before[0]
    assert page.evaluate("document.activeElement.type") == "checkbox"  # the keyboard stays there
    shot(page, "why_unticked")
    page.keyboard.press(" ")
    card.locator("th:text-is('now')").wait_for()
    assert boxes.first.is_checked()


def test_bars_have_one_scale_that_ends_at_2(page):
    rows = page.locator(".uhscm-pair .parts li").evaluate_all(
        "rows => rows.map(row => ['.bar', '.lane'].map(part =>"
        " row.querySelector(part).getBoundingClientRect().width)"
        ".concat(Number(row.querySelector('.number').textContent)))"
    )
    for bar, lane, part in rows:
        assert bar / lane == pytest.approx(part / 2, abs=0.01)


def test_the_last_concept_stays_ticked(page):
    card = page.locator(".uhscm-pair")
    boxes = card.locator("input[type=checkbox]")
    for i in range(1, boxes.count()):
        boxes.nth(i).click()
    for _ in range(2):
        boxes.first.click()
        card.locator("[role=alert]:has-text('One concept has to stay')").wait_for()
        page.wait_for_function("document.querySelector('.uhscm-pair input').checked")
    for i in range(1, boxes.count()):
        boxes.nth(i).click()
    card.locator("th:text-is('now')").wait_for()
    assert card.locator("[role=alert]").inner_text() == ""


def test_each_box_has_a_name_and_is_one_stop_of_tab(page):
    card = page.locator(".uhscm-pair")
    names = card.locator(".parts .name").all_inner_texts()
    for name in names:
        assert page.get_by_role("checkbox", name=re.compile(rf"^{re.escape(name)}\b")).count() == 1
    assert card.locator("[tabindex='0']").count() == 1
    assert page.get_by_role("rowheader", name="rank by code").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_360_pixels_without_scrolling_in_any_theme(page, theme):
    set_theme(page, theme)
    card = page.locator(".uhscm-pair")
    card.evaluate("box => box.scrollIntoView()")
    shot(page, f"why_{theme}")
    found = card.evaluate(
        """box => [box, ...box.querySelectorAll('*')].map((e) => {
            const style = getComputedStyle(e);
            const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY);
            return [e.className, e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
                && !e.matches('.name, .entry *, .mark'), scrolls, parseFloat(style.fontSize)];
        })"""
    )
    assert [name for name, wide, scrolls, size in found if wide or scrolls or size < 11] == []
