"""A folder of one's own in a real JupyterLab: typed, read, refused, and lesson 5 whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.lab import run_all, settle
from tests.browser.pages import ROOT, clear_outputs, explorer, opened, shot, until
from tests.widgets.explorers.messy_folder import SKIPPED, make_messy_folder

LESSON = ROOT / "notebooks" / "05_your_photos.ipynb"
CELLS = ("from widgets import PhotosExplorer", "photos = PhotosExplorer()\nphotos")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, lab):
    with opened(browser, lab, CELLS, height=1100) as page:
        yield page


@pytest.fixture
def panel(page):
    """The page with a panel that nothing was typed into."""
    page.set_viewport_size({"width": 1400, "height": 1100})
    clear_outputs(page)
    run_all(page, "light", page.cells)
    return page


@pytest.fixture(scope="module")
def lesson(browser, lab):
    with opened(browser, lab, LESSON, height=1100) as page:
        yield page


@pytest.fixture
def messy(tmp_path, png_of_size) -> Path:
    folder = make_messy_folder(tmp_path / "messy", png_of_size(20_000, 20_000))
    if os.geteuid() == 0:  # whom no permission stops; tests/widgets reads it as another user
        (folder / "private.png").unlink()
    return folder


def press(page, name):
    page.locator(f".uhscm-explorer button:text-is('{name}')").first.click()


def test_a_folder_is_pasted_read_and_its_skipped_files_are_listed(panel, messy):
    page = panel
    until(page, "^Give a folder and press Read")
    box = page.locator(".uhscm-explorer").get_by_label("folder", exact=True)
    box.fill(f'"{messy}"')
    shot(page, "photos_empty")
    press(page, "Read")
    listed = len(SKIPPED) - (os.geteuid() == 0)
    until(page, f"^200 images, {listed} skipped; \\d+ of 537 concepts kept with postcards")
    rows = page.locator(".uhscm-table tr.row")
    assert rows.count() == listed
    shown = dict(row.split("\t")[1:] for row in rows.all_inner_texts())
    for name, reason in shown.items():
        assert SKIPPED[name] in reason
    page.locator(".gallery-tile img").nth(20).wait_for()
    shot(page, "photos_read")
    page.locator(".gallery-list").first.evaluate("list => { list.scrollTop = 1e6; }")
    page.locator(".gallery-tile:has-text('صورة')").wait_for()
    assert page.locator("img[src='x']").count() == 0
    page.set_viewport_size({"width": 760, "height": 1100})
    shot(page, "photos_narrow")
    # Once more in the same panel: found in the cache, and nothing twice.
    press(page, "Read")
    settle(page)
    until(page, f"^200 images, {listed} skipped")


def test_many_notes_are_folded_below_a_headline_of_one_sentence(panel, tmp_path):
    page = panel
    for number, place in enumerate(("train/2019", "train/2020", "val/2019", "Test/2020")):
        (tmp_path / place / ".hidden").mkdir(parents=True)
        for i in range(6):
            color = (40 * i, 60 * number, 120)  # no two are the same
            Image.new("RGB", (40, 30), color).save(tmp_path / place / f"{i}.png")
        Image.new("RGB", (4, 4)).save(tmp_path / place / ".hidden" / "0.png")
    page.locator(".uhscm-explorer").get_by_label("folder", exact=True).fill(str(tmp_path))
    press(page, "Read")
    until(page, r"^24 images, 0 skipped; \d+ of 537 concepts kept with postcards$")
    notes = page.locator(".uhscm-status .notes")
    assert notes.locator("li").count() == 4
    assert not notes.locator("li").first.is_visible()
    notes.locator("summary:text-is('4 notes')").click()
    notes.locator("li:has-text('val/ (6 images) joins the database')").wait_for()
    notes.locator(
        "li:has-text('Kept as queries, so no search finds them: 6 of 24 images')"
    ).wait_for()
    assert notes.locator("li").first.evaluate("e => getComputedStyle(e).fontWeight") == "400"
    shot(page, "photos_notes")


def test_a_large_folder_is_stopped_and_read_on(panel, tmp_path):
    page = panel
    folder = tmp_path / "many"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (3000, 12, 12, 3), dtype=np.uint8)
    for i, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{i:04d}.png", compress_level=0)
    page.locator(".uhscm-explorer").get_by_label("folder", exact=True).fill(str(folder))
    press(page, "Read")
    words = page.locator(".uhscm-progress .words")
    page.wait_for_function(
        """() => /^Encoding images: [1-9][\\d,]* of 3,000, about \\d+ s left/.test(
                   document.querySelector('.uhscm-progress .words').textContent)""",
        timeout=120_000,
    )
    shot(page, "photos_reading")
    press(page, "Stop")
    until(page, r"^Stopped: [\d,]+ of 3,000 images are encoded and stay so")
    done = page.locator(".uhscm-status .sentence").first.text_content().split()[1]
    assert words.is_hidden()
    press(page, "Read")
    until(page, "^3,000 images, 0 skipped", timeout=180_000)
    assert 0 < int(done.replace(",", "")) < 3000


def test_missing_weights_are_told_whole_and_can_be_copied(panel, messy):
    page = panel
    page.locator(".uhscm-explorer").get_by_label("folder", exact=True).fill(str(messy))
    page.locator(".uhscm-explorer select").first.select_option(label="CLIP ViT-B-32 (OpenAI)")
    page.locator("text=The weights are fetched the first time").wait_for()
    press(page, "Read")
    until(page, "^The folder was not read")
    message = page.locator(".uhscm-field .wrong:visible")
    message.click(click_count=3)
    selected = page.evaluate("getSelection().toString()")
    assert re.search(r"put the file here as \S+/weights/ViT-B-32\.openai\.safetensors", selected)
    box = message.bounding_box()
    assert box["x"] + box["width"] <= 1400
    shot(page, "photos_no_network")
    page.locator(".uhscm-explorer select").first.select_option(index=4)
    page.locator("input[placeholder^='ViT-L-14']").wait_for()
    page.locator(".uhscm-explorer select").nth(1).select_option(label="names that I type")
    page.locator(".uhscm-explorer textarea").fill("beach\nboat")
    shot(page, "photos_own")


def test_the_lesson_shows_what_was_skipped(lesson):
    page = lesson
    explorer(page, 0)
    until(page, r"^277 images, 6 skipped; \d+ of 81 concepts kept with postcards")
    page.locator(".gallery-tile img").nth(10).wait_for()
    shot(page, "photos_lesson")


def test_the_lessons_duplicates_and_outliers(lesson):
    page = lesson
    box = explorer(page, 2)
    until(page, r"groups of near-duplicates, \d+ of [\d,]+ images: codes within 16 bits")
    tiles = box.locator(".gallery-tile img")
    tiles.nth(8).wait_for()
    shot(page, "photos_duplicates")
    box.locator(".gallery-list").first.locator(".gallery-tile").nth(3).click()
    page.locator(".uhscm-summary:text-matches('^Group \\\\d+ of')").wait_for()
    page.set_viewport_size({"width": 800, "height": 1100})
    shot(page, "photos_duplicates_narrow")
    page.set_viewport_size({"width": 1400, "height": 1100})
    box.locator(".lm-TabBar-tab:has-text('Outliers')").click()
    page.locator(".uhscm-summary:text-matches('^Farthest from their neighbor 5')").wait_for()
    explorer(page, 2)
    shot(page, "photos_outliers")
