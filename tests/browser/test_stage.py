"""The frame around an explorer in a real JupyterLab: what fits the window, its size, the wheel."""

from __future__ import annotations

import pytest
from PIL import Image

from benchmarks.stage import (
    CASES,
    LARGER,
    NAMES_CUT,
    WINDOWS,
    cut,
    measured_in,
    tabs_of_workbench,
)
from scripts.lab import settle
from tests.browser.pages import STUDY, explorer, opened, shot, until

ROOM = """() => {
    const root = document.querySelector('.uhscm-explorer');
    const page = root.closest('.jp-WindowedPanel-outer');
    return { needed: root.getBoundingClientRect().height, there: page.clientHeight };
}"""
TEXTS = """() => [...document.querySelectorAll('.uhscm-explorer svg text')]
    .filter((text) => text.checkVisibility())
    .map((text) => {
        const { a, b } = text.getScreenCTM();  // some text is turned
        return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
    })"""
CUT = """root => [...root.querySelectorAll('button, label:not(.unseen)')]
    .filter((part) => part.checkVisibility())
    .filter((part) => {
        const words = document.createRange();
        words.selectNodeContents(part);
        const room = part.getBoundingClientRect().right
            - parseFloat(getComputedStyle(part).paddingRight);
        return words.getBoundingClientRect().right > room + 0.1;  // less is cut already
    })
    .map((part) => part.textContent)"""
# Counts in window.asked who asks a chart for its size, for which a browser lays out the page.
COUNT_ASKED = """() => {
    const { get } = Object.getOwnPropertyDescriptor(Element.prototype, 'clientWidth');
    window.asked = 0;
    Object.defineProperty(Element.prototype, 'clientWidth', { configurable: true, get() {
        window.asked += this instanceof SVGElement;
        return get.call(this);
    } });
}"""
# Boxes that can scroll, and views that do though they are no list.
SCROLLING = """root => [...root.querySelectorAll('*')]
    .filter((e) => e.checkVisibility() && (e.matches('.widget-box, .widget-tab-contents')
        ? getComputedStyle(e).overflowY !== 'visible'
        : ['auto', 'scroll'].includes(getComputedStyle(e).overflowY)
            && e.scrollHeight > e.clientHeight
            && !e.closest('.gallery-list, .scroll, .rows, textarea, .uhscm-table, .log')))
    .map((e) => e.className)"""
LINES = """root => [...root.querySelectorAll('.uhscm-settings .widget-label')]
    .filter((label) => label.checkVisibility())
    .map((label) => {
        const words = document.createRange();
        words.selectNodeContents(label);
        const tops = [...words.getClientRects()].map(({ top }) => Math.round(top));
        return [new Set(tops).size, label.textContent];
    })
    .filter(([lines]) => lines > 3)"""
BEYOND = """root => {
    const { right } = root.getBoundingClientRect();
    return [...root.querySelectorAll('*')]
        .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > right + 1)
        .filter((e) => !e.closest('.gallery-strip'))  // a shelf is longer than its room
        .map((e) => [e.tagName, String(e.className.baseVal ?? e.className)]);
}"""
# What the keyboard is at, in words.
FOCUSED = """() => {
    const { activeElement: at } = document;
    return `${at.getAttribute('aria-label') ?? ''} ${at.textContent}`;
}"""
COLUMNS = ".uhscm-together:visible > .widget-box"
# With the text of A+ pressed twice, and then with that of other tests again.
SMALL = [
    *(window for window in LARGER if window.larger == 2),
    *(window for window in WINDOWS if window.width < 1280),
]
# The stops of Tab in the order of the page, and which of them lie before one that the page has
# earlier: above it, or at its left in the same row.
ASTRAY = """root => {
    // The threshold of bars is the stop after them, as a click on a bar leaves the keyboard there.
    const stops = [...root.querySelectorAll('*')].filter((e) => e.tabIndex >= 0
        && !e.matches('.uhscm-bars .handle')
        && !e.disabled && e.checkVisibility({ visibilityProperty: true })
        && e.getBoundingClientRect().width > 1);
    const boxes = stops.map((e) => e.getBoundingClientRect());
    const over = (a, b, c, d) => Math.min(b, d) - Math.max(a, c) > 2;
    const before = (a, b) => over(a.top, a.bottom, b.top, b.bottom)
        ? a.right <= b.left + 2
        : a.bottom <= b.top + 2 && over(a.left, a.right, b.left, b.right);
    const name = (e) => e.getAttribute('aria-label') || e.textContent.slice(0, 30) || e.className;
    const found = [];
    for (let i = 0; i < stops.length; i++) {
        for (let j = i + 1; j < stops.length; j++) {
            if (stops[i].contains(stops[j]) || !before(boxes[j], boxes[i])) continue;
            found.push([name(stops[j]), 'is read before', name(stops[i])]);
        }
    }
    return { stops: stops.length, found };
}"""
# By how much each list of rankings is too narrow for a name; its arrow takes 20 pixels.
SHORT = """name => [...document.querySelectorAll('.uhscm-explorer select')]
    .filter((list) => list.checkVisibility())
    .map((list) => {
        const pen = document.createElement('canvas').getContext('2d');
        pen.font = getComputedStyle(list).font;
        return pen.measureText(name).width + 20 - list.clientWidth;
    })
    .filter((short) => short > 0)"""
# Explorers of tabs that were open before are marked, see LEAVE.
SHOWN = """() => [...document.querySelectorAll('.uhscm-explorer:not(.left)')].some(
    (e) => e.checkVisibility() && e.offsetHeight > 300)"""
LEAVE = "bench => bench.querySelectorAll('.uhscm-explorer').forEach((e) => e.classList.add('left'))"
FITS = """() => {
    const bench = document.querySelector('.uhscm-workbench');
    const page = bench.closest('.jp-WindowedPanel-outer');
    return bench.getBoundingClientRect().height <= page.clientHeight;
}"""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    cells = (STUDY, "w.RetrievalExplorer(study)")
    with opened(browser, lab, cells, width=1280, height=720) as page:
        until(page, "images on .* shelves")
        page.locator(".gallery-shelf img").first.wait_for()
        explorer(page)
        yield page


def test_an_explorer_takes_the_height_of_its_window(page):
    for height in (720, 900):
        page.set_viewport_size({"width": 1280, "height": height})
        page.wait_for_function(f"({ROOM})().needed > {height} - 150")
        settle(page)
        room = page.evaluate(ROOM)
        assert room["needed"] <= room["there"]
    page.set_viewport_size({"width": 1280, "height": 720})
    shot(page, "stage_fitted")


@pytest.fixture(scope="module")
def unused_explorers(browser, lab, saved_study):
    """A page with all explorers, before their gestures if the tests run in their order."""
    photos = lab.root / "photos"
    photos.mkdir(exist_ok=True)
    for i in range(30):
        Image.effect_noise((64, 64), 20 + i).save(photos / f"{i}.png")
    code = [case.code.format(photos=str(photos)) for case in CASES.values()]
    with opened(browser, lab, (STUDY, *code), width=1280, height=720) as page:
        for at in range(len(CASES)):
            explorer(page, at).locator(".uhscm-head .busy:empty").wait_for(state="attached")
        yield page


@pytest.fixture(scope="module")
def all_explorers(unused_explorers):
    """The same page, each explorer after its gesture."""
    for at, case in enumerate(CASES.values()):
        case.act(explorer(unused_explorers, at))
        unused_explorers.mouse.move(3, 3)
    return unused_explorers


def of_kind(page, kind):
    """The explorer of this class, in sight."""
    return explorer(page, next(at for at, name in enumerate(CASES) if kind in name))


@pytest.mark.parametrize("kind", ["DistributionExplorer", "TrainingExplorer"])
def test_words_on_buttons_and_in_front_of_controls_are_whole(unused_explorers, kind):
    root = of_kind(unused_explorers, kind)
    until(root, "by concepts|[Pp]ress Start")
    shot(unused_explorers, f"stage_words_{kind}")
    assert root.evaluate(CUT) == []


def test_no_box_around_a_heatmap_or_a_map_scrolls(unused_explorers):
    heatmaps = of_kind(unused_explorers, "DistributionExplorer")
    heatmaps.get_by_role("tab", name="Heatmap").click()
    heatmaps.locator(".grid canvas:visible").first.wait_for()
    assert heatmaps.evaluate(SCROLLING) == []
    around = of_kind(unused_explorers, "MapExplorer")
    around.locator(".map canvas:visible").first.wait_for()
    assert around.evaluate(SCROLLING) == []


def test_training_stays_within_a_narrow_window_and_says_each_setting_in_three_lines(
    unused_explorers,
):
    training = of_kind(unused_explorers, "TrainingExplorer")
    training.get_by_role("button", name="More settings").click()
    training.locator(".widget-label:visible", has_text="where it runs").wait_for()
    shot(unused_explorers, "stage_settings")
    assert training.evaluate(LINES) == []
    unused_explorers.set_viewport_size({"width": 800, "height": 720})
    settle(unused_explorers)
    shot(unused_explorers, "stage_settings_narrow")
    assert training.evaluate(BEYOND) == []
    training.get_by_role("button", name="Fewer settings").click()
    training.locator(".widget-label:visible", has_text="where it runs").wait_for(state="hidden")
    unused_explorers.set_viewport_size({"width": 1280, "height": 720})


# A page of many explorers takes seconds to follow its window, so that one window after another has
# all of them.
@pytest.mark.parametrize("at", range(len(CASES)), ids=list(CASES))
@pytest.mark.parametrize("window", SMALL, ids=lambda window: window.name)
def test_little_room_shows_what_is_used_together_and_the_rest_below(all_explorers, at, window):
    name, case = list(CASES.items())[at]
    root = explorer(all_explorers, at)
    measured = measured_in(root, window)
    shot(all_explorers, f"stage_small_{name.split()[0].lower()}_{window.width}_{window.larger}")
    assert cut(root, case, measured) == []
    assert root.evaluate(NAMES_CUT) == []
    assert root.evaluate(BEYOND) == []
    columns = sorted(root.locator(COLUMNS).all(), key=top)
    if columns and window.width == 800:  # else there may be room for both next to each other
        assert top(columns[-1]) - top(columns[0]) > 50


@pytest.mark.parametrize("at", range(len(CASES)), ids=list(CASES))
@pytest.mark.parametrize("width", [1280, 1024, 800])
def test_tab_goes_the_way_that_the_eye_reads(all_explorers, at, width):
    all_explorers.set_viewport_size({"width": width, "height": 720})
    root = explorer(all_explorers, at)
    settle(all_explorers)
    told = root.evaluate(ASTRAY)
    assert told["stops"] > 5
    assert told["found"] == []


def test_tab_reaches_the_query_before_the_results(all_explorers):
    at = next(i for i, name in enumerate(CASES) if name.startswith("Retrieve"))
    query = "Choose a query"
    for width, wanted in (
        (1280, [query, "Why near", "Click a result"]),
        (800, ["Click a result", "Why near", query]),
    ):
        all_explorers.set_viewport_size({"width": width, "height": 720})
        root = explorer(all_explorers, at)
        settle(all_explorers)
        root.get_by_placeholder("ask by text").focus()
        met = []
        for _ in range(40):
            all_explorers.keyboard.press("Tab")
            said = all_explorers.evaluate(FOCUSED)
            met += [words for words in wanted if words in said and words not in met]
        assert met == wanted, width


def top(part):
    return part.bounding_box()["y"]


def end(part):
    box = part.bounding_box()
    return box["y"] + box["height"]


def test_text_on_axes_has_11_pixels_or_more(page):
    page.get_by_role("tab", name="Radius").click()
    page.locator(".uhscm-radius svg text").first.wait_for()
    sizes = page.evaluate(TEXTS)
    assert len(sizes) > 4
    assert min(sizes) >= 10.9  # charts have whole pixels
    page.get_by_role("tab", name="Why near").click()


def test_a_chart_that_is_drawn_again_asks_for_no_size(page):
    page.get_by_role("tab", name="Radius").click()
    page.locator(".uhscm-radius input").focus()
    settle(page)  # it has the size of its tab
    page.evaluate(COUNT_ASKED)
    before = page.locator(".uhscm-radius .reading").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        f"document.querySelector('.uhscm-radius .reading').textContent !== {before!r}"
    )
    assert page.evaluate("window.asked") == 0
    page.get_by_role("tab", name="Why near").click()


def test_one_control_enlarges_text_and_pictures_and_is_remembered(page):
    picture = page.locator(".gallery-shelf img").first
    before = picture.bounding_box()["width"]
    page.get_by_role("button", name="Larger text and pictures").click()
    page.wait_for_function(
        f"document.querySelector('.gallery-shelf img').getBoundingClientRect().width > {before}"
    )
    assert picture.bounding_box()["width"] == pytest.approx(1.15 * before, rel=0.02)
    assert page.evaluate("localStorage.getItem('uhscm-size')") == "1.15"
    # What the pointer is at is found all the same.
    tile = page.locator(".gallery-shelf .gallery-tile").nth(1)
    tile.scroll_into_view_if_needed()
    page.mouse.move(3, 3)
    settle(page)  # the tiles have found their places; a scroll closes the detail
    tile.hover()
    page.locator(".gallery-card").wait_for()
    card = page.locator(".gallery-card").bounding_box()
    box = tile.bounding_box()
    assert card["x"] >= box["x"] + box["width"] or card["x"] + card["width"] <= box["x"]
    page.get_by_role("button", name="Smaller text and pictures").click()
    page.wait_for_function("localStorage.getItem('uhscm-size') === '1'")
    page.mouse.move(3, 3)


def test_a_wheel_at_the_end_of_the_shelves_moves_the_page(page):
    shelves = page.locator(".gallery-list.shelves")
    box = shelves.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shelves.evaluate("list => { list.scrollTop = 0; }")
    place = "document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    before = page.evaluate(place)
    assert before > 0
    page.mouse.wheel(0, -120)
    page.wait_for_function(f"{place} < {before}")
    explorer(page)
    page.mouse.move(3, 3)


def test_no_box_of_an_explorer_scrolls(page):
    assert page.locator(".uhscm-explorer").evaluate(SCROLLING) == []


def test_a_name_is_cut_in_its_middle(page):
    caption = page.locator(".gallery-shelf .gallery-caption").first
    name = caption.text_content().partition("\n")[0]
    assert name.startswith("postcard ")
    end = caption.locator("span").nth(1)
    assert name.endswith(end.text_content())
    assert end.text_content().isdigit()
    inside, box = end.bounding_box(), caption.bounding_box()
    assert inside["x"] + inside["width"] <= box["x"] + box["width"] + 0.5


def test_each_tab_of_a_workbench_fits_its_window(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, "w.Workbench(study)"), width=1280, height=720) as page:
        tabs = tabs_of_workbench(page)
        bench = page.locator(".uhscm-workbench")
        page.locator(".gallery-tile img").first.wait_for()
        for tab in range(tabs.count()):
            name = tabs.nth(tab).text_content()
            if tab:  # the first is open
                bench.evaluate(LEAVE)
            tabs.nth(tab).click()
            page.wait_for_function(SHOWN)
            root = page.locator(".uhscm-explorer:visible").first
            case = next(case for of, case in CASES.items() if of.startswith(name))
            acts = name in ("Similarity", "Train", "Retrieve", "Compare")
            if acts:
                case.act(root)
                page.mouse.move(3, 3)
            bench.evaluate("box => box.scrollIntoView()")
            page.wait_for_timeout(2000)  # until charts and pictures have followed
            shot(page, f"stage_tab_{name.lower()}")
            assert page.evaluate(FITS), name
            if name == "Train":
                row = page.locator(".uhscm-pinned .gallery-list >> nth=1")
                assert end(row.locator(".gallery-tile").first) <= end(row)
            for window in SMALL if acts else ():
                measured = measured_in(bench, window)
                shot(page, f"stage_tab_{name.lower()}_{window.width}_{window.larger}")
                assert cut(root, case, measured) == [], (name, window)
                assert bench.evaluate(NAMES_CUT) == [], (name, window)
            page.set_viewport_size({"width": 1280, "height": 720})
            if name == "Compare":
                settle(page)
                assert page.evaluate(SHORT, "k-means + OrthoHash, 64 bits") == []
                page.get_by_role("tab", name="Bench").click()
                page.get_by_label("Seeds per setting").wait_for()
                settle(page)  # it has the size of its tab
                shot(page, "stage_tab_bench")
                assert page.evaluate(FITS), "Bench"


def test_a_map_keeps_its_names_in_the_window_with_larger_text(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, "w.Workbench(study)"), width=1280, height=720) as page:
        bench = page.locator(".uhscm-workbench")
        tabs_of_workbench(page).get_by_text("Map", exact=True).click()
        page.locator(".map-group:visible").first.wait_for()
        window = next(window for window in LARGER if window.larger == 2)
        measured = measured_in(bench, window)
        shot(page, "stage_map_larger")
        assert page.locator(".map-count:visible").count() == 0  # they take a row
        assert end(page.locator(".map-legend:visible")) <= measured["bottom"]


def test_a_row_of_photos_is_whole_next_to_many_skipped_files(browser, lab):
    folder = lab.root / "partly broken"
    folder.mkdir(exist_ok=True)
    for i in range(12):
        Image.effect_noise((64, 64), 20 + i).save(folder / f"{i}.png")
        (folder / f"broken {i}.jpg").write_bytes(b"no image")
    code = f"w.Workbench({str(folder)!r})"
    with opened(browser, lab, ("import widgets as w", code), width=1280, height=720) as page:
        page.locator(".uhscm-table td").first.wait_for()
        row = page.locator(".gallery-list:visible").first
        row.locator("img").first.wait_for()
        page.wait_for_timeout(1000)  # until it has the room that the table leaves
        shot(page, "stage_skipped")
        assert end(row.locator(".gallery-tile").first) <= end(row)
