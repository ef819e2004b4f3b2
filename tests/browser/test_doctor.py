"""The doctor in a notebook: it knows the server that shows it, and its table is readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lab import go, jupyterlab, run_all, write_notebook

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
pytestmark = pytest.mark.browser


def test_the_doctor_sees_the_settings_of_its_own_server(browser, tmp_path):
    write_notebook(tmp_path / "ill.ipynb", ["from uhscm_doctor import doctor\ndoctor()"])
    photos = tmp_path / "<b>gone</b>"
    environment = {"UHSCM_HOME": str(tmp_path / "home"), "UHSCM_PHOTOS": str(photos)}
    with jupyterlab(tmp_path, environment) as address:
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        go(page, address.format("ill.ipynb"))
        run_all(page, "dark", 1)
        table = page.locator(".jp-OutputArea table")
        row = table.locator("tr", has_text="server on port")
        assert "ok" in row.inner_text()
        assert "has both settings" in row.inner_text()
        assert "a notebook's kernel" in table.inner_text()
        photos_row = table.locator("tr", has_text="UHSCM_PHOTOS").first
        assert "✗ bad" in photos_row.inner_text()
        assert "<b>gone</b>" in photos_row.inner_text()
        assert "1 bad" in page.locator(".jp-OutputArea p").last.inner_text()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "doctor_dark.png")
        page.close()
