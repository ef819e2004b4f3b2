"""An installed wheel has no Makefile, no scripts and no git: no advice names them."""

from __future__ import annotations

import re
import sys

import pytest
import torch

import uhscm_core
from uhscm_doctor import jupyter, machine, packages, sources
from uhscm_doctor.report import CHECKS, doctor

NOT_SHIPPED = re.compile(r"\bmake |scripts|lab_settings|git -C|--editable")


@pytest.fixture(autouse=True)
def wheel(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "ROOT", tmp_path / "site-packages")


def test_the_checks_of_a_wheel_name_what_is_there(drawn_up):
    assert not NOT_SHIPPED.search(repr(doctor(CHECKS)))


def broken_model(*_, **__):
    raise ValueError("postcards.safetensors: damaged")


def old_python(monkeypatch):
    monkeypatch.setattr(packages, "_LEAST", (99, 0))
    return packages.python


def no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "uhscm_core", None)
    return packages.imports


def no_torch(monkeypatch):
    monkeypatch.setattr(packages, "_version", {}.get)
    return packages.installed


def no_model(monkeypatch):
    monkeypatch.setattr(uhscm_core, "load_vlp", broken_model)
    return sources.postcards


def spinning_threads(monkeypatch):
    monkeypatch.setattr(machine, "in_kernel", lambda: True)
    monkeypatch.setattr(machine, "usable_cores", lambda: 64)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    return machine.threads


def in_vs_code(monkeypatch):
    monkeypatch.setenv("VSCODE_PID", "1")
    monkeypatch.setattr(jupyter, "in_kernel", lambda: True)
    return jupyter.place


@pytest.mark.parametrize(
    "fault", [old_python, no_package, no_torch, no_model, spinning_threads, in_vs_code]
)
def test_the_advice_about_a_fault_names_what_is_there(fault, monkeypatch):
    (finding,) = fault(monkeypatch)()
    assert finding.fix
    assert not NOT_SHIPPED.search(f"{finding.found} {finding.fix}")


@pytest.mark.parametrize("fault", ["settings", "parts", "answer"])
def test_the_advice_about_a_server_names_what_is_there(fault, lab):
    if fault == "settings":
        lab.users["@jupyterlab/notebook-extension:tracker"] = {"windowingMode": "full"}
    elif fault == "parts":
        lab.parts.remove("anywidget")
    else:
        lab.parts = None
    (finding,) = jupyter.servers()
    assert finding.fix
    assert not NOT_SHIPPED.search(f"{finding.found} {finding.fix}")
