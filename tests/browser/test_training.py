"""The training explorer in a real JupyterLab: start, pause, fork, compare, leave and come back."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from scripts.lab import settle
from tests.browser.pages import SCREENSHOTS, explorer, opened, overlaps, sentence, shot, until
from uhscm_core.recipe import RECIPES

CELLS = (
    """
import os
os.environ["UHSCM_HOME"] = os.path.abspath("home")  # for runs that no other test counts
from uhscm_core import Study, load_dataset, load_vlp
from widgets import TrainingExplorer

study = Study(load_dataset("postcards"), load_vlp("postcards"), "nuswide81", progress=False)
study.mined
""",
    """
explorer = TrainingExplorer(study)
explorer
""",
)
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, lab):
    with opened(browser, lab, CELLS, width=1500, height=1150) as page:
        yield page


def press(page, name):
    page.locator(f".uhscm-explorer button:has-text('{name}')").first.click()


def setting(page, name):
    """The control right after the label of this name."""
    return page.locator(
        f".uhscm-settings .widget-label:text-is('{name}') + * >> css=input, select"
    ).first


def set_number(page, name, value):
    box = setting(page, name)
    box.fill(str(value))
    box.press("Tab")


def points(page):
    """How many points the curve of the total has."""
    line = page.locator(".uhscm-curves polyline.now").first
    return len(line.get_attribute("points").split()) if line.count() else 0


def curves(page):
    """Wait until the run in color has its curves."""
    page.wait_for_function("document.querySelectorAll('.uhscm-curves polyline.now').length >= 4")


def runs(page):
    """The numbers of the runs that are on the disk."""
    return sorted(path.parent.name for path in page.folder.glob("home/runs/*/*/run.json"))


def start(page, epochs, state="running; epoch"):
    """Start a run of so many epochs, wait until it is in that state and return its number.

    Its recipe is "uhscm", which takes long enough to be watched.
    """
    if setting(page, "recipe").input_value() != "uhscm":
        setting(page, "recipe").select_option("uhscm")
        # Its own values come from Python, which may be busy, into the box that is typed into next.
        own = str(RECIPES["uhscm"]["epochs"])
        expect(setting(page, "epochs")).to_have_value(own, timeout=60_000)
    run = f"{len(runs(page)) + 1:03d}"
    set_number(page, "epochs", epochs)
    press(page, "Start")
    until(page, f"Run {run} {state}")
    return run


def test_a_run_is_started_paused_resumed_and_stopped(page):
    explorer(page)
    if not runs(page):
        until(page, "^No run yet: press Start")
        shot(page, "training_first")
    run = start(page, 1000)  # so many that it is not over when it is to be stopped
    curves(page)
    until(page, f"Run {run} running; .*best mAP by concepts 0")
    first, page.received[:], began = points(page), [], time.monotonic()
    page.wait_for_timeout(3000)
    a_minute = 60 * sum(page.received) / (time.monotonic() - began)
    (SCREENSHOTS / "training_traffic.txt").write_text(f"{a_minute / 1e6:.1f} MB a minute")
    assert 0 < a_minute < 10e6
    assert points(page) > first  # the curves move
    assert setting(page, "lam").is_disabled()
    assert page.locator(".widget-label:has-text('while it is running')").is_visible()
    shot(page, "training_running")
    press(page, "Pause")
    until(page, f"Run {run} paused")
    still = sentence(page)
    page.wait_for_timeout(1200)
    assert sentence(page) == still
    press(page, "Resume")
    until(page, f"Run {run} running")
    page.wait_for_timeout(800)
    press(page, "Stop, keep the best")
    until(page, f"Run {run} stopped; .*best mAP by concepts 0")
    expect(setting(page, "lam")).to_be_enabled()  # after the sentence
    page.locator(".uhscm-histogram .bar.s0").nth(60).wait_for(state="attached")
    page.locator(".gallery-tile img").nth(5).wait_for()
    shot(page, "training_stopped")


def test_a_fork_with_another_lambda_is_compared(page):
    explorer(page)
    run = start(page, 2, "finished")
    press(page, "Fork the run in color")
    set_number(page, "lam", 0.5)
    page.locator(f".widget-label:has-text('Fork of {run}: lam 0.8 → 0.5')").wait_for()
    fork = start(page, 40)
    curves(page)
    assert page.locator(".uhscm-curves polyline.before").count() >= 4
    press(page, "Stop, keep the best")
    until(page, f"Run {fork} stopped")
    page.get_by_role("tab", name="Runs", exact=True).click()
    table = page.locator(".uhscm-table")
    table.evaluate("box => box.scrollIntoView({block: 'center'})")
    assert table.locator("th:text-is('lam')").count() == 1
    rows = table.locator("tr.row")
    newest_first = runs(page)[::-1]
    assert [row.split("\t")[1] for row in rows.all_inner_texts()] == newest_first
    shot(page, "training_compared")
    rows.nth(newest_first.index(run)).click()
    until(page, f"^Run {run} finished")


def test_no_label_of_a_curve_lies_over_another_in_a_small_window(page):
    explorer(page)
    page.set_viewport_size({"width": 800, "height": 720})
    try:
        page.get_by_role("tab", name="Curves", exact=True).click()
        settle(page)
        charts = page.locator(".uhscm-curves svg:visible").all()
        assert len(charts) > 4
        for chart in charts:
            boxes = chart.evaluate(
                """svg => [...svg.querySelectorAll('text')].map((e) => e.getBoundingClientRect())
                    .map((b) => [b.left, b.right, b.top, b.bottom])"""
            )
            assert len(boxes) >= 2
            assert overlaps(boxes) == []
    finally:
        page.set_viewport_size({"width": 1500, "height": 1150})


def test_the_page_is_left_and_the_cell_run_again(page):
    explorer(page)
    run = start(page, 60)
    page.keyboard.press("Escape")
    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.keyboard.press("Control+s")
    page.reload()
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
    explorer(page)
    until(page, f"Run {run} (running|finished)")
    curves(page)
    first = page.locator(".uhscm-curves polyline.now").first.get_attribute("points").split()[0]
    assert float(first.split(",")[0]) < 60  # from the first epoch on
    shot(page, "training_back")
    # The cell once more: the same run continues, in the new panel.
    existing = runs(page)
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").nth(1)
    before = prompt.text_content()
    page.locator(".jp-CodeCell .jp-InputArea-editor").nth(1).click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\d"), timeout=60_000)
    explorer(page)
    until(page, f"Run {run}")
    assert runs(page) == existing
    assert existing[-1] == run
    if "running" in sentence(page):
        press(page, "Stop, keep the best")
    until(page, f"Run {run} (stopped|finished)")
