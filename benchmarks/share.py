r"""How far should codes lean on the features? The adaptive recipe's rule against fixed shares.

    python -m benchmarks.share
    python -m benchmarks.share --datasets postcards --bits 64

Of each dataset, images are cut from the database as queries: 1,000 that were not trained on, or 500
of Corel-5k, whose database is its training set and is trained on without them. The dataset's own
queries are never looked at. For each list, ITQ of the mixture is evaluated by mAP with expected
ties, at shares from 0 to 1. A rule's regret is what it loses to the best share in hindsight, with
linear interpolation between shares. Its margin is over the better of both ends, published ITQ of
the features and ITQ of the concepts' distributions at the model's own scale. CIFAR-10 and Corel-5k
are read from ../shared.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np
import torch

from benchmarks.accuracy import DATASETS, names_of
from benchmarks.common import load
from uhscm_core import ImageDataset, Study, fit_baseline, load_vlp, mean_average_precision
from uhscm_core.mixing import ConceptMixture, explained_share, feature_share

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95, 1.0)
QUERIES, DATABASE = 1000, 10_000
NOUNS = [
    *("teapot", "gearbox", "invoice", "trumpet", "glacier", "pajamas", "algebra", "lantern"),
    *("zipper", "treaty", "sausage", "helmet", "pension", "quartz", "violin", "asphalt"),
    *("receipt", "yoghurt", "hammer", "senate"),
]
GERMAN = [
    *("Hund", "Katze", "Pferd", "Baum", "Haus", "Auto", "Schiff", "Flugzeug", "Vogel", "Himmel"),
    *("Wasser", "Berg", "Strand", "Blume", "Mensch", "Boot", "Zug", "Brücke", "Schnee", "Sonne"),
]
Rule = Callable[[float], float]
RULES: dict[str, Rule] = {
    "1 - R2/0.85 (the recipe's)": feature_share,
    "1 - R2": lambda r2: 1 - r2,
    "1 - (R2/0.85)^2": lambda r2: 1 - (r2 / 0.85) ** 2,
    **{f"always {share}": (lambda _, share=share: share) for share in (0.2, 0.35, 0.5, 0.7, 0.85)},
}


def main() -> None:
    """Print a table of mAP by share, and how each rule fares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=names_of(tuple(DATASETS)), default=tuple(DATASETS))
    parser.add_argument("--bits", type=int, default=32)
    options = parser.parse_args()
    print(f"mAP at {options.bits} bits; one seed; {load()}\n")
    print(f"| data | list | kept | R2 | {' | '.join(map(str, SHARES))} | ITQ | ITQ of concepts |")
    print("|---" * (len(SHARES) + 6) + "|")
    found = []
    for name in options.datasets:
        dataset, model = DATASETS[name]()
        vlp, validated = load_vlp(model), with_other_queries(dataset)
        labels = list(dataset.label_names[:60])
        for of, concepts in lists(labels).items():
            study = Study(validated, vlp, concepts, progress=False)
            r2, curve, ends = row(study, options.bits)
            found.append((r2, curve, max(ends)))
            values = " | ".join(f"{value:.3f}" for value in (*curve, *ends))
            kept = len(study.kept_names)
            print(f"| {name} | {of} | {kept} | {r2:.2f} | {values} |", flush=True)
    print("\n| rule | mean regret | worst regret | mean margin | worst margin |")
    print("|---" * 5 + "|")
    for name, rule in RULES.items():
        shares = [min(max(rule(r2), 0.0), 1.0) for r2, _, _ in found]
        reached = [
            float(np.interp(share, SHARES, curve))
            for share, (_, curve, _) in zip(shares, found, strict=True)
        ]
        regret = [max(curve) - value for value, (_, curve, _) in zip(reached, found, strict=True)]
        margin = [value - end for value, (_, _, end) in zip(reached, found, strict=True)]
        figures = np.mean(regret), max(regret), np.mean(margin), min(margin)
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in figures)} |")


def lists(labels: list[str]) -> dict[str, str | list[str]]:
    """Return the lists by name: those of the package, the labels, and two that name little."""
    named = ("nuswide81", "coco80", "nuswide81+coco80", "common")
    return {**{name: name for name in named}, "labels": labels, "German": GERMAN, "nouns": NOUNS}


def with_other_queries(dataset: ImageDataset) -> ImageDataset:
    """Return a dataset whose queries are cut from its database, which has at most 10,000 left."""
    train, database = dataset.splits["train"], dataset.splits["database"]
    order = np.random.default_rng(100)
    free = np.setdiff1d(database, train)
    if len(free) < QUERIES:
        chosen = order.permutation(database)[: QUERIES // 2]
        train = database = np.setdiff1d(database, chosen)
    else:
        free = order.permutation(free)
        chosen, left = free[:QUERIES], free[QUERIES:]
        database = np.sort(np.concatenate([train, left[: max(0, DATABASE - len(train))]]))
    splits = {"train": train, "database": database, "query": np.sort(chosen)}
    return dataclasses.replace(dataset, splits=splits)


def row(study: Study, bits: int) -> tuple[float, list[float], tuple[float, float]]:
    """Return R2, the mAP at each share, and that of ITQ of the features and of the concepts."""
    x, train = study.image_features, study.dataset.splits["train"]
    concepts, scale = study.mined.text_features, study.vlp.logit_scale
    r2 = explained_share(x[train], concepts, scale)
    distributions = torch.softmax(scale * x @ concepts.T, dim=1)
    mixture = ConceptMixture(x.shape[1], len(concepts), 0.0, scale)
    mixture.mean.copy_(x[train].mean(0))
    mixture.concepts.copy_(concepts)
    curve = []
    for share in SHARES:
        mixture.feature_share.fill_(share)
        curve.append(of_itq(study, mixture(x), bits))
    return (
        math.nan if r2 is None else r2,
        curve,
        (of_itq(study, x, bits), of_itq(study, distributions, bits)),
    )


def of_itq(study: Study, rows: torch.Tensor, bits: int) -> float:
    """Return the mAP of ITQ codes of some rows."""
    splits = study.dataset.splits
    codes = fit_baseline("ITQ", rows[splits["train"]], bits).encode(rows)
    labels = study.dataset.labels
    query, database = splits["query"], splits["database"]
    return mean_average_precision(codes[query], codes[database], labels[query], labels[database])


if __name__ == "__main__":
    main()
