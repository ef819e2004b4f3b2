"""Seed what draws from torch's global random state, which all threads of a process share."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

__all__ = ["seeded"]

_lock = threading.RLock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # the thread that holds the lock does not exist in a child
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def seeded(seed: int, devices: Sequence[torch.device] = ()) -> Iterator[None]:
    """Draw from `seed` within the block, and leave the global random state as it was.

    One thread enters at a time, so that a run in the background and a network created at the same
    moment each draw their own numbers.

    Args:
        seed: the seed of all that is drawn within the block.
        devices: GPUs whose state is restored too, besides the CPU's.
    """
    with _lock, torch.random.fork_rng(devices=list(devices)):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach every GPU
        for device in devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
