r"""How does the published ITQ compare with FAISS's, in quantization loss, mAP and time?

    python -m benchmarks.itq                               # all three datasets
    python -m benchmarks.itq --datasets postcards,Corel-5k

Both are fitted to the features of the training images; FAISS also scales the centered rows to unit
length, so that its loss is that of other rows. The relative quantization loss is the share
of :math:`|V|^2` that the nearest multiple of the signs of the rotated training rows V misses,
:math:`1 - (\overline{|V|})^2 / \overline{V^2}`. mAP is over the whole database with expected ties.
CIFAR-10 and Corel-5k are read from ../shared; 2,000 of the test photos are CIFAR-10's queries.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import faiss
import numpy as np
import numpy.typing as npt
import torch

from benchmarks.common import SHARED, load
from uhscm_core import (
    ImageDataset,
    Study,
    fit_baseline,
    load_dataset,
    load_vlp,
    mean_average_precision,
    pack_codes,
)

BITS, SEEDS, QUERIES = (16, 32, 64, 128), 3, 2000
Rows = npt.NDArray[np.floating[Any]]
Project = Callable[[Rows], Rows]


def cifar10() -> tuple[ImageDataset, Path]:
    """Return the photos of CIFAR-10, and their model."""
    return load_dataset(SHARED / "data" / "cifar10"), SHARED / "models" / "photos-rn.json"


def corel5k() -> tuple[ImageDataset, Path]:
    """Return the photos of Corel-5k, and their model."""
    root = SHARED / "data" / "corel5k"
    dataset = load_dataset("nuswide", root=root, index=root / "index")
    return dataset, SHARED / "models" / "photos-enlite0.json"


DATASETS: dict[str, Callable[[], tuple[ImageDataset, Any]]] = {
    "CIFAR-10": cifar10,
    "Corel-5k": corel5k,
    "postcards": lambda: (load_dataset("postcards"), "postcards"),
}


def by_faiss(x: Rows, bits: int, seed: int) -> Project:
    """Fit FAISS's ITQTransform, the baseline until now."""
    itq = faiss.ITQTransform(x.shape[1], bits, True)
    itq.itq.seed = seed
    itq.train(x)
    return lambda rows: np.asarray(itq.apply(rows))


def by_us(x: Rows, bits: int, seed: int) -> Project:
    """Fit the baseline "ITQ"."""
    return fit_baseline("ITQ", torch.from_numpy(x), bits, seed).project


FITS = {"ours": by_us, "FAISS": by_faiss}


def loss(v: Rows) -> float:
    """Return the relative quantization loss."""
    return float(1 - np.abs(v).mean() ** 2 / (v**2).mean())


def main() -> None:
    """Print loss, mAP and time of both, per dataset and code length."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--datasets", default=",".join(DATASETS))
    for name in parser.parse_args().datasets.split(","):
        try:
            dataset, model = DATASETS[name]()
        except OSError as error:
            print(f"{name} is left out: {error}\n")
            continue
        compare(name, Study(dataset, load_vlp(model), "nuswide81"))


def compare(name: str, study: Study) -> None:
    """Print the table of one dataset."""
    features, splits, labels = (
        study.image_features.numpy(),
        study.dataset.splits,
        study.dataset.labels,
    )
    if labels is None:
        raise ValueError(f"{name} has no labels")
    train, database = features[splits["train"]], splits["database"]
    every = np.random.default_rng(0).permutation(splits["query"])
    queries = np.sort(every[:QUERIES])
    print(f"## {name}: {len(train):,} training images, {len(database):,} in the database, ", end="")
    print(f"{len(queries):,} queries; mean ± sd over {SEEDS} seeds; {load()}\n")
    print("| bits | loss ours | loss FAISS | mAP ours | mAP FAISS | time of a fit, ours / FAISS |")
    print("|---|---|---|---|---|---|")
    for bits in BITS:
        if bits > train.shape[1]:
            continue
        cells: dict[str, tuple[list[float], list[float], list[float]]] = {}
        for seed in range(SEEDS):
            for who, fit in FITS.items():  # in turns, so that a busy machine slows both
                started = time.process_time()
                project = fit(train, bits, seed)
                took = time.process_time() - started
                codes = [
                    pack_codes(torch.from_numpy(project(features[ids])))
                    for ids in (queries, database)
                ]
                value = mean_average_precision(
                    *codes, labels[queries], labels[database], ties="expected"
                )
                for column, number in zip(
                    cells.setdefault(who, ([], [], [])),
                    (loss(project(train)), value, took),
                    strict=True,
                ):
                    column.append(number)
        (our_loss, our_map, our_time), (their_loss, their_map, their_time) = cells.values()
        figures = [spread(column) for column in (our_loss, their_loss, our_map, their_map)]
        ratio = np.median(our_time) / np.median(their_time)
        print(f"| {bits} | {' | '.join(figures)} | {ratio:.2f} |", flush=True)
    print()


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


if __name__ == "__main__":
    main()
