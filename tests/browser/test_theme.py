"""Every explorer in a light and in a dark JupyterLab, whose theme changes under a view."""

from __future__ import annotations

from statistics import median

import pytest

from scripts.lab import set_theme, settle
from tests.browser.pages import STUDY, opened, shot

VIEWS = {
    "CompareExplorer": "w.CompareExplorer(study)",
    "DenoisingExplorer": "w.DenoisingExplorer(study)",
    "DistributionExplorer": "w.DistributionExplorer(study)",
    "Exports": "w.Exports(study)",
    "MapExplorer": "w.MapExplorer(study)",
    "PhotosExplorer": "w.PhotosExplorer()",
    "RetrievalExplorer": "w.RetrievalExplorer(study)",
    "TidyExplorer": "w.TidyExplorer(study)",
    "TrainingExplorer": """
explorer = w.TrainingExplorer(study)
explorer.settings.controls["epochs"].value = 3
explorer.start()
explorer
""",
    "votes_figure": "w.votes_figure(study.concepts.names, study.mined)",
    "doctor": "import uhscm_doctor\nuhscm_doctor.doctor()",
}
# WCAG asks for 4.5, and for 3 of large text and of signs. Some of ours lie between: a figure's gray
# on white has 4.0, the doctor's bold green 3.1; JupyterLab's own tabs have 4.2.
LEAST = 3
# Of each text in sight: its contrast with its ground as WCAG 2 defines it, whether it is the
# lighter of the two, and the text. Left out are signs and single letters but for the
# marks of a table, disabled controls, which WCAG excepts, and JupyterLab's own prompts.
CONTRASTS = r"""box => {
    const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const parts = (color) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => a * c + (1 - a) * under[i]);
    const ground = (element, x, y) => {
        if (!element) return [255, 255, 255];
        const behind = () => ground(element.parentElement, x, y);
        const { left, right, top, bottom } = element.getBoundingClientRect();
        const style = getComputedStyle(element);
        const outside = x < left || x > right || y < top || y > bottom;
        // Not scrolled out of sight, but next to the element, as the words at a handle are.
        if (outside && style.overflow === 'visible' && box.contains(element)) return behind();
        const color = parts(style.backgroundColor);
        return color[3] === 1 ? color.slice(0, 3) : over(color, behind());
    };
    const ink = (element) => {
        const style = getComputedStyle(element);
        const color = parts(element instanceof SVGElement ? style.fill : style.color);
        for (let e = element; e; e = e.parentElement) color[3] *= getComputedStyle(e).opacity;
        return color;
    };
    const luminance = (color) => {
        const [r, g, b] = color.map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const LEFT_OUT = ':disabled, style, option, .jp-OutputPrompt';
    const found = [];
    const weigh = (element, color, text) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        const behind = ground(element, x + width / 2, y + height / 2);
        const [own, under] = [over(color, behind), behind].map(luminance);
        const ratio = (Math.max(own, under) + 0.05) / (Math.min(own, under) + 0.05);
        found.push([ratio, own > under, text]);
    };
    const isSeen = (element) => !element.closest(LEFT_OUT)
        && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const text = texts.currentNode.data.trim();
        const isRead = /[\p{L}\p{N}]{2}/u.test(text) || (text && element.matches('.mark'));
        if (isRead && isSeen(element)) weigh(element, ink(element), text);
    }
    for (const field of box.querySelectorAll(':placeholder-shown[placeholder*=" "]')) {
        const style = getComputedStyle(field, '::placeholder');
        const [r, g, b, a] = parts(style.color);
        if (isSeen(field)) weigh(field, [r, g, b, a * style.opacity], field.placeholder);
    }
    return found;
}"""
PLACES = """() => [...document.querySelectorAll(
    '.uhscm-bars .handle, .uhscm-bars .threshold, .uhscm-bars .tick')]
    .filter((part) => part.offsetParent).map((part) => part.style.left)"""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser, lab, saved_study):
    with opened(browser, lab, (STUDY, *VIEWS.values()), width=1280) as page:
        page.locator(".gallery-tile img").first.wait_for()
        yield page


def output(page, view):
    """What a cell shows, in sight."""
    box = page.locator(".jp-CodeCell").nth(1 + list(VIEWS).index(view))
    box = box.locator(".jp-OutputArea").first
    box.evaluate("box => box.scrollIntoView()")
    return box


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(page, view, theme):
    set_theme(page, theme)
    box = output(page, view)
    shot(page, f"theme_{view}_{theme}")
    found = box.evaluate(CONTRASTS)
    assert len(found) > 4
    assert [(ratio, text) for ratio, _, text in found if ratio < LEAST] == []
    assert median(lighter for _, lighter, _ in found) == (theme == "dark")


def test_a_threshold_stays_where_it_is(page):
    set_theme(page, "light")
    output(page, "DenoisingExplorer")
    settle(page)
    before = page.evaluate(PLACES)
    assert len(before) > 5
    for theme in ("dark", "light", "dark"):
        set_theme(page, theme)
        settle(page)
        assert page.evaluate(PLACES) == before
