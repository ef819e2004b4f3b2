"""The kit's own widgets in a real JupyterLab: what a hand and a keyboard do with them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
pytestmark = pytest.mark.browser

SETUP = '''
import colorsys, json
from collections.abc import Sequence
import ipywidgets as ipw
import numpy as np
from PIL import Image, ImageDraw
from widgets.gallery import Gallery
from widgets.grid import Grid
from widgets.selection import Selection
from widgets.upload import Upload

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

GALLERY = '''
def caption(i):
    return HOSTILE[i] if i < 5 else f"image {i}"
gallery = Gallery(images, [], selection=selection)
gallery.show(range(10_000), captions=caption, summary="10,000 painted images",
             marks=[(True, False, None)[i % 3] for i in range(10_000)])
gallery
'''

GRID = '''
angles = np.linspace(0, 6, 24)
values = np.cos(angles[:, None] - angles[None, :])
values[3, 5] = values[5, 3] = np.nan
grid = Grid(selection=selection)
pair = ipw.Label("no pair")
pair.add_class("pair")
grid.observe(lambda change: setattr(pair, "value", f"cell {change['new']}"), "cell")
names = ["boats"] * 8 + [HOSTILE[0]] * 6 + [HOSTILE[2]] * 4 + [HOSTILE[3]] * 6
grid.show(values, range(24), images=images, groups=names, summary="24 images, 276 pairs")
ipw.VBox([grid, pair])
'''

LARGE = '''
generator = np.random.default_rng(0)
codes = np.sign(generator.normal(size=(8, 32)).repeat(50, 0) + .8 * generator.normal(size=(400, 32)))
other = np.sign(generator.normal(size=(400, 32)))
large = Grid(edge=440)
large.show((codes @ codes.T - other @ other.T) / 64, range(400), images=images, diverging=True,
           label="difference", groups=[f"group {i // 50}" for i in range(400)],
           summary="400 images, the difference of two similarities")
large.add_class("large")
large
'''

HIDDEN = '''
inside = Gallery(images, range(500))
inside.add_class("inside")
tab = ipw.Tab([ipw.Label("first"), inside], titles=["words", "pictures"])
empty = Gallery(images, [])
empty.show([], summary="Nobody voted for zebra")
empty.add_class("empty")
ipw.VBox([tab, empty])
'''

UPLOAD = '''
said = ipw.Label("nothing yet")
said.add_class("said")
upload = Upload(lambda image, name: setattr(said, "value", f"{name} {image.size} {image.getpixel((0, 0))}"),
                lambda error: setattr(said, "value", f"error: {error}"))
ipw.VBox([upload, said])
'''


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a notebook with the kit's widgets, in a JupyterLab of its own."""
    folder = tmp_path_factory.mktemp("kit")
    book = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[
            nbformat.v4.new_code_cell(source.strip())
            for source in (SETUP, GALLERY, GRID, LARGE, HIDDEN, UPLOAD)
        ],
    )
    for theme in ("light", "dark"):
        nbformat.write(book, folder / f"{theme}.ipynb")
    port, token = free_port(), secrets.token_urlsafe(16)
    environment = {
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "PYTHONPATH": str(ROOT),
    }
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={folder}",
            f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab_settings'}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        yield lambda theme: f"http://127.0.0.1:{port}/lab/tree/{theme}.ipynb?token={token}&reset"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def opened(browser, address, theme):
    page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme=theme)
    page.dialogs, page.errors = [], []
    page.on("dialog", lambda dialog: (page.dialogs.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    for _ in range(60):  # the server may still be starting
        try:
            page.goto(address, wait_until="domcontentloaded")
            break
        except Exception as error:
            if "ERR_CONNECTION_REFUSED" not in str(error):
                raise
            time.sleep(1)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
    if theme == "dark":
        page.click("text=Settings")
        page.hover("text=Theme")
        page.click("text=JupyterLab Dark")
        page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    page.click(".jp-NotebookPanel .jp-Cell >> nth=0")
    page.click("text=Run")
    page.click("text=Run All Cells")
    page.wait_for_selector(".upload-button", timeout=120_000)
    return page


@pytest.fixture(scope="module")
def page(browser, lab):
    made = opened(browser, lab("light"), "light")
    yield made
    made.close()
