"""Drive notebooks in a real JupyterLab with headless Chromium, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as NotYet
from websocket import create_connection

ROOT = Path(__file__).resolve().parents[1]
BEGUN = """() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
                  .some((prompt) => /[\\d*]/.test(prompt.textContent))"""
ENDED = """n => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
                 .filter((prompt) => /\\d/.test(prompt.textContent)).length === n
             || document.querySelector('[data-mime-type$=stderr] .ansi-red-fg')"""

# Watches until nothing has changed, scrolled or moved for a while in which frames were drawn, and
# the kernel is idle. Frames, as a busy machine lets time pass without drawing.
WATCH = """() => {
    let [frames, since] = [0, performance.now()];
    const moved = () => { [frames, since] = [0, performance.now()]; };
    const observer = new MutationObserver(moved);
    observer.observe(document.body,
        { subtree: true, childList: true, attributes: true, characterData: true });
    document.addEventListener('scroll', moved, true);
    const isMoving = () => document.querySelector('[data-status=busy]')
        || document.getAnimations().some((one) =>  // those without an end are cursors
            one.playState === 'running' && one.effect.getComputedTiming().endTime !== Infinity);
    const end = () => {
        cancelAnimationFrame(next);
        observer.disconnect();
        document.removeEventListener('scroll', moved, true);
    };
    const look = () => {
        frames += 1;
        next = requestAnimationFrame(look);
        if (frames <= 8 || performance.now() - since <= 250 || isMoving()) return;
        watching.isStill = true;
        end();
    };
    let next = requestAnimationFrame(look);
    const watching = window.uhscmWatching = { isStill: false, end };
}"""


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """Start the system's Chromium without a screen; None if it is not installed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        yield None
        return
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of these code cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    sources = [nbformat.v4.new_code_cell(source.strip()) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(metadata=kernel, cells=sources), path)


@contextmanager
def jupyterlab(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server with the explorer's settings and a separate state.

    Args:
        folder: folder of the notebooks and of the server's own files.
        environment: environment variables for the kernels.

    Yields:
        The address of a notebook, with ``{}`` in place of its name.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_urlsafe(16)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={folder}",
        # Unloading torch takes seconds in which nothing of ours happens: this is twice what
        # a kernel has before it is ended.
        "--KernelManager.shutdown_wait_time=1.0",
        "--LabApp.expose_app_in_browser=True",  # see widgets/kit/stage.py
        f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab_settings'}",
    ]
    state = {
        "JUPYTER_TOKEN": token,
        "OMP_WAIT_POLICY": "PASSIVE",  # as in explore.py
        "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
        "PYTHONPATH": str(ROOT),
    }
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **state, **(environment or {})},
    )
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
    finally:
        stop(server)


def _api(address: str) -> tuple[str, dict[str, str]]:
    """Return where a server's interface is, and the header that opens it."""
    token = re.findall(r"[?&]token=([^&]+)", address)[0]
    return f"{address.partition('/lab/')[0]}/api", {"Authorization": f"token {token}"}


def start_kernel(page: Page, address: str, path: str, source: str) -> None:
    """Start the kernel of a notebook and let it run something, before a page shows the notebook.

    Args:
        page: any page of the browser; it sends the requests.
        address: as `jupyterlab` yields it.
        path: of the notebook, below the server's folder.
        source: what the kernel runs; it does not count as a cell.

    Raises:
        RuntimeError: if the server does not start a kernel.
    """
    api, header = _api(address)
    asked = {"path": path, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    answer = page.request.post(f"{api}/sessions", headers=header, data=asked, timeout=60_000)
    if not answer.ok:
        raise RuntimeError(f"JupyterLab did not start a kernel for {path}: {answer}")
    channels = f"ws{api.removeprefix('http')}/kernels/{answer.json()['kernel']['id']}/channels"
    head = {"msg_id": secrets.token_hex(), "msg_type": "execute_request"}
    head |= {"session": secrets.token_hex(), "username": "", "date": "", "version": "5.3"}
    content = {"code": source, "silent": True, "allow_stdin": False}
    message = {"header": head, "parent_header": {}, "metadata": {}, "content": content}
    socket = create_connection(channels, header=header)
    socket.send(json.dumps(message | {"channel": "shell"}))
    socket.close()


def end_kernels(page: Page, address: str) -> None:
    """Shut down all kernels of a server: closing a page leaves them running.

    Args:
        page: any page of the browser; it sends the requests.
        address: as `jupyterlab` yields it.

    Raises:
        RuntimeError: if the server does not end a kernel.
    """
    api, header = _api(address)
    for session in page.request.get(f"{api}/sessions", headers=header).json():
        answer = page.request.delete(
            f"{api}/sessions/{session['id']}", headers=header, timeout=60_000
        )
        if not answer.ok:
            raise RuntimeError(f"JupyterLab did not end the kernel of {session['path']}: {answer}")


def stop(server: subprocess.Popen[Any]) -> None:
    """Stop a server; kill it if it does not stop by itself."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_for(port: int, server: subprocess.Popen[Any]) -> None:
    """Block until a server that was just started listens."""
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with {server.returncode} before it listened")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError("JupyterLab did not listen within two minutes")


def go(page: Page, address: str) -> None:
    """Open a notebook."""
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)


def settle(page: Page, most: float = 10_000) -> bool:
    """Block until nothing moves in a page and its kernel is idle.

    Args:
        page: any page; one that runs no JavaScript takes all of the time.
        most: limit in milliseconds, for a page that is never still.

    Returns:
        Whether the page is still.
    """
    page.evaluate(WATCH)
    limit = time.monotonic() + most / 1000
    while not (is_still := bool(page.evaluate("uhscmWatching.isStill"))):
        if time.monotonic() > limit:
            page.evaluate("uhscmWatching.end()")
            break
        page.wait_for_timeout(30)
    return is_still


def begin(page: Page, ask: Callable[[], None]) -> None:
    """Request that cells run until the first one does.

    JupyterLab drops requests while it is still connecting to the kernel.
    """
    page.wait_for_selector("[data-status=idle]", timeout=120_000)  # a kernel takes a while to start
    for _ in range(6):
        ask()
        try:
            page.wait_for_function(BEGUN, timeout=10_000)
        except NotYet:
            continue
        return
    raise RuntimeError("JupyterLab did not run any cell")


def set_theme(page: Page, theme: str) -> None:
    """Switch JupyterLab to the theme ``"light"`` or ``"dark"``."""
    wanted = f"body[data-jp-theme-light={'true' if theme == 'light' else 'false'}]"
    page.wait_for_selector("body[data-jp-theme-light]", state="attached")
    if not page.locator(wanted).count():  # the server remembers the last theme
        page.click(".lm-MenuBar-itemLabel:text-is('Settings')")
        page.hover(".lm-Menu-itemLabel:text-is('Theme')")
        page.click(f".lm-Menu-itemLabel:text-is('JupyterLab {theme.title()}')")
        page.wait_for_selector(wanted, state="attached")


def run_all(page: Page, theme: str, cells: int, timeout: float = 240_000) -> None:
    """Run all cells of the open notebook in a light or a dark JupyterLab.

    Args:
        page: a page with a notebook.
        theme: ``"light"`` or ``"dark"``.
        cells: number of code cells, to tell when the last one has run.
        timeout: limit in milliseconds.

    Raises:
        RuntimeError: a cell raised an error; the message contains it.
    """
    set_theme(page, theme)

    def ask() -> None:
        page.click(".jp-NotebookPanel .jp-Cell >> nth=0")
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")

    begin(page, ask)
    page.wait_for_function(ENDED, arg=cells, timeout=timeout)
    # JupyterLab shows exceptions as colored error output.
    if page.locator("[data-mime-type$=stderr] .ansi-red-fg").count():
        raise RuntimeError(page.locator("[data-mime-type$=stderr]").last.inner_text())
