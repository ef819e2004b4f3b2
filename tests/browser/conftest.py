"""A real JupyterLab, started by the command that users start it with, and headless Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from scripts.lab import chromium, stop, wait_for

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        if started is None:
            pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
        yield started


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
