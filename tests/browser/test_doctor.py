"""The doctor in a notebook: it knows the server that shows it, and its table is readable."""

from __future__ import annotations

import pytest

from tests.browser.pages import opened, shot

CELL = """
import os
from uhscm_doctor import doctor
os.environ["UHSCM_PHOTOS"] = "/nowhere/<b>gone</b>"
doctor()
"""
pytestmark = pytest.mark.browser


def test_the_doctor_sees_the_settings_of_its_own_server(browser, lab):
    with opened(browser, lab, [CELL]) as page:
        table = page.locator(".jp-OutputArea table")
        row = table.locator("tr", has_text="server on port")
        assert "ok" in row.inner_text()
        assert "has the settings" in row.inner_text()
        assert "a notebook's kernel" in table.inner_text()
        photos_row = table.locator("tr", has_text="UHSCM_PHOTOS").first
        assert "✗ bad" in photos_row.inner_text()
        assert "<b>gone</b>" in photos_row.inner_text()
        assert "1 bad" in page.locator(".jp-OutputArea p").last.inner_text()
        shot(page, "doctor")
