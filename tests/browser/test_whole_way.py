"""From a folder of 300 photos through every tab to a comparison, and back by undo, by keyboard."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.pages import opened, shot, until
from tests.conftest import SHARED

WORKBENCH = """
import widgets as w
bench = w.Workbench()
bench
"""
COREL, MODEL = SHARED / "data" / "corel5k" / "db" / "train", SHARED / "models/photos-enlite0.json"
NAME = """() => {
    const e = document.activeElement;
    const name = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.placeholder
        || e.title || (e === document.body ? "" : e.textContent);
    return `${e.getAttribute("role") || e.tagName.toLowerCase()}: ${name.trim()}`;
}"""
IN_TABS = """() => document.activeElement.matches(
    '.uhscm-workbench > .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab')"""
pytestmark = [pytest.mark.browser, pytest.mark.photos]


class Keyboard:
    """Presses keys of a page and nothing else."""

    def __init__(self, page):
        self.page = page
        self.pressed = 0

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def type(self, text):
        self.page.keyboard.type(text)
        self.pressed += 1

    def at(self):
        return self.page.evaluate(NAME)

    def reach(self, name, key="Tab"):
        """Tab, or Shift+Tab, to the next control of this name."""
        passed = []
        for _ in range(90):
            if name in self.at():
                return
            passed.append(self.at()[:40])
            self.press(key)
        raise AssertionError(f"no {name!r} among {passed}")

    def back(self, name):
        self.reach(name, "Shift+Tab")

    def turn(self, tab):
        for _ in range(90):
            if self.page.evaluate(IN_TABS):
                break
            self.press("Shift+Tab")
        for _ in range(8):
            if self.at() == f"tab: {tab}":
                break
            self.press("ArrowRight")
        assert self.at() == f"tab: {tab}"
        self.press("Enter")


@pytest.fixture
def folder(tmp_path):
    if not COREL.is_dir() or not MODEL.is_file():
        pytest.skip("the development photos and checkpoint are not in ../shared")
    folder = tmp_path / "300 photos"
    folder.mkdir()
    for photo in sorted(COREL.iterdir())[::15][:300]:
        shutil.copy(photo, folder)
    return folder


def test_300_photos_by_keyboard_alone(browser, lab, folder):
    with opened(browser, lab, (WORKBENCH,), width=1280, height=720) as page:
        bench, keys = page.locator(".uhscm-workbench"), Keyboard(page)

        def shown(said):
            until(page.locator(".uhscm-explorer:visible"), said)

        until(bench, "11,000 images, 81 concepts, no codes yet")
        page.locator(".jp-Notebook").focus()  # where a notebook has the keys
        keys.reach("input: folder")
        keys.type(str(folder))
        keys.press("Tab", "End")  # of the models: a file of one's own
        page.get_by_label("which one").wait_for()
        keys.reach("input: which one")
        keys.type(str(MODEL))
        keys.reach("select: concepts")
        assert (
            page.locator("select:focus").input_value().startswith("nuswide81: ")
        )  # the study's own
        keys.reach("button: Read")
        keys.press("Enter")
        until(bench, "300 images, 81 concepts, no codes yet", timeout=300_000)

        keys.turn("Concepts")
        shown("81 concepts, 4. kept")
        keys.reach("slider: threshold")
        keys.press("ArrowRight", "ArrowRight", "ArrowRight")
        shown("81 concepts, 1. kept")
        keys.back("button: Train with these concepts")
        keys.press("Enter")
        shown("No run yet: press Start")
        page.wait_for_function(IN_TABS)  # and not at the top of the page
        assert keys.at() == "tab: Train"
        keys.reach("spinbutton: bits")
        keys.type("32")
        keys.press("Tab")
        keys.back("button: Start")
        keys.press("Enter")
        shown("Run 001 finished")
        keys.reach("button: Ask with this run")
        keys.press("Enter")
        shown("images on .* shelves")
        page.wait_for_function(IN_TABS)
        assert keys.at() == "tab: Retrieve"
        keys.reach("input: A query in words")
        keys.type("a bear in the snow")
        keys.press("Enter")
        shown("a bear in the snow")
        shot(page, "way_retrieve")
        with page.expect_download() as download:
            keys.back("button: Save this view")
            keys.press("Enter")
        download.value.save_as(lab.root / "photos.json")

        for tab, said in (
            ("Similarity", "S = "),
            ("Map", "images by"),
            ("Duplicates", "near-duplicates"),
            ("Compare", "of their first 30"),
        ):
            keys.turn(tab)
            shown(said)
        keys.reach("tab: Two rankings")
        keys.press("ArrowRight", "Enter")
        page.get_by_label("tuned", exact=True).wait_for()
        keys.reach("input: tuned")
        keys.press("Space")
        keys.reach("button: Start")
        keys.press("Enter")
        shown(r"[AB] \(\w+\) is (better|worse) than|No difference that")
        shot(page, "way_compared")

        for _ in range(30):
            if page.locator(".uhscm-workbench button:has-text('Undo')").first.is_disabled():
                break
            keys.back("button: Undo")
            before = bench.inner_text()
            keys.press("Enter")
            page.wait_for_function(
                "before => document.querySelector('.uhscm-workbench').innerText !== before",
                arg=before,
            )
        until(bench, "11,000 images, 81 concepts, no codes yet")
        assert keys.pressed < 600
    reopened = 'import widgets as w\nbench = w.Workbench.open_view("../photos.json")\nbench'
    with opened(browser, lab, (reopened,), width=1280, height=720) as page:
        until(page.locator(".uhscm-workbench"), "300 images, 81 concepts, codes of 32 bits")
        until(page.locator(".uhscm-explorer:visible"), "a bear in the snow")
        shot(page, "way_reopened")
