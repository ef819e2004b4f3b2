"""A saved notebook that is opened again says how to have its explorer back."""

from __future__ import annotations

import pytest

from scripts.lab import go, jupyterlab, run_all, write_notebook

CELL = """
from widgets.explorers.explorer import Explorer

explorer = Explorer(0)
explorer.children = [explorer.status]
explorer.status.summary = "an explorer, alive"
explorer
"""
pytestmark = pytest.mark.browser


def test_a_notebook_opened_again_says_how_to_have_its_explorer_back(browser, tmp_path):
    write_notebook(tmp_path / "saved.ipynb", [CELL])
    environment = {"UHSCM_HOME": str(tmp_path / "home")}
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    again = page.locator(".uhscm-again")
    with jupyterlab(tmp_path, environment) as address:
        go(page, address.format("saved.ipynb"))
        run_all(page, "light", 1)
        page.wait_for_selector("text=an explorer, alive")
        page.wait_for_timeout(3500)
        assert again.count() == 1
        assert not again.is_visible()
        page.locator(".jp-NotebookPanel .jp-Cell").first.click()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+s")
        page.wait_for_timeout(2000)
    with jupyterlab(tmp_path, environment) as address:
        go(page, address.format("saved.ipynb"))
        page.wait_for_selector("text=model not found")
        again.wait_for(state="visible", timeout=20_000)
        assert "run the cells above and this one again" in again.inner_text()
    page.close()
