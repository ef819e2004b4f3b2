"""The server that shows a notebook: its settings and parts, and where else a notebook may run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jupyter_core.paths
import pytest

from uhscm_doctor import jupyter

ROOT = Path(__file__).resolve().parents[2]


def one(check):
    (finding,) = check()
    return finding


def test_our_own_server_is_well(lab):
    finding = one(jupyter.servers)
    assert finding.verdict == "ok"
    assert finding.what == f"server on port {lab.server_port}"


def test_a_healthy_notebook_7_server_is_well(lab):
    lab.app = "Jupyter Notebook"
    finding = one(jupyter.servers)
    assert finding.verdict == "ok"
    assert finding.found.startswith("Jupyter Notebook, has the settings")


def test_the_settings_of_notebook_7_are_changed_in_its_settings_editor(lab):
    lab.app = "Jupyter Notebook"
    lab.users["@jupyterlab/notebook-extension:tracker"] = {"windowingMode": "full"}
    finding = one(jupyter.servers)
    assert finding.verdict == "warn"
    assert finding.fix.startswith("in Settings > Settings Editor choose Notebook")


def test_a_setting_that_an_older_server_does_not_have_is_no_fault(lab):
    del lab.defaults["@jupyterlab/apputils-extension:kernels-settings"]
    assert one(jupyter.servers).verdict == "ok"


def test_what_is_asked_for_is_what_our_server_is_started_with():
    overrides = json.loads((ROOT / "scripts/lab_settings/overrides.json").read_text())
    for plugin, (key, wanted) in jupyter.WANTED.items():
        assert overrides[plugin][key] == wanted


def test_a_setting_that_is_not_in_force_is_said(lab):
    plugin = "@jupyterlab/notebook-extension:tracker"
    lab.defaults[plugin] = {"windowingMode": {"default": "full"}}
    finding = one(jupyter.servers)
    assert finding.verdict == "warn"
    assert finding.found == "windowingMode is 'full', not 'defer'"
    assert "lab_settings" in finding.fix
    lab.users[plugin] = {"windowingMode": "defer"}  # a user's own wins
    assert one(jupyter.servers).verdict == "ok"


def test_a_server_that_shows_no_widgets_is_bad(lab):
    lab.parts.remove("anywidget")
    finding = one(jupyter.servers)
    assert finding.verdict == "bad"
    assert "anywidget" in finding.found
    assert "where the server runs" in finding.fix


def test_a_server_that_answers_otherwise_is_said_without_its_token(lab, runtime):
    (record,) = runtime.iterdir()
    record.write_text(record.read_text().replace("secret", "outdated"))
    finding = one(jupyter.servers)
    assert finding.verdict == "warn"
    assert "outdated" not in str(finding)


def test_records_of_servers_that_have_ended_or_are_torn_are_passed_over(runtime):
    ended = {"url": "http://127.0.0.1:1/", "port": 1, "pid": 2**22 + 1, "token": ""}
    (runtime / "jpserver-1.json").write_text(json.dumps(ended))
    (runtime / "jpserver-2.json").write_text("{")
    finding = one(jupyter.servers)
    assert finding.verdict == "ok"
    assert "make explore" in finding.found


def test_a_kernel_asks_its_own_server_alone(lab, monkeypatch):
    monkeypatch.setattr(jupyter, "in_kernel", lambda: True)
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    assert one(jupyter.servers).what.startswith("server on port")
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert one(jupyter.servers).what == "server"
    monkeypatch.delenv("JPY_PARENT_PID")
    assert "cannot be reached" in one(jupyter.servers).found


def test_missing_parts_of_the_front_end_are_bad(monkeypatch, tmp_path):
    assert one(jupyter.front_end).verdict == "ok"
    monkeypatch.setattr(jupyter_core.paths, "jupyter_path", lambda _: [str(tmp_path)])
    (tmp_path / "anywidget").mkdir()
    (tmp_path / "anywidget" / "package.json").write_text("{}")
    finding = one(jupyter.front_end)
    assert finding.verdict == "bad"
    assert "jupyterlab_widgets plotly" in finding.fix


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("VSCODE_PID", "VS Code"),
        ("COLAB_RELEASE_TAG", "enable_custom_widget_manager"),
        ("BINDER_SERVICE_HOST", "Binder"),
    ],
)
def test_other_places_are_known(monkeypatch, variable, says):
    monkeypatch.setenv(variable, "1")
    assert one(jupyter.place).found == "a terminal"
    monkeypatch.setattr(jupyter, "in_kernel", lambda: True)
    finding = one(jupyter.place)
    assert says in finding.found + finding.fix
    assert finding.fix


def test_a_machine_without_chromium_is_told_what_for(monkeypatch):
    monkeypatch.setenv("PATH", "")
    finding = one(jupyter.chromium)
    assert finding.verdict == "ok"
    assert "apt-get install chromium" in finding.found
