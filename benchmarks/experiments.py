"""Does `Experiment.compare` find differences that are there, and none where there is none?

Real average precisions are drawn from again: of pairs of settings that were computed with many
seeds on 2,000 postcards (1,000 to train on, 300 queries, 32 bits, 20 epochs). In each repetition
seeds and queries are drawn with replacement, and one setting is shifted so that the true difference
is 0, 0.01 or 0.02. "Found" is the share of repetitions whose 95% interval leaves out 0; next to it
is what the repetitions predicted of themselves. Then follows what an experiment takes longer than
its trainings, one by one next to each other in the same process.

The trainings are kept in the home folder, so that a second call, or one that was interrupted,
continues.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.common import load
from uhscm_core import Experiment, Study, TrainingConfig, load_dataset, load_vlp
from uhscm_core.experiments.statistics import Sample, estimate_difference
from uhscm_core.support import store

REPETITIONS = 200
FAST = {"recipe": ["uhscm"], "bits": [32], "epochs": [20]}


def samples(study: Study, folder: Path) -> dict[str, Sample]:
    """Return the average precisions of some settings, each with many seeds."""
    of = {
        "α = 0.2": ({"alpha": [0.2], **FAST}, 20),
        "α = 0": ({"alpha": [0.0], **FAST}, 20),
        "τ = 1": ({"tau": [1.0], **FAST}, 10),
        "64 bits": ({**FAST, "bits": [64]}, 10),
        "ITQ": ({"method": ["ITQ"], "bits": [32]}, 20),
        "LSH": ({"method": ["LSH"], "bits": [32]}, 20),
    }
    found = {}
    for name, (vary, seeds) in of.items():
        experiment = Experiment(study, vary, seeds, folder)
        for _ in experiment:
            pass
        values = np.stack([result.average_precision for result in experiment.results])
        found[name] = Sample(values, tuple(range(seeds)), "method" not in vary)
    return found


def drawn(
    a: Sample, b: Sample, seeds: int, generator: np.random.Generator
) -> tuple[Sample, Sample]:
    """Draw seeds and queries with replacement, the same seeds for two that are trained."""
    queries = generator.integers(0, a.values.shape[1], a.values.shape[1])
    paired = a.trained and b.trained
    first = generator.integers(0, min(len(a.values), len(b.values)), seeds)
    second = first if paired else generator.integers(0, len(b.values), seeds)
    return (
        Sample(a.values[first][:, queries], tuple(range(seeds)), paired),
        Sample(b.values[second][:, queries], tuple(range(seeds)), paired),
    )


def found(a: Sample, b: Sample, seeds: int, difference: float) -> tuple[float, float, float]:
    """Return how often a difference is found, how often it was predicted to be, and seeds for it.

    Args:
        a, b: b is shifted so that its mean is that of a minus the difference.
        seeds: that each repetition draws.
        difference: true one.
    """
    generator = np.random.default_rng(0)
    runs = min(len(a.values), len(b.values))
    shift = a.values[:runs].mean() - b.values[:runs].mean() - difference
    shifted = dataclasses.replace(b, values=b.values + shift)
    hits, predicted, needed = [], [], []
    for _ in range(REPETITIONS):
        estimate = estimate_difference(*drawn(a, shifted, seeds, generator))
        low, high = estimate.interval()
        hits.append(low > 0 or high < 0)
        if difference:
            predicted.append(estimate.power(difference, seeds))
            needed.append(estimate.seeds_for(difference) or np.inf)
    if not difference:
        return float(np.mean(hits)), np.nan, np.nan
    return float(np.mean(hits)), float(np.mean(predicted)), float(np.median(needed))


def truth(of: dict[str, Sample]) -> None:
    """Print what is found of planted differences, and of none."""
    default = of["α = 0.2"]
    for name, sample in of.items():
        n = min(len(sample.values), len(default.values))
        means = sample.values.mean(1)
        related = np.corrcoef(means[:n], default.values.mean(1)[:n])[0, 1]
        print(
            f"{name}: mAP {means.mean():.4f}, sd {means.std(ddof=1):.4f} over {len(means)} seeds, "
            f"correlation with α = 0.2 by seed {related:.2f}"
        )
    alone = [stats.ttest_rel(a, b).pvalue < 0.05 for a, b in combinations(default.values, 2)]
    print(
        f"\na test over queries alone calls {sum(alone)} of {len(alone)} pairs of seeds of "
        f"α = 0.2 different\n"
    )
    print(
        "| pair | seeds | equal, called different | 0.01 found (predicted) | its seeds | "
        "0.02 found (predicted) | its seeds |\n|---|---|---|---|---|---|---|"
    )
    halves = [
        Sample(default.values[half], tuple(range(10))) for half in (slice(10), slice(10, None))
    ]
    pairs = {
        "α = 0, α = 0.2 (by seed)": (of["α = 0"], default),
        "τ = 1, τ = 3 (by seed)": (of["τ = 1"], default),
        "64 and 32 bits (by seed)": (of["64 bits"], default),
        "α = 0.2, other seeds of it": (halves[0], halves[1]),
        "α = 0.2, ITQ": (default, of["ITQ"]),
        "α = 0.2, LSH": (default, of["LSH"]),
    }
    for name, pair in pairs.items():
        for seeds in (3, 6, 12):
            equal, _, _ = found(*pair, seeds, 0.0)
            row = [name, str(seeds), f"{equal:.0%}"]
            for difference in (0.01, 0.02):
                share, predicted, needed = found(*pair, seeds, difference)
                row += [
                    f"{share:.0%} ({predicted:.0%})",
                    "more queries" if np.isinf(needed) else f"{needed:.0f}",
                ]
            print(f"| {' | '.join(row)} |", flush=True)


def times(folder: Path) -> None:
    """Print what 27 trainings take in an experiment and alone, in turns."""
    study = Study(load_dataset("postcards"), load_vlp("postcards"), "nuswide81", progress=False)
    vary = {"alpha": [0.0, 0.1, 0.2], "tau": [1.0, 2.0, 3.0], "epochs": [20], "bits": [64]}
    assert len(study.image_features) > 0  # encoded before anything is timed
    together, alone = 0.0, 0.0
    results = iter(Experiment(study, vary, 3, folder))
    while True:
        started = time.perf_counter()
        result = next(results, None)
        if result is None:
            break
        together += time.perf_counter() - started
        changed = study.with_(tau=result.settings["tau"])
        config = TrainingConfig(alpha=result.settings["alpha"], epochs=20, seed=result.seed or 0)
        started = time.perf_counter()
        trained = changed.train(64, config)
        alone += time.perf_counter() - started
        assert abs(trained.evaluate() - result.mAP) < 1e-12
    print(
        f"\n27 trainings of 20 epochs on 5,000 postcards: {alone:.1f} s alone, {together:.1f} s "
        f"as an experiment that keeps them in a folder and evaluates them: {together / alone:.3f} "
        f"times as long"
    )


def main() -> None:
    """Print all tables."""
    logging.disable(logging.WARNING)  # what `Study.health` finds after each training
    kept = store.home() / "benchmarks"
    study = Study(
        load_dataset("postcards", n_database=2000, n_train=1000, n_query=300, progress=False),
        load_vlp("postcards"),
        "nuswide81",
        progress=False,
    )
    print(f"{load()}; {REPETITIONS} repetitions\n")
    truth(samples(study, kept / "experiments"))
    with store.temporary_folder() as folder:
        times(folder / "experiment")


if __name__ == "__main__":
    main()
