"""The map in a real JupyterLab: what a hand and a keyboard do with it."""

from __future__ import annotations

import re

import pytest

from scripts.lab import set_theme
from tests.browser.pages import DATABASE, STUDY, explorer, opened, sentence, shot, until

HOSTILE = "<img src=x onerror=alert(1)>"
pytestmark = pytest.mark.browser

# Its UMAP is fitted here, though another test may have fitted the same and cached it.
SETUP = f"""
{STUDY}
import dataclasses
data = dataclasses.replace(
    study.dataset, names=({HOSTILE!r} + " named", *study.dataset.names[1:])
)
study = study.with_(dataset=data).train(bits=16, epochs=5)
os.environ["UHSCM_HOME"] = os.path.abspath("home")
"""
EXPLORER = """
explorer = w.MapExplorer(study)
explorer
"""
# A fit of 200 epochs that takes 20 seconds the first time, and one the second time.
SLOW = f"""
{STUDY}
import time
import numpy as np
from uhscm_core.analysis.projection import EPOCHS
from uhscm_core.support.progress import progress_bar
from widgets.background import umap_cache

pauses = iter([0.1, 0.005])
def layout(vectors, seed):
    pause = next(pauses)
    for _ in progress_bar(EPOCHS, 200, shown=False, items=range(200)):
        time.sleep(pause)
    return np.random.default_rng(seed).normal(size=(len(vectors), 2)).astype("f4")

umap_cache.umap_layout = layout
os.environ["UHSCM_HOME"] = os.path.abspath("home")
"""
PROGRESS = """
window.progress = [];
new MutationObserver(() => {
    const said = document.querySelector('.map-progress')?.textContent;
    if (said !== undefined && said !== window.progress.at(-1)) window.progress.push(said);
}).observe(document, {childList: true, subtree: true, characterData: true});
"""


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    with opened(browser, lab, (SETUP, EXPLORER), script=PROGRESS) as page:
        page.wait_for_selector(".map-dots")
        yield page


@pytest.fixture
def box(page):
    """The explorer in sight, with all of its map, by UMAP, and nothing picked."""
    explorer = page.locator(".uhscm-explorer")
    explorer.evaluate("box => box.scrollIntoView()")
    until(page, r"by \w+ \(UMAP\)", timeout=120_000)
    if explorer.get_by_role("button", name="Pick none").is_enabled():
        explorer.get_by_role("button", name="Pick none").click()
        until(page, "none picked")
    explorer.get_by_role("button", name="Whole map").click()
    explorer.get_by_role("button", name="✥ Move").click()
    page.mouse.move(3, 3)
    at_rest(page)
    return explorer


def at_rest(page):
    """The points have come to their places: the canvas stays as it is."""
    page.evaluate("window.before = []")
    page.wait_for_function(
        """() => {
            window.before.push(document.querySelector('.map-dots').toDataURL());
            const [a, b, c] = window.before.slice(-3);
            return a === b && b === c;
        }""",
        polling=300,
    )


def picture(page):
    return page.evaluate("document.querySelector('.map-dots').toDataURL()")


def a_lasso(page, box, corners):
    """Drag along these corners, as shares of the map's width and height."""
    stage = box.locator(".map-stage").bounding_box()
    places = [
        (stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]) for x, y in corners
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


HALF = [(0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99), (0.01, 0.01)]


def test_umap_comes_by_itself_and_its_state_was_told(page):
    until(page, rf"{DATABASE} images by features \(UMAP\)", timeout=120_000)
    told = page.evaluate("window.progress")
    fitting = rf"UMAP of the features: fitting on {DATABASE} images, \d+ s so far"
    assert any(re.fullmatch(fitting, one) for one in told)
    assert page.locator(".map-progress").text_content() == ""
    page.locator(".uhscm-explorer").evaluate("box => box.scrollIntoView()")
    shot(page, "map_umap")


def test_pca_and_back_and_other_sources(page, box):
    pictures = {"UMAP": picture(page)}
    box.get_by_label("layout").select_option("PCA")
    until(page, r"features \(PCA\)")
    at_rest(page)
    pictures["PCA"] = picture(page)
    shot(page, "map_pca")
    for source in ("concepts", "codes", "features"):
        box.get_by_label("by", exact=True).select_option(source)
        until(page, rf"by {source} \(PCA\)")
        at_rest(page)
        pictures[source] = picture(page)
    assert pictures["features"] == pictures["PCA"]
    assert len(set(pictures.values())) == 4
    box.get_by_label("layout").select_option("UMAP")
    until(page, r"features \(UMAP\)")
    at_rest(page)
    assert picture(page) == pictures["UMAP"]
    box.get_by_label("by", exact=True).select_option("codes")
    until(page, r"by codes \(UMAP\)")
    assert "lie in a spiral around another" in box.locator(".map").inner_text()
    at_rest(page)
    shot(page, "map_codes")
    box.get_by_label("color").select_option("first label")
    page.wait_for_function("document.querySelector('.map-name').textContent !== 'sky'")
    shot(page, "map_labels")
    box.get_by_label("color").select_option("dominant concept")
    box.get_by_label("by", exact=True).select_option("features")
    until(page, r"by features \(UMAP\)")


def test_a_lasso_fills_the_gallery_and_the_heatmap(page, box):
    heat = box.locator(".grid-cells").evaluate("canvas => canvas.toDataURL()")
    page.keyboard.down("Shift")
    a_lasso(page, box, HALF)
    page.keyboard.up("Shift")
    until(page, r"[1-9]\d* picked: \d+% mostly \w+ \(\d+% of all\)")
    count = int(re.search(r"(\d+) picked", sentence(page))[1])
    assert DATABASE / 6 < count < DATABASE * 5 / 6
    gallery = box.locator(".gallery")
    assert gallery.locator(".uhscm-summary").inner_text().startswith(f"{count} images: ")
    assert gallery.locator(".gallery-tile").first.get_attribute("aria-setsize") == str(count)
    page.wait_for_function(
        "before => document.querySelector('.grid-cells').toDataURL() !== before", arg=heat
    )
    assert "of the picked images in pairs" in box.locator(".grid").inner_text()
    shot(page, "map_lasso")
    # With the tool in place of the key; and back by Undo.
    box.get_by_role("button", name="◌ Lasso").click()
    a_lasso(page, box, [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)])
    page.wait_for_function(
        "before => document.querySelector('.uhscm-status .sentence').textContent !== before",
        arg=sentence(page),
    )
    box.get_by_role("button", name="Undo").click()
    until(page, f" {count} picked")
    box.get_by_role("button", name="Undo").click()
    until(page, "none picked")


def test_a_lasso_holds_what_is_inside_and_nothing_else(page, box):
    box.get_by_role("button", name="◌ Lasso").click()
    a_lasso(page, box, [(0.005, 0.005), (0.995, 0.005), (0.995, 0.995), (0.005, 0.995)])
    until(page, f" {DATABASE} picked")
    a_lasso(page, box, [(0.01, 0.01), (0.04, 0.01), (0.04, 0.04), (0.01, 0.04)])  # around nothing
    until(page, "none picked")


def test_a_name_of_the_legend_picks_its_group(page, box):
    group = box.locator(".map-group").nth(1)
    name, count = group.inner_text().split("\n")
    group.focus()
    page.keyboard.press("Enter")
    until(page, rf" {count} picked: 100% mostly {name} ")
    shot(page, "map_group")


def test_the_pointer_shows_an_image_and_a_click_chooses_it(page, box):
    stage = box.locator(".map-stage").bounding_box()
    card = page.locator(".map-card")
    for k in range(200):  # places spread over the map, until there is an image at one
        x, y = 0.1 + 0.8 * (k * 0.618 % 1), 0.1 + 0.8 * (k * 0.755 % 1)
        page.mouse.move(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"])
        page.evaluate("new Promise(requestAnimationFrame)")  # the card comes with the next frame
        if card.count():
            break
    page.wait_for_function(
        "() => document.querySelector('.map-card .map-large')?.style.backgroundImage"
    )
    name = card.locator(".map-words").inner_text().split("\n")[0]
    shot(page, "map_hover")
    page.mouse.down()
    page.mouse.up()
    box.locator(".gallery-list").hover()
    assert card.count() == 0
    box.locator(f".gallery-tile[aria-selected=true][aria-label^='{name}']").wait_for()
    shot(page, "map_chosen")


def test_the_wheel_zooms_after_a_click_and_the_page_scrolls_before(page, box):
    whole = picture(page)
    stage = box.locator(".map-stage").bounding_box()
    middle = (stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    box.get_by_role("button", name="Save as CSV").focus()
    page.mouse.move(*middle)
    page.mouse.wheel(0, -30)
    page.wait_for_timeout(300)
    assert picture(page) == whole
    stage = box.locator(".map-stage").bounding_box()
    page.mouse.move(stage["x"] + 6, stage["y"] + 6)  # where there is no image
    page.mouse.down()
    page.mouse.up()
    stage = box.locator(".map-stage").bounding_box()
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    for _ in range(4):
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(60)
    at_rest(page)
    zoomed = picture(page)
    assert zoomed != whole
    shot(page, "map_zoomed")
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 2 + 80, stage["y"] + stage["height"] / 2, steps=4)
    page.mouse.up()
    at_rest(page)
    assert picture(page) != zoomed
    page.keyboard.press("0")
    at_rest(page)
    assert picture(page) == whole
    for key in "+-":
        page.keyboard.press(key)
    at_rest(page)
    assert picture(page) == whole


def test_arrows_go_from_image_to_image_and_enter_chooses(page, box):
    spoken = page.locator(".map .uhscm-spoken")
    box.locator(".map").focus()
    said = [spoken.text_content()]
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
        page.wait_for_function(
            "before => document.querySelector('.map .uhscm-spoken').textContent !== before",
            arg=said[-1],
        )
        said.append(spoken.text_content())
    assert len(set(said)) >= 4
    name = page.locator(".map-card .map-words").inner_text().split("\n")[0]
    page.keyboard.press("Enter")
    assert ", chosen" in spoken.text_content()
    tile = box.locator(f".gallery-tile[aria-selected=true][aria-label^='{name}']")
    tile.wait_for()
    cells = page.locator(".jp-Cell").count()
    for key in "bdda":
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells
    shot(page, "map_keys")
    page.keyboard.press("Escape")
    assert page.locator(".map-card").count() == 0


def test_what_people_write_is_shown_as_text(page, box):
    """The first postcard has a name that would run as a script."""
    box.locator(".gallery-list").evaluate("list => { list.scrollTop = 0; }")
    box.locator(".gallery-tile[aria-label*='onerror']").click()
    page.wait_for_timeout(1000)  # the map hears of it through Python
    box.locator(".map").focus()
    page.keyboard.press("ArrowRight")  # shows where one is: the chosen one
    card = page.locator(".map-card .map-words").filter(has_text=f"{HOSTILE} named")
    card.wait_for()
    shot(page, "map_hostile")
    assert page.locator("img[src=x]").count() == 0


def test_the_pictures_can_be_put_away(page, box):
    over = "document.querySelector('.map-over').toDataURL()"
    page.wait_for_timeout(800)
    with_pictures = page.evaluate(over)
    box.get_by_role("button", name="Pictures", exact=True).click()
    page.wait_for_function(f"before => {over} !== before", arg=with_pictures)
    box.get_by_role("button", name="Pictures", exact=True).click()


def test_a_narrow_window(page, box):
    page.set_viewport_size({"width": 900, "height": 1000})
    at_rest(page)
    shot(page, "map_narrow")
    page.set_viewport_size({"width": 1400, "height": 1000})
    at_rest(page)


def test_a_fit_says_how_far_it_is_and_is_canceled(browser, lab, saved_study):
    cells = (SLOW, EXPLORER)
    with opened(browser, lab, cells, width=1280, height=720, script=PROGRESS) as page:
        box, said = explorer(page), page.locator(".map-progress")
        button = box.locator(".map-offer")
        counted = re.compile(r"UMAP of the features: \d+ of 200 epochs, about \d+ s left")
        said.filter(has_text=counted).wait_for()
        shot(page, "map_fitting_light")
        set_theme(page, "dark")
        shot(page, "map_fitting_dark")
        sides = button.bounding_box()
        assert sides["y"] + sides["height"] <= page.viewport_size["height"]  # in sight
        before = picture(page)
        button.focus()
        page.keyboard.press("Enter")
        said.filter(has_text="UMAP of the features was canceled, so this is PCA.").wait_for()
        assert button.evaluate("button => document.activeElement === button")
        page.wait_for_timeout(1500)  # no epoch is heard any more
        assert said.text_content() == "UMAP of the features was canceled, so this is PCA."
        assert re.search(r"features \(PCA\)", sentence(page))
        assert picture(page) == before
        shot(page, "map_canceled_dark")
        set_theme(page, "light")
        shot(page, "map_canceled_light")
        assert button.text_content() == "Fit UMAP"
        button.focus()
        page.keyboard.press("Enter")
        until(page, r"features \(UMAP\)")
        assert not button.is_visible()
