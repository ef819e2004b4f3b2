"""The retrieval explorer in a real JupyterLab: every way to ask, and why results stand there."""

from __future__ import annotations

import csv
import re

import pytest
from PIL import Image

from scripts.lab import settle
from tests.browser.pages import BITS, DATABASE, STUDY, explorer, opened, sentence, shot, until

HOSTILE = '<img src=x onerror=alert(1)> "quoted"'
pytestmark = pytest.mark.browser

EXPLORER = """
explorer = w.RetrievalExplorer(study)
explorer
"""

# What goes to the kernel and comes from it about pictures, in order.
WIRE = """
window.wire = [];
const send = WebSocket.prototype.send;
const heard = new WeakSet();
function note(data) {
    const text = typeof data === 'string' ? data : new TextDecoder('latin1').decode(data);
    const found = text.match(/"type": ?"(want|pictures)"/);
    if (found) window.wire.push(found[1]);
}
WebSocket.prototype.send = function (data) {
    if (!heard.has(this)) {
        heard.add(this);
        this.addEventListener('message', ({ data }) => {
            if (!(data instanceof Blob)) note(data);
        });
    }
    note(data);
    return send.call(this, data);
};
"""


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    cells = (STUDY, EXPLORER)
    with opened(browser, lab, cells, width=1500, height=1150, script=WIRE) as page:
        explorer(page)
        yield page


def changed(page, act):
    """Do something and wait for another sentence."""
    before = sentence(page)
    act()
    page.wait_for_function(
        """before => document.querySelector('.uhscm-status .sentence').textContent !== before""",
        arg=before,
    )
    return sentence(page)


def shelves(page):
    return page.locator(".gallery-list.shelves")


def loaded(page):
    """All pictures in sight on the shelves have come."""
    page.wait_for_function(
        """() => {
            const tiles = [...document.querySelectorAll('.shelves .gallery-tile')];
            return tiles.length && tiles.every((t) => t.querySelector('img')?.naturalWidth);
        }"""
    )


def kept(page, name):
    """Keep a picture of the window once it is whole."""
    loaded(page)
    shot(page, f"retrieval_{name}")


def button(page, name):
    return page.locator(f".uhscm-explorer button:has-text('{name}')").first


def test_a_query_is_answered_at_first_glance(page):
    loaded(page)
    until(page, rf"{DATABASE} images on \d+ shelves, the nearest \d+ at \d+ bits?")
    distances = [
        int(text.split()[0])
        for text in page.locator(".gallery-words-of-shelf > :first-child").all_text_contents()
    ]
    assert distances == sorted(set(distances))
    counts = [
        int(re.match(r"[\d,]+", text)[0].replace(",", ""))
        for text in page.locator(".gallery-words-of-shelf > :nth-child(2)").all_text_contents()
    ]
    assert sum(counts) == DATABASE
    assert shelves(page).locator(".gallery-tile.good .gallery-mark:text('✓')").count()
    assert "expected" in page.locator(".uhscm-radius .uhscm-summary").text_content()
    page.locator(".uhscm-radius .key.mean").wait_for(
        state="attached"
    )  # the mean of all queries has come
    kept(page, "first")


def test_a_shelf_scrolls_by_itself_and_asks_for_what_is_in_sight(page):
    strips = page.locator(".gallery-strip")
    widths = strips.evaluate_all("all => all.map((s) => s.scrollWidth - s.clientWidth)")
    longest = max(range(len(widths)), key=widths.__getitem__)
    strip = strips.nth(longest)
    strip.evaluate("s => s.scrollIntoView({ block: 'nearest' })")
    first = strip.locator(".gallery-tile").first.get_attribute("data-position")
    strip.evaluate("s => { s.scrollLeft = s.scrollWidth / 2; }")
    page.wait_for_function(
        """([n, first]) => {
            const tiles = [...document.querySelectorAll('.gallery-strip')[n]
                .querySelectorAll('.gallery-tile')];
            return tiles.length && tiles[0].dataset.position !== first
                && tiles.every((t) => t.querySelector('img')?.naturalWidth);
        }""",
        arg=[longest, first],
    )
    assert page.locator(".shelves .gallery-tile").count() < 200
    shelves(page).evaluate("list => { list.scrollTop = 0; }")


def test_what_has_come_is_not_asked_for_again(page):
    # Among long shelves, where the next one's images are far away by position.
    shelves(page).evaluate("list => { list.scrollTop = list.scrollHeight / 2; }")
    settle(page)
    loaded(page)
    settle(page)
    page.evaluate(
        """() => {
            window.made = 0;
            const encode = window.btoa;
            window.btoa = (text) => { window.made += 1; return encode.call(window, text); };
        }"""
    )
    page.wait_for_timeout(1500)
    assert page.evaluate("window.made") == 0
    loaded(page)
    shelves(page).evaluate("list => { list.scrollTop = 0; }")
    loaded(page)


def test_all_pictures_in_sight_are_asked_for_at_once(page):
    page.evaluate("window.wire.length = 0")
    changed(page, lambda: button(page, "Random").click())
    page.wait_for_function("window.wire.includes('pictures')")
    loaded(page)
    wire = page.evaluate("window.wire")
    assert wire.index("pictures") >= 3, wire


def test_a_result_is_compared_and_becomes_the_query(page):
    tile = shelves(page).locator("[data-position='4']")
    name = tile.locator(".gallery-caption").text_content().partition("\n")[0]
    tile.click()
    code = page.locator(".uhscm-code .uhscm-summary")
    card = page.locator(".uhscm-pair .sentence")
    card.filter(has_text=re.compile(r"S = −?\d\.\d\d.* bits")).wait_for()
    apart = int(re.search(rf"differ in (\d+) of {BITS} bits", code.text_content())[1])
    assert page.locator(".uhscm-code .xor:text('≠')").count() == apart + 1  # and the legend's
    assert f"differ in {apart} of {BITS} bits" in card.inner_text()
    kept(page, "pair")
    tile.hover()
    said = changed(page, lambda: tile.locator(".gallery-action").click())
    assert said.startswith(name)
    assert page.locator(".uhscm-code .xor").count() == 0
    changed(page, lambda: button(page, "Undo").click())


def test_a_flipped_bit_moves_the_results(page):
    page.get_by_role("tab", name="Bits", exact=True).click()
    columns = page.locator(".uhscm-code .column")
    before = page.locator(".gallery-words-of-shelf").all_text_contents()
    columns.nth(9).hover()
    reading = page.locator(".uhscm-code .reading")
    said = (
        r"Bit 9 is [01], (un)?like the result\. .*% of the database has a 1 .*\. It correlates with"
    )
    assert re.match(said, reading.text_content())
    changed(page, lambda: columns.nth(9).click())
    until(page, "1 bit flipped")
    page.locator(".uhscm-code .column .bit.flipped").wait_for()
    assert page.locator(".gallery-words-of-shelf").all_text_contents() != before
    kept(page, "flipped")
    page.locator(".uhscm-code").focus()  # and by the keyboard
    for key in ("Home", "ArrowRight", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(page, "2 bits flipped")
    assert page.locator(".uhscm-code .column .bit.flipped").count() == 2
    assert page.locator(".uhscm-code .column").nth(10).locator(".flipped").count() == 1
    changed(page, lambda: button(page, "Flip back").click())
    assert page.locator(".uhscm-code .bit.flipped").count() == 0
    page.wait_for_function(
        """before => [...document.querySelectorAll('.gallery-words-of-shelf')]
            .map((words) => words.textContent).join() === before.join()""",
        arg=before,
    )


def test_the_radius_goes_along_the_curve(page):
    page.get_by_role("tab", name="Radius").click()
    reading = page.locator(".uhscm-radius .reading")
    point = page.locator(".uhscm-radius .point")
    slider = page.locator(".uhscm-radius input[type=range]")
    slider.focus()
    before, place = page.locator(".gallery-shelf.beyond").count(), point.get_attribute("cx")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelectorAll('.gallery-shelf.beyond').length < before", arg=before
    )
    assert point.get_attribute("cx") != place
    found = re.match(
        r"Within (\d+) bits: ([\d,]+) images, ([\d,]+) match: precision (\d\.\d\d), recall",
        reading.text_content(),
    )
    n = int(found[2].replace(",", ""))
    page.wait_for_function(  # the shelves follow when the slider has rested
        """n => [...document.querySelectorAll('.gallery-shelf:not(.beyond)')].map((shelf) =>
            shelf.querySelector('.gallery-words-of-shelf > :nth-child(2)'))
            .map((words) => parseInt(words.textContent.replace(',', '')))
            .reduce((a, b) => a + b, 0) === n""",
        arg=n,
    )
    good = int(found[3].replace(",", ""))
    assert f"{good / n:.2f}" == found[4]
    page.keyboard.press("Home")
    page.wait_for_function(  # what has the query's very code, if anything has
        """() => [...document.querySelectorAll('.gallery-shelf:not(.beyond)')].every((shelf) =>
            shelf.querySelector('.gallery-words-of-shelf').firstChild.textContent === '0 bits')"""
    )
    box = page.locator(".uhscm-radius svg").first.bounding_box()  # and by a click in the chart
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.4)
    page.wait_for_function(
        "() => document.querySelectorAll('.gallery-shelf:not(.beyond)').length > 1"
    )
    page.get_by_role("tab", name="Why near").click()


def test_a_text_is_asked(page):
    page.locator("input[placeholder*='by text']").fill("a castle by the ocean")
    page.keyboard.press("Enter")
    until(page, "“a castle by the ocean”, by its features, as no kept concept says")
    assert page.locator(".gallery-words-of-shelf").first.text_content().startswith("cosine ≥")
    kept(page, "text-features")
    page.get_by_role("combobox", name="answered by").select_option("concepts (S)")
    until(page, "“a castle by the ocean”, answered by its concepts .* as a text has no code")
    assert page.locator(".gallery-words-of-shelf").first.text_content().startswith("S ≥")
    assert not page.locator(".uhscm-code").is_visible()
    assert "castle or ocean" in page.locator(".uhscm-radius .uhscm-summary").text_content()
    kept(page, "text")
    page.locator("input[placeholder*='by text']").fill(HOSTILE)
    page.keyboard.press("Enter")
    until(page, "onerror")
    assert page.locator(".uhscm-explorer img[src=x]").count() == 0
    changed(page, lambda: button(page, "Undo").click())
    changed(page, lambda: button(page, "Random query").click())
    page.get_by_role("tab", name="Bits", exact=True).click()
    assert page.locator(".uhscm-code").is_visible()


def test_an_image_is_brought_along(page, tmp_path):
    own = tmp_path / "own & odd.png"
    image = Image.new("RGB", (900, 500), "skyblue")
    image.paste("tan", (0, 350, 900, 500))
    image.save(own)
    page.locator(".upload input[type=file]").set_input_files(own)
    until(page, rf"^own & odd\.png: {DATABASE} images on")
    assert shelves(page).locator(".gallery-tile.good, .gallery-tile.bad").count() == 0
    loaded(page)
    page.locator(".uhscm-later .gallery-list").locator("[aria-selected=true]").wait_for()
    kept(page, "own")
    changed(page, lambda: button(page, "Undo").click())


def test_shelves_are_walked_by_the_keyboard(page):
    changed(page, lambda: button(page, "Random query").click())
    loaded(page)
    shelves(page).focus()

    def cursor():
        return int(shelves(page).locator(".gallery-tile.cursor").get_attribute("data-position"))

    starts = page.evaluate(
        """() => [...document.querySelectorAll('.gallery-strip')].map((strip) =>
            Math.min(...[...strip.querySelectorAll('.gallery-tile')]
                .map((t) => Number(t.dataset.position))))"""
    )
    page.keyboard.press("ArrowDown")
    assert cursor() == starts[1]
    page.keyboard.press("ArrowDown")
    assert cursor() == starts[2]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert cursor() == 0
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => /differ/.test(document.querySelector('.uhscm-code .uhscm-summary').textContent)"
    )
    changed(page, lambda: page.keyboard.press("Shift+Enter"))


def test_the_results_are_saved(page, tmp_path):
    with page.expect_download() as download:
        button(page, "Save as CSV").click()
    path = tmp_path / "results.csv"
    download.value.save_as(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) in (DATABASE - 1, DATABASE)  # a query of the database is left out
    distances = [int(row["distance"]) for row in rows]
    assert distances == sorted(distances)
