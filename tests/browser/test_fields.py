"""Controls in a real browser: a fast typist is answered what was typed, errors stay in sight."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import STUDY, explorer, opened, shot, until

pytestmark = pytest.mark.browser

TEXTS = ("boats by a castle", "a red tree", "snow on a tower", "clouds over the ocean")

SLOW = """
import time
import ipywidgets as ipw
from widgets.kit.text_box import TextBox
box = TextBox("typed meanwhile", value="before")
button = ipw.Button(description="Put another text in view")
def slowly(_):
    time.sleep(2)
    box.restore(f"from Python, after {box.value!r}")
button.on_click(slowly)
box.on_submit(lambda text: setattr(button, "description", f"Submitted: {text}"))
ipw.VBox([button, box])
"""


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    cells = (STUDY, "w.RetrievalExplorer(study)", "w.DenoisingExplorer(study)", SLOW)
    with opened(browser, lab, cells) as page:
        yield page


def test_a_text_that_is_typed_fast_is_answered_twenty_times(page):
    box = explorer(page)
    query = box.get_by_label("A query in words")
    for turn in range(20):
        text = TEXTS[turn % len(TEXTS)]
        query.fill("")
        query.press_sequentially(text)  # without a pause from key to key
        if turn % 2:
            query.press("Enter")
        else:
            box.locator(".jupyter-button", has_text="Ask").first.click()
        until(box, f"^“{text}”, (answered )?by its ", timeout=30_000)
        assert query.input_value() == text


def test_what_is_typed_before_python_puts_a_text_in_view_stays(page):
    box = page.get_by_label("typed meanwhile")
    another = page.get_by_role("button", name="Put another text in view")
    another.click()
    expect(box).to_have_value("from Python, after 'before'")
    another.click()
    box.fill("8, 16")  # Python is busy, and puts its own text in view before it hears of this one
    page.wait_for_timeout(3500)
    assert box.input_value() == "8, 16"
    box.press("Enter")
    page.get_by_role("button", name="Submitted: 8, 16").wait_for()


def test_an_error_is_at_its_control_until_a_value_works(page):
    box = explorer(page, 1)
    share = box.get_by_label("Minimum votes")
    share.fill("-7")
    share.press("Enter")
    wrong = box.locator(".wrong", has_text="Minimum votes must be a finite number of at least -1")
    wrong.wait_for()
    assert share.input_value() == "-7"
    assert share.get_attribute("aria-invalid") == "true"
    assert share.get_attribute("aria-describedby") == wrong.get_attribute("id")
    assert wrong.get_attribute("role") == "alert"
    shot(page, "field-error")
    share.fill("abc")
    share.press("Tab")
    box.locator(".wrong", has_text="got 'abc'").wait_for()
    assert share.input_value() == "abc"
    share.fill("")
    share.press("Tab")
    box.locator(".wrong", has_text="the box is empty: type a number").wait_for()
    share.fill("-1")
    share.press("Enter")
    box.locator(".handle-text", has_text="no threshold: 81 kept, 0 dropped").wait_for()
    share.fill("1000000000")
    share.press("Enter")
    box.locator(".wrong", has_text="Minimum votes is 1,000,000,000").wait_for()
    share.fill("0.4")
    share.press("Enter")
    box.locator(".wrong:visible").wait_for(state="detached")
    assert share.get_attribute("aria-invalid") == "false"
    assert share.get_attribute("aria-describedby") is None
    log = box.locator(".log")
    assert log.locator("summary").inner_text() == "What went wrong (1)"
    log.locator("summary").click()
    assert "no concept passed the threshold" in log.inner_text()
