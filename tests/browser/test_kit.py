"""The kit's own widgets in a real JupyterLab: what a hand and a keyboard do with them."""

from __future__ import annotations

import pytest
from PIL import Image

from scripts.lab import run_all, set_theme
from tests.browser.pages import clear_outputs, opened, shot

pytestmark = pytest.mark.browser

SETUP = '''
import colorsys, json
from collections.abc import Sequence
import ipywidgets as ipw
import numpy as np
from PIL import Image, ImageDraw
from widgets.kit.gallery import Gallery
from widgets.kit.grid import Grid
from widgets.kit.selection import Selection
from widgets.kit.upload import Upload

HOSTILE = ["<img src=x onerror=alert(1)>", "it's \\"quoted\\" & <b>bold</b>", "x" * 500,
           "صورة بحر وسماء", "two\\nlines"]

class Painted(Sequence):
    """Images painted when asked for: a disc on a ground, the number on it."""
    def __len__(self):
        return 10_000
    def __getitem__(self, i):
        if i == 77:
            raise OSError("photos/77.jpg: image file is truncated")
        ground, disc = (tuple(int(255 * c) for c in colorsys.hsv_to_rgb(h, .5, .9))
                        for h in (i * .37 % 1, i * .61 % 1))
        image = Image.new("RGB", (96, 96), ground)
        pen = ImageDraw.Draw(image)
        pen.ellipse((16 + i % 9, 16 + i % 7, 76, 80), fill=disc)
        pen.text((30, 40), str(i), fill="black", font_size=20)
        return image

images = Painted()
selection = Selection()
heard = ipw.Label("nothing")
selection.observe(lambda change: setattr(heard, "value", f"focus {change['new']}"), "focus")
heard.add_class("heard")
heard
'''

GALLERY = """
def caption(i):
    return HOSTILE[i] if i < 5 else f"image {i}"
gallery = Gallery(images, [], selection=selection)
gallery.show(range(10_000), captions=caption, summary="10,000 painted images",
             marks=[(True, False, None)[i % 3] for i in range(10_000)])
gallery.add_class("outer")
gallery
"""

GRID = """
angles = np.linspace(0, 6, 24)
values = np.cos(angles[:, None] - angles[None, :])
values[3, 5] = values[5, 3] = np.nan
grid = Grid(selection=selection)
grid.add_class("small")
pair = ipw.Label("no pair")
pair.add_class("pair")
grid.observe(lambda change: setattr(pair, "value", f"cell {change['new']}"), "cell")
names = ["boats"] * 8 + [HOSTILE[0]] * 6 + [HOSTILE[2]] * 4 + [HOSTILE[3]] * 6
grid.show(values, range(24), images=images, groups=names, summary="24 images, 276 pairs")
move = ipw.Button(description="move the mark")
move.on_click(lambda _: setattr(grid, "cell", (7, 16)))
ipw.VBox([grid, pair, move])
"""

LARGE = """
generator = np.random.default_rng(0)
centres = generator.normal(size=(8, 32)).repeat(50, 0)
codes = np.sign(centres + .8 * generator.normal(size=(400, 32)))
other = np.sign(generator.normal(size=(400, 32)))
large = Grid(edge=440)
large.show((codes @ codes.T - other @ other.T) / 64, range(400), images=images, diverging=True,
           label="difference", groups=[f"group {i // 50}" for i in range(400)],
           summary="400 images, the difference of two similarities")
large.add_class("large")
alone = Grid(edge=300)
alone.show(np.eye(100), range(100), groups=[f"a group of one, {i}" for i in range(100)])
alone.add_class("alone")
ipw.VBox([large, alone])
"""

HIDDEN = """
inside = Gallery(images, range(500), selection=selection)
inside.add_class("inside")
square = Grid(edge=300)  # as wide as a canvas is by itself
square.show(np.eye(5), range(5), images=images, groups=list("aabbc"), diverging=True)
square.add_class("square")
tab = ipw.Tab([ipw.Label("first"), inside, square], titles=["words", "pictures", "pairs"])
empty = Gallery(images, [])
empty.show([], summary="No image voted for zebra")
empty.add_class("empty")
fewer = ipw.Button(description="show three")
fewer.on_click(lambda _: inside.show([5, 77, 9], captions=str, summary="Three images"))
more = ipw.Button(description="show all")
more.on_click(lambda _: inside.show(range(500)))
ipw.VBox([tab, empty, fewer, more])
"""

UPLOAD = """
said = ipw.Label("nothing yet")
said.add_class("said")
def take(image, name):
    said.value = f"{name} {image.size} {image.getpixel((0, 0))}"
def fail(reason):
    said.value = f"error: {reason}"
upload = Upload(take, fail)
ipw.VBox([upload, said])
"""


COUNT = """
window.live = window.made = 0;
const { set, delete: remove } = Map.prototype;
const isPicture = (held) => String(held?.address).startsWith('data:image/jpeg');
Map.prototype.set = function (key, held) {
    if (isPicture(held)) { window.live++; window.made++; }
    return set.call(this, key, held);
};
Map.prototype.delete = function (key) {
    if (isPicture(this.get(key))) window.live--;
    return remove.call(this, key);
};
"""


CELLS = (SETUP, GALLERY, GRID, LARGE, HIDDEN, UPLOAD)


@pytest.fixture(scope="module")
def page(browser, lab):
    with opened(browser, lab, CELLS, width=1100, height=900, script=COUNT) as page:
        page.wait_for_selector(".upload-button", timeout=120_000)
        yield page


@pytest.fixture
def outer(page):
    """The gallery of 10,000, in sight and at its top."""
    gallery = page.locator(".outer")
    gallery.scroll_into_view_if_needed()
    gallery.locator(".gallery-list").evaluate("list => { list.scrollTop = 0; }")
    loaded(page)
    return gallery


def loaded(page):
    """Every picture in sight of the large gallery has come."""
    page.wait_for_function(
        """() => {
            const list = document.querySelector('.outer .gallery-list').getBoundingClientRect();
            const tiles = [...document.querySelectorAll('.outer .gallery-tile')].filter((tile) => {
                const box = tile.getBoundingClientRect();
                return box.bottom > list.top && box.top < list.bottom;
            });
            return tiles.length > 0 && tiles.every((tile) => {
                const picture = tile.querySelector('img');
                return tile.querySelector('.gallery-broken') || (picture && picture.naturalWidth);
            });
        }"""
    )


def tile(gallery, position):
    return gallery.locator(f".gallery-tile[data-position='{position}']")


def said(page, name, text):
    page.wait_for_function(
        "([name, text]) => document.querySelector(name).textContent === text", arg=[name, text]
    )


@pytest.mark.parametrize("part", [0.5, 1.0, 0.25])
def test_ten_thousand_images_wherever_one_scrolls(page, outer, part):
    outer.locator(".gallery-list").evaluate(
        "(list, part) => { list.scrollTop = part * (list.scrollHeight - list.clientHeight); }", part
    )
    page.wait_for_timeout(100)  # the tiles follow a frame later
    loaded(page)
    tiles = outer.locator(".gallery-tile")
    positions = tiles.evaluate_all("all => all.map((tile) => Number(tile.dataset.position))")
    assert len(positions) < 100
    assert min(positions) <= part * 9999 <= max(positions)
    # Each tile shows what belongs at its place.
    for position in (min(positions), max(positions)):
        assert tile(outer, position).get_attribute("aria-label").endswith(f"image {position}")
        assert tile(outer, position).get_attribute("aria-setsize") == "10000"
    if part == 0.5:
        shot(page, "kit_gallery_middle")


def test_addresses_of_pictures_far_away_are_given_back(page, outer):
    scroll = outer.locator(".gallery-list")
    for part in range(10):
        scroll.evaluate("(list, part) => { list.scrollTop = part * 2500; }", part)
        page.wait_for_timeout(100)
        loaded(page)
    assert 0 < page.evaluate("window.live") <= 60 * 2 * (2 * 4 + 3)  # of both galleries
    assert page.evaluate("window.made") > page.evaluate("window.live")


def test_the_keyboard_reaches_and_chooses(page, outer):
    scroll = outer.locator(".gallery-list")
    columns = outer.evaluate(
        """root => [...root.querySelectorAll('.gallery-tile')]
                      .filter((tile) => tile.style.top === '8px').length"""
    )
    assert columns > 3
    scroll.focus()
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    chosen = columns + 1
    said(page, ".heard", f"focus {chosen}")
    assert tile(outer, chosen).get_attribute("aria-selected") == "true"
    active = scroll.get_attribute("aria-activedescendant")
    assert tile(outer, chosen).get_attribute("id") == active
    assert page.locator(".gallery-card").count() == 1
    shot(page, "kit_gallery_keys")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # there is nothing further
    loaded(page)
    page.keyboard.press("Space")
    said(page, ".heard", "focus 9999")
    assert outer.locator("[aria-selected=true]").count() == 1
    page.keyboard.press("PageUp")
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('.heard').textContent.endsWith(' 9999')")
    assert 9000 < int(page.locator(".heard").text_content().removeprefix("focus ")) < 9999
    # JupyterLab's own keys stay out: b would insert a cell, d d delete one.
    cells = page.locator(".jp-Cell").count()
    for key in "bdda":
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells
    page.keyboard.press("Escape")
    assert page.locator(".gallery-card").count() == 0
    assert not scroll.evaluate("list => list === document.activeElement")


def test_a_click_chooses_and_the_pointer_opens_the_detail(page, outer):
    shift = outer.bounding_box()
    tile(outer, 7).hover()
    card = page.locator(".gallery-card")
    assert card.inner_text().split("\n")[-1] == "image 7"
    assert card.locator("img").evaluate("picture => picture.naturalWidth") == 168
    shot(page, "kit_gallery_hover")
    tile(outer, 7).click()
    said(page, ".heard", "focus 7")
    assert tile(outer, 7).get_attribute("aria-selected") == "true"
    page.mouse.move(5, 5)
    assert card.count() == 0
    assert outer.bounding_box() == shift


def test_the_detail_leaves_when_the_page_is_scrolled(page, outer):
    page.mouse.move(5, 5)
    outer.locator(".gallery-list").focus()
    page.keyboard.press("Home")
    assert page.locator(".gallery-card").count() == 1
    page.locator(".large").scroll_into_view_if_needed()
    page.wait_for_function("!document.querySelector('.gallery-card')")


def test_what_people_write_is_shown_as_text(page, outer):
    expected = ["<img src=x onerror=alert(1)>", "it's \"quoted\" & <b>bold</b>", "x" * 500,
                "صورة بحر وسماء", "two\nlines"]  # fmt: skip
    width = tile(outer, 0).bounding_box()["width"]
    for position, caption in enumerate(expected):
        assert tile(outer, position).locator(".gallery-caption").text_content() == caption
        assert tile(outer, position).bounding_box()["width"] == width
    tile(outer, 2).hover()
    card = page.locator(".gallery-card").bounding_box()
    assert (card["width"], card["height"] < 400) == (2 * 84 + 18, True)
    assert page.locator("img[src=x]").count() == 0
    assert (page.dialogs, page.errors) == ([], [])


def test_an_image_that_cannot_be_read_is_a_tile_of_its_own(page, outer):
    outer.locator(".gallery-list").evaluate("list => { list.scrollTop = 1300; }")
    tile(outer, 77).locator(".gallery-broken").wait_for()
    assert tile(outer, 77).locator(".gallery-caption").text_content() == (
        "image 77: photos/77.jpg: image file is truncated"
    )
    tile(outer, 77).hover()
    shot(page, "kit_gallery_broken")


def test_a_hidden_gallery_comes_to_life_and_shares_the_selection(page, outer):
    inside = page.locator(".inside")
    if not inside.is_visible():
        page.get_by_role("tab", name="pictures").click()
    tile(inside, 3).locator("img").wait_for()
    tile(inside, 3).click()
    said(page, ".heard", "focus 3")
    page.wait_for_function(
        "() => document.querySelector(\".outer [data-position='3'][aria-selected=true]\")"
    )
    outer.locator(".gallery-list").evaluate("list => { list.scrollTop = 50000; }")
    page.wait_for_timeout(100)
    tile(inside, 12).click()  # far away in the other, which goes there
    page.wait_for_function(
        "() => document.querySelector(\".outer [data-position='12'][aria-selected=true]\")"
    )
    shot(page, "kit_gallery_tab")


def test_a_hidden_grid_comes_to_life_as_a_square(page):
    page.get_by_role("tab", name="pairs").click()
    page.locator(".square .grid-picture >> nth=9").wait_for()
    sizes = page.locator(".square canvas:not(.grid-ramp)").evaluate_all(
        "all => all.map((one) => [one.width, one.height, one.clientWidth, one.clientHeight])"
    )
    assert sizes == [[300, 300, 300, 300]] * 2
    page.get_by_role("tab", name="pairs").scroll_into_view_if_needed()
    shot(page, "kit_grid_tab")
    page.get_by_role("tab", name="pictures").click()


def test_what_python_shows_next_takes_its_place(page):
    inside = page.locator(".inside")
    if not inside.is_visible():
        page.get_by_role("tab", name="pictures").click()
    scroll = inside.locator(".gallery-list")
    scroll.evaluate("list => { list.scrollTop = 3000; }")
    page.get_by_role("button", name="show three").click()
    tile(inside, 2).locator("img").wait_for()
    labels = inside.locator("[role=option]").evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert labels == ["5", "image 77: photos/77.jpg: image file is truncated", "9"]
    assert scroll.evaluate("list => list.scrollTop") == 0
    assert scroll.get_attribute("aria-label") == "Three images"
    tile(inside, 2).click()
    said(page, ".heard", "focus 9")
    page.get_by_role("button", name="show all").click()
    tile(inside, 12).locator("img").wait_for()


def test_an_empty_gallery_says_so(page):
    empty = page.locator(".empty")
    empty.scroll_into_view_if_needed()
    assert [line for line in empty.inner_text().split("\n") if line] == [
        "No image voted for zebra",
        "No images",
    ]


def test_a_click_in_the_grid_picks_the_pair(page):
    grid = page.locator(".small")
    grid.scroll_into_view_if_needed()
    over = grid.locator(".grid-over")
    step = over.bounding_box()["width"] / 24
    over.click(position={"x": 5.5 * step, "y": 2.5 * step})
    said(page, ".pair", "cell (2, 5)")
    said(page, ".small .grid-reading", "Images 2 and 5: S = 0.709076")
    card = page.locator(".grid-card")
    assert card.inner_text().split("\n")[-1] == "S = 0.71"
    assert card.locator(".grid-large").count() == 2
    over.hover(position={"x": 10.5 * step, "y": 5.5 * step})
    assert "<img src=x onerror=alert(1)>" in card.inner_text()
    shot(page, "kit_grid_small")
    over.hover(position={"x": 5.5 * step, "y": 3.5 * step})
    assert card.inner_text().split("\n")[-1] == "S = no number"
    page.mouse.move(5, 5)
    assert card.count() == 0
    pictures = grid.locator(".grid-picture")
    assert pictures.count() == 48
    backgrounds = pictures.evaluate_all("all => all.map((one) => one.style.backgroundImage)")
    assert all(background.startswith('url("data:image/jpeg') for background in backgrounds)
    assert (page.dialogs, page.errors) == ([], [])


def test_python_moves_the_mark(page):
    """The mark is a white frame on the canvas above the numbers."""
    frame = """() => {
        const over = document.querySelector('.small .grid-over');
        const at = (position) => Math.round(position / 24 * over.width);
        const corner = over.getContext('2d').getImageData(at(16), at(7), 1, 1);
        return [...corner.data];
    }"""
    assert page.evaluate(frame)[3] == 0
    page.get_by_role("button", name="move the mark").click()
    said(page, ".pair", "cell (7, 16)")
    page.mouse.move(5, 5)
    page.wait_for_timeout(100)  # drawn a frame later
    assert page.evaluate(frame) == [255, 255, 255, 255]


def test_arrows_move_over_the_grid_and_enter_picks(page):
    grid = page.locator(".small .grid")
    grid.scroll_into_view_if_needed()
    page.locator(".small .grid-over").click(position={"x": 1, "y": 1})
    said(page, ".pair", "cell (0, 0)")
    page.mouse.move(5, 5)
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    assert "Row 3, boats, image 2; column 2" in page.locator(".small .uhscm-spoken").text_content()
    said(page, ".pair", "cell (0, 0)")
    page.keyboard.press("Enter")
    said(page, ".pair", "cell (2, 1)")
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    page.keyboard.press("Space")
    said(page, ".pair", "cell (12, 23)")
    shot(page, "kit_grid_keys")
    page.keyboard.press("Escape")
    assert page.locator(".grid-card").count() == 0


def test_a_grid_of_four_hundred_shows_the_pictures_one_is_at(page):
    large = page.locator(".large")
    large.scroll_into_view_if_needed()
    large.locator(".grid-over").hover(position={"x": 300, "y": 20})
    page.wait_for_function(
        """() => [...document.querySelectorAll('.large .grid-picture')]
                   .filter((one) => one.style.backgroundImage).length === 2"""
    )
    page.wait_for_function(
        """() => [...document.querySelectorAll('.grid-card .grid-large')]
                   .every((one) => one.style.backgroundImage)"""
    )
    shot(page, "kit_grid_large")
    page.mouse.move(5, 5)


def test_no_room_is_kept_for_names_that_are_not_shown(page):
    page.locator(".alone canvas").first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.alone .grid-over').clientWidth === 300")
    assert page.locator(".alone .grid-name").count() == 0
    starts = page.locator(".alone .grid-over").evaluate("e => [e.offsetLeft, e.offsetTop]")
    assert starts == [0, 0]


def test_the_grid_follows_the_theme(page):
    neutral = """() => {
        const ramp = document.querySelector('.large .grid-ramp');
        return [...ramp.getContext('2d').getImageData(128, 0, 1, 1).data];
    }"""
    light = page.evaluate(neutral)
    set_theme(page, "dark")
    page.wait_for_timeout(300)
    assert sum(page.evaluate(neutral)[:3]) != pytest.approx(sum(light[:3]), abs=300)
    set_theme(page, "light")
    page.wait_for_timeout(300)
    assert page.evaluate(neutral) == light


@pytest.fixture
def upload(page):
    place = page.locator(".upload")
    place.scroll_into_view_if_needed()
    return place


def test_a_file_is_made_small_and_reaches_python(page, upload, tmp_path):
    Image.new("RGB", (1000, 500), (255, 0, 0)).save(tmp_path / "red.png")
    upload.locator("input").set_input_files(tmp_path / "red.png")
    said(page, ".said", "red.png (512, 256) (255, 0, 0)")
    shot(page, "kit_upload")
    Image.new("RGBA", (7, 5), (0, 0, 0, 0)).save(tmp_path / "<b> clear.png")
    upload.locator("input").set_input_files(tmp_path / "<b> clear.png")
    said(page, ".said", "<b> clear.png (7, 5) (255, 255, 255)")
    said(page, ".upload-line", "<b> clear.png, 7 × 5 pixels")


def test_a_text_called_jpg_is_refused_with_a_sentence(page, upload, tmp_path):
    (tmp_path / "notes.jpg").write_text("not an image")
    upload.locator("input").set_input_files(tmp_path / "notes.jpg")
    reason = "notes.jpg: not an image this browser can read"
    said(page, ".said", f"error: {reason}")
    said(page, ".upload-line", reason)
    shot(page, "kit_upload_refused")


GIVE = """async ([kind, name, size]) => {
    const canvas = new OffscreenCanvas(3, 2);
    canvas.getContext('2d').fillRect(0, 0, 3, 2);
    const image = await canvas.convertToBlob();
    const data = new DataTransfer();
    if (name) data.items.add(new File([size ? new Uint8Array(size) : image], name));
    const event = kind === 'drop'
        ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
    document.querySelector('.upload-hint').dispatchEvent(event);
}"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["drop", "dropped.png", 0], "dropped.png (3, 2) (0, 0, 0)"),
        (["paste", "image.png", 0], "image.png (3, 2) (0, 0, 0)"),
        (["paste", "", 0], "error: the clipboard: it holds no image"),
        (["drop", "film.mov", 51_000_000], "error: film.mov: 51 MB; files up to 50 MB are read"),
    ],
)
def test_drops_and_pastes(page, upload, given, expected):
    page.evaluate(GIVE, given)
    said(page, ".said", expected)


def test_a_view_that_is_gone_leaves_nothing(page):
    tile(page.locator(".outer"), 0).hover()
    clear_outputs(page)
    page.wait_for_function("document.querySelectorAll('.gallery, .grid, .upload').length === 0")
    page.wait_for_function("window.live === 0")
    assert page.locator(".uhscm-card").count() == 0
    assert (page.dialogs, page.errors) == ([], [])
    run_all(page, "light", page.cells)  # for the other tests
    page.wait_for_selector(".upload-button")
