"""The explorers of the first two lessons in a real JupyterLab: what a student does with them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.pages import STUDY, TRAIN, explorer, opened, sentence, shot, until

HOSTILE = "<img src=x onerror=alert(1)>"
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def denoising(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, "w.DenoisingExplorer(study)")) as page:
        yield page


@pytest.fixture(scope="module")
def distribution(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, "w.DistributionExplorer(study)")) as page:
        yield page


def pictures(box):
    """The pictures of a gallery have come."""
    box.locator(".gallery-tile img").first.wait_for()


def bar(box, name):
    """The row of this name, scrolled to."""
    row = box.locator(".row").filter(
        has=box.page.locator(".name", has_text=re.compile(f"^{name}$"))
    )
    for top in range(0, 12_000, 200):
        box.locator(".scroll").evaluate(
            """async (list, top) => {
                list.scrollTop = top;
                for (const _ of '12') await new Promise(requestAnimationFrame);  // rows are drawn
            }""",
            top,
        )
        if row.count():
            return row
    raise AssertionError(f"no bar {name!r}")


def counted(page):
    """The kept concepts of the sentence."""
    return int(re.search(r"([\d,]+) kept", sentence(page))[1].replace(",", ""))


# -- denoising -----------------------------------------------------------------------------------


def test_the_threshold_is_dragged_and_undone(denoising):
    page, box = denoising, explorer(denoising)
    bars = box.locator(".uhscm-bars").first
    pictures(box)
    shot(page, "explorer_denoising")
    before = sentence(page)
    assert re.fullmatch(r"81 concepts, \d+ kept, \d+ dropped", before)
    handle = bars.locator(".handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + 5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y)
    page.mouse.move(x + 90, y)
    preview = bars.locator(".handle-text").inner_text()  # the browser's own, before Python knows
    assert sentence(page) == before
    page.mouse.up()
    kept = int(re.search(r"(\d+) kept", preview)[1])
    assert kept < int(re.search(r"(\d+) kept", before)[1])
    until(page, f" {kept} kept")
    assert bars.locator(".row.kept").count() <= kept
    page.click("button:has-text('Undo') >> nth=0")
    until(page, f"^{before}$")
    page.click("button:has-text('Redo') >> nth=0")
    until(page, f" {kept} kept")
    page.click("button:has-text('Undo') >> nth=0")
    until(page, f"^{before}$")
    bars.locator(".handle").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(  # all five are drawn
        "to => Math.abs(document.querySelector('.handle').getAttribute('aria-valuenow') - to) < .1",
        arg=round(TRAIN * 0.5 / 81) + 5,
    )
    preview = bars.locator(".handle-text").inner_text()
    until(page, re.search(r"\d+ kept", preview)[0])  # no key is on its way to Python any more
    page.click('button:has-text("Paper\'s template and bounds") >> nth=0')
    until(page, f"^{before}$")


def test_a_threshold_above_all_says_why_not(denoising):
    page, box = denoising, explorer(denoising)
    before = sentence(page)
    handle = box.locator(".uhscm-bars").first.locator(".handle")
    spot = handle.bounding_box()
    page.mouse.move(spot["x"] + 7, spot["y"] + 5)
    page.mouse.down()
    page.mouse.move(spot["x"] + 900, spot["y"] + 5, steps=4)
    page.mouse.up()
    error = box.locator(".uhscm-bars .wrong").first
    error.filter(has_text="no concept passed the threshold").wait_for()
    shot(page, "explorer_denoising_error")
    assert sentence(page) == before
    assert handle.bounding_box()["x"] > spot["x"] + 100  # what does not work stays
    assert handle.get_attribute("aria-invalid") == "true"
    assert error.inner_text() in page.get_by_role("alert").all_inner_texts()
    handle.focus()
    page.keyboard.press("Home")  # keeps every concept that has a vote
    error.wait_for(state="hidden")
    assert sentence(page) != before
    page.click("button:has-text('Undo') >> nth=0")
    until(page, f"^{before}$")


def test_what_mining_has_found_has_lines_of_text(denoising):
    found = denoising.locator(".uhscm-note > .widget-html-content")
    assert found.evaluate("e => parseFloat(getComputedStyle(e).lineHeight)") < 20  # 28: buttons


def test_a_dropped_bar_shows_its_voters_and_where_they_went(denoising):
    page, box = denoising, explorer(denoising)
    bars = box.locator(".uhscm-bars").first
    last = bars.locator(".row.dropped").first
    name = last.locator(".name").inner_text()
    votes = int(last.locator(".number").inner_text())
    last.locator(".name").click()  # the steps are of one of its voters
    box.locator(f".uhscm-summary:has-text(\"voted for '{name}', which is dropped\")").wait_for()
    if votes:
        moved = box.locator(".uhscm-bars:has(.head:text('that the voters of'))")
        moved.wait_for()
        went = [int(n) for n in moved.locator(".number").all_inner_texts()]
        assert sum(went) == votes
    pictures(box)
    shot(page, "explorer_denoising_dropped")
    bars.locator(".scroll").evaluate("list => { list.scrollTop = 0; }")
    bars.locator(".row .name").first.click()
    box.locator(".uhscm-summary:has-text('which is kept')").wait_for()


def test_another_template_changes_counts_bars_and_gallery(denoising):
    page, box = denoising, explorer(denoising)
    before = sentence(page)
    bars = box.locator(".uhscm-bars").first
    votes = bars.locator(".number").all_inner_texts()
    voters = box.locator(".uhscm-summary").first.inner_text()
    words = box.locator("textarea").first
    words.fill("banana {} tax return on tuesday")
    page.click("button:has-text('Apply') >> nth=0")
    page.wait_for_function(
        "before => document.querySelector('.uhscm-summary').textContent !== before", arg=voters
    )
    assert bars.locator(".number").all_inner_texts() != votes
    page.click("button:has-text('Undo') >> nth=0")
    until(page, f"^{before}$")
    assert words.input_value() == "a photo of the {}"
    assert page.locator("button:has-text('Apply')").first.is_disabled()
    words.fill("no place for a name")
    page.click("button:has-text('Apply') >> nth=0")
    error = box.locator(".uhscm-field .wrong:visible")
    error.wait_for()
    assert "needs exactly one {}" in error.inner_text()
    assert sentence(page) == before
    assert words.input_value() == "no place for a name"  # to be corrected
    words.fill("a photo of the {}")


def test_what_people_type_stays_text(denoising):
    page, box = denoising, explorer(denoising)
    before = sentence(page)
    box.get_by_role("button", name="Concepts: ").press("Enter")
    names = box.locator("textarea").nth(1)
    names.fill("\n".join([HOSTILE, "tree", "snow", "$x^2$", *(f"thing {i}" for i in range(296))]))
    page.click("button:has-text('Apply') >> nth=0")
    until(page, "^300 concepts")
    row = bar(box.locator(".uhscm-bars").first, re.escape(HOSTILE))
    assert box.locator(".uhscm-bars").first.locator(".row").count() < 100  # in sight alone
    row.locator(".name").click()
    box.locator(".uhscm-summary").filter(has_text="onerror=alert(1)>'").first.wait_for()
    shot(page, "explorer_denoising_hostile")
    page.click("button:has-text('Undo') >> nth=0")
    until(page, f"^{before}$")
    assert page.locator("img[src=x]").count() == 0
    box.get_by_role("button", name="Concepts: ").press("Enter")


def test_the_five_steps_with_a_prediction(denoising):
    page, box = denoising, explorer(denoising)
    page.get_by_role("tab", name="Step by step").click()
    for step in ("1 Prompt", "2 Score", "3 Softmax", "4 Vote", "5 Drop"):
        page.click(f"button:has-text('{step}')")
        box.locator(".jp-RenderedLatex, .widget-htmlmath mjx-container").first.wait_for()
    shot(page, "explorer_denoising_steps")
    page.click("button:has-text('4 Vote')")
    page.get_by_label("Predict first").check()
    asked = box.locator(".uhscm-bars.names-only:visible")
    asked.wait_for()
    page.wait_for_timeout(1000)  # a click on a row that is drawn again is lost
    asked.locator(".row").first.click()
    box.locator(".head:has-text('You said'):visible").wait_for()
    shot(page, "explorer_denoising_predicted")
    page.get_by_label("Predict first").uncheck()
    page.get_by_role("tab", name="Voters").click()


def test_two_templates_side_by_side(denoising):
    page, box = denoising, explorer(denoising)
    page.get_by_role("tab", name="Two templates").click()
    box.get_by_label("Another template").fill("a photo of a dog")
    page.keyboard.press("Enter")
    box.locator(".wrong:visible", has_text="exactly one {}").wait_for()
    for words in ("Compare", "Use this one"):  # whole, however long the error next to them is
        button = box.locator(f"button:has-text('{words}')")
        assert button.evaluate("button => button.scrollWidth <= button.clientWidth")
    box.get_by_label("Another template").fill("banana {} tax return on tuesday")
    page.keyboard.press("Enter")
    found = box.locator(".uhscm-summary:has-text('changed their top concept'):visible")
    found.wait_for()
    assert int(found.inner_text().split()[0].replace(",", "")) > 0
    assert "→" in box.locator(".gallery-caption:visible").first.inner_text()
    shot(page, "explorer_denoising_templates")
    page.get_by_role("tab", name="Voters").click()


def test_the_keyboard_alone_goes_from_the_gallery_to_the_steps(denoising):
    page, box = denoising, explorer(denoising)
    gallery = box.locator(".gallery-list").first
    pictures(box)
    gallery.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    chosen = gallery.locator("[aria-selected=true]")
    chosen.wait_for()
    name = page.locator(".gallery-card").inner_text().split("\n")[1]
    page.keyboard.press("Escape")
    tab = page.get_by_role("tab", name="Step by step")
    tab.focus()
    page.keyboard.press("Enter")
    whole = re.compile(f"^{re.escape(name)}$")  # whose middle may be cut
    box.locator(".gallery-caption:visible", has_text=whole).wait_for()
    page.get_by_role("tab", name="Voters").click()


def test_the_table_is_saved_as_csv(denoising):
    page, box = denoising, explorer(denoising)
    with page.expect_download() as download:
        box.locator("button:has-text('Save as CSV')").click()
    assert download.value.suggested_filename == "denoising.csv"
    box.locator("button:has-text('Saved')").wait_for()
    box.locator("button:has-text('Save as CSV')").wait_for()
    with Path(download.value.path()).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["votes"]) for row in rows) == TRAIN
    assert sum(row["kept"] == "True" for row in rows) == counted(page)


# -- distributions and similarity ----------------------------------------------------------------


def numbers_of(card):
    """The numbers of a pair's parts that are ticked."""
    rows = card.locator(".parts li:not(.unticked) .number")
    return [float(text) for text in rows.all_inner_texts()]


def test_a_cell_is_explained_by_parts_that_add_up(distribution):
    page, box = distribution, explorer(distribution)
    card = box.locator(".uhscm-pair")
    over = box.locator(".grid-over")
    pictures(box)
    shot(page, "explorer_distribution")
    first = sentence(page)
    edge = over.bounding_box()["width"]
    over.click(position={"x": edge * 0.3, "y": edge * 0.28})
    page.wait_for_function(
        "before => document.querySelector('.uhscm-status .sentence').textContent !== before",
        arg=first,
    )
    shown = float(re.search(r"= (\S+)$", box.locator(".grid-reading").inner_text())[1])
    total = re.compile(r"S \+ 1 = ([\d.]+)")
    said = float(total.search(card.inner_text())[1])
    assert said == pytest.approx(shown + 1, abs=6e-3)
    assert sum(numbers_of(card)) == pytest.approx(said, abs=0.04)  # rounded
    pair = sentence(page)
    # Untick the largest part: what is left adds up to the S that the card says then.
    card.locator("input").first.uncheck()
    card.locator("td, th", has_text="without").wait_for()
    rest = float(total.search(card.inner_text())[1])
    assert sum(numbers_of(card)) == pytest.approx(rest, abs=0.04)
    assert f"{rest - 1:.2f}".replace("-", "−") in card.locator(".numbers tr").nth(1).inner_text()
    shot(page, "explorer_distribution_unticked")
    undo = page.locator("button:has-text('Undo') >> nth=0")
    undo.click()
    card.locator("th:text-is('now')").wait_for()
    assert card.locator("input:not(:checked)").count() == 0
    assert sentence(page) == pair
    undo.click()
    until(page, "^" + re.escape(first) + "$")


def test_sources_orders_and_the_difference_of_two(distribution):
    page, box = distribution, explorer(distribution)
    for label, value in (
        ("similar by", "features"),
        ("order", "clustering"),
        ("similar by", "codes"),
        ("order", "first label"),
        ("compared with", "features"),
    ):
        before = box.locator(".grid-cells").evaluate("canvas => canvas.toDataURL()")
        box.get_by_label(label).select_option(value)
        page.wait_for_function(
            "before => document.querySelector('.grid-cells').toDataURL() !== before", arg=before
        )
    assert "rank by codes minus rank by features" in box.locator(".grid").inner_text()
    shot(page, "explorer_distribution_difference")
    page.get_by_role("tab", name="Disagreements").click()
    apart = box.locator(".gallery-list:visible").nth(1)
    before = sentence(page)
    apart.locator(".gallery-tile").nth(1).click()
    page.wait_for_function(
        "before => document.querySelector('.uhscm-status .sentence').textContent !== before",
        arg=before,
    )
    shot(page, "explorer_distribution_disagreements")
    page.get_by_role("tab", name="Heatmap").click()


def test_an_image_of_ones_own(distribution, tmp_path):
    page, box = distribution, explorer(distribution)
    path = tmp_path / 'my "photo" <b>.png'
    Image.new("RGB", (900, 600), (30, 60, 160)).save(path)
    box.locator("input[type=file]").set_input_files(path)
    until(page, re.escape(path.name))
    shot(page, "explorer_distribution_own")
    wrong = tmp_path / "words.jpg"
    wrong.write_text("no image")
    box.locator("input[type=file]").set_input_files(wrong)
    error = box.locator(".uhscm-status .error")
    error.wait_for()
    assert "words.jpg: not an image this browser can read" in error.inner_text()
    error.locator("button").click()
    page.get_by_role("tab", name="Most similar").click()
    box.locator(".uhscm-summary:visible").filter(has_text="Most like my ").wait_for()
    page.get_by_role("tab", name="Heatmap").click()
