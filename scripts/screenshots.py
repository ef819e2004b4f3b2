"""Take the README's pictures of the notebooks in a real JupyterLab, light and dark, in docs/.

    make screenshots                                # all
    make screenshots SCREENSHOTS="denoising"        # those named

Each notebook runs completely, on the shipped data and with a cache of its own; then one picture is
taken per theme. A new picture needs a line in `SHOTS` and one in the README.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import Browser, Page

from scripts.lab import chromium, end_kernels, go, jupyterlab, run_all, set_theme

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WIDTH = 1280  # of the window, in pixels
LOADED = """box => [...box.querySelectorAll('img')].every((i) => i.complete && i.naturalWidth)
                && !box.querySelector('.gallery-tile.waiting')
                && !box.querySelector('.uhscm-status .busy')?.textContent"""


@dataclass(frozen=True)
class Shot:
    """A picture to take.

    Attributes:
        name: name of the file, without theme and suffix.
        notebook: the notebook to run.
        of: CSS selector of the part to show.
        window: show the whole window, with that part at its top.
    """

    name: str
    notebook: str
    of: str = ".uhscm-explorer >> nth=0"
    window: bool = False


SHOTS = (
    Shot("tour", "00_tour", of="h2:has-text('3. Denoise')", window=True),
    Shot("denoising", "01_concept_denoising"),
    Shot("distributions", "02_concept_distributions"),
    Shot("training", "03_train_hash_network"),
    Shot("retrieval", "04_browse_retrieval"),
    Shot("map", "04_browse_retrieval", of=".uhscm-explorer:has(.map-stage)"),
    Shot("photos", "05_your_photos"),
)


def main() -> None:
    """Take the pictures named on the command line, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help=", ".join(shot.name for shot in SHOTS))
    names = parser.parse_args().names
    if unknown := set(names) - {shot.name for shot in SHOTS}:
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        if browser is None:
            raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
        folder = Path(temporary, "notebooks")
        folder.mkdir()
        for notebook in (ROOT / "notebooks").glob("*.ipynb"):  # copies: JupyterLab saves
            shutil.copy(notebook, folder)
        with jupyterlab(folder, {"UHSCM_HOME": str(Path(temporary, "home"))}) as address:
            for shot in SHOTS:
                if not names or shot.name in names:
                    take(browser, address, shot)


def take(browser: Browser, address: str, shot: Shot) -> None:
    """Run a notebook and write its picture in each theme."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900})
    go(page, address.format(f"{shot.notebook}.ipynb"))
    if not shot.window:
        page.keyboard.press("Control+B")  # the list of files would take a quarter of the width
    cells = nbformat.read(ROOT / "notebooks" / f"{shot.notebook}.ipynb", as_version=4).cells
    run_all(page, "light", sum(cell.cell_type == "code" for cell in cells))
    for theme in ("light", "dark"):
        set_theme(page, theme)
        path = DOCS / f"{shot.name}_{theme}.webp"
        with Image.open(io.BytesIO(seen(page, shot))) as picture:
            picture.convert("RGB").save(path, quality=80, method=6)
            size = f"{picture.width} x {picture.height}"
        print(f"{path.relative_to(ROOT)}: {size}, {path.stat().st_size // 1000} kB", flush=True)
    end_kernels(page, address)
    page.close()


def seen(page: Page, shot: Shot) -> bytes:
    """Return a PNG of the window, or of a part of the page in a window that is tall enough."""
    page.mouse.move(0, 0)
    part = page.locator(shot.of)
    part.evaluate("part => part.scrollIntoView()")
    if shot.window:
        page.wait_for_timeout(1000)
        return page.screenshot()
    box = part.bounding_box()
    if box is None:
        raise RuntimeError(f"{shot.notebook} shows no {shot.of}")
    page.set_viewport_size({"width": WIDTH, "height": round(box["height"]) + 250})
    part.evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(1000)  # galleries and bars load what has come into view
    page.wait_for_function(LOADED, arg=part.element_handle(), timeout=60_000)
    return part.screenshot()


if __name__ == "__main__":
    sys.exit(main())
