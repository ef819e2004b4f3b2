"""Where the notebook runs: JupyterLab, its extensions for widgets, and two of its settings.

A kernel may run in another environment than the server that shows it, so what counts is what the
server says. The doctor asks it over the loopback, with the token that it stores for this user.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from uhscm_doctor.finding import BAD, WARN, Finding
from uhscm_doctor.packages import ROOT

__all__ = ["chromium", "front_end", "in_kernel", "place", "servers"]

WANTED = {
    "@jupyterlab/notebook-extension:tracker": ("windowingMode", "defer"),
    "@jupyterlab/apputils-extension:kernels-settings": ("commsOverSubshells", "disabled"),
}
PARTS = {
    "@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets",
    "anywidget": "anywidget",
    "jupyterlab-plotly": "plotly",
}
_HINTS = {
    "VSCODE_PID": (
        "VS Code",
        "its Jupyter extension shows figures and widgets; if a view stays empty, make explore",
    ),
    "COLAB_RELEASE_TAG": (
        "Colab",
        "first run: from google.colab import output; output.enable_custom_widget_manager()",
    ),
    "BINDER_SERVICE_HOST": ("Binder", "the session ends when idle: download what you want to keep"),
}


def in_kernel() -> bool:
    """Return whether this is a notebook's kernel."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def place() -> Iterator[Finding]:
    """Report where this runs, with a hint for that place."""
    for variable, (name, hint) in _HINTS.items():
        if variable in os.environ and in_kernel():
            yield Finding("runs in", name, WARN if name != "Binder" else "ok", hint)
            return
    yield Finding("runs in", "a notebook's kernel" if in_kernel() else "a terminal")


def front_end() -> Iterator[Finding]:
    """Check that this Python's JupyterLab has the extensions that show widgets."""
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    missing = [p for p in PARTS if not any((f / p / "package.json").is_file() for f in folders)]
    found = f"JupyterLab {metadata.version('jupyterlab')}"
    if missing:
        packages = " ".join(PARTS[part] for part in missing)
        fix = f"{sys.executable} -m pip install --force-reinstall {packages}, then reload the page"
        yield Finding("front end", f"{found} without {', '.join(missing)}", BAD, fix)
        return
    yield Finding("front end", f"{found}, with the extensions for widgets and figures")


def servers() -> Iterator[Finding]:
    """Check the extensions of running servers, and two settings against blank or mute widgets."""
    found = list(_running())
    if not found:
        if in_kernel():
            unknown = "cannot be reached, so its settings are unknown"
            yield Finding(
                "server", unknown, "ok", f"if widgets go blank after scrolling: {_ADVICE}"
            )
        else:
            yield Finding(
                "server", "none is running; make explore starts one with the right settings"
            )
    for server in found:
        yield _server(server)


_ADVICE = (
    "make explore sets both; in your own server start JupyterLab with "
    f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab_settings'}"
)


def _server(server: dict[str, Any]) -> Finding:
    what = f"server on port {server.get('port')}"
    try:
        wrong = [
            f"{key} is {value!r}, not {wanted!r}"
            for plugin, (key, wanted) in WANTED.items()
            if (value := _setting(server, plugin, key)) != wanted
        ]
        shown = _shown_parts(server)
    except (OSError, ValueError, KeyError) as error:
        found = f"does not answer like JupyterLab ({type(error).__name__})"
        return Finding(
            what, found, WARN, "reload the page; if that does not help, Ctrl-C and make explore"
        )
    missing = [part for part in PARTS if part not in shown]
    if missing:
        packages = " ".join(PARTS[part] for part in missing)
        fix = f"install {packages} where the server runs, restart it and reload; or make explore"
        return Finding(
            what, f"shows no widgets: these extensions are missing: {', '.join(missing)}", BAD, fix
        )
    if wrong:
        return Finding(what, "; ".join(wrong), WARN, _ADVICE)
    return Finding(what, "has both settings that keep widgets from going blank or mute")


def _running() -> Iterator[dict[str, Any]]:
    """What the running servers of this user left on record; a kernel's own server alone."""
    from jupyter_core.paths import jupyter_runtime_dir

    own = os.environ.get("JPY_PARENT_PID") if in_kernel() else None
    if in_kernel() and own is None:
        return
    for path in sorted(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        try:
            server = json.loads(path.read_text(encoding="utf-8"))
            alive = _is_alive(int(server["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if alive and own in (None, str(server["pid"])):
            yield server


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # signal 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _setting(server: dict[str, Any], plugin: str, key: str) -> Any:
    """Return the value in force: the user's own, or else the default with its overrides."""
    answer = json.loads(_ask(server, f"lab/api/settings/{urllib.parse.quote(plugin)}"))
    return answer["settings"].get(key, answer["schema"]["properties"].get(key, {}).get("default"))


def _shown_parts(server: dict[str, Any]) -> set[str]:
    """Return the names of the extensions that the server gives to the browser."""
    page = _ask(server, "lab")
    config = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    if config is None:
        raise ValueError("no JupyterLab page")
    return {part["name"] for part in json.loads(config[1])["federated_extensions"]}


def _ask(server: dict[str, Any], path: str) -> str:
    request = urllib.request.Request(server["url"] + path)  # noqa: S310
    if server.get("token"):
        request.add_header("Authorization", f"token {server['token']}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=3) as answer:
        text: str = answer.read().decode()
    return text


def chromium() -> Iterator[Finding]:
    """Look for the browser that the tests and `make screenshots` use."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = "not installed; only the browser tests and make screenshots need it"
    yield Finding("Chromium", path or f"{missing} (Debian: apt-get install chromium)")
