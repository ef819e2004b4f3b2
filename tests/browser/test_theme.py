"""JupyterLab changes its theme under a view that is there."""

from __future__ import annotations

import pytest

from scripts.lab import go, jupyterlab, run_all, set_theme, write_notebook

CELLS = (
    """
from uhscm_core import Study, load_dataset, load_vlp
from widgets import DenoisingExplorer

study = Study(load_dataset("postcards"), load_vlp("postcards"), "nuswide81", progress=False)
study.mined
""",
    "DenoisingExplorer(study)",
)
PLACES = """() => [...document.querySelectorAll(
    '.uhscm-bars .handle, .uhscm-bars .threshold, .uhscm-bars .tick')]
    .filter((part) => part.offsetParent).map((part) => part.style.left)"""
pytestmark = pytest.mark.browser


def test_a_threshold_stays_where_it_is(browser, tmp_path):
    write_notebook(tmp_path / "bars.ipynb", CELLS)
    with jupyterlab(tmp_path, {"UHSCM_HOME": str(tmp_path / "home")}) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        go(page, address.format("bars.ipynb"))
        run_all(page, "light", len(CELLS))
        page.locator(".gallery-tile img").first.wait_for()
        page.wait_for_timeout(500)
        before = page.evaluate(PLACES)
        assert len(before) > 5
        for theme in ("dark", "light", "dark"):
            set_theme(page, theme)
            page.wait_for_timeout(700)
            assert page.evaluate(PLACES) == before
        page.close()
