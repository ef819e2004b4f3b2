"""The device that is asked for, or the best there is."""

from __future__ import annotations

import pytest
import torch

from uhscm_core.support.devices import resolve_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have some CUDA GPUs and perhaps Apple's."""

    def pretend(cuda: int, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(1, False, "cuda"), (2, True, "cuda"), (0, True, "mps"), (0, False, "cpu")],
)
def test_auto_is_the_fastest_there_is(machine, cuda, mps, chosen):
    machine(cuda, mps)
    assert resolve_device() == resolve_device("auto") == torch.device(chosen)


def test_a_named_device_that_is_there_is_taken(machine):
    machine(2, True)
    for name in ("cpu", "cuda", "cuda:1", "mps"):
        assert resolve_device(name) == torch.device(name)
    assert resolve_device(torch.device("cuda", 1)) == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "xpu", "meta", "gpu", "", "cuda:x"])
def test_a_device_that_is_not_there_is_named(machine, name):
    machine(0, False)
    with pytest.raises(ValueError, match=f"no device '{name}' on this machine; use 'auto' or"):
        resolve_device(name)


def test_a_gpu_beyond_the_last_is_not_there(machine):
    machine(2, False)
    with pytest.raises(ValueError, match="no device 'cuda:2'"):
        resolve_device("cuda:2")
