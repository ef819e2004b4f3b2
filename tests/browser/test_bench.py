"""The bench and the table of runs in a real JupyterLab, by keyboard where a person would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.pages import STUDY, explorer, opened, shot, until

HOSTILE = "<img src=x onerror=alert(1)>"
CELLS = (
    STUDY + 'os.environ["UHSCM_HOME"] = os.path.abspath("home")  # for runs of this test alone\n',
    "compare = w.CompareExplorer(study)\ncompare",
    """
training = w.TrainingExplorer(study)
for bits in (16, 8):
    training.start(bits=bits, epochs=1)
    training.wait()
training
""",
)
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    with opened(browser, lab, CELLS, width=1280, height=720) as page:
        yield page


def fill(box, label, text):
    field = box.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")


def test_two_settings_are_trained_and_the_sentence_is_read(page):
    box = explorer(page)
    box.get_by_role("tab", name="Bench").click()
    bench = box.locator(".uhscm-bench")
    bench.locator(".widget-label", has_text=re.compile("^3 trainings, about ")).wait_for()
    fill(bench, "Code length, bits", "8, zwölf")
    wrong = "expected whole numbers with commas between them, got 'zwölf'"
    bench.locator(".wrong", has_text=wrong).wait_for()
    line = bench.locator(".widget-label", has_text=f"Not yet. Code length, bits: {wrong}")
    line.wait_for()
    place = line.bounding_box()
    assert 0 < place["y"] < place["y"] + place["height"] < 720
    assert bench.get_by_label("Code length, bits").input_value() == "8, zwölf"
    for label in ("Code length, bits", "Epochs", "Positive pairs: S ≥ λ", "Seeds per setting"):
        assert bench.get_by_label(label, exact=True).bounding_box()["width"] > 80
    start = bench.get_by_role("button", name="Start")
    assert start.is_disabled()
    shot(page, "bench_error")
    fill(bench, "Code length, bits", "8, 32")
    fill(bench, "Epochs", "2")
    bench.locator(".widget-label", has_text=re.compile("^6 trainings, about ")).wait_for()
    shot(page, "bench_plan")
    start.click()
    until(bench, "^Bench: 6 of 6 runs done")
    rows = bench.locator(".uhscm-dots .rows .row")
    assert rows.count() == 2
    assert re.fullmatch(
        r"[AB]: 8 bits, mAP 0\.\d{3}, 95% interval 0\.\d{3} to 0\.\d{3}, 0\.\d{3}, 3 seeds",
        rows.nth(0).get_attribute("aria-label"),
    )
    until(bench, r"\((8|32) bits\) .* \((8|32) bits\) .*3 seeds and 60 queries")
    # The answer has come into view next to the form, without a scroll, above the plot.
    answer = bench.locator(".uhscm-status .sentence").last
    places = [part.bounding_box() for part in (answer, rows.nth(0), rows.nth(1))]
    tops = [place["y"] for place in places]
    assert tops == sorted(tops)
    for place in places:
        assert 0 < place["y"] < place["y"] + place["height"] < 720
    assert rows.nth(0).locator(".name").get_attribute("title") == "bits=8"
    with page.expect_download() as download:
        bench.get_by_role("button", name="Save as CSV").click()
    saved = Path(download.value.path()).read_text()
    assert saved.startswith("# versions: uhscm-explorer ")
    with page.expect_download() as download:
        bench.get_by_role("button", name="Save the plot").click()
    assert Path(download.value.path()).read_text().startswith("<svg ")
    before = bench.locator(".uhscm-status .sentence").last.text_content()
    listbox = bench.locator(".uhscm-dots [role=listbox]")
    listbox.focus()
    place = 1 if rows.nth(0).get_attribute("aria-label").startswith("A") else 0
    page.keyboard.press("End" if place else "Home")
    page.keyboard.press("Enter")
    bench.locator(f".rows .row:nth-child({place + 1}) .mark", has_text="A").wait_for()
    page.wait_for_function(
        "([box, said]) => [...box.querySelectorAll('.uhscm-status .sentence')].pop()"
        ".textContent !== said",
        arg=[bench.element_handle(), before],
    )
    bench.get_by_role("button", name="Show the queries that moved most").press("Enter")
    tile = bench.locator(".gallery-tile").first
    tile.locator("img").wait_for()
    bench.locator(".uhscm-dots").evaluate("box => box.scrollIntoView()")
    shot(page, "bench_done")


def test_a_run_is_named_and_another_deleted_by_keyboard(page):
    box = explorer(page, 1)
    until(box, "^Run 002 finished")
    box.get_by_role("tab", name="Runs").click()
    table = box.locator(".uhscm-table [role=grid]")
    table.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    name = box.get_by_label("name of run 002")
    name.wait_for()
    name.focus()
    page.keyboard.type(HOSTILE)  # fast, and then Enter at once
    page.keyboard.press("Enter")
    table.locator("td", has_text=HOSTILE).wait_for()
    assert not page.locator("img[src=x]").count()
    table.evaluate("box => box.scrollIntoView()")
    shot(page, "runs_named")
    table.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    box.get_by_label("name of run 001").wait_for()
    box.get_by_role("button", name="Delete …").press("Enter")
    box.locator(
        ".widget-label", has_text=re.compile(r"^Delete run 001, .* This cannot be undone")
    ).wait_for()
    shot(page, "runs_asked")
    box.locator("button[title='Keep']").press("Enter")
    box.locator("button[title='Keep']").wait_for(state="hidden")
    assert table.locator("tr.row").count() == 2
    box.get_by_role("button", name="Delete …").press("Enter")
    box.locator("button[title='Delete']").wait_for()
    box.locator("button[title='Delete']").press("Enter")
    table.locator("tr.row").nth(1).wait_for(state="detached")
    assert HOSTILE in table.locator("tr.row").inner_text()
