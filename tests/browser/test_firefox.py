"""Firefox: what went wrong there and not in Chromium, and each tab of the workbench.

Firefox is driven by the protocol that it speaks itself, see firefox.py.
"""

from __future__ import annotations

import time

import pytest

from tests.browser.firefox import find_firefox, firefox, opened, set_theme
from tests.browser.pages import SCREENSHOTS, STUDY

# Each tab of the workbench and what it is there to show.
VIEWS = {
    "Photos": ".gallery-tile img",
    "Concepts": ".uhscm-bars .row .bar",
    "Similarity": ".grid canvas",
    "Train": ".uhscm-curves svg",
    "Retrieve": ".gallery-shelf img",
    "Compare": ".gallery-tile img",
    "Map": ".map canvas",
    "Duplicates": ".gallery-tile img",
}
TEXTS = ("boats by a castle", "a red tree", "snow on a tower")
TABS = "document.querySelector('.uhscm-workbench > .jupyter-widget-tab > .lm-TabBar')"
FOCUS = "document.activeElement"
ROW = f"document.getElementById({FOCUS}.getAttribute('aria-activedescendant'))?.ariaLabel"
SENTENCES = """[...document.querySelectorAll('.uhscm-explorer .uhscm-status .sentence')]
    .filter((e) => e.checkVisibility()).map((e) => e.textContent).join()"""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def path():
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    found = find_firefox()
    if found is None:
        pytest.skip("Firefox is not installed (Debian: apt-get install firefox-esr)")
    return found


@pytest.fixture(scope="module")
def page(path, lab, saved_study, tmp_path_factory):
    with firefox(path, tmp_path_factory.mktemp("profile")) as page:
        page.resize(1280, 720)
        with opened(page, lab, [STUDY, "bench = w.Workbench(study)\nbench"], "firefox"):
            yield page


def seen(selector):
    """The first element of a kind that is in view, in JavaScript."""
    return f"[...document.querySelectorAll('{selector}')].find((e) => e.checkVisibility())"


def turn(page, tab):
    """Click a tab, and wait until it shows what it is there for."""
    page.until(f"Boolean({TABS})")
    page.click(f"[...{TABS}.querySelectorAll('li')].find((e) => e.textContent === '{tab}')")
    page.until(f"{TABS}.querySelector('.lm-mod-current').textContent === '{tab}'")
    page.until(f"Boolean({seen(VIEWS[tab])})")
    page.run("document.querySelector('.uhscm-workbench').scrollIntoView()")


@pytest.mark.parametrize("tab", VIEWS)
def test_each_tab_opens_without_an_error_in_the_console(page, tab):
    for theme in ("Dark", "Light"):
        set_theme(page, theme)
        turn(page, tab)
        time.sleep(1)
        page.shot(SCREENSHOTS / f"firefox_{tab}_{theme.lower()}.png")
    assert page.errors == []


def test_a_text_that_is_typed_fast_is_answered_as_typed(page):
    turn(page, "Retrieve")
    for text in TEXTS:
        page.click(seen(".uhscm-field input[placeholder^=ask]"))
        page.press("a", held="Control")
        page.press(*text, "Enter")
        page.until(f"/^“{text}”, (answered )?by its /.test({SENTENCES})")


def test_what_is_pasted_by_keyboard_without_a_click_reaches_the_box(page):
    """A text, because headless Firefox keeps no image in its clipboard: the box says so."""
    turn(page, "Retrieve")
    page.click(seen(".uhscm-field input[placeholder^=ask]"))
    page.press(*"castle")
    page.press("a", "c", held="Control")
    for _ in range(3):
        page.press("Tab")
        if page.run(f"Boolean({FOCUS}.closest('.upload'))"):
            break
    page.press("v", held="Control")
    page.until(f"{FOCUS}.closest('.upload').textContent.includes('it holds no image')")


def test_after_a_click_on_a_bar_the_arrows_choose_and_tab_leads_to_the_threshold(page):
    turn(page, "Concepts")
    page.click(seen(".uhscm-bars .row:nth-child(8) .name"))
    first = page.until(ROW)
    page.press("Down")
    page.until(f"{ROW} !== {first!r}")
    page.press("Tab")
    assert page.run(f"{FOCUS}.role") == "slider"


def test_the_wheel_next_to_the_threshold_moves_the_bars_and_then_the_page(page):
    turn(page, "Concepts")
    bars = seen(".uhscm-bars .scroll")
    line = seen(".uhscm-bars .threshold")
    x, y = page.run(
        f"""(() => {{
            const [rows, line] = [{bars}, {line}].map((e) => e.getBoundingClientRect());
            return [Math.round(line.left), Math.round(rows.top + rows.height / 2)];
        }})()"""
    )
    page.run(f"({bars}).scrollTop = 60")
    page.wheel(x, y, -60)
    page.until(f"({bars}).scrollTop < 60")
    place = "document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    before = page.run(place)
    page.run(f"({bars}).scrollTop = 0")
    time.sleep(2)  # Firefox sends what follows at once to what scrolled last
    page.wheel(x, y, -120)
    page.until(f"{place} < {before}")


@pytest.mark.parametrize("tab", ["Similarity", "Map"])
def test_every_stop_of_the_tab_key_has_a_name(page, tab):
    turn(page, tab)
    page.run(f"{seen('.uhscm-workbench button')}.focus()")
    stops, nameless = [], []
    for _ in range(150):
        page.press("Tab")
        stop = page.run(f"{FOCUS}.closest('.uhscm-workbench') && {FOCUS}.outerHTML.slice(0, 200)")
        if stop is None:
            break
        stops.append(stop)
        if page.is_nameless():
            nameless.append(stop)
    assert stop is None
    assert len(stops) > 10
    assert nameless == []
