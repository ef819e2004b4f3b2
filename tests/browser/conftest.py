"""One JupyterLab, one trained study and one headless Chromium for all browser tests.

And a server that is started by the command that users start it with.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from scripts.lab import chromium, jupyterlab, stop, wait_for
from tests.browser.pages import BITS, DATABASE, QUERIES, ROOT, TRAIN, Lab
from uhscm_core import Study, load_dataset, load_vlp


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        if started is None:
            pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
        yield started


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory) -> Iterator[Lab]:
    """The one JupyterLab of all tests, with a cache that its notebooks share."""
    root = tmp_path_factory.mktemp("lab")
    (root / "tmp").mkdir()
    environment = {"UHSCM_HOME": str(root / "home"), "TMPDIR": str(root / "tmp")}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UHSCM_PHOTOS", raising=False)
        patch.delenv("UHSCM_VLP", raising=False)
        with jupyterlab(root, environment) as address:
            yield Lab(root, address)


@pytest.fixture(scope="session")
def saved_study(lab) -> Path:
    """The one study of all tests, trained once; notebooks load it, see `STUDY`."""
    folder = lab.root / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(lab.root / "home"))
        dataset = load_dataset(
            "postcards", n_database=DATABASE, n_train=TRAIN, n_query=QUERIES, progress=False
        )
        study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
        study.train(BITS, epochs=12).save(folder)
    return folder


@pytest.fixture
def explorer(browser, tour_data, tmp_path) -> Iterator[str]:
    """The address that `make explore` prints, of a server on tiny data."""
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    environment.pop("DISPLAY", None)
    server = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "explore.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert server.stdout is not None
    try:
        address = None
        while address is None:
            line = server.stdout.readline()
            assert line, "the server ended before it printed its address"
            if found := re.search(r"http://127\.0\.0\.1:\d+/lab\S+", line):
                address = found[0]
        wait_for(int(re.search(r":(\d+)/", address)[1]), server)
        yield address
    finally:
        stop(server)
        server.stdout.close()
