"""What does the workbench cost: bytes when it opens, and memory, nodes and widgets after gestures?

    python -m benchmarks.workbench                  # the default dataset, 10,000 postcards
    python -m benchmarks.workbench --gestures 60

Opens `Workbench` in JupyterLab in headless Chromium, visits every tab, makes gestures in all of
them in turn, and closes it. Prints Markdown: the bytes that the page received, its DOM nodes, event
listeners and heap after a garbage collection, the kernel's memory and its live widgets. What is
made once, such as a tab at its first visit, is there before the gestures begin.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from benchmarks.gestures import STUDY, Traffic
from scripts.lab import begin, chromium, go, jupyterlab, write_notebook

TABS = ("Concepts", "Similarity", "Train", "Retrieve", "Compare", "Map", "Duplicates")
WORKBENCH = """
from widgets import Workbench
bench = Workbench(study)
bench
"""
KERNEL = """
import gc, resource
from pathlib import Path
from ipywidgets.widgets.widget import _instances
gc.collect()
pages = int(Path("/proc/self/statm").read_text().split()[1])
print("kernel", pages * resource.getpagesize() // 2**20, len(_instances))
"""
CLOSE = "bench.close()\ndel bench, _\n"
COLUMNS = ("received", "nodes", "listeners", "heap", "kernel", "widgets")


def main() -> None:
    """Print a row after each part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gestures", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        if browser is None:
            raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
        study = STUDY.format(dataset="postcards", vlp="postcards")
        write_notebook(Path(name) / "bench.ipynb", [study, WORKBENCH])
        with jupyterlab(Path(name)) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(120_000)
            measure(page, address.format("bench.ipynb"), options.gestures)
    print(f"\nLoad at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def measure(page: Page, address: str, gestures: int) -> None:
    """Print the table."""
    traffic, tools = Traffic(page), page.context.new_cdp_session(page)
    go(page, address)
    begin(page, lambda: run(page, 0))
    page.wait_for_selector(".jp-InputPrompt:has-text('[1]')", timeout=1_800_000)
    print(f"| when | {' | '.join(f'{name} ({unit(name)})' for name in COLUMNS)} |")
    print("|---" * (len(COLUMNS) + 1) + "|")

    def row(when: str, code: str = KERNEL) -> None:
        kernel = kernel_figures(page, code)
        figures = [traffic.received / 1e3, *browser_figures(tools), *kernel]
        print(f"| {when} | {' | '.join(f'{figure:,.0f}' for figure in figures)} |", flush=True)

    row("before it opens")
    started = time.perf_counter()
    run(page, 1)
    page.wait_for_selector(".uhscm-workbench .uhscm-explorer:visible")
    opened = time.perf_counter() - started
    row("opened")
    for tab in TABS:
        turn(page, tab)
    row("all tabs visited once")
    kinds = itertools.cycle(TABS)
    for made in range(1, gestures + 1):
        tab = next(kinds)
        turn(page, tab)
        gesture(page, tab, made)
        if made % (gestures // 3 or 1) == 0:
            row(f"{made} gestures")
    row("closed", CLOSE + KERNEL)
    print(f"\nFrom running the cell to an explorer on the screen: {opened:.1f} s")


def unit(name: str) -> str:
    """Return the unit of a column."""
    return {"received": "kB", "heap": "MB", "kernel": "MB"}.get(name, "number")


def run(page: Page, cell: int) -> None:
    """Run one cell."""
    editor = page.locator(".jp-Cell .cm-content").nth(cell)
    editor.scroll_into_view_if_needed()
    editor.click()
    page.keyboard.press("Shift+Enter")


def turn(page: Page, tab: str) -> None:
    """Open a tab, and wait until it shows an explorer that is not busy."""
    bar = page.locator(".uhscm-workbench > .jupyter-widget-tab > .lm-TabBar")
    bar.get_by_text(tab, exact=True).click()
    bar.locator(".lm-mod-current", has_text=tab).wait_for()
    page.locator(
        ".uhscm-workbench .uhscm-explorer:visible .uhscm-status .sentence"
    ).first.wait_for()
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.uhscm-explorer .uhscm-status .busy')]"
        ".some((e) => e.offsetParent && e.textContent)"
    )


def gesture(page: Page, tab: str, number: int) -> None:
    """Make one gesture in a tab that is in view."""
    box = page.locator(".uhscm-workbench .uhscm-explorer:visible")
    if tab == "Concepts":  # the threshold would ask for another training
        box.locator(".uhscm-bars").first.locator(".row .name").nth(number % 9).click()
    elif tab == "Similarity":
        over = box.locator(".grid-over").first.bounding_box()
        assert over is not None
        x, y = 0.1 + 0.8 * (number * 0.618 % 1), 0.1 + 0.8 * (number * 0.382 % 1)
        page.mouse.click(over["x"] + x * over["width"], over["y"] + y * over["height"])
    elif tab == "Retrieve":
        box.locator("button:visible", has_text="andom").first.click()
    elif tab == "Map":
        by = box.get_by_label("by", exact=True)
        by.select_option(("concepts", "codes", "features")[number % 3])
    else:
        pressed = "Undo" if number // len(TABS) % 2 else "Redo"
        button = page.locator(f".uhscm-workbench > * button:has-text('{pressed}')").first
        if button.is_enabled():
            button.click()
    page.wait_for_timeout(250)


def browser_figures(tools: CDPSession) -> Iterator[float]:
    """Yield the page's nodes, listeners and heap after a garbage collection."""
    tools.send("HeapProfiler.enable")
    tools.send("Performance.enable")
    tools.send("HeapProfiler.collectGarbage")
    found = {m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]}
    yield from (found["Nodes"], found["JSEventListeners"], found["JSHeapUsedSize"] / 1e6)


def kernel_figures(page: Page, code: str = KERNEL) -> tuple[float, float]:
    """Run code in the kernel, and return its memory in MB and its number of live widgets.

    No cell runs: each time that another cell becomes the active one, JupyterLab makes a toolbar of
    some 130 listeners a button and never frees it.
    """
    said = page.evaluate(
        """async (code) => {
            const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
            let said = "";
            const running = kernel.requestExecute({ code, store_history: false });
            running.onIOPub = ({ content }) => { said += content.text ?? content.evalue ?? ""; };
            await running.done;
            return said;
        }""",
        code,
    )
    found = re.search(r"kernel (\d+) (\d+)", said)
    assert found is not None, said
    return float(found[1]), float(found[2])


if __name__ == "__main__":
    main()
