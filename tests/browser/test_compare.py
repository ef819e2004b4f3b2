"""Comparing two rankings and saving a study in a real JupyterLab, and the page of results alone."""

from __future__ import annotations

import re
import shutil

import faiss
import numpy as np
import pyarrow.parquet
import pytest

from scripts.lab import settle
from tests.browser.pages import (
    DATABASE,
    QUERIES,
    STUDY,
    explorer,
    opened,
    sentence,
    shot,
    until,
)

HOSTILE = "<img src=x onerror=alert(1)>"
pytestmark = pytest.mark.browser

SETUP = f"""
{STUDY}
shorter = study.train(8, epochs=5)
wide = study.train(300, epochs=1)
"""
COMPARE = f"""
compare = w.CompareExplorer(study, others={{"UHSCM, 8 bits": shorter, {HOSTILE!r}: wide}})
compare
"""
WIDE = """
refused = w.CompareExplorer(wide)
refused.add_class("refused")
refused
"""
EXPORTS = """
w.Exports(study)
"""
BARE = """
bare = w.Exports(study.with_(network=None))
bare.add_class("bare")
bare
"""
CELLS = (SETUP, COMPARE, WIDE, EXPORTS, BARE)


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    with opened(browser, lab, CELLS) as page:
        box = explorer(page)
        until(box, "^UHSCM, 32 bits and UHSCM, 8 bits share ")  # what was handed in
        choose(box, "right", "ITQ, 32 bits")
        until(box, "^UHSCM, 32 bits and ITQ, 32 bits share ")
        yield page


def query_of(page):
    return re.search(r" for (.+), and \d+% where", sentence(page))[1]


def choose(box, which, name):
    box.locator(".uhscm-field", has_text=which).locator("select").select_option(label=name)


def tab(box, title):
    box.locator(".lm-TabBar-tab", has_text=title).click()


def galleries(box):
    """Query, left, right, went out, came in, in both, better on the left and on the right."""
    return [box.locator(".uhscm.gallery").nth(i) for i in range(8)]


def column(box, name):
    """The two cells of a column of the table of numbers."""
    box.locator(".uhscm-table th", has_text=name).wait_for()
    names = box.locator(".uhscm-table th").all_inner_texts()
    at = next(i for i, one in enumerate(names) if name in one)
    rows = box.locator(".uhscm-table tr.row")
    return [rows.nth(side).locator("td").nth(at).inner_text() for side in (0, 1)]


def test_two_rankings_are_chosen_and_undone(page):
    box = explorer(page)
    before = sentence(page)
    assert before.startswith("UHSCM, 32 bits and ITQ, 32 bits share ")
    for gallery in galleries(box)[:3]:
        gallery.locator(".gallery-tile img").first.wait_for()
    shot(page, "compare_first")
    choose(box, "right", "cosine of features")
    until(box, "^UHSCM, 32 bits and cosine of features")
    caption = galleries(box)[2].locator(".gallery-caption").first
    caption.wait_for()
    assert re.fullmatch(r"#1 · cos 0\.\d\d", caption.text_content().split("\n")[0])
    choose(box, "left", HOSTILE)
    until(box, "^<img src=x onerror=alert.1.> and cosine")
    galleries(box)[1].locator(".gallery-tile img").first.wait_for()
    shot(page, "compare_hostile")
    page.click("button:has-text('Swap') >> nth=0")
    until(box, "^cosine of features and <img")
    for _ in range(3):
        page.click("button:has-text('Undo') >> nth=0")
    until(box, f"^{re.escape(before)}$")
    assert box.locator("select").first.input_value() == "UHSCM, 32 bits"
    assert not page.locator("img[src=x]").count()


def test_the_marks_are_doubled_by_a_sign_and_a_frame(page):
    box = explorer(page)
    left = galleries(box)[1]
    tile = left.locator(".gallery-tile").first
    tile.locator("img").wait_for()
    marked = left.locator(".gallery-tile.good, .gallery-tile.bad")
    assert marked.count() == left.locator(".gallery-mark").count() > 0
    assert tile.get_attribute("aria-label").split(",")[0] in ("match", "no match")


def test_what_moved_is_clicked_through(page):
    box = explorer(page)
    _, left, right, _, came, *_ = galleries(box)
    tab(box, "What moved")
    tile = came.locator(".gallery-tile").first
    tile.locator("img").wait_for()
    assert re.match(r"↑ [\d,.]+( ~)?", tile.locator(".gallery-caption").text_content())
    tile.click()
    cells = column(box, "picked: ")
    assert all(re.fullmatch(r"#\d+(–\d+)? · \d+ bits?", cell) for cell in cells)
    name = box.locator(".uhscm-table th", has_text="picked: ").inner_text()
    tab(box, "Results")
    right.locator("[aria-selected=true]").wait_for()
    assert not left.locator("[aria-selected=true]").count()
    tab(box, "What moved")
    page.mouse.move(5, 5)
    tile.hover()
    page.locator(".gallery-card").wait_for()
    assert "on the left #" in page.locator(".gallery-card").inner_text()
    shot(page, "compare_moved")
    page.mouse.move(5, 5)
    before, name = query_of(page), name.removeprefix("picked: ")
    page.click("button:has-text('Make the picked one the query') >> nth=0")
    until(box, f" for {re.escape(name)}, and ")
    assert not left.locator(f"[aria-label*='{name},']").count()
    page.click("button:has-text('Undo') >> nth=0")
    until(box, f" for {re.escape(before)}, and ")
    tab(box, "Results")


def test_a_losing_query_becomes_the_query(page):
    box = explorer(page)
    before = query_of(page)
    tab(box, "Gains and losses")
    loses = galleries(box)[6]
    assert "queries have a higher AP with UHSCM, 32 bits" in loses.inner_text()
    tile = loses.locator(".gallery-tile[aria-selected=false]").first
    tile.locator("img").wait_for()
    caption = tile.locator(".gallery-caption").text_content().split("\n")[0]
    was, now = map(float, re.fullmatch(r"L (0\.\d\d), R (0\.\d\d)", caption).groups())
    assert was >= now
    shot(page, "compare_gains")
    tile.click()
    page.wait_for_function(
        """before => !document.querySelector('.uhscm-explorer .sentence')
                        .textContent.includes(` for ${before},`)""",
        arg=before,
    )
    shown = [float(cell) for cell in column(box, "AP of this query")]
    assert shown == pytest.approx([was, now], abs=0.006)
    page.click("button:has-text('Undo') >> nth=0")
    until(box, f" for {re.escape(before)}, and ")
    tab(box, "Results")


def test_a_choice_that_can_not_be_had_says_so_at_its_list(page):
    box = page.locator(".refused")
    box.scroll_into_view_if_needed()
    right = box.locator(".uhscm-field", has_text="right")
    before = right.locator("select").input_value()
    choose(box, "right", "PCA sign, 300 bits")
    wrong = right.locator(".wrong:visible")
    wrong.wait_for()
    assert "gives at most 128 bits, not 300" in wrong.inner_text()
    assert right.locator("select").input_value() != before  # what was chosen stays
    right.locator("select").select_option(before)
    wrong.wait_for(state="detached")


def test_a_narrow_window_keeps_both_side_by_side(page):
    box = explorer(page)
    page.set_viewport_size({"width": 760, "height": 1000})
    try:
        settle(page)
        left, right = (galleries(box)[i].bounding_box() for i in (1, 2))
        assert right["x"] >= left["x"] + left["width"]
        assert abs(right["y"] - left["y"]) < 60  # below headlines of other lengths
        galleries(box)[1].scroll_into_view_if_needed()
        shot(page, "compare_narrow")
    finally:
        page.set_viewport_size({"width": 1400, "height": 1000})


def test_the_keyboard_goes_through_the_results(page):
    box = explorer(page)
    listed = galleries(box)[1].locator(".gallery-list")
    listed.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    column(box, "picked: ")
    assert listed.locator("[aria-selected=true]").get_attribute("data-position") == "1"
    page.keyboard.press("Escape")


def saved(page, name, folder):
    page.locator(".uhscm-exports").first.scroll_into_view_if_needed()
    with page.expect_download() as waiting:
        page.locator(".uhscm-exports").first.locator(f"button:has-text('{name}')").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_each_file_is_saved_and_read_back(page, tmp_path):
    exports = page.locator(".uhscm-exports").first
    exports.scroll_into_view_if_needed()
    exports.locator("text=/\\d+ kB: the database/").wait_for()
    shot(page, "compare_exports")
    table = pyarrow.parquet.read_table(saved(page, "codes.parquet", tmp_path))
    codes = np.stack([np.frombuffer(code, np.uint8) for code in table["code"].to_pylist()])
    with np.load(saved(page, "codes.npz", tmp_path), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["codes"], codes)
        assert (codes.shape, int(arrays["bits"])) == ((DATABASE + QUERIES, 4), 32)
        database, query = arrays["database"], arrays["query"]
    index = faiss.read_index_binary(str(saved(page, "index.faiss", tmp_path)))
    distances, ids = index.search(codes[query[:1]], 1)
    differing = np.unpackbits(codes[database] ^ codes[query[0]], axis=1).sum(1)
    assert distances[0, 0] == differing.min()
    assert ids[0, 0] in database[differing == differing.min()]
    shutil.unpack_archive(saved(page, "run.zip", tmp_path), tmp_path / "run")
    assert (tmp_path / "run" / "study.json").is_file()
    html = saved(page, "results.html", tmp_path).read_text(encoding="utf-8")
    assert html.count("<section") == 12
    assert not exports.locator(".error").count()


def test_the_page_of_results_opens_alone_in_light_and_dark(page, browser, tmp_path):
    path = saved(page, "results.html", tmp_path)
    context = browser.new_context(
        viewport={"width": 1400, "height": 1000}, offline=True, java_script_enabled=False
    )
    alone = context.new_page()
    asked = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(path.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    pictures = alone.locator("img")
    assert pictures.count() == 12 * 25
    for theme in ("light", "dark"):
        alone.emulate_media(color_scheme=theme)
        alone.set_viewport_size({"width": 1400, "height": 1000})
        alone.locator("h1").scroll_into_view_if_needed()
        shot(alone, f"results_{theme}")
        alone.locator("a").nth(4).click()
        alone.wait_for_timeout(300)
        assert alone.locator("#query-5").bounding_box()["y"] < 60
        shot(alone, f"results_query_{theme}")
        alone.set_viewport_size({"width": 420, "height": 900})
        shot(alone, f"results_narrow_{theme}")
    tree = alone.locator("#query-5").aria_snapshot()
    assert "table" in tree
    assert "list" in tree
    assert re.search(r'img "postcard \d+: .*, match"', tree)
    context.close()


def test_the_pictures_of_the_page_are_shown(page, browser, tmp_path):
    """With scripts on, to ask the browser whether each picture could be decoded."""
    path = saved(page, "results.html", tmp_path)
    context = browser.new_context(offline=True)
    alone = context.new_page()
    alone.goto(path.as_uri())
    widths = alone.evaluate("[...document.images].map((one) => one.naturalWidth)")
    assert sorted(set(widths)) == [96, 192]
    for theme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(22, 22, 22)")):
        alone.emulate_media(color_scheme=theme)
        assert alone.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    context.close()


def test_without_a_network_only_the_run_is_offered(page):
    box = page.locator(".bare")
    box.scroll_into_view_if_needed()
    assert "No network is trained yet" in box.inner_text()
    assert box.locator("button:visible").all_inner_texts() == ["Save run.zip"]
    shot(page, "compare_no_network")
