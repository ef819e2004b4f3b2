"""Does the released recipe train a head on features? Before, and after its input is centered.

`TrainingConfig.paper()` on the default postcards at 64 bits: as it was (momentum 0.9, features as
they are), and as it is (no momentum, features centered), with three seeds each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np

from benchmarks.common import load
from uhscm_core import Study, TrainingConfig, load_dataset, load_vlp

BITS, SEEDS = 64, 3
RECIPES = {
    "before: momentum 0.9, not centered": {"momentum": 0.9, "center": False},
    "after: no momentum, centered": {},
}


def main() -> None:
    """Print distinct codes of the training images, constant bits and mAP, per seed."""
    study = Study(load_dataset("postcards", progress=False), load_vlp("postcards"), "nuswide81")
    train = study.dataset.splits["train"]
    print(f"{len(train):,} training images, {BITS} bits, {load()}\n")
    print("| `paper()` | seed | distinct codes | mAP by labels |")
    print("|---|---|---|---|")
    for name, changes in RECIPES.items():
        values = []
        for seed in range(SEEDS):
            config = TrainingConfig.paper(seed=seed, device="cpu", **changes)
            trained = study.train(BITS, config)
            codes = len(trained.codes[train].unique(dim=0))
            values.append(trained.evaluate())
            print(f"| {name} | {seed} | {codes:,} | {values[-1]:.3f} |", flush=True)
        print(f"| {name} | mean ± sd | | {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} |")


if __name__ == "__main__":
    main()
