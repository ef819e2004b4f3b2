"""Near-duplicates and outliers in a real JupyterLab, while all images are ranked."""

from __future__ import annotations

import pytest

from tests.browser.pages import DATABASE, QUERIES, STUDY, opened, shot, until

pytestmark = pytest.mark.browser

# The third block of images takes until there is a file "go" next to the notebook.
SLOWLY = """
import time
from uhscm_core.analysis import outliers

outliers._ROWS, plain = 100, outliers.Ranking.__init__

def begin(ranking, n, k, block, scores):
    def slowly(start):
        while start == 200 and not os.path.exists("go"):
            time.sleep(0.05)
        return scores(start)
    plain(ranking, n, k, block, slowly)

outliers.Ranking.__init__ = begin
"""


def test_outliers_are_ranked_while_the_rest_can_be_used(browser, lab, saved_study):
    with opened(
        browser, lab, (STUDY, SLOWLY, "w.TidyExplorer(study)"), width=1280, height=720
    ) as page:
        box = page.locator(".uhscm-explorer")
        box.evaluate("box => box.scrollIntoView()")
        bits = box.locator(".uhscm-field", has_text="bits").locator("input[type=range]").first
        bits.focus()
        page.keyboard.press("ArrowLeft")
        until(page, "within 7 bits")
        until(page, "near-duplicates,")  # of all images, not those so far
        box.get_by_role("tab", name="Outliers").click()
        bar = box.locator(".uhscm-progress:visible")
        images = DATABASE + QUERIES
        bar.get_by_text(f"Ranking outliers: 200 of {images}").wait_for()
        assert box.locator(".gallery-tile:visible").count() == 0
        box.get_by_role("button", name="Outliers as CSV").click()
        box.locator(".uhscm-download", has_text="Saved when ready").wait_for()
        shot(page, "outliers_ranking")
        box.get_by_role("button", name="Stop").click()
        (page.folder / "go").touch()
        bar.get_by_text(f"Stopped: 300 of {images}").wait_for()
        assert box.locator(".gallery-tile:visible").count() == 0
        with page.expect_download() as download:
            box.get_by_role("button", name="Continue").click()
        assert download.value.suggested_filename == "outliers.csv"
        box.locator(".uhscm-download", has_text="Outliers as CSV").wait_for()
        box.locator(".gallery-tile:visible img").first.wait_for()
        bar.wait_for(state="hidden")
        shot(page, "outliers")
