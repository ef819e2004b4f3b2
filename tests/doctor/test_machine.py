"""The device, threads and memory, with each fault provoked."""

from __future__ import annotations

import warnings

import pytest
import torch

from uhscm_core.support import devices
from uhscm_doctor import machine

GIGABYTE = 2**30


def one(check):
    (finding,) = check()
    return finding


@pytest.fixture
def driver(monkeypatch, tmp_path):
    path = tmp_path / "version"
    path.write_text("NVRM version: 470")
    monkeypatch.setattr(machine, "_DRIVER", path)
    monkeypatch.setattr(devices, "resolve_device", lambda _: torch.device("cpu"))


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that, like the meta device, does not compute."""
    monkeypatch.setattr(devices, "resolve_device", lambda _: torch.device("meta"))


def test_a_cpu_alone_is_well(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_DRIVER", tmp_path / "none")
    monkeypatch.setattr(devices, "resolve_device", lambda _: torch.device("cpu"))
    assert (one(machine.device).verdict, one(machine.device).found) == ("ok", "the CPU")


def test_a_gpu_that_torch_does_not_see_is_said(driver, monkeypatch):
    finding = one(machine.device)
    assert finding.verdict == "warn"
    assert "cannot use the NVIDIA GPU" in finding.found
    assert "driver" in finding.fix

    def old(_):
        warnings.warn("CUDA initialization: The NVIDIA driver is too old\nlong", stacklevel=1)
        return torch.device("cpu")

    monkeypatch.setattr(devices, "resolve_device", old)
    assert one(machine.device).found.endswith("The NVIDIA driver is too old")


def test_a_device_that_does_not_compute_is_bad(gpu):
    finding = one(machine.device)
    assert finding.verdict == "bad"
    assert "does not compute" in finding.found
    assert "CUDA_VISIBLE_DEVICES=" in finding.fix


def test_more_threads_than_cores_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert one(machine.threads).verdict == "ok"
    (tmp_path / "cpu.max").write_text("150000 100000\n")  # a container with a core and a half
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    finding = one(machine.threads)
    assert finding.verdict == "warn"
    assert "OMP_NUM_THREADS=" in finding.fix


def test_threads_that_spin_are_said_in_a_notebook_alone(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(machine, "usable_cores", lambda: 2.0)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert one(machine.threads).verdict == "ok"
    monkeypatch.setattr(machine, "in_kernel", lambda: True)
    assert "OMP_WAIT_POLICY=PASSIVE" in one(machine.threads).fix
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    assert one(machine.threads).verdict == "ok"


def test_little_memory_is_said_and_a_containers_limit_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{3 * GIGABYTE}\n")
    free = machine.free_memory()
    (tmp_path / "memory.max").write_text(f"{4 * GIGABYTE}\n")
    assert machine.free_memory() == min(free, GIGABYTE)
    assert one(machine.memory).verdict == "warn"
    monkeypatch.setattr(machine, "free_memory", lambda: 4 * GIGABYTE)
    assert one(machine.memory).found == "4.0 GB free"
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    assert one(machine.memory).verdict == "ok"
