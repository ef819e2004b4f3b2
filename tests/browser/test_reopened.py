"""A saved notebook that is opened again says how to have its explorer back."""

from __future__ import annotations

import pytest

from scripts.lab import end_kernels, go
from tests.browser.pages import opened

CELL = """
from widgets.explorers.explorer import Explorer

explorer = Explorer(0)
explorer.children = [explorer.status]
explorer.status.summary = "an explorer, alive"
explorer
"""
pytestmark = pytest.mark.browser


def test_a_notebook_opened_again_says_how_to_have_its_explorer_back(browser, lab):
    with opened(browser, lab, [CELL], width=1100, height=700) as page:
        again = page.locator(".uhscm-again")
        page.wait_for_selector("text=an explorer, alive")
        page.wait_for_timeout(3500)
        assert again.count() == 1
        assert not again.is_visible()
        page.locator(".jp-NotebookPanel .jp-Cell").first.click()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+s")
        page.wait_for_timeout(2000)
        end_kernels(page, lab.address)
        go(page, page.address)
        page.wait_for_selector("text=model not found")
        again.wait_for(state="visible", timeout=20_000)
        assert "run the cells above and this one again" in again.inner_text()
