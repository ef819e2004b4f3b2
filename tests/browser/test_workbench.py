"""The workbench in a real JupyterLab: from a threshold to an answer, back, and saved."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.sync_api import expect

from scripts.lab import settle
from tests.browser.pages import STUDY, opened, shot, until

WORKBENCH = """
bench = w.Workbench(study.with_(network=None, history=()))
bench
"""
# A folder that is listed once there is a file "listed" next to the notebook.
READING = """
import time
from pathlib import Path
from widgets.background import photo_reader
folder = Path("my holiday")
folder.mkdir(exist_ok=True)
for i in range(12):
    study.dataset.images[i].save(folder / f"{i}.png")
(folder / "broken.png").write_bytes(b"no image")
load = photo_reader.load_dataset
def slowly(*args, **more):
    while not Path("listed").exists():
        time.sleep(0.1)
    return load(*args, **more)
photo_reader.load_dataset = slowly
bench = w.Workbench(folder)
bench
"""
TABS = ".uhscm-workbench > .jupyter-widget-tab > .lm-TabBar"
# Views that are higher than their place, and so are printed over what is below.
BEYOND = """() => [...document.querySelectorAll('.uhscm-workbench .uhscm-grows')]
    .filter((e) => e.checkVisibility() && e.scrollHeight > e.clientHeight + 1)
    .map((e) => [e.firstElementChild.className, e.scrollHeight, e.clientHeight])"""
pytestmark = pytest.mark.browser


def turn(page, tab):
    page.locator(f"{TABS} >> text={tab}").click()


def press(page, name):
    page.locator(f".uhscm-workbench button:visible:has-text('{name}')").first.click()


def typed(page, name, text):
    box = page.get_by_label(name, exact=True).locator("visible=true").first
    box.fill(text)
    box.press("Enter")
    box.press("Tab")


def shown(page, said):
    """Wait until the status line of the tab in view says this."""
    until(page.locator(".uhscm-explorer:visible"), said)


def test_a_threshold_is_trained_asked_undone_and_kept_for_another_kernel(browser, lab, saved_study):
    # Those of the tests before it are of the same images, and so in the same table.
    shutil.rmtree(lab.root / "home" / "runs", ignore_errors=True)
    with opened(browser, lab, (STUDY, WORKBENCH), width=1280, height=720) as page:
        bench = page.locator(".uhscm-workbench")
        bench.evaluate("box => box.scrollIntoView()")
        until(bench, "960 images, 81 concepts, no codes yet")
        turn(page, "Concepts")
        shown(page, "81 concepts, ")
        before = bench.locator(".uhscm-explorer:visible .sentence").first.text_content()
        handle = page.locator(".uhscm-bars:visible [role=slider]").first
        handle.focus()
        for _ in range(12):
            handle.press("ArrowRight")
        page.wait_for_function(
            """before => [...document.querySelectorAll('.uhscm-explorer .sentence')].some(
                (e) => e.offsetParent && e.textContent !== before)""",
            arg=before,
        )
        shot(page, "workbench_concepts")
        press(page, "Train with these concepts")
        shown(page, "No run yet: press Start")
        epochs = page.locator(".uhscm-settings").get_by_label("epochs", exact=True)
        epochs.fill("2")
        epochs.press("Tab")
        press(page, "Start")
        shown(page, "Run 001 finished; epoch 2 of 2")
        shot(page, "workbench_train")
        press(page, "Ask with this run")
        shown(page, "images on .* shelves")
        until(bench, "codes of 64 bits")
        shot(page, "workbench_retrieve")
        with page.expect_download() as download:
            press(page, "Save this view")
        path = lab.root / "view.json"
        download.value.save_as(path)
        for _ in range(30):  # a slow machine takes each key of the threshold as a step
            if page.locator(".uhscm-workbench button:has-text('Undo'):visible").is_disabled():
                break
            press(page, "Undo")
            settle(page)
        until(bench, "960 images, 81 concepts, no codes yet")
        current = bench.locator("> .jupyter-widget-tab > .lm-TabBar .lm-mod-current")
        assert current.text_content() == "Concepts"
        shown(page, before)
    reopened = 'bench = w.Workbench.open_view("../view.json")\nbench'
    with opened(browser, lab, (STUDY, reopened), width=1280, height=720) as page:
        until(page.locator(".uhscm-workbench"), "codes of 64 bits")
        shown(page, "images on .* shelves")
        page.locator(".uhscm-workbench").evaluate("box => box.scrollIntoView()")
        shot(page, "workbench_reopened")


def test_a_tab_says_that_it_waits_for_the_first_folder_and_then_opens(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, READING), width=1280, height=720) as page:
        bench = page.locator(".uhscm-workbench")
        bench.evaluate("box => box.scrollIntoView()")
        until(bench, "Reading my holiday: listing the folder")
        settle(page)
        places = [bench.bounding_box()]
        turn(page, "Similarity")
        waits = page.get_by_text("Reading my holiday. This tab opens when that is done.")
        waits.wait_for()
        shot(page, "workbench_reading")
        places.append(bench.bounding_box())
        (page.folder / "listed").touch()
        shown(page, "S = ")
        settle(page)
        places.append(bench.bounding_box())
        assert waits.count() == 0
        for which in ("y", "height"):  # the page does not jump
            assert max(p[which] for p in places) - min(p[which] for p in places) < 8
        turn(page, "Photos")
        shown(page, "12 images, 1 skipped")
        shot(page, "workbench_photos_skipped")


def test_a_cell_low_in_the_notebook_opens_next_to_it_too(browser, lab, saved_study):
    cells = (STUDY, *(f"print('cell {n}')" for n in range(12)), WORKBENCH)
    with opened(browser, lab, cells, width=1280, height=720) as page:
        page.locator(".uhscm-workbench").evaluate("box => box.scrollIntoView()")
        press(page, "Open next to the notebook")
        page.locator(".jp-LinkedOutputView .uhscm-workbench").wait_for()
        assert_next_to_the_notebook(page)


def test_a_tab_out_of_sight_is_fitted_to_larger_text_in_full_screen(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, WORKBENCH), width=1280, height=720) as page:
        press(page, "Full screen")
        page.wait_for_function("document.fullscreenElement?.matches('.uhscm-workbench')")
        for tab in ("Similarity", "Concepts"):  # both are made with the usual text
            turn(page, tab)
            page.locator(".uhscm-explorer.is-fitted:not(.is-tight):visible").wait_for()
        for _ in range(2):
            press(page, "Larger text and pictures")
        page.locator(".uhscm-explorer.is-tight:visible").wait_for()
        turn(page, "Similarity")
        settle(page)
        shown = page.locator(".uhscm-explorer:visible")
        shot(page, "workbench_full_screen_larger")
        assert "is-tight" in shown.get_attribute("class")
        columns = shown.locator(".uhscm-together:visible").first
        assert columns.bounding_box()["width"] > 1100  # of 1280: not half of the window


# What has a page of its own stands above: when that closes, all kernels of the server end.
@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    shutil.rmtree(lab.root / "home" / "runs", ignore_errors=True)
    with opened(browser, lab, (STUDY, WORKBENCH), width=1280, height=720) as page:
        yield page


def test_runs_of_two_prompts_and_a_setting_of_the_bench_are_asked(page):
    bench = page.locator(".uhscm-workbench")
    bench.evaluate("box => box.scrollIntoView()")
    turn(page, "Train")
    for number, template in ((1, "a photo of the {}."), (2, "a sketch of the {}.")):
        typed(page, "template", template)
        typed(page, "epochs", "1")
        press(page, "Start")
        shown(page, f"Run 00{number} finished")
    page.get_by_role("tab", name="Runs", exact=True).click()
    rows = page.locator(".uhscm-table tr.row")
    assert rows.count() == 2
    assert "a photo of the {}." in rows.nth(1).inner_text()  # below the newest
    assert "a sketch of the {}." not in rows.nth(0).inner_text()  # it is the template in view
    shot(page, "workbench_two_prompts")
    rows.nth(1).click()
    press(page, "Use its template and settings")
    template = page.get_by_label("template", exact=True).locator("visible=true").first
    expect(template).to_have_value("a photo of the {}.")
    turn(page, "Compare")
    page.get_by_role("tab", name="Bench", exact=True).click()
    for name, text in (
        ("Code length, bits", "8, 16"),
        ("Epochs", "1"),
        ("Seeds per setting", "1"),
    ):
        typed(page, name, text)
    page.locator(".uhscm-bench .widget-label", has_text=re.compile("^2 trainings, ")).wait_for()
    page.locator(".uhscm-bench").get_by_role("button", name="Start").click()
    until(page.locator(".uhscm-bench"), "^Bench: 2 of 2 runs done")
    press(page, "Ask with A")
    shown(page, "images on .* shelves")
    until(bench, "960 images, 81 concepts, codes of (8|16) bits")
    shot(page, "workbench_asked_with_a")


def test_it_takes_the_whole_screen_and_opens_next_to_the_notebook(page):
    page.locator(".uhscm-workbench").evaluate("box => box.scrollIntoView()")
    press(page, "Full screen")
    page.wait_for_function("document.fullscreenElement?.matches('.uhscm-workbench')")
    turn(page, "Train")  # was made before, and out of sight since
    settle(page)
    shown = page.locator(".uhscm-explorer:visible")
    assert shown.evaluate("e => e.offsetWidth") > 1000
    assert "is-tight" not in shown.get_attribute("class")
    shot(page, "workbench_full_screen")
    press(page, "Leave full screen")
    page.wait_for_function("!document.fullscreenElement")
    press(page, "Open next to the notebook")
    page.wait_for_function("document.querySelectorAll('.uhscm-workbench').length === 2")
    assert page.locator(".jp-LinkedOutputView").count() == 1
    assert_next_to_the_notebook(page)
    page.locator(f"{TABS} >> text=Concepts").first.click()
    page.locator(".uhscm-bars:visible").first.get_by_text("animal", exact=True).click()
    page.get_by_text("voted for 'animal', which is dropped").first.wait_for()
    settle(page)
    shot(page, "workbench_next_to_the_notebook")
    assert page.evaluate(BEYOND) == []


def assert_next_to_the_notebook(page):
    page.wait_for_function(
        """() => {
            const [notebook, view] = [".jp-NotebookPanel", ".jp-LinkedOutputView"].map(
                (name) => document.querySelector(name).getBoundingClientRect());
            return view.left >= notebook.right && Math.abs(view.bottom - notebook.bottom) < 40;
        }"""
    )
