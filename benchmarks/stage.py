"""Does each explorer fit its window, with what a person does and what follows both in sight?

    python -m benchmarks.stage                       # prints the table, in Markdown
    python -m benchmarks.stage --shots build/stage   # and keeps a picture of each, light and dark
    python -m benchmarks.stage --workbench           # the tabs of a workbench instead

Drives every explorer in JupyterLab in headless Chromium, in windows of several sizes. The height
needed is the explorer's own, the height there is that of the notebook in its window. The main
gesture is done in the page, and in one window means that with the explorer scrolled to its top all
of the control and of what it changes lies in sight.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from scripts.lab import chromium, end_kernels, go, jupyterlab, run_all, set_theme, write_notebook
from uhscm_core import Study, load_dataset, load_vlp

OPEN = """
import uhscm_core as u
import widgets as w
study = u.Study.load({study!r})
"""


@dataclass(frozen=True)
class Window:
    """A window of a browser.

    Attributes:
        name: in the table.
        width, height: in CSS pixels.
        files: whether JupyterLab's list of files is open.
    """

    name: str
    width: int
    height: int
    files: bool = True


WINDOWS = (
    Window("1280 x 800", 1280, 800),
    Window("1280 x 720", 1280, 720),
    Window("800 x 720", 800, 720),
    Window("1920 x 1080", 1920, 1080),
    Window("1280 x 800 at 125 %", 1024, 640),
)


@dataclass(frozen=True)
class Case:
    """An explorer and its main gesture.

    Attributes:
        code: makes it, as `e`.
        does: the gesture, in words.
        act: does it.
        control: selects what it is done at.
        effects: select what it changes.
    """

    code: str
    does: str
    act: Callable[[Page], object]
    control: str
    effects: tuple[str, ...]


def _threshold(page: Page) -> None:
    page.locator(".uhscm-bars .handle").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")


def _cell(page: Page) -> None:
    over = page.locator(".grid-over").first
    box = over.bounding_box()
    assert box is not None
    over.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.28})


def _ask(page: Page) -> None:
    page.get_by_placeholder("ask by text").fill("a castle by the ocean")
    page.keyboard.press("Enter")
    page.locator(".gallery-shelf .gallery-tile img").first.wait_for()
    page.locator(".gallery-shelf .gallery-tile").first.click()
    page.locator(".uhscm-pair .parts li").first.wait_for()


def _start(page: Page) -> None:
    page.locator(".uhscm-explorer button:has-text('Start')").click()
    page.locator(".uhscm-explorer .sentence:has-text('finished')").wait_for(timeout=300_000)


def _choose(page: Page) -> None:
    right = page.get_by_label("right", exact=True)
    right.select_option(index=3)


def _lasso(page: Page) -> None:
    box = page.locator(".map-stage").bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]
    page.keyboard.down("Shift")
    page.mouse.move(left + 5, top + 5)
    page.mouse.down()
    for x, y in ((right - 5, top + 5), (right - 5, bottom - 5), (left + 5, bottom - 5)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.locator(".gallery-tile img").first.wait_for()


def _radius(page: Page) -> None:
    page.locator(".uhscm-explorer .gallery-tile").first.click()


def _read(page: Page) -> None:
    page.locator(".uhscm-explorer button:has-text('Read')").first.click()
    page.locator(".gallery-tile img").first.wait_for(timeout=300_000)


CASES = {
    "Concepts (DenoisingExplorer)": Case(
        "w.DenoisingExplorer(study)",
        "move the threshold, see bars and voters",
        _threshold,
        ".uhscm-bars .handle",
        (".uhscm-bars .scroll", ".gallery-list"),
    ),
    "Similarity (DistributionExplorer)": Case(
        "w.DistributionExplorer(study)",
        "point at a cell, see why the two are similar",
        _cell,
        ".grid-over",
        (".uhscm-pair .sentence", ".uhscm-pair .parts", ".gallery-list"),
    ),
    "Train (TrainingExplorer)": Case(
        "w.TrainingExplorer(study)",
        "Start, see curves and the neighbors of a query",
        _start,
        "button:has-text('Start')",
        (".uhscm-curves .charts", ".uhscm-explorer .gallery-list >> nth=1"),
    ),
    "Retrieve (RetrievalExplorer)": Case(
        "w.RetrievalExplorer(study)",
        "ask by a text, see shelves, and why a result is near",
        _ask,
        "input[placeholder^='ask by text']",
        (".gallery-list.shelves", ".uhscm-pair .sentence", ".uhscm-pair .parts"),
    ),
    "Compare (CompareExplorer)": Case(
        "w.CompareExplorer(study)",
        "choose a ranking, see both results",
        _choose,
        "select >> nth=1",
        (".uhscm-table", ".gallery-list >> nth=1", ".gallery-list >> nth=2"),
    ),
    "Map (MapExplorer)": Case(
        "w.MapExplorer(study)",
        "draw a lasso, see the images in it",
        _lasso,
        ".map-stage",
        (".gallery-list",),
    ),
    "Duplicates (TidyExplorer)": Case(
        "w.TidyExplorer(study)",
        "choose a pair, see why it is one",
        _radius,
        ".gallery-list",
        (".gallery-list >> nth=1",),
    ),
    "Photos (PhotosExplorer)": Case(
        "w.PhotosExplorer({photos!r})",
        "Read, see the images",
        _read,
        "button:has-text('Read')",
        (".gallery-list",),
    ),
}

# Where the explorer's top is scrolled to the top of what it scrolls in.
MEASURE = """() => {
    const root = document.querySelector('.uhscm-explorer');
    root.scrollIntoView({ block: 'start' });
    let view = root.parentElement;
    const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowY);
    while (!(scrolls(view) && view.clientHeight > 200 && view.closest('.jp-Notebook') === view
             || view.classList.contains('jp-WindowedPanel-outer'))) view = view.parentElement;
    const box = root.getBoundingClientRect();
    const seen = view.getBoundingClientRect();
    return { width: box.width, needed: box.height, there: view.clientHeight,
             top: seen.top, bottom: seen.top + view.clientHeight, at: box.top };
}"""


WHOLE = """() => {
    const bench = document.querySelector('.uhscm-workbench');
    const page = bench.closest('.jp-WindowedPanel-outer');
    return [Math.round(bench.getBoundingClientRect().height), page.clientHeight];
}"""


READY = """() => [...document.querySelectorAll('.uhscm-explorer')].some(
    (e) => e.checkVisibility() && e.offsetHeight > 300)"""


def seen_together(page: Page, case: Case, measured: dict[str, float]) -> bool:
    """Return whether the control and all that it changes lie in the window."""
    root = page.locator(".uhscm-explorer").first
    for selector in (case.control, *case.effects):
        box = root.locator(selector.replace(".uhscm-explorer ", "")).first.bounding_box()
        if box is None:
            return False
        inside = box["y"] >= measured["top"] - 1
        if not inside or box["y"] + box["height"] > measured["bottom"] + 1:
            return False
    return True


def shown(page: Page, case: Case, window: Window) -> tuple[dict[str, float], bool]:
    """Measure the explorer of a page in a window."""
    page.set_viewport_size({"width": window.width, "height": window.height})
    page.wait_for_timeout(1200)  # until charts and pictures have followed
    measured = page.evaluate(MEASURE)
    page.wait_for_timeout(300)
    measured = page.evaluate(MEASURE)
    return measured, seen_together(page, case, measured)


def saved(folder: Path) -> dict[str, str]:
    """Train and keep a study, and write some of its images as photos."""
    dataset = load_dataset("postcards", n_database=2000, n_train=1000, n_query=100, progress=False)
    study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
    study.train(64, epochs=8).save(folder / "study")
    photos = folder / "photos"
    photos.mkdir()
    for i in range(120):
        dataset.images[i].save(photos / f"postcard {i:03d}.png")
    return {"study": "study", "photos": str(photos)}


def pages(
    browser: Browser, folder: Path, only: str, case_of: Callable[[Page, str, Case], None]
) -> None:
    """Open each explorer in a notebook, do its gesture, and hand over its page."""
    environment = {"UHSCM_HOME": str(folder / "home")}
    os.environ.update(environment)
    given = saved(folder)
    with jupyterlab(folder, environment) as address:
        for name, case in CASES.items():
            if only not in name:
                continue
            notebook = folder / f"{name.split()[0]}.ipynb"
            write_notebook(notebook, [OPEN.format(**given), case.code.format(**given)])
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(120_000)
            go(page, address.format(notebook.name))
            run_all(page, "light", 2)
            page.locator(".uhscm-explorer").first.evaluate("box => box.scrollIntoView()")
            page.wait_for_timeout(2500)
            case.act(page)
            page.mouse.move(3, 3)
            page.wait_for_timeout(1000)
            case_of(page, name, case)
            end_kernels(page, address)
            page.close()


def measure_workbench(browser: Browser, folder: Path) -> None:
    """Print how high a workbench is with each of its tabs open."""
    environment = {"UHSCM_HOME": str(folder / "home")}
    os.environ.update(environment)
    given = saved(folder)
    write_notebook(folder / "Workbench.ipynb", [OPEN.format(**given), "w.Workbench(study)"])
    print("| tab | window | height needed | height there |")
    print("|---|---|---|---|")
    with jupyterlab(folder, environment) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        go(page, address.format("Workbench.ipynb"))
        run_all(page, "light", 2)
        tabs = page.locator(".uhscm-workbench > .jupyter-widget-tab > .lm-TabBar li")
        for tab in range(tabs.count()):
            page.set_viewport_size({"width": 1280, "height": 720})
            tabs.nth(tab).click()
            page.wait_for_timeout(4000)  # until it has been begun
            page.wait_for_function(READY, timeout=60_000)
            page.wait_for_timeout(2000)
            for window in WINDOWS:
                page.set_viewport_size({"width": window.width, "height": window.height})
                page.wait_for_timeout(1500)
                needed, there = page.evaluate(WHOLE)
                name = tabs.nth(tab).text_content()
                print(f"| {name} | {window.name} | {needed} | {there} |", flush=True)


def main() -> None:
    """Measure all explorers in all windows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shots", type=Path, help="a folder for pictures of each")
    parser.add_argument("--only", default="", help="only explorers with this in their name")
    parser.add_argument("--workbench", action="store_true", help="the tabs of a workbench instead")
    options = parser.parse_args()
    if options.workbench:
        with tempfile.TemporaryDirectory() as name, chromium() as browser:
            if browser is None:
                raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
            measure_workbench(browser, Path(name))
        return
    print("| explorer, gesture | window | width | height needed | height there | in one window |")
    print("|---|---|---|---|---|---|")

    def table(page: Page, name: str, case: Case) -> None:
        for window in WINDOWS:
            measured, together = shown(page, case, window)
            numbers = " | ".join(f"{measured[what]:.0f}" for what in ("width", "needed", "there"))
            said = "yes" if together else "no"
            print(f"| {name}: {case.does} | {window.name} | {numbers} | {said} |", flush=True)
            if options.shots is not None:
                picture(page, name, window, "light")
        if options.shots is not None:
            set_theme(page, "dark")
            for window in WINDOWS:
                shown(page, case, window)
                picture(page, name, window, "dark")
            set_theme(page, "light")

    def picture(page: Page, name: str, window: Window, theme: str) -> None:
        options.shots.mkdir(parents=True, exist_ok=True)
        file = f"{name.split()[0]} {window.name} {theme}.png".replace(" ", "_").replace("%", "")
        page.screenshot(path=options.shots / file.lower())

    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        if browser is None:
            raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
        pages(browser, Path(name), options.only, table)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    print(f"\n{today}, load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
