"""Where the notebook runs: JupyterLab or Notebook 7, their extensions, and two settings.

A kernel may run in another environment than the server that shows it, so what counts is what the
server says. The doctor asks it over the loopback, with the token that it stores for this user.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from uhscm_doctor.finding import BAD, WARN, Finding
from uhscm_doctor.packages import LAB_SETTINGS, explore, in_clone

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
        "its Jupyter extension shows figures and widgets; if a view stays empty, use JupyterLab",
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
            fix = f"if widgets go blank after scrolling: {_advice()}"
            yield Finding("server", unknown, "ok", fix)
        else:
            right = " with the right settings" if in_clone() else ""
            yield Finding("server", f"none is running; {explore()} starts one{right}")
    for server in found:
        yield _server(server)


def _advice(app: str = "JupyterLab") -> str:
    if in_clone() and app == "JupyterLab":
        return (
            f"make explore sets both; in your own server start JupyterLab with "
            f"--LabApp.app_settings_dir={LAB_SETTINGS}"
        )
    return (
        "in Settings > Settings Editor choose Notebook > Windowing mode: defer, and Kernels > "
        "Kernel Comms over subshells: Disabled"
    )


def _server(server: dict[str, Any]) -> Finding:
    what = f"server on port {server.get('port')}"
    try:
        page = _page(server)
        shown = {part["name"] for part in page["federated_extensions"]}
        app, version = page.get("appName", "JupyterLab"), page.get("appVersion", "")
        wrong = [
            f"{key} is {value!r}, not {wanted!r}"
            for plugin, (key, wanted) in WANTED.items()
            if (value := _setting(server, plugin, key)) not in (wanted, None)
        ]
    except (OSError, ValueError, KeyError) as error:
        found = f"does not answer like JupyterLab or Jupyter Notebook ({type(error).__name__})"
        fix = f"reload the page; if that does not help, Ctrl-C and {explore()}"
        return Finding(what, found, WARN, fix)
    missing = [part for part in PARTS if part not in shown]
    if missing:
        packages = " ".join(PARTS[part] for part in missing)
        fix = f"install {packages} where the server runs, restart it and reload"
        if in_clone():
            fix = f"{fix}; or make explore"
        return Finding(
            what, f"shows no widgets: these extensions are missing: {', '.join(missing)}", BAD, fix
        )
    if wrong:
        return Finding(what, "; ".join(wrong), WARN, _advice(app))
    healthy = "has the settings that keep widgets from going blank or mute"
    return Finding(what, f"{app} {version}".strip() + f", {healthy}")


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


def _page(server: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration in the server's page: JupyterLab's, or else Notebook 7's own."""
    try:
        page = _ask(server, "lab")
    except urllib.error.HTTPError:  # Notebook 7 need not serve JupyterLab
        page = _ask(server, "tree")
    config = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    if config is None:
        raise ValueError("no page of JupyterLab or Notebook 7")
    values: dict[str, Any] = json.loads(config[1])
    return values


def _setting(server: dict[str, Any], plugin: str, key: str) -> Any:
    """Return the value in force: the user's own, or else the default with its overrides.

    None where the server has no such setting: the fault came with it.
    """
    try:
        answer = json.loads(_ask(server, f"lab/api/settings/{urllib.parse.quote(plugin)}"))
    except urllib.error.HTTPError:
        return None
    return answer["settings"].get(key, answer["schema"]["properties"].get(key, {}).get("default"))


def _ask(server: dict[str, Any], path: str) -> str:
    request = urllib.request.Request(server["url"] + path)  # noqa: S310
    if server.get("token"):
        request.add_header("Authorization", f"token {server['token']}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=3) as answer:
        text: str = answer.read().decode()
    return text


def chromium() -> Iterator[Finding]:
    """Look for the browser that the tests and `make screenshots` of a clone use."""
    if not in_clone():
        return
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = "not installed; only the browser tests and make screenshots need it"
    yield Finding("Chromium", path or f"{missing} (Debian: apt-get install chromium)")
