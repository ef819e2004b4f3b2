r"""How far should codes lean on the features? The adaptive recipe's rule against fixed shares.

    python -m benchmarks.share
    python -m benchmarks.share --datasets postcards --bits 64

Of each dataset, images are cut from the database as queries: 1,000 that were not trained on, or 500
of Corel-5k, whose database is its training set and is trained on without them. The dataset's own
queries are never looked at. For each list, ITQ of the mixture is evaluated by mAP with expected
ties, at shares from 0 to 1. A rule's regret is what it loses to the best share in hindsight, with
linear interpolation between shares. Its margin is over the better of both ends, published ITQ of
the features and ITQ of the concepts' distributions at the model's own scale.

Then other signs of how far a list covers the images are compared with R2. Each gets a rule
w = 1 - sign/c, from 0.02 to 1, and R2 a logistic one as well; their constants are those with the
least mean regret on the other two datasets, so that no dataset evaluates what was chosen on it. The
signs: R2 on training images that the map was not fitted to; how well the cosines of distributions
over one half of the kept concepts agree with those over the other (correlation); and how many of an
image's 10 nearest by concepts are among its 10 nearest by features. CIFAR-10 and Corel-5k are read
from ../shared.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import os
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np
import torch
from torch.nn.functional import normalize

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
IMAGES, NEAREST = 2000, 10
CONSTANTS = np.linspace(0.1, 1.5, 57)
LENGTHS = {"all 1": 0.0, "square root": 0.5, "own": 1.0}  # name -> power of the length
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
    found: list[Row] = []
    for name in options.datasets:
        dataset, model = DATASETS[name]()
        vlp, validated = load_vlp(model), with_other_queries(dataset)
        labels = list(dataset.label_names[:60])
        for of, concepts in lists(labels).items():
            study = Study(validated, vlp, concepts, progress=False)
            found.append(one := row(name, of, study, options.bits))
            values = " | ".join(f"{value:.3f}" for value in (*one.curve, *one.ends))
            kept = len(study.kept_names)
            print(f"| {name} | {of} | {kept} | {one.signs['R2']:.2f} | {values} |", flush=True)
    print("\n| rule | mean regret | worst regret | mean margin | worst margin |")
    print("|---" * 5 + "|")
    for name, rule in RULES.items():
        print_figures(name, [(one, rule(one.signs["R2"])) for one in found])
    if len(options.datasets) > 1:
        for sign in found[0].signs:
            print_figures(f"1 - s/c, s = {sign}", chosen_elsewhere(found, sign, falling))
        print_figures("logistic of R2", chosen_elsewhere(found, "R2", logistic))
    print(f"\n| data | list | share | {' | '.join(LENGTHS)} |\n{'|---' * 6}|")
    for one in found:
        values = " | ".join(f"{value:.4f}" for value in one.lengths)
        print(f"| {one.data} | {one.concepts} | {one.share:.2f} | {values} |")


class Row(NamedTuple):
    """One list on one dataset.

    Attributes:
        data: name of the dataset.
        concepts: name of the list.
        signs: how far the list covers the images, by what says so; NaN where it cannot say.
        curve: the mAP at each of `SHARES`.
        ends: the mAP of ITQ of the features, and of ITQ of the concepts.
        share: the recipe's own.
        lengths: the mAP at that share with each of `LENGTHS`.
    """

    data: str
    concepts: str
    signs: dict[str, float]
    curve: list[float]
    ends: tuple[float, float]
    share: float
    lengths: list[float]

    def at(self, share: float) -> float:
        """Return the mAP at a share, between those that were tried by interpolation."""
        return float(np.interp(min(max(share, 0.0), 1.0), SHARES, self.curve))


def print_figures(name: str, shares: list[tuple[Row, float]]) -> None:
    """Print regret and margin of the shares that a rule gives."""
    regret = [max(one.curve) - one.at(share) for one, share in shares]
    margin = [one.at(share) - max(one.ends) for one, share in shares]
    figures = np.mean(regret), max(regret), np.mean(margin), min(margin)
    print(f"| {name} | {' | '.join(f'{value:.3f}' for value in figures)} |")


def falling() -> list[Rule]:
    """Return the rules 1 - s/c, for constants c."""
    return [lambda s, c=c: min(max(1 - s / c, 0.02), 1.0) for c in CONSTANTS]


def logistic() -> list[Rule]:
    """Return the rules 1/(1 + exp(a (s - b))), for constants a and b."""
    constants = itertools.product((4, 6, 8, 12, 16, 24), np.linspace(0.2, 0.8, 25))
    return [lambda s, a=a, b=b: 1 / (1 + math.exp(a * (s - b))) for a, b in constants]


def chosen_elsewhere(
    found: list[Row], sign: str, rules: Callable[[], list[Rule]]
) -> list[tuple[Row, float]]:
    """Return the share of each row by the rule that is best on the other datasets."""

    def share(rule: Rule, one: Row) -> float:
        value = one.signs[sign]
        return 0.5 if math.isnan(value) else rule(value)

    shares = []
    for one in found:
        others = [other for other in found if other.data != one.data]
        best = max(rules(), key=lambda rule: sum(o.at(share(rule, o)) for o in others))
        shares.append((one, share(best, one)))
    return shares


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


def row(name: str, of: str, study: Study, bits: int) -> Row:
    """Return what is measured of one list on one dataset."""
    x, train = study.image_features, study.dataset.splits["train"]
    concepts, scale = study.mined.text_features, study.vlp.logit_scale
    distributions = torch.softmax(scale * x @ concepts.T, dim=1)
    mixture = ConceptMixture(x.shape[1], len(concepts), 0.0, scale)
    mixture.fit(x[train], concepts)
    curve = []
    for share in SHARES:
        mixture.feature_share.fill_(share)
        curve.append(of_itq(study, mixture(x), bits))
    ends = of_itq(study, x, bits), of_itq(study, distributions, bits)
    signs = signs_of(x[train], concepts, scale)
    share = feature_share(None if math.isnan(signs["R2"]) else signs["R2"])
    mixture.feature_share.fill_(share)
    parts = mixture(x).split([x.shape[1], len(concepts), len(concepts)], dim=1)
    lengths = [
        of_itq(
            study, torch.cat([parts[0], *(relength(p, t, train) for p in parts[1:])], dim=1), bits
        )
        for t in LENGTHS.values()
    ]
    return Row(name, of, signs, curve, ends, share, lengths)


def relength(rows: torch.Tensor, power: float, train: np.ndarray) -> torch.Tensor:
    """Return rows of the square root of a length at another power of it, as long in the mean."""
    scaled = rows * rows.norm(dim=1, keepdim=True) ** (2 * power - 1)
    whole, now = (r[train].square().sum(1).mean() for r in (rows, scaled))
    return scaled * (whole / now).sqrt()


def signs_of(x: torch.Tensor, concepts: torch.Tensor, scale: float) -> dict[str, float]:
    """Return what may say how far concepts cover images, of training images (n, D)."""
    r2 = explained_share(x, concepts, scale)
    x = x[torch.from_numpy(np.random.default_rng(0).permutation(len(x))[:IMAGES])].double()
    u = normalize(torch.softmax(scale * x @ concepts.double().T, dim=1), dim=1)
    halves = torch.arange(len(x)) % 2 == 0
    held_out = np.mean([held_out_share(x, u, half) for half in (halves, ~halves)])
    order = np.random.default_rng(0).permutation(len(concepts))
    agreement = math.nan
    if len(order) > 3:
        parts = [
            normalize(torch.softmax(scale * x @ concepts[half].double().T, dim=1), dim=1)
            for half in np.array_split(order, 2)
        ]
        upper = torch.triu_indices(len(x), len(x), 1)
        cosines = [(part @ part.T)[upper[0], upper[1]].numpy() for part in parts]
        agreement = float(np.corrcoef(*cosines)[0, 1])
    centered = normalize(x - x.mean(0), dim=1)
    nearest = [(rows @ rows.T).fill_diagonal_(-2).topk(NEAREST).indices for rows in (u, centered)]
    shared = (nearest[0][:, :, None] == nearest[1][:, None]).any(2).double().mean()
    return {
        "R2": math.nan if r2 is None else r2,
        "R2 on other images": float(held_out),
        "agreement of halves of the list": agreement,
        "shared neighbours": float(shared),
    }


def held_out_share(x: torch.Tensor, u: torch.Tensor, fitted: torch.Tensor) -> float:
    """Return R2 on the images that a linear map from u to x was not fitted to."""
    x, u = x - x[fitted].mean(0), u - u[fitted].mean(0)
    found = torch.linalg.lstsq(u[fitted], x[fitted], driver="gelsd").solution
    left = (x[~fitted] - u[~fitted] @ found).square().sum()
    return 1 - float(left / x[~fitted].square().sum())


def of_itq(study: Study, rows: torch.Tensor, bits: int) -> float:
    """Return the mAP of ITQ codes of some rows."""
    splits = study.dataset.splits
    codes = fit_baseline("ITQ", rows[splits["train"]], bits).encode(rows)
    labels = study.dataset.labels
    query, database = splits["query"], splits["database"]
    return mean_average_precision(codes[query], codes[database], labels[query], labels[database])


if __name__ == "__main__":
    main()
