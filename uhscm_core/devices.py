"""Which device the work runs on."""

from __future__ import annotations

import torch

__all__ = ["resolve_device"]


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The named device; ``"auto"`` is a CUDA GPU, or else Apple's, or else the CPU.

    Raises:
        ValueError: a device that is not there.
    """
    if str(device) != "auto":
        chosen = torch.device(device)
        there = {
            "cuda": torch.cuda.is_available(),
            "mps": torch.backends.mps.is_available(),
            "cpu": True,
        }
        if not there.get(chosen.type, False):
            raise ValueError(f"no device {str(device)!r} on this machine; use 'auto' or 'cpu'")
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
