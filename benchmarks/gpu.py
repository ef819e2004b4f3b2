"""Does a GPU give the CPU's numbers, and how busy does the method keep it?

    python -m benchmarks.gpu
    python -m benchmarks.gpu --dry-run     # the same lines at a small size on the CPU

This runs all that needs a GPU in one call of at most ten minutes: agreement with the CPU, training
on features and on pixels, in 32 bits and in mixed precision, images per second, the share of the
time that the GPU computes, its memory, what happens when that is full, and the tests marked cuda.
What there is no time left for is named. Without a GPU the script says so and ends. Backbones have
random weights where pretrained ones are not on this machine and cannot be fetched, which changes no
speed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image

from benchmarks.common import load
from uhscm_core import (
    HashNetwork,
    Study,
    TrainingConfig,
    load_dataset,
    load_vlp,
    mean_average_precision,
    mine_concepts,
    pack_codes,
    semantic_similarity,
    train,
    uhscm_loss,
)
from uhscm_core.datasets import ArrayImages
from uhscm_core.objective import mixed_loss
from uhscm_core.recipe import RECIPES

BITS = 64
BACKBONES = ("vgg19", "tf_efficientnet_lite0")
MINUTES = 7.5  # a part that begins before then ends before ten minutes are over
TESTS = Path(__file__).resolve().parents[1] / "tests"


def main() -> None:
    """Run part after part while there is time."""
    dry = "--dry-run" in sys.argv
    if not torch.cuda.is_available() and not dry:
        print("skipped: there is no CUDA GPU on this machine")
        return
    started = time.monotonic()
    device = "cpu" if dry else "cuda"
    name = "CPU, dry run" if dry else torch.cuda.get_device_name()
    print(f"{name}, torch {torch.__version__}, {load()}\n")
    vlp = load_vlp("postcards", device=device)
    few = {"n_database": 200, "n_train": 160, "n_query": 20} if dry else {}
    study = Study(load_dataset("postcards", **few), vlp, "nuswide81", progress=False)
    backbones = ("test_resnet",) if dry else BACKBONES
    parts: dict[str, Callable[[], None]] = {
        "encoding": partial(encoding, study, device, 64 if dry else 5_000),
        "agreement with the CPU": partial(agreement, study, device),
        "training on features": partial(recipes, study, device, dry),
        **{f"fine-tuning {name}": partial(pixels, name, device, dry) for name in backbones},
        "a full device": partial(full_device, device),
        "tests marked cuda": partial(run_tests, None if dry else 140),
    }
    failed = []
    for part, run in parts.items():
        now = time.monotonic()
        if now - started > 60 * MINUTES:
            print(f"left out, because {(now - started) / 60:.1f} minutes are over: {part}")
            continue
        print(f"### {part}\n")
        try:
            run()
        except Exception as error:  # the other parts are worth the call
            print(f"failed: {type(error).__name__}: {error}")
            failed.append(part)
        print(f"\n({time.monotonic() - now:.0f} s)\n", flush=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def encoding(study: Study, device: str, n: int) -> None:
    """Print how fast images are encoded, and how far the features are from the CPU's."""
    images = [study.dataset.images[i] for i in range(n)]
    found = {}
    for chosen in dict.fromkeys(("cpu", device)):
        vlp = load_vlp("postcards", device=chosen)
        vlp.encode_images(images[:64], workers=0)  # warm
        started = time.perf_counter()
        found[chosen] = vlp.encode_images(images, workers=0)
        rate = n / (time.perf_counter() - started)
        print(f"postcards' model, {chosen}: {rate:.0f} images/s, decoding in the same process")
    cosine = (found["cpu"] * found[device]).sum(1).min()
    print(f"features: cosine to the CPU's at least {cosine:.6f}")


def agreement(study: Study, device: str) -> None:
    """Print whether mining and the objectives agree with the CPU."""
    x, t = study.image_features, study.mined.text_features
    mined, there = mine_concepts(x, t), mine_concepts(x.to(device), t.to(device))
    changed = int((mined.wins - there.wins.cpu()).abs().sum()) // 2
    print(f"{changed} of {len(x)} images vote for another concept")
    gap = (mined.distribution - there.distribution.cpu()).abs().max()
    print(f"distribution differs by at most {gap:.1e}")
    z = torch.tanh(torch.randn(128, BITS, generator=torch.Generator().manual_seed(0)))
    similarity, mixtures = semantic_similarity(mined.distribution[:128]), x[:128]
    for name, loss, target in (
        ("the paper's", uhscm_loss, similarity),
        ("the mixtures'", mixed_loss, mixtures),
    ):
        gap = loss(z, target).total - loss(z.to(device), target.to(device)).total.cpu()
        print(f"{name} objective differs by {gap.abs():.1e}")


def recipes(study: Study, device: str, dry: bool) -> None:
    """Print the time and the mAP of each recipe on cached features, on both devices."""
    splits, labels = study.dataset.splits, study.dataset.labels
    query, database = splits["query"], splits["database"]
    print(f"| recipe, {BITS} bits, {len(splits['train'])} images | device | seconds | mAP |")
    print("|---" * 4 + "|")
    for recipe in RECIPES:
        for chosen in dict.fromkeys(("cpu", device)):
            config = TrainingConfig(recipe=recipe, device=chosen, epochs=1 if dry else None)  # type: ignore[arg-type]
            started = time.perf_counter()
            network = study.network_for(BITS, config)
            for _ in train(network, study.training_data, study.mined, config):
                pass
            took = time.perf_counter() - started
            codes = pack_codes(network.outputs(study.image_features))
            found = mean_average_precision(
                codes[query], codes[database], labels[query], labels[database], ties="expected"
            )
            print(f"| {recipe} | {chosen} | {took:.2f} | {found:.4f} |", flush=True)


def pixels(backbone: str, device: str, dry: bool) -> None:
    """Print how fast a backbone is fine-tuned, with and without reading images, and its memory."""
    size, batch = (96, 8) if dry else (256, 128)
    steps = 2 if dry else 20
    images = np.random.default_rng(0).integers(0, 256, (2 * batch, size, size, 3), dtype=np.uint8)
    mined = mine_concepts(torch.eye(16).repeat(2 * batch // 16, 1), torch.eye(16))
    similarity = semantic_similarity(mined.distribution[:batch].to(device))
    for precision in ("32-true", "bf16-mixed"):
        network, weights = network_on(backbone)
        config = TrainingConfig.paper(
            epochs=steps,
            batch_size=batch,
            device=device,
            precision=precision,
            workers=min(8, os.cpu_count() or 1),
        )
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        run = train(network, ArrayImages(images), mined, config)
        rates = [step.images_per_second for step in islice(run, steps)]
        run.close()
        memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
        # The network alone, on pixels already in memory: the upper limit of the GPU.
        network.train()
        x = torch.rand(batch, 3, *_input_size(network), device=device)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.006)
        alone = []
        for _ in range(steps):
            started = time.perf_counter()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"):
                z = network(x)
            uhscm_loss(z.float(), similarity).total.backward()
            optimizer.step()
            optimizer.zero_grad()
            if device == "cuda":
                torch.cuda.synchronize()
            alone.append(batch / (time.perf_counter() - started))
        whole, bare = np.median(rates), np.median(alone)
        print(
            f"{backbone}, {weights} weights, batches of {batch}, {precision}: {whole:.0f} images/s "
            f"with reading, {bare:.0f} without: the device computes {min(whole / bare, 1):.0%} of "
            f"the time; {memory:.1f} GiB at most",
            flush=True,
        )


def network_on(backbone: str) -> tuple[HashNetwork, str]:
    """Return a network on pixels, and whether its weights are pretrained or random."""
    try:
        return HashNetwork(BITS, backbone), "pretrained"
    except ConnectionError:
        return HashNetwork(BITS, backbone, pretrained=False), "random"


def full_device(device: str) -> None:
    """Print what a run says that has no memory for a batch, and whether it continues later.

    On a GPU the memory that this process may have is too little; on the CPU that is simulated.
    """
    batch = 16
    images = np.random.default_rng(0).integers(0, 256, (2 * batch, 64, 64, 3), dtype=np.uint8)
    mined = mine_concepts(torch.eye(16).repeat(2, 1), torch.eye(16))
    config = TrainingConfig.paper(epochs=1, batch_size=batch, device=device, workers=0)
    network = HashNetwork(BITS, "test_resnet", pretrained=False)
    with tempfile.TemporaryDirectory() as folder:
        run = train(network, ArrayImages(images), mined, config, folder=folder)
        next(run)
        try:
            with no_memory(device):
                next(run)
        except MemoryError as error:
            print(error)
        rest = list(train(network, ArrayImages(images), mined, config, folder=folder))
    assert [step.step for step in rest] == [2]
    print("with memory again, the run continued where it was")


@contextlib.contextmanager
def no_memory(device: str) -> Iterator[None]:
    """Leave no memory for a batch within the block."""
    if device == "cpu":
        error = torch.OutOfMemoryError("simulated")
        with mock.patch.object(HashNetwork, "forward", side_effect=error):
            yield
        return
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def run_tests(seconds: float | None) -> None:
    """Print how many of the tests marked cuda passed in this time, and why others did not run."""
    if importlib.util.find_spec("pytest") is None:
        print("left out: pytest is not installed")
        return
    files = [
        path for path in sorted(TESTS.rglob("test_*.py")) if "mark.cuda" in path.read_text("utf-8")
    ]
    options = ["-q", "-rs", "-m", "cuda", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *map(str, files)]
    done = subprocess.run(
        command, cwd=TESTS.parent, capture_output=True, text=True, check=False, timeout=seconds
    )
    print("\n".join(done.stdout.strip().splitlines()[-12:]))


def _input_size(network: HashNetwork) -> tuple[int, int]:
    shape = network.transform(augment=False)(Image.new("RGB", (8, 8))).shape
    return shape[1], shape[2]


if __name__ == "__main__":
    main()
