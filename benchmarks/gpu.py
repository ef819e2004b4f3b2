"""Does a GPU give the CPU's numbers, and how busy does the method keep it?

These are the checks that need a GPU. Without one the script says so and ends; with ``--dry-run``
it runs the same lines at a small size on the CPU. Backbones have random weights, which changes no
speed.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import islice

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


def main() -> None:
    """Print the agreement with the CPU, the speeds and the memory."""
    dry = "--dry-run" in sys.argv
    if not torch.cuda.is_available() and not dry:
        print("skipped: there is no CUDA GPU on this machine")
        return
    device = "cpu" if dry else "cuda"
    name = "CPU, dry run" if dry else torch.cuda.get_device_name()
    print(f"{name}, torch {torch.__version__}, {load()}\n")
    vlp = load_vlp("postcards", device=device)
    study = Study(load_dataset("postcards"), vlp, "nuswide81", progress=False)
    encoding(study, device, 256 if dry else 5_000)
    agreement(study, device)
    recipes(study, device, dry)
    for backbone in ("test_resnet",) if dry else ("vgg19", "tf_efficientnet_lite0"):
        pixels(backbone, device, dry)


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
    print(f"features: cosine to the CPU's at least {cosine:.6f}\n")


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
    print(f"\n| recipe, {BITS} bits, {len(splits['train'])} images | device | seconds | mAP |")
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
    print()


def pixels(backbone: str, device: str, dry: bool) -> None:
    """Print how fast a backbone is fine-tuned, with and without reading images, and its memory."""
    size, batch = (96, 8) if dry else (256, 128)
    steps = 2 if dry else 20
    images = np.random.default_rng(0).integers(0, 256, (2 * batch, size, size, 3), dtype=np.uint8)
    mined = mine_concepts(torch.eye(16).repeat(2 * batch // 16, 1), torch.eye(16))
    similarity = semantic_similarity(mined.distribution[:batch].to(device))
    for precision in ("32-true", "bf16-mixed"):
        network = HashNetwork(BITS, backbone, pretrained=False)
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
        memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
        print(
            f"{backbone} on pixels, batches of {batch}, {precision}: {whole:.0f} images/s with "
            f"reading, {bare:.0f} without: the device computes {min(whole / bare, 1):.0%} of the "
            f"time; {memory:.1f} GiB at most",
            flush=True,
        )


def _input_size(network: HashNetwork) -> tuple[int, int]:
    shape = network.transform(augment=False)(Image.new("RGB", (8, 8))).shape
    return shape[1], shape[2]


if __name__ == "__main__":
    main()
