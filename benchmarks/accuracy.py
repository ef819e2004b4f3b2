r"""How accurate is each method, by dataset, list of concepts and code length?

    python -m benchmarks.accuracy --folder accuracy             # computes what is missing
    python -m benchmarks.accuracy --folder accuracy --table     # only prints what is there
    python -m benchmarks.accuracy --datasets postcards --lists nuswide81,common --bits 32,64 \
        --methods "ITQ of concepts,UHSCM"
    python -m benchmarks.accuracy --ranks all --margin adaptive

Prints a Markdown table: mean average precision over the whole database and at 1000, expected over
ties, the mean over the seeds ± their standard deviation. With ``--margin``, a row per list and code
length instead, and the difference of one method to the best of the others by its mean, with a 95%
interval over seeds and queries together. Everything is kept in the folder, so that
a run that was interrupted continues where it was, and several processes can share the work. Methods
that train nothing come first. CIFAR-10 and Corel-5k are read from ../shared: 2,000 of the test
photos are the queries of CIFAR-10, and 5,000 of the training photos its training set.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np
import pandas as pd

from benchmarks.common import SHARED, load
from uhscm_core import (
    BASELINES,
    Experiment,
    ImageDataset,
    Study,
    UHSCMWarning,
    load_dataset,
    load_vlp,
)
from uhscm_core.comparison import REFERENCES
from uhscm_core.experiments.results import RunResult
from uhscm_core.experiments.statistics import Sample, estimate_difference

LISTS = ("nuswide81", "coco80", "nuswide81+coco80", "common")
BITS = (16, 32, 64, 128)
RANKS = {"all": None, "1000": 1000}
QUERIES = 2000  # of CIFAR-10
TRAINED = {
    "UHSCM": "uhscm",
    "UHSCM, paper()": "paper",
    "tuned": "tuned",
    "adaptive": "adaptive",
}  # name -> recipe
AT_THE_MODELS_SCALE = "ITQ of concepts, model's scale"  # tau times K is its logit scale
NOT_RUN = "not run"


def cifar10() -> tuple[ImageDataset, Path]:
    """Return the photos of CIFAR-10 with fewer queries, and their model."""
    dataset = load_dataset(SHARED / "data" / "cifar10")
    rows = np.random.default_rng(0).permutation(len(dataset.splits["query"]))[:QUERIES]
    queries = dataset.splits["query"][np.sort(rows)]
    splits = {**dataset.splits, "query": queries}
    return dataclasses.replace(dataset, splits=splits), SHARED / "models" / "photos-rn.json"


def corel5k() -> tuple[ImageDataset, Path]:
    """Return the photos of Corel-5k with their own splits, and their model."""
    root = SHARED / "data" / "corel5k"
    dataset = load_dataset("nuswide", root=root, index=root / "index")
    return dataset, SHARED / "models" / "photos-enlite0.json"


def postcards() -> tuple[ImageDataset, str]:
    """Return the shipped dataset and its model."""
    return load_dataset("postcards"), "postcards"


DATASETS: dict[str, Callable[[], tuple[ImageDataset, Any]]] = {
    "postcards": postcards,
    "Corel-5k": corel5k,
    "CIFAR-10": cifar10,
}


def main() -> None:
    """Compute what is missing of the table, and print it."""
    options = parsed()
    studies = {}
    for name in options.datasets:
        try:
            dataset, model = DATASETS[name]()
            studies[name] = Study(dataset, load_vlp(model), LISTS[0])
        except (OSError, ValueError) as error:
            print(f"{name} is left out: {error}\n", flush=True)
    if not options.table:
        compute(studies, options)
    at = " / ".join("over all" if rank == "all" else f"at {rank}" for rank in options.ranks)
    print(f"mAP {at}, expected over ties; mean ± standard deviation over ", end="")
    print(f"{options.seeds} seeds; {load()}\n")
    made = margins if options.margin else table
    for name, study in studies.items():
        print(f"## {name}\n\n{made(name, study, options)}\n")


def parsed() -> argparse.Namespace:
    """Read the command line; every list is of names with commas between them."""
    methods = (*BASELINES, AT_THE_MODELS_SCALE, *REFERENCES, *TRAINED)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("accuracy"), help="keeps the results")
    parser.add_argument("--datasets", type=names_of(tuple(DATASETS)), default=tuple(DATASETS))
    parser.add_argument("--lists", type=names_of(LISTS), default=LISTS)
    parser.add_argument("--bits", type=names_of(BITS), default=BITS)
    parser.add_argument("--methods", type=names_of(methods), default=methods)
    parser.add_argument("--ranks", type=names_of(tuple(RANKS)), default=tuple(RANKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--margin", choices=methods, help="compare this one with all others")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    return parser.parse_args()


def names_of(known: tuple[Any, ...]) -> Callable[[str], tuple[Any, ...]]:
    """Return what reads some of the known names; a name may contain a comma itself."""

    def read(given: str) -> tuple[Any, ...]:
        left, chosen = given + ",", []
        while left:
            found = [name for name in known if left.startswith(f"{name},")]
            if not found:
                raise argparse.ArgumentTypeError(
                    f"unknown: {left.rstrip(',')}; expected some of {', '.join(map(str, known))}"
                )
            chosen.append(max(found, key=lambda name: len(str(name))))
            left = left[len(str(chosen[-1])) + 1 :].lstrip()
        return tuple(chosen)

    return read


def compute(studies: dict[str, Study], options: argparse.Namespace) -> None:
    """Run what is missing, first what trains nothing, then a code length after the other."""
    plain = [method for method in options.methods if method not in TRAINED]
    trained = [method for method in options.methods if method in TRAINED]
    parts = [(method, options.bits) for method in plain]
    parts += [(method, (bits,)) for bits in options.bits for method in trained]
    for method, lengths in parts:
        for name, study in studies.items():
            for vary in varied(study, method, lengths, options):
                for rank in options.ranks:
                    for result in experiment(name, study, vary, RANKS[rank], options):
                        print(f"{name}: {result}", flush=True)


def varied(
    study: Study, method: str, bits: tuple[int, ...], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return what the experiments of a method vary: one experiment, or one for each list."""
    vary: dict[str, Any] = {"concepts": options.lists, "bits": bits, "method": [method]}
    if method in TRAINED:
        return [vary | {"method": ["UHSCM"], "recipe": [TRAINED[method]]}]
    if method != AT_THE_MODELS_SCALE:
        return [vary]
    vary["method"] = ["ITQ of concepts"]
    taus = [study.vlp.logit_scale / len(study.with_(concepts=c).kept_names) for c in options.lists]
    return [
        vary | {"concepts": [concepts], "tau": [tau]}
        for concepts, tau in zip(options.lists, taus, strict=True)
    ]


def experiment(
    name: str, study: Study, vary: dict[str, Any], k: int | None, options: argparse.Namespace
) -> Experiment:
    """Return one experiment of a dataset, evaluated at one rank."""
    with warnings.catch_warnings():
        # Methods that read features alone are given the same lists as all others.
        warnings.filterwarnings("ignore", "left out, as no method", UHSCMWarning)
        return Experiment(study, vary, options.seeds, options.folder / name, top_k=k)


def table(name: str, study: Study, options: argparse.Namespace) -> str:
    """Return a Markdown table of one dataset, with what was not run marked."""
    cells: dict[tuple[str, str], dict[Any, str]] = {}
    for method in options.methods:
        experiments = varied(study, method, options.bits, options)
        frames = [
            pd.concat(experiment(name, study, v, RANKS[k], options).to_frame() for v in experiments)
            for k in options.ranks
        ]
        for found_at in zip(*map(rows, frames), strict=True):
            whole = found_at[0]
            concepts = whole["concepts"] if isinstance(whole["concepts"], str) else "(none read)"
            bits = "no hashing" if pd.isna(whole["bits"]) else whole["bits"]
            seeds = 1 if method in REFERENCES else options.seeds
            text = " / ".join(cell(row, seeds) for row in found_at)
            cells.setdefault((method, concepts), {})[bits] = text
    columns = [*options.bits]
    lines = ["| method | concepts | " + " | ".join(f"{b} bits" for b in columns) + " |"]
    lines.append("|---" * (len(columns) + 2) + "|")
    for (method, concepts), found in cells.items():
        values = [found.get(b, found.get("no hashing", NOT_RUN)) for b in columns]
        lines.append(f"| {method} | {concepts} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def margins(name: str, study: Study, options: argparse.Namespace) -> str:
    """Return a Markdown table of one dataset: how far one method is ahead of the best other."""
    found: dict[str, dict[tuple[Any, Any], list[RunResult]]] = {m: {} for m in options.methods}
    for method, cells in found.items():
        for vary in varied(study, method, options.bits, options):
            rank = RANKS[options.ranks[0]]
            for result in experiment(name, study, vary, rank, options).results:
                of = result.settings.get("concepts"), result.settings.get("bits")
                cells.setdefault(of, []).append(result)
    lines = [f"| concepts | bits | {' | '.join(found)} | margin of {options.margin} |"]
    lines.append("|---" * (len(found) + 3) + "|")
    for concepts, bits in itertools.product(options.lists, options.bits):
        samples = {
            method: sample(results, trains=method in TRAINED)
            for method, cells in found.items()
            for of, results in cells.items()
            if of in itertools.product((concepts, None), (bits, None))
        }
        values = [f"{s.values.mean():.3f} ± {s.seed_variance**0.5:.3f}" for s in samples.values()]
        lines.append(f"| {concepts} | {bits} | {' | '.join(values)} | {margin(samples, options)} |")
    return "\n".join(lines)


def margin(samples: dict[str, Sample], options: argparse.Namespace) -> str:
    """Return the difference of the chosen method to the best other, with its interval."""
    best = max(samples.keys() - {options.margin}, key=lambda m: samples[m].values.mean())
    difference = estimate_difference(samples[options.margin], samples[best])
    low, high = difference.interval()
    return f"{difference.value:+.3f} [{low:+.3f}, {high:+.3f}] ({best})"


def sample(results: list[RunResult], trains: bool) -> Sample:
    """Return the average precisions of a method, a row per seed."""
    seeds = tuple(result.seed for result in results if result.seed is not None)
    return Sample(np.stack([result.average_precision for result in results]), seeds, trains)


def rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame, the varied names that are missing as None."""
    for row in frame.to_dict("records"):
        yield {"concepts": None, "bits": None, **{str(key): value for key, value in row.items()}}


def cell(row: dict[str, Any], seeds: int) -> str:
    """Return a mean and its spread, and of how many seeds it is if some are missing."""
    if not row["seeds"]:
        return NOT_RUN
    spread = f" ± {row['sd']:.3f}" if row["seeds"] > 1 else ""
    missing = f" ({row['seeds']} of {seeds} seeds)" if row["seeds"] < seeds else ""
    return f"{row['mAP']:.3f}{spread}{missing}"


if __name__ == "__main__":
    main()
