"""Does each explorer fit its window, with what a person does and what follows both in sight?

    python -m benchmarks.stage                       # prints the table, in Markdown
    python -m benchmarks.stage --shots build/stage   # and keeps a picture of each, light and dark
    python -m benchmarks.stage --workbench           # the tabs of a workbench instead
    python -m benchmarks.stage --larger              # with text one and two steps larger

Drives every explorer in JupyterLab in headless Chromium, in windows of several sizes. The height
needed is the explorer's own, the height there is that of the notebook in its window. The main
gesture is done in the page, and in one window means that with the explorer scrolled to its top all
of the control and of what it changes lies in sight. Names are whole where no tab cuts its own.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

from scripts.lab import (
    chromium,
    end_kernels,
    go,
    jupyterlab,
    run_all,
    set_theme,
    settle,
    write_notebook,
)
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
        larger: how often A+ was pressed.
    """

    name: str
    width: int
    height: int
    larger: int = 0


WINDOWS = (
    Window("1280 x 800", 1280, 800),
    Window("1280 x 720", 1280, 720),
    Window("800 x 720", 800, 720),
    Window("1920 x 1080", 1920, 1080),
    Window("1280 x 800 at 125 %", 1024, 640),
)
LARGER = (
    Window("1280 x 720, A+", 1280, 720, 1),
    Window("1280 x 720, A+ twice", 1280, 720, 2),
    Window("1920 x 1080, A+", 1920, 1080, 1),
    Window("1920 x 1080, A+ twice", 1920, 1080, 2),
)


@dataclass(frozen=True)
class Case:
    """An explorer and its main gesture.

    Attributes:
        code: makes it, as `e`.
        does: the gesture, in words.
        act: does it, in the explorer that it is given.
        control: selects what it is done at.
        effects: select what it changes.
    """

    code: str
    does: str
    act: Callable[[Locator], object]
    control: str
    effects: tuple[str, ...]


def _threshold(root: Locator) -> None:
    root.locator(".uhscm-bars .handle").first.focus()
    for _ in range(3):
        root.page.keyboard.press("ArrowRight")


def _cell(root: Locator) -> None:
    over = root.locator(".grid-over").first
    box = over.bounding_box()
    assert box is not None
    over.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.28})
    root.locator(".uhscm-pair .parts li").first.wait_for()


def _ask(root: Locator) -> None:
    root.get_by_placeholder("ask by text").fill("a castle by the ocean")
    root.page.keyboard.press("Enter")
    root.locator(".sentence", has_text="by its features").wait_for()
    root.locator(".gallery-shelf .gallery-tile img").first.wait_for()
    root.locator(".gallery-shelf .gallery-tile").first.click()
    root.locator(".uhscm-pair .parts li").first.wait_for()


def _start(root: Locator) -> None:
    root.locator("button:has-text('Start')").first.click()
    root.locator(".sentence:has-text('finished')").wait_for(timeout=300_000)
    root.locator(".gallery-list >> nth=1").locator("img").first.wait_for()


def _choose(root: Locator) -> None:
    root.get_by_label("right", exact=True).select_option(index=3)


def _lasso(root: Locator) -> None:
    page = root.page
    box = root.locator(".map-stage").bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]
    page.keyboard.down("Shift")
    page.mouse.move(left + 5, top + 5)
    page.mouse.down()
    for x, y in ((right - 5, top + 5), (right - 5, bottom - 5), (left + 5, bottom - 5)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    root.locator(".gallery-tile img").first.wait_for()


def _pair(root: Locator) -> None:
    root.locator(".gallery-tile").first.click()
    root.locator(".gallery-list >> nth=1").locator("img").first.wait_for()


def _read(root: Locator) -> None:
    root.locator("button:has-text('Read')").first.click()
    root.locator(".gallery-tile img").first.wait_for(timeout=300_000)


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
        (".uhscm-curves .charts", ".gallery-list >> nth=1"),
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
        (".uhscm-table table", ".gallery-list >> nth=1", ".gallery-list >> nth=2"),
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
        _pair,
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

# Scrolls an explorer, or the workbench around it, to the top of its window.
MEASURE = """frame => {
    frame.scrollIntoView({ block: 'start' });
    const view = frame.closest('.jp-WindowedPanel-outer');
    const { width, height: needed } = frame.getBoundingClientRect();
    const { top } = view.getBoundingClientRect();
    return { width, needed, there: view.clientHeight, top, bottom: top + view.clientHeight };
}"""


READY = """() => [...document.querySelectorAll('.uhscm-explorer')].some(
    (e) => e.checkVisibility() && e.offsetHeight > 300)"""


# Names of tabs of which a part is out of sight, in their tab or in the window.
NAMES_CUT = """frame => {
    const { left, right } = frame.getBoundingClientRect();
    return [...frame.querySelectorAll('.lm-TabBar-tab')].filter((tab) => {
        if (!tab.checkVisibility()) return false;
        const label = tab.querySelector('.lm-TabBar-tabLabel');
        const words = document.createRange();
        words.selectNodeContents(label);
        const [said, box] = [words.getBoundingClientRect(), tab.getBoundingClientRect()];
        return label.scrollWidth > label.clientWidth
            || said.left < box.left || said.right > box.right
            || said.left < left || said.right > right;
    }).map((tab) => tab.textContent);
}"""
CHOSEN = "Number(localStorage.getItem('uhscm-size') ?? 1)"
SIZES = (1, 1.15, 1.3)  # those of A+, see stage.js


def cut(root: Locator, case: Case, measured: dict[str, float]) -> list[str]:
    """Return what of a gesture and of what it changes is not whole in the window.

    Args:
        root: the explorer.
        case: its gesture.
        measured: of the window, with the explorer, or its workbench, at its top.
    """
    found = []
    for selector in (case.control, *case.effects):
        part = root.locator(selector).first
        box = part.bounding_box()
        bottom = measured["bottom"]
        if box is None or box["y"] < measured["top"] - 1 or box["y"] + box["height"] > bottom + 1:
            found.append(selector)
            continue
        tile = part.locator(".gallery-tile .gallery-frame").first
        image = tile.bounding_box() if tile.count() else None
        if image and image["y"] + image["height"] > box["y"] + box["height"] + 1:
            found.append(f"an image of {selector}")
    return found


def measured_in(frame: Locator, window: Window) -> dict[str, float]:
    """Measure an explorer, or the workbench around it, in a window, with text of its size."""
    page = frame.page
    page.set_viewport_size({"width": window.width, "height": window.height})
    while step := window.larger - SIZES.index(page.evaluate(CHOSEN)):
        name = f"{'Larger' if step > 0 else 'Smaller'} text and pictures"
        frame.locator(f".uhscm-stage:visible [aria-label='{name}']").first.click()
    settle(page)
    frame.evaluate(MEASURE)
    settle(page)
    measured: dict[str, float] = frame.evaluate(MEASURE)
    return measured


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
            case.act(page.locator(".uhscm-explorer").first)
            page.mouse.move(3, 3)
            page.wait_for_timeout(1000)
            case_of(page, name, case)
            end_kernels(page, address)
            page.close()


def tabs_of_workbench(page: Page) -> Locator:
    """Return the tabs of the workbench of a page."""
    return page.locator(".uhscm-workbench > .jupyter-widget-tab > .lm-TabBar li")


def measure_workbench(
    browser: Browser, folder: Path, only: str, windows: Sequence[Window], shots: Shots
) -> None:
    """Print how high a workbench is with each of its tabs open, and whether what is used fits."""
    environment = {"UHSCM_HOME": str(folder / "home")}
    os.environ.update(environment)
    given = saved(folder)
    write_notebook(folder / "Workbench.ipynb", [OPEN.format(**given), "w.Workbench(study)"])
    print("| tab | window | height needed | height there | in one window | names of tabs |")
    print("|---|---|---|---|---|---|")
    with jupyterlab(folder, environment) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(120_000)
        go(page, address.format("Workbench.ipynb"))
        run_all(page, "light", 2)
        tabs = tabs_of_workbench(page)
        names = [name for name in tabs.all_inner_texts() if only in name]
        # Another threshold drops the codes, which other tabs need: that one is the last.
        for name in sorted(names, key="Concepts".__eq__):
            page.set_viewport_size({"width": 1280, "height": 720})
            tabs.get_by_text(name, exact=True).click()
            page.wait_for_timeout(4000)  # until it has been begun
            page.wait_for_function(READY, timeout=60_000)
            page.wait_for_timeout(2000)
            case = next(case for of, case in CASES.items() if of.startswith(name))
            root = page.locator(".uhscm-explorer:visible").first
            if name != "Photos":  # which shows the study that the workbench was given
                case.act(root)
            page.mouse.move(3, 3)
            for theme in shots.themes:
                set_theme(page, theme)
                for window in windows:
                    bench = page.locator(".uhscm-workbench")
                    measured = measured_in(bench, window)
                    if theme == "light":
                        print(f"| {name} | {said(window, measured, bench, root, case)}", flush=True)
                    shots.take(page, f"tab {name}", window, theme)
            set_theme(page, "light")


def said(
    window: Window,
    measured: dict[str, float],
    frame: Locator,
    root: Locator,
    case: Case,
    *,
    width: bool = False,
) -> str:
    """Return the cells of a row of the table, from the window on."""
    names = ("width", "needed", "there") if width else ("needed", "there")
    numbers = " | ".join(f"{measured[name]:.0f}" for name in names)
    missing = cut(root, case, measured)
    names_cut = frame.evaluate(NAMES_CUT)
    verdicts = (
        f"no: {found[0]}" if found else said
        for found, said in ((missing, "yes"), (names_cut, "whole"))
    )
    return f"{window.name} | {numbers} | {' | '.join(verdicts)} |"


@dataclass(frozen=True)
class Shots:
    """Pictures of explorers in windows.

    Attributes:
        folder: of the pictures; None for none.
    """

    folder: Path | None

    @property
    def themes(self) -> tuple[str, ...]:
        """The themes to take pictures in; what is measured is measured in the light one."""
        return ("light",) if self.folder is None else ("light", "dark")

    def take(self, page: Page, name: str, window: Window, theme: str) -> None:
        """Keep a picture of the page."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        file = f"{name.partition(' (')[0]} {window.name} {theme}.png"
        kept = "".join(" " if sign in "%,+" else sign for sign in file)
        page.screenshot(path=self.folder / "_".join(kept.split()).lower())


def main() -> None:
    """Measure all explorers in all windows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shots", type=Path, help="a folder for pictures of each")
    parser.add_argument("--only", default="", help="only those with this in their name")
    parser.add_argument("--workbench", action="store_true", help="the tabs of a workbench instead")
    parser.add_argument("--larger", action="store_true", help="after A+, and after A+ twice")
    options = parser.parse_args()
    windows = LARGER if options.larger else WINDOWS
    shots = Shots(options.shots)

    def table(page: Page, name: str, case: Case) -> None:
        root = page.locator(".uhscm-explorer").first
        for theme in shots.themes:
            set_theme(page, theme)
            for window in windows:
                measured = measured_in(root, window)
                if theme == "light":
                    cells = said(window, measured, root, root, case, width=True)
                    print(f"| {name}: {case.does} | {cells}", flush=True)
                shots.take(page, name, window, theme)

    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        if browser is None:
            raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
        if options.workbench:
            measure_workbench(browser, Path(name), options.only, windows, shots)
        else:
            columns = "| explorer, gesture | window | width | height needed | height there "
            print(f"{columns}| in one window | names of tabs |\n|---|---|---|---|---|---|---|")
            pages(browser, Path(name), options.only, table)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    print(f"\n{today}, load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
