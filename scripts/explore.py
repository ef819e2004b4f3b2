"""Open the tour in JupyterLab, reachable from this machine only.

The server listens on 127.0.0.1 and asks for its token. If there is a screen, the browser opens;
otherwise the address is printed. ``lab_settings/overrides.json`` contains two settings against
faults of JupyterLab (blank widgets after scrolling, callbacks on a second thread) and turns off its
look-ups of news and updates.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = "notebooks/00_tour.ipynb"


def has_screen() -> bool:
    """Return whether a browser window would be visible."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def is_free(port: int) -> bool:
    """Return whether a port is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(first: int = 8888) -> int:
    """Return the first free port from `first` on."""
    for port in range(first, first + 100):
        if is_free(port):
            return port
    raise SystemExit(f"no free port between {first} and {first + 99}: choose one with --port")


def main() -> None:
    """Replace this process with the server."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=int, help="port to listen on (default: the first free one)")
    options = parser.parse_args()

    port = options.port or free_port()
    if not is_free(port):
        raise SystemExit(
            f"port {port} is in use: choose another one, or none for the first free port"
        )
    # Threads that spin while they wait made training ten times slower on busy cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    token = os.environ.setdefault("JUPYTER_TOKEN", secrets.token_urlsafe(24))
    address = f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}?token={token}"
    opens = has_screen() and not options.no_browser
    print(f"\nThe explorer{' opens' if opens else ' is'} at\n\n    {address}\n")
    print("Ctrl-C stops it. You can ignore JupyterLab's warnings below while the page works.\n")
    sys.stdout.flush()
    arguments = [
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab_settings'}",
        "--LabApp.expose_app_in_browser=True",  # for the workbench, see widgets/kit/stage.py
        f"--LabApp.default_url=/lab/tree/{NOTEBOOK}",
        f"--ServerApp.open_browser={opens}",
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # in a container root is the only user
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
