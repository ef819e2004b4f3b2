"""The training explorer in a real JupyterLab: start, pause, fork, compare, leave and come back."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from scripts.lab import go, jupyterlab, run_all, write_notebook

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
CELLS = (
    """
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


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request, browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    write_notebook(folder / "training.ipynb", CELLS)
    home = folder / "home"
    with jupyterlab(folder, {"UHSCM_HOME": str(home)}) as address:
        page = browser.new_page(viewport={"width": 1500, "height": 1150})
        page.errors, page.theme, page.home, page.received = [], request.param, home, []
        page.on(
            "websocket",
            lambda s: s.on("framereceived", lambda data: page.received.append(len(data))),
        )
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        go(page, address.format("training.ipynb"))
        run_all(page, request.param, len(CELLS))
        yield page
        assert page.errors == []
        page.close()


def panel(page):
    box = page.locator(".uhscm-explorer").first
    box.wait_for()
    box.evaluate("box => box.scrollIntoView()")
    return box


def sentence(page):
    return page.locator(".uhscm-status .sentence").first.text_content()


def until(page, said, timeout=60_000):
    page.wait_for_function(
        """said => [...document.querySelectorAll('.uhscm-status .sentence')]
                     .some((line) => new RegExp(said).test(line.textContent))""",
        arg=said,
        timeout=timeout,
    )


def press(page, name):
    page.locator(f".uhscm-explorer button:has-text('{name}')").first.click()


def setting(page, name):
    """The control right after the label of this name."""
    return page.locator(
        f".uhscm-settings .widget-label:text-is('{name}') + * >> css=input, select"
    ).first


def points(page):
    """How many points the curve of the total has."""
    line = page.locator(".uhscm-curves polyline.now").first
    return len(line.get_attribute("points").split()) if line.count() else 0


def shot(page, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(400)
    page.screenshot(path=SCREENSHOTS / f"explorer_training_{name}_{page.theme}.png")


def set_number(page, name, value):
    box = setting(page, name)
    box.fill(str(value))
    box.press("Tab")


def test_a_run_is_started_paused_resumed_and_stopped(page):
    panel(page)
    until(page, "^No run yet: press Start")
    shot(page, "first")
    set_number(page, "epochs", 40)
    press(page, "Start")
    until(page, "Run 001 running; epoch")
    page.wait_for_function("document.querySelectorAll('.uhscm-curves polyline.now').length >= 4")
    first, page.received[:], began = points(page), [], time.monotonic()
    page.wait_for_timeout(3000)
    a_minute = 60 * sum(page.received) / (time.monotonic() - began)
    (SCREENSHOTS / "training_traffic.txt").write_text(f"{a_minute / 1e6:.1f} MB a minute")
    assert 0 < a_minute < 10e6
    assert points(page) > first  # the curves move
    assert setting(page, "lam").is_disabled()
    assert page.locator(".widget-label:has-text('while it is under way')").is_visible()
    shot(page, "running")
    press(page, "Pause")
    until(page, "Run 001 paused")
    took = int(re.search(r"paused \(after (\d+) ms\)", sentence(page))[1])
    assert took < 1000
    still = sentence(page)
    page.wait_for_timeout(1200)
    assert sentence(page) == still
    press(page, "Resume")
    until(page, "Run 001 running")
    page.wait_for_timeout(800)
    press(page, "Stop, keep the best")
    until(page, "Run 001 stopped; .*best mAP by concepts 0")
    assert setting(page, "lam").is_enabled()
    assert page.locator(".uhscm-histogram .bar.s0").count() > 60
    page.locator(".gallery-tile img").nth(5).wait_for()
    shot(page, "stopped")


def test_a_fork_with_another_lambda_is_compared(page):
    panel(page)
    press(page, "Fork the run in colour")
    set_number(page, "lam", 0.5)
    page.locator(".widget-label:has-text('Fork of 001: lam 0.8 → 0.5')").wait_for()
    press(page, "Start")
    until(page, "Run 002 running; epoch")
    page.wait_for_function("document.querySelectorAll('.uhscm-curves polyline.now').length >= 4")
    assert page.locator(".uhscm-curves polyline.before").count() >= 4
    press(page, "Stop, keep the best")
    until(page, "Run 002 stopped")
    table = page.locator(".uhscm-table")
    table.evaluate("box => box.scrollIntoView({block: 'center'})")
    assert table.locator("th:text-is('lam')").count() == 1
    assert [row.split("\t")[1] for row in table.locator("tr.row").all_inner_texts()] == [
        "001",
        "002",
    ]
    shot(page, "compared")
    table.locator("tr.row").first.click()
    until(page, "^Run 001 stopped")


def test_the_page_is_left_and_the_cell_run_again(page):
    panel(page)
    set_number(page, "epochs", 60)
    press(page, "Start")
    until(page, "Run 003 running; epoch")
    page.keyboard.press("Escape")
    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
    panel(page)
    until(page, "Run 003 (running|finished)", timeout=60_000)
    page.wait_for_function("document.querySelectorAll('.uhscm-curves polyline.now').length >= 4")
    first = page.locator(".uhscm-curves polyline.now").first.get_attribute("points").split()[0]
    assert float(first.split(",")[0]) < 60  # from the first epoch on
    shot(page, "back")
    # The cell once more: the same run goes on, in the new panel.
    page.locator(".jp-CodeCell .jp-InputArea-editor").nth(1).click()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(2500)
    panel(page)
    until(page, "Run 003")
    runs = sorted(f.parent.name for f in page.home.glob("runs/*/*/run.json"))
    assert runs == ["001", "002", "003"]
    if "running" in sentence(page):
        press(page, "Stop, keep the best")
    until(page, "Run 003 (stopped|finished)")
