"""What the browser tests share: a notebook opened and run, its status line, screenshots."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Dialog, Error, Locator, Page

from scripts.lab import end_kernels, go, run_all, settle, start_kernel, write_notebook

ROOT = Path(__file__).resolve().parents[2]
# Anywidget says so after 2 seconds, which a busy machine may take; a model that fails says more.
SLOW = "[anywidget] Failed to initialize model"
SCREENSHOTS = ROOT / "build" / "screenshots"
STUDY = """
import os
import uhscm_core as u
import widgets as w
study = u.Study.load("../study")
"""
# The saved study: images of the database, of those the ones to train on, queries, and bits.
DATABASE, TRAIN, QUERIES, BITS = 900, 500, 60, 32


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        root: the folder that it shows.
        address: of a notebook, with ``{}`` for its path below the root.
    """

    root: Path
    address: str


@contextmanager
def opened(
    browser: Browser,
    lab: Lab,
    cells: Sequence[str] | Path,
    *,
    width: int = 1400,
    height: int = 1000,
    script: str = "",
) -> Iterator[Page]:
    """Open a notebook in a light JupyterLab and run it; end its kernel afterwards.

    Args:
        browser, lab: where.
        cells: the code of each cell, or a notebook to copy (JupyterLab saves what it shows).
        width, height: of the window, in CSS pixels.
        script: JavaScript that the page runs first.

    Yields:
        The page. Of its attributes, ``folder`` holds the notebook, ``address`` is where it is
        shown, ``cells`` counts its code cells, and ``received`` lists the sizes of the messages
        that its sockets received.

    Raises:
        AssertionError: if in the meantime the page opened a dialog, met an error in JavaScript or
            asked another server for anything.
    """
    folder = Path(tempfile.mkdtemp(dir=lab.root))
    path = folder / "notebook.ipynb"
    if isinstance(cells, Path):
        shutil.copy(cells, path)
    else:
        write_notebook(path, cells)
    page = browser.new_page(viewport={"width": width, "height": height}, accept_downloads=True)
    page.set_default_timeout(90_000)  # a busy machine is no fault of the page
    page.folder, page.dialogs, page.errors, page.foreign = folder, [], [], []
    page.received = []
    page.cells = sum(c.cell_type == "code" for c in nbformat.read(path, as_version=4).cells)
    page.on("dialog", lambda dialog: answer(dialog, page))
    page.on("pageerror", lambda error: is_slow(error) or page.errors.append(str(error)))
    page.on("request", lambda request: is_local(request.url) or page.foreign.append(request.url))
    page.on("websocket", lambda s: s.on("framereceived", lambda d: page.received.append(len(d))))
    page.add_init_script(script)
    page.address = lab.address.format(f"{folder.name}/{path.name}")
    try:
        # What takes long, the imports, while the page loads.
        start_kernel(page, lab.address, f"{folder.name}/{path.name}", "import uhscm_core, widgets")
        go(page, page.address)
        run_all(page, "light", page.cells)
        yield page
        unwanted = (page.dialogs, page.errors, page.foreign)
        assert not any(unwanted), unwanted
    finally:
        end_kernels(page, lab.address)
        page.close()


def answer(dialog: Dialog, page: Page) -> None:
    """Leave a page that is not saved; note and dismiss any other dialog."""
    if dialog.type == "beforeunload":
        dialog.accept()
    else:
        page.dialogs.append(dialog.message)
        dialog.dismiss()


def is_slow(error: Error) -> bool:
    return error.message.startswith(SLOW)


def is_local(address: str) -> bool:
    return "127.0.0.1" in address or address.startswith(("blob:", "data:"))


def clear_outputs(page: Page) -> None:
    """Take all views away, as a notebook that has not run."""
    page.click(".lm-MenuBar-itemLabel:text-is('Edit')")
    page.click(".lm-Menu-itemLabel:text-is('Clear Outputs of All Cells')")


def explorer(page: Page, at: int = 0) -> Locator:
    """One of the page's explorers, in sight."""
    box = page.locator(".uhscm-explorer").nth(at)
    box.evaluate("box => box.scrollIntoView()")
    return box


def sentence(page: Page) -> str:
    """What the first explorer says."""
    return page.locator(".uhscm-status .sentence").first.text_content()


def until(where: Page | Locator, said: str, timeout: float = 60_000) -> None:
    """Wait until the sentence of an explorer matches a pattern; of any of them for a page."""
    line = where.locator(".uhscm-status .sentence", has_text=re.compile(said))
    line.first.wait_for(timeout=timeout)


def shot(page: Page, name: str) -> None:
    """Keep a picture of the window, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    settle(page, 1000)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def overlaps(boxes):
    """Pairs of boxes that lie over one another, each (left, right, top, bottom)."""
    return [
        (one, other)
        for i, one in enumerate(boxes)
        for other in boxes[i + 1 :]
        if min(one[1], other[1]) - max(one[0], other[0]) > 1
        and min(one[3], other[3]) - max(one[2], other[2]) > 1
    ]
