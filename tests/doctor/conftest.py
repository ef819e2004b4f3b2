"""What the doctor's tests share: the default postcards, drawn up once, and a JupyterLab."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote

import jupyter_core.paths
import pytest

import uhscm_core
from uhscm_doctor import jupyter


@pytest.fixture
def drawn_up(monkeypatch, default_postcards) -> None:
    """Let a check find the default postcards without drawing up their scenes again."""
    monkeypatch.setattr(uhscm_core, "load_dataset", lambda *_, **__: default_postcards)


class Lab(BaseHTTPRequestHandler):
    """Answers as JupyterLab does."""

    def do_GET(self):
        server = self.server
        if self.headers["Authorization"] != "token secret":
            self.send_error(403)
            return
        if self.path == "/lab" and server.app == "Jupyter Notebook":
            self.send_error(500)  # as Notebook 7 without JupyterLab's extension does
            return
        if self.path in ("/lab", "/tree"):
            parts = [{"name": name} for name in server.parts]
            config = json.dumps({"appName": server.app, "federated_extensions": parts})
            body = f'<script id="jupyter-config-data" type="application/json">{config}</script>'
        else:
            plugin = unquote(self.path.removeprefix("/lab/api/settings/"))
            if plugin not in server.defaults:
                self.send_error(404)
                return
            body = json.dumps(
                {
                    "settings": server.users.get(plugin, {}),
                    "schema": {"properties": server.defaults[plugin]},
                }
            )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def runtime(monkeypatch, tmp_path):
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setattr(jupyter_core.paths, "jupyter_runtime_dir", lambda: str(folder))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # never asked
    return folder


@pytest.fixture
def lab(runtime):
    server = HTTPServer(("127.0.0.1", 0), Lab)
    server.app = "JupyterLab"
    server.parts = list(jupyter.PARTS)
    server.users = {}
    server.defaults = {
        plugin: {key: {"default": wanted}} for plugin, (key, wanted) in jupyter.WANTED.items()
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    record = {
        "url": f"http://127.0.0.1:{server.server_port}/",
        "port": server.server_port,
        "pid": os.getpid(),
        "token": "secret",
    }
    (runtime / f"jpserver-{os.getpid()}.json").write_text(json.dumps(record))
    yield server
    server.shutdown()
    server.server_close()
