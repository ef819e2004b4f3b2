"""Choose the device that the work runs on."""

from __future__ import annotations

import os

import torch

from uhscm_core.support.checks import shown

__all__ = ["resolve_device"]

# Let torch ask the driver whether there is a GPU, which leaves CUDA to processes forked later.
# lightning_fabric sets it too, but is imported no sooner than a training.
os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Return the named device; ``"auto"`` is a CUDA GPU, or else Apple's, or else the CPU.

    Raises:
        TypeError: no name of a device.
        ValueError: this machine has no such device.
    """
    if not isinstance(device, str | torch.device):
        raise TypeError(f"device must be a name such as 'cpu', got {shown(device)}")
    if str(device) != "auto":
        counts = {
            "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
            "mps": int(torch.backends.mps.is_available()),
            "cpu": 1,
        }
        try:
            chosen = torch.device(device)
        except RuntimeError:  # not a device name of torch
            chosen = None
        if chosen is None or (chosen.index or 0) >= counts.get(chosen.type, 0):
            raise ValueError(f"no device {str(device)!r} on this machine; use 'auto' or 'cpu'")
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
