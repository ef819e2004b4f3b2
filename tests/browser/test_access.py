"""Explorers that show results, by keyboard, by ear, and in colors that people set themselves.

And what axe-core finds in them, light and dark.
"""

from __future__ import annotations

import re

import pytest

from scripts.lab import end_kernels, go, set_theme
from tests.browser.pages import ROOT, STUDY, opened, shot, until
from tests.browser.test_theme import CONTRASTS

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SHOWING = """
import dataclasses


def showing(explorer, **changes):
    # What gestures would come to.
    explorer.wait()
    explorer._change("changing", lambda value: dataclasses.replace(value, **changes))
    explorer.wait()
    return explorer
"""
# Each explorer with results, and the pattern of its sentence then.
VIEWS = {
    "DenoisingExplorer": ("w.DenoisingExplorer(study)", "81 concepts, "),
    "DistributionExplorer": ("showing(w.DistributionExplorer(study), pair=(3, 41))", "S"),
    "RetrievalExplorer": ("showing(w.RetrievalExplorer(study), picked=41)", "shelves"),
    "CompareExplorer": ("showing(w.CompareExplorer(study), k=30)", "share"),
    "MapExplorer": ("showing(w.MapExplorer(study), picked=(3, 41, 50))", "3 picked"),
    "TidyExplorer": ("showing(w.TidyExplorer(study), radius=4, group=0, pair=0)", "group"),
    "TrainingExplorer": (
        """
training = w.TrainingExplorer(study)
training.settings.controls["epochs"].value = 3
training.start()
training
""",
        "finished",
    ),
    "Exports": ("w.Exports(study)", "Save"),
    "Workbench": ('bench = w.Workbench(study)\nbench.tab = "Similarity"\nbench', "S = "),
    # The last: the photos of a workbench move to the cell that was run last.
    "PhotosExplorer": ("photos = w.PhotosExplorer()\nphotos.show_study(study)\nphotos", "images"),
}
# What axe says of an element, without what it may not see: other tabs of an explorer are hidden.
FOUND = """async box => {
    const { violations } = await axe.run(box, { resultTypes: ['violations'] });
    return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
        .flatMap(({ id, impact, nodes }) => nodes.map(({ html, failureSummary, any }) =>
            `${impact} ${id}: ${html.slice(0, 300)} ${any.map((c) => c.message).join('; ')}`));
}"""
TEXT, GRAPHICS = 4.5, 3  # least contrasts of WCAG
LUMINANCE = """
    const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const luminance = (color) => {
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
"""
# The colors of bars, lines and marks against the ground of an explorer.
COLORS = f"""() => {{{LUMINANCE}
    const style = getComputedStyle(document.querySelector('.uhscm'));
    const ground = style.getPropertyValue('--ground');
    return Object.fromEntries(['blue', 'sky', 'orange', 'green', 'red', 'grey'].map((name) =>
        [name, contrast(style.getPropertyValue(`--${{name}}`), ground)]));
}}"""
STANDS_OUT = f"""element => {{{LUMINANCE}
    const style = getComputedStyle(element);
    const isDrawn = element instanceof SVGElement;
    const probe = document.createElement('div');
    probe.style.color = 'Canvas';
    document.body.append(probe);
    const canvas = getComputedStyle(probe).color;
    probe.remove();
    const colors = isDrawn ? [style.stroke] : [style.backgroundColor, style.borderTopColor];
    return colors.some((color) => !/^rgba.*, 0[)]$/.test(color) && contrast(color, canvas) >= 3);
}}"""
GREY = """part => {
    for (let e = part; e; e = e.parentElement) {
        const { opacity, pointerEvents } = getComputedStyle(e);
        if (opacity === '0.4') return pointerEvents === 'none';
    }
}"""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    cells = (STUDY + SHOWING, *(cell for cell, _ in VIEWS.values()))
    with opened(browser, lab, cells, width=1280) as page:
        for view, (_, said) in VIEWS.items():
            until(output(page, view), said, 180_000)
            open_what_is_folded(output(page, view))
        yield page


@pytest.fixture(scope="module")
def axe(page):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm install")
    page.evaluate(AXE.read_text(encoding="utf-8"))


def open_what_is_folded(box):
    """Press the buttons that show more controls."""
    folded = box.locator(".widget-toggle-button:visible:not(.mod-active):has(.fa-caret-right)")
    while left := folded.count():
        folded.first.click()
        for _ in range(100):
            if folded.count() != left:
                break
            box.page.wait_for_timeout(100)


def output(page, view):
    """What a cell shows, in sight."""
    box = page.locator(".jp-CodeCell").nth(1 + list(VIEWS).index(view))
    box = box.locator(".jp-OutputArea-output").first
    box.evaluate("box => box.scrollIntoView()")
    return box


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("axe")
def test_axe_finds_nothing_serious_in_any_tab(page, view, theme):
    set_theme(page, theme)
    box = output(page, view)
    found = set(box.evaluate(FOUND))
    tabs = box.locator(".lm-TabBar-tab:visible")
    for tab in reversed(tabs.all()) if view != "Workbench" else ():  # its tabs are the others
        tab.click()
        page.wait_for_timeout(200)
        open_what_is_folded(box)
        found |= set(box.evaluate(FOUND))
    assert sorted(found) == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_graphics_stand_out_from_their_ground(page, view, theme):
    set_theme(page, theme)
    found = output(page, view).evaluate(CONTRASTS)
    assert [(ratio, text) for ratio, _, text in found if ratio < TEXT] == []
    assert {name: r for name, r in page.evaluate(COLORS).items() if r < GRAPHICS} == {}


def active(page):
    """What a screen reader says of the row that the keyboard is at."""
    return page.evaluate(
        """() => document.getElementById(
            document.activeElement.getAttribute('aria-activedescendant')).ariaLabel"""
    )


def test_after_a_click_on_a_bar_the_arrows_choose_and_tab_leads_to_the_threshold(page):
    bars = output(page, "DenoisingExplorer").locator(".uhscm-bars").first
    name = bars.locator(".row .name").nth(8)  # in sight, wherever the list is scrolled to
    chosen = name.inner_text()
    name.click(delay=200)  # as slow as a hand: nothing may be drawn again before the button is up
    first = active(page)
    assert first.startswith(f"{chosen}: ")
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "said => document.getElementById(document.activeElement.getAttribute("
        "'aria-activedescendant')).ariaLabel !== said",
        arg=first,
    )
    assert active(page).endswith((", kept", ", dropped"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.role") == "slider"


def test_arrows_in_curves_histograms_and_tables_are_heard(page):
    training = output(page, "TrainingExplorer")
    for part, said in ((".uhscm-curves", r"^epoch [\d.]+: .*\d"), (".uhscm-histogram", r": .*%$")):
        training.get_by_role("tab", name="Curves" if "curves" in part else "Codes").click()
        chart = training.locator(f"{part}:visible").first
        chart.focus()
        page.keyboard.press("ArrowLeft")
        spoken = chart.locator("[aria-live=polite]")
        page.wait_for_function("e => e.textContent", arg=spoken.element_handle())
        assert re.search(said, spoken.text_content())
        assert spoken.bounding_box()["height"] <= 1
    table = output(page, "CompareExplorer").get_by_role("grid").first
    table.focus()
    page.keyboard.press("End")
    last = table.get_by_role("row").last
    page.wait_for_function(
        "([table, row]) => table.getAttribute('aria-activedescendant') === row.id",
        arg=[table.element_handle(), last.element_handle()],
    )


def test_the_headline_is_seen_and_what_is_heard_is_said_apart(page):
    for line in page.locator(".uhscm-status").all():
        heard = line.locator("[aria-live=polite]")
        assert heard.count() == 1
        assert heard.text_content() == line.locator(".sentence").text_content()
        assert not line.locator("[aria-live] .sentence").count()


def test_what_the_pointer_hits_is_large_enough(page):
    small = page.evaluate(
        """() => [...document.querySelectorAll(
            ':is(.uhscm-explorer, .uhscm-workbench, .uhscm-exports) :is(' +
            'button, [role=slider], [role=option], tr.row, .uhscm-field > *, summary, ' +
            'input, .lm-TabBar-tab, .gallery-action)')]
            // A click on the name of a tick box ticks it.
            .map((e) => e.matches('[type=checkbox], [type=radio]') ? e.closest('label') ?? e : e)
            .filter((e) => e.checkVisibility()
                && !e.matches('.uhscm-field > label, .wrong, output'))
            .map((e) => {
                const { width, height } = e.getBoundingClientRect();
                const more = (name) => getComputedStyle(e, '::before').position === 'absolute'
                    ? parseFloat(getComputedStyle(e, '::before')[name]) : 0;
                return [Math.max(width, more('width')), Math.max(height, more('height')),
                        e.outerHTML.slice(0, 120)];
            })
            .filter(([width, height]) => Math.min(width, height) < 23.9)"""
    )
    assert small == []


def test_no_control_is_called_null(page):
    """As ipywidgets call a toggle button that was given no tooltip."""
    nameless = "[title=null], [aria-label=null], [title=undefined], [aria-label=undefined]"
    seen = page.locator(nameless).filter(visible=True)  # labels that are not used are hidden
    assert seen.evaluate_all("all => all.map((e) => e.outerHTML.slice(0, 200))") == []


def test_an_image_is_pasted_where_the_keyboard_is(page):
    upload = output(page, "RetrievalExplorer").locator(".upload")
    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    upload.focus()
    # Firefox pastes where the selection is.
    inside = "box => box.contains(getSelection().anchorNode) && getSelection().isCollapsed"
    assert upload.evaluate(inside)


def test_a_persons_own_colours_leave_bars_handles_and_keys_to_be_seen(page):
    page.emulate_media(forced_colors="active")
    try:
        bars = output(page, "DenoisingExplorer").locator(".uhscm-bars").first
        for part in (".kept .bar", ".handle"):
            assert bars.locator(part).first.evaluate(STANDS_OUT)
        assert output(page, "CompareExplorer").locator(".uhscm-status").first.is_visible()
        assert output(page, "TrainingExplorer").locator("polyline.now").first.evaluate(STANDS_OUT)
        for key in output(page, "RetrievalExplorer").locator(".key:visible").all():
            assert key.evaluate(STANDS_OUT)
        shot(page, "access_forced_colours")
    finally:
        page.emulate_media(forced_colors="none")


# The last, because it ends the kernel of the page.
def test_each_explorer_greys_out_without_its_kernel_and_leaves_a_picture(page, lab):
    boxes = page.locator(".jp-CodeCell .jp-OutputArea:has(.uhscm-again)")
    assert boxes.count() == len(VIEWS)
    for i, (_, said) in enumerate(VIEWS.values()):
        until(boxes.nth(i), said, 180_000)
    handle = boxes.nth(0).locator(".handle").first
    handle.focus()
    sentence = boxes.nth(0).locator(".sentence")
    before = headline = sentence.text_content()
    for _ in range(20):  # one at a time, so that no key is on its way when it has changed
        if headline != before:
            break
        handle.press("ArrowRight")
        page.wait_for_timeout(1500)
        headline = sentence.text_content()
    assert headline != before
    # The picture is taken once nothing changes any more.
    boxes.nth(0).locator(".uhscm-again", has_text=headline).wait_for(state="attached")
    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.click(".lm-MenuBar-itemLabel:text-is('Kernel')")
    page.click(".lm-Menu-itemLabel:text-is('Restart Kernel…')")
    page.click(".jp-Dialog button:has-text('Restart')")
    for box in boxes.all():
        box.locator(".ended:visible").first.wait_for(timeout=20_000)
        loud = box.locator(".jupyter-button:visible, .uhscm-field:visible").all()
        assert [part.inner_text() for part in loud if not part.evaluate(GREY)] == []
    page.wait_for_selector("[data-status=idle]")
    end_kernels(page, lab.address)
    go(page, page.address)
    for i, view in enumerate(VIEWS):
        again = boxes.nth(i).locator(".uhscm-again")
        again.wait_for(state="visible", timeout=30_000)
        assert len(again.inner_text()) > 200
        assert (again.locator("img").count() > 0) == (view != "Exports")
        if view == "DenoisingExplorer":
            assert headline in again.inner_text()
            again.evaluate("box => box.scrollIntoView()")
            shot(page, "reopened_picture")
    # JupyterLab says so of a view whose kernel is gone.
    page.errors = [error for error in page.errors if error != "Cannot send"]
