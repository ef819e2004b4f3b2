"""Where the notebook runs: JupyterLab, its parts for widgets, and two of its settings.

A kernel may live in another environment than the server that shows it, so that what counts is what
the server says. It is asked over the loopback, with the token that it left for this user.
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
        "figures and widgets show with its Jupyter extension; if a view stays empty, make explore",
    ),
    "COLAB_RELEASE_TAG": (
        "Colab",
        "run first: from google.colab import output; output.enable_custom_widget_manager()",
    ),
    "BINDER_SERVICE_HOST": ("Binder", "the session ends when idle: download what you want to keep"),
}


def in_kernel() -> bool:
    """Whether this is a notebook's kernel."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def place() -> Iterator[Finding]:
    """Where this runs, with what is special there."""
    for variable, (name, hint) in _HINTS.items():
        if variable in os.environ and in_kernel():
            yield Finding("runs in", name, WARN if name != "Binder" else "ok", hint)
            return
    yield Finding("runs in", "a notebook's kernel" if in_kernel() else "a terminal")


def front_end() -> Iterator[Finding]:
    """The parts of this Python's JupyterLab that show widgets."""
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    missing = [p for p in PARTS if not any((f / p / "package.json").is_file() for f in folders)]
    found = f"JupyterLab {metadata.version('jupyterlab')}"
    if missing:
        packages = " ".join(PARTS[part] for part in missing)
        mend = f"{sys.executable} -m pip install --force-reinstall {packages}, then reload the page"
        yield Finding("front end", f"{found} without {', '.join(missing)}", BAD, mend)
        return
    yield Finding("front end", f"{found}, with what shows widgets and figures")


def servers() -> Iterator[Finding]:
    """The two settings that prevent blank or mute widgets, and the parts, in running servers."""
    found = list(_running())
    if not found:
        if in_kernel():
            say = "can't be asked, so its settings are not known"
            yield Finding("server", say, "ok", f"if widgets go blank after scrolling: {_ADVICE}")
        else:
            yield Finding("server", "none runs now; make explore starts one with our settings")
    for server in found:
        yield _server(server)


_ADVICE = (
    "make explore sets both; in your own server start JupyterLab with "
    f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab_settings'}"
)


def _server(server: dict[str, Any]) -> Finding:
    what = f"server on port {server.get('port')}"
    try:
        off = [
            f"{key} is {value!r}, not {wanted!r}"
            for plugin, (key, wanted) in WANTED.items()
            if (value := _setting(server, plugin, key)) != wanted
        ]
        shown = _shown_parts(server)
    except (OSError, ValueError, KeyError) as error:
        found = f"does not answer as a JupyterLab does ({type(error).__name__})"
        return Finding(what, found, WARN, "reload the page; else Ctrl-C and make explore")
    missing = [part for part in PARTS if part not in shown]
    if missing:
        packages = " ".join(PARTS[part] for part in missing)
        mend = f"install {packages} where the server runs, restart it and reload; or make explore"
        return Finding(what, f"shows no widgets: it lacks {', '.join(missing)}", BAD, mend)
    if off:
        return Finding(what, "; ".join(off), WARN, _ADVICE)
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
    if sys.platform == "win32":  # where signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _setting(server: dict[str, Any], plugin: str, key: str) -> Any:
    """The value in force: the user's own, or else the default with its overrides."""
    answer = json.loads(_ask(server, f"lab/api/settings/{urllib.parse.quote(plugin)}"))
    return answer["settings"].get(key, answer["schema"]["properties"].get(key, {}).get("default"))


def _shown_parts(server: dict[str, Any]) -> set[str]:
    """Names of the extensions that the server gives to the browser."""
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
    """The browser of the tests and of `make screenshots`."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    lacking = "not here, and only the browser tests and make screenshots want it"
    yield Finding("Chromium", path or f"{lacking} (Debian: apt-get install chromium)")
