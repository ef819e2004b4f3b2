"""How long do 60 epochs at 64 bits take, compared with the bare matrix products they need?

A head on features is trained on 5,000 postcards in batches of 128 on the CPU. Three figures come
from one run: the matrix products alone (forward, backward, the cosines of a batch and its
similarity), `train` as a loop, and the panel with its snapshots, validations and files. Then follow
the bytes per minute that the panel sends to a browser.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import torch

from benchmarks.common import load
from uhscm_core import HashNetwork, Study, TrainingConfig, load_dataset, load_vlp, train
from uhscm_core.support import store
from widgets import TrainingExplorer

BITS, EPOCHS, B, HIDDEN = 64, 60, 128, 512


def products(d: int, k: int, batches: int) -> None:
    """Compute the products of all steps on random numbers."""
    x, w, v = torch.randn(B, d), torch.randn(d, HIDDEN), torch.randn(HIDDEN, BITS)
    hidden, z, q, h = (torch.randn(B, m) for m in (HIDDEN, BITS, k, B))
    for _ in range(batches):
        _ = x @ w, hidden @ v, z @ z.T, q @ q.T  # forward
        _ = h @ z, h @ z  # back through the cosines
        _ = hidden.T @ z, z @ v.T, x.T @ hidden  # back through both layers


def sent_bytes(content: object, buffers: object) -> int:
    """Estimate the size of a message: its JSON text and its buffers."""
    return len(str(content)) + sum(len(memoryview(b)) for b in buffers or ())  # type: ignore[attr-defined]


def main() -> None:
    """Print the times, their ratios and the traffic."""
    study = Study(load_dataset("postcards"), load_vlp("postcards"), "nuswide81", progress=False)
    n, k = study.mined.distribution.shape
    d, batches = study.vlp.embed_dim, EPOCHS * -(-n // B)
    config = TrainingConfig(recipe="uhscm", epochs=EPOCHS, device="cpu")
    data = study.training_data

    def bare() -> float:
        started = time.perf_counter()
        products(d, k, batches)
        return time.perf_counter() - started

    def loop() -> float:
        started = time.perf_counter()
        for _ in train(HashNetwork(BITS, in_features=d), data, study.mined, config):
            pass
        return time.perf_counter() - started

    traffic = {"messages": 0, "bytes": 0}

    def counted(
        _: object, kind: str, data: object = None, buffers: object = None, **__: object
    ) -> None:
        traffic["messages"] += 1
        traffic["bytes"] += len(kind) + sent_bytes(data, buffers)

    def panel() -> float:
        with ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory())
            stack.enter_context(mock.patch.object(store, "home", return_value=Path(home)))
            explorer = TrainingExplorer(study)
            explorer._worker.wait()
            kind = type(explorer.status.comm)
            stack.enter_context(mock.patch.object(kind, "publish_msg", counted))
            started = time.perf_counter()
            explorer.start(recipe="uhscm", bits=BITS, epochs=EPOCHS, batch_size=B, device="cpu")
            explorer.trainer.wait()  # type: ignore[union-attr]
            took = time.perf_counter() - started
            explorer.wait()
        return took

    times = {"bare": bare(), "loop": loop(), "panel": panel()}
    times["bare"] = min(times["bare"], bare())
    print(
        f"{batches} steps of {B} images, {BITS} bits; {torch.get_num_threads()} threads; {load()}"
    )
    print(f"the matrix products alone: {times['bare']:.1f} s")
    for name in ("loop", "panel"):
        print(f"{name}: {times[name]:.1f} s, {times[name] / times['bare']:.1f} times the products")
    minutes = times["panel"] / 60
    print(
        f"sent to a browser: {traffic['messages'] / minutes:.0f} messages and "
        f"{traffic['bytes'] / minutes / 1e6:.1f} MB per minute of training, without thumbnails"
    )


if __name__ == "__main__":
    main()
