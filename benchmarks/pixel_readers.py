r"""How much of training on pixels is spent outside its steps, waiting for the reading of photos?

    python -m benchmarks.pixel_readers
    python -m benchmarks.pixel_readers --photos 256 --epochs 20 --workers 2

A small network learns from JPEG files, so that reading takes longer than computing, as it does on a
GPU. A step is what the network computes on a batch; the rest of the time the network waits. The
share differs from machine to machine: what says something is the same command on two versions of
the code, in turns.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported

import numpy as np
import torch
from PIL import Image

from benchmarks.common import load
from uhscm_core import HashNetwork, TrainingConfig, load_dataset, mine_concepts, train
from uhscm_core import training as training_module

CONCEPTS = 8
BATCH = 64
PIXELS = 32  # that the network reads: so few that it waits for its readers


def main() -> None:
    """Print how long the run took, and which share of it was no step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="processes that read photos")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), options.photos)
        whole, steps = timed(Path(folder), options.epochs, options.workers)
    print(
        f"{options.photos} photos, {options.epochs} epochs, {options.workers} readers: {whole:.2f} "
        f"s, of which {whole - steps:.2f} s ({(whole - steps) / whole:.0%}) outside the steps; "
        f"{load()}"
    )


def write_photos(folder: Path, count: int) -> None:
    """Write JPEG files of 384 x 256 pixels, about as large as those of photos."""
    generator = np.random.default_rng(0)
    for number in range(count):
        coarse = generator.integers(0, 256, (32, 48, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((384, 256)).save(folder / f"{number:05d}.jpg", quality=90)


def timed(folder: Path, epochs: int, workers: int) -> tuple[float, float]:
    """Return the seconds of a whole run, and those of its steps."""
    dataset = load_dataset(folder, n_query=1)
    photos = dataset.images.take(dataset.splits["train"].tolist())
    features = torch.eye(CONCEPTS).repeat(-(-len(photos) // CONCEPTS), 1)[: len(photos)]
    mined = mine_concepts(features, torch.eye(CONCEPTS), min_share=0.0)
    config = TrainingConfig(
        recipe="uhscm", epochs=epochs, batch_size=BATCH, workers=workers, device="cpu"
    )
    network = HashNetwork(16, "test_resnet", pretrained=False)
    size = {"input_size": (3, PIXELS, PIXELS)}
    network.backbone.pretrained_cfg = {**network.backbone.pretrained_cfg, **size}  # type: ignore[assignment,dict-item]
    steps = 0.0
    original = training_module._Training._train_on

    def clocked(*arguments: object) -> dict[str, float]:
        nonlocal steps
        started = time.perf_counter()
        terms = original(*arguments)  # type: ignore[arg-type]
        steps += time.perf_counter() - started
        return terms

    training_module._Training._train_on = clocked  # type: ignore[method-assign,assignment]
    started = time.perf_counter()
    for _ in train(network, photos, mined, config):
        pass
    return time.perf_counter() - started, steps


if __name__ == "__main__":
    main()
