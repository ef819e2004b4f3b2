"""Does a GPU give the CPU's numbers, and how busy does the method keep it?

These are the checks that need a GPU. Without one the script says so and ends; with ``--dry-run``
it runs the same lines at a small size on the CPU.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import islice

import numpy as np
import torch

from benchmarks.common import load
from uhscm_core import (
    HashNetwork,
    TrainingConfig,
    mine_concepts,
    semantic_similarity,
    train,
    uhscm_loss,
)
from uhscm_core.datasets import ArrayImages


def main() -> None:
    """Print the agreement with the CPU and the speeds."""
    dry = "--dry-run" in sys.argv
    if not torch.cuda.is_available() and not dry:
        print("skipped: there is no CUDA GPU on this machine")
        return
    device = "cpu" if dry else "cuda"
    name = "CPU, dry run" if dry else torch.cuda.get_device_name()
    print(f"{name}, torch {torch.__version__}, {load()}\n")
    generator = torch.Generator().manual_seed(0)
    n = 512 if dry else 5_000
    images = torch.nn.functional.normalize(torch.randn(n, 512, generator=generator), dim=1)
    texts = torch.nn.functional.normalize(torch.randn(81, 512, generator=generator), dim=1)
    mined = mine_concepts(images, texts)
    on_device = mine_concepts(images.to(device), texts.to(device))
    print("votes equal:", torch.equal(mined.wins, on_device.wins.cpu()))
    gap = (mined.distribution - on_device.distribution.cpu()).abs().max()
    print(f"distribution differs by at most {gap:.1e}")
    outputs = torch.tanh(torch.randn(128, 64, generator=generator))
    similarity = semantic_similarity(mined.distribution[:128])
    gap = uhscm_loss(outputs, similarity).total - uhscm_loss(
        outputs.to(device), similarity.to(device)
    ).total.to("cpu")
    print(f"objective differs by {gap.abs():.1e}")

    for chosen in dict.fromkeys(("cpu", device)):
        network = HashNetwork(64, in_features=512)
        config = TrainingConfig(recipe="uhscm", epochs=2 if dry else 60, device=chosen)
        started = time.perf_counter()
        last = list(train(network, images, mined, config))[-1]
        elapsed = time.perf_counter() - started
        print(f"head on features, {chosen}: {elapsed:.1f} s, final objective {last.total:.4f}")

    _pixels(device, dry)


def _pixels(device: str, dry: bool) -> None:
    backbone, size, batch = ("test_resnet", 96, 8) if dry else ("vgg19", 256, 128)
    steps = 2 if dry else 20
    pixels = np.random.default_rng(0).integers(0, 256, (2 * batch, size, size, 3), dtype=np.uint8)
    texts = torch.eye(16)
    mined = mine_concepts(torch.eye(16).repeat(2 * batch // 16, 1), texts)
    for precision in ("32-true", "bf16-mixed"):
        network = HashNetwork(64, backbone, pretrained=False)
        config = TrainingConfig.paper(
            epochs=steps,
            batch_size=batch,
            device=device,
            precision=precision,
            workers=min(8, os.cpu_count() or 1),
        )
        run = train(network, ArrayImages(pixels), mined, config)
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
            similarity = semantic_similarity(mined.distribution[:batch].to(device))
            uhscm_loss(z.float(), similarity).total.backward()
            optimizer.step()
            optimizer.zero_grad()
            if device == "cuda":
                torch.cuda.synchronize()
            alone.append(batch / (time.perf_counter() - started))
        whole, bare = np.median(rates), np.median(alone)
        print(
            f"{backbone} on pixels, {precision}: {whole:.0f} images/s with reading, "
            f"{bare:.0f} without: the device computes {min(whole / bare, 1):.0%} of the time"
        )


def _input_size(network: HashNetwork) -> tuple[int, int]:
    from PIL import Image

    shape = network.transform(augment=False)(Image.new("RGB", (8, 8))).shape
    return shape[1], shape[2]


if __name__ == "__main__":
    main()
