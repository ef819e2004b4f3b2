"""What do codes of each recipe do apart from their mAP, and how long does a recipe take?

    python -m benchmarks.recipes
    python -m benchmarks.recipes --datasets postcards --bits 32 --seeds 1

For each dataset and list: mAP over all with expected ties; of all images within Hamming radius 2,
the share that is relevant (over the queries that find any) and the share of queries that find none;
recall in the first 10 and 100 of a shuffled database, and the most that any ranking can have;
balance, the mean over bits of |mean of ±1|, 0 at best; independence, the mean over pairs of bits of
their |correlation|, 0 at best; and the processor time of training on cached features, the start of
the network included, as a ratio to "uhscm" in the same run. Means over the seeds. CIFAR-10 and
Corel-5k are read from ../shared.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np
import torch

from benchmarks.accuracy import DATASETS, names_of
from benchmarks.common import load
from uhscm_core import (
    HammingIndex,
    Study,
    TrainingConfig,
    hamming_distance,
    load_vlp,
    mean_average_precision,
    train,
    unpack_codes,
)
from uhscm_core.codes import pack_codes
from uhscm_core.recipe import RECIPES

LISTS = ("nuswide81", "coco80", "nuswide81+coco80", "common")
RADIUS, RANKS = 2, (10, 100)
COLUMNS = (
    *("mAP", "precision at radius 2", "find none", "recall at 10", "recall at 100"),
    *("balance", "independence", "time"),
)


def main() -> None:
    """Print a table for each dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=names_of(tuple(DATASETS)), default=tuple(DATASETS))
    parser.add_argument("--lists", type=names_of(LISTS), default=LISTS[:2])
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.bits} bits; means over {options.seeds} seeds; {load()}\n")
    for name in options.datasets:
        dataset, model = DATASETS[name]()
        plain = Study(dataset, load_vlp(model), options.lists[0], progress=False)
        print(f"## {name}\n\n| method | concepts | {' | '.join(COLUMNS)} |")
        print("|---" * (len(COLUMNS) + 2) + "|", flush=True)
        for concepts in options.lists:
            study = plain.with_(concepts=concepts)
            times: dict[str, float] = {}
            for method in ("ITQ", "ITQ of concepts", "uhscm", "paper", "tuned", "adaptive"):
                rows = []
                for seed in range(options.seeds):
                    codes, seconds = codes_of(study, method, options.bits, seed)
                    times[method] = times.get(method, 0.0) + seconds
                    rows.append(figures(study, codes, options.bits))
                values = [f"{value:.4f}" for value in np.mean(rows, axis=0)]
                known = method in RECIPES and "uhscm" in times
                ratio = f"{times[method] / times['uhscm']:.3f}" if known else ""
                row = (method, concepts, *values, ratio)
                print(f"| {' | '.join(row)} |", flush=True)
        print(f"\nAt most: recall at 10 {most(study, 10):.4f}, at 100 {most(study, 100):.4f}\n")


def codes_of(study: Study, method: str, bits: int, seed: int) -> tuple[torch.Tensor, float]:
    """Return the codes of all images by a recipe or a baseline, and the time to train."""
    if method not in RECIPES:
        return study.baseline_codes(method, bits, seed), 0.0
    config = TrainingConfig(recipe=method, seed=seed, device="cpu")  # type: ignore[arg-type]
    data, mined = study.training_data, study.mined
    started = time.process_time()
    network = study.network_for(bits, config)
    for _ in train(network, data, mined, config):
        pass
    took = time.process_time() - started
    return pack_codes(network.outputs(study.image_features)), took


def figures(study: Study, codes: torch.Tensor, bits: int) -> tuple[float, ...]:
    """Return the columns of one row, but for the time."""
    query, database = study.dataset.splits["query"], study.dataset.splits["database"]
    database = np.random.default_rng(0).permutation(database)
    labels = study.dataset.labels
    relevant = (labels[query].float() @ labels[database].float().T) > 0  # (q, n)
    asked, found = codes[query], codes[database]
    mean = mean_average_precision(asked, found, labels[query], labels[database], ties="expected")
    within = torch.cat([hamming_distance(part, found) <= RADIUS for part in asked.split(200)])
    number, right = within.sum(1), (within & relevant).sum(1)
    some = number > 0
    precision = float((right[some] / number[some]).mean()) if some.any() else float("nan")
    _, ids = HammingIndex(found, bits).search(asked, max(RANKS))
    hits = relevant.gather(1, ids)
    answerable = relevant.sum(1).clamp(min=1)
    recalls = [float((hits[:, :k].sum(1) / answerable).mean()) for k in RANKS]
    signs = unpack_codes(codes[database], bits).double()
    balance = float(signs.mean(0).abs().mean())
    together = np.corrcoef(signs.numpy().T)
    independence = float(np.nanmean(np.abs(together[~np.eye(bits, dtype=bool)])))
    return mean, precision, float((~some).double().mean()), *recalls, balance, independence


def most(study: Study, k: int) -> float:
    """Return the greatest recall at rank k that a ranking can have."""
    query, database = study.dataset.splits["query"], study.dataset.splits["database"]
    labels = study.dataset.labels
    relevant = ((labels[query].float() @ labels[database].float().T) > 0).sum(1)
    return float((relevant.clamp(max=k) / relevant.clamp(min=1)).mean())


if __name__ == "__main__":
    main()
