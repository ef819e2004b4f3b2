r"""Do the newer methods learn more from augmented images than from noise on features?

    python -m benchmarks.peer_views                             # on images cut from the databases
    python -m benchmarks.peer_views --datasets Corel-5k --queries --folder views

For each dataset: how many of its training images the encoder recognizes by an augmented copy
(`Study.recognized`), for how many the most probable kept concept stays the same, and the mean
cosine of a copy and its image, the mean of the training images taken off. Then the mean average
precision over all of each method with views of either kind, expected over ties, the mean over the
seeds ± their standard deviation, and the difference with a 95% interval over seeds and queries.

Without ``--queries``, 500 images are cut from the database and not trained on: 100 of them play the
queries, and 400 the database. Encoding the copies of a few thousand photos takes minutes; they are
kept with the other features. CIFAR-10 and Corel-5k are read from ../shared.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads wait for each other on a busy machine

import numpy as np
from torch.nn.functional import cosine_similarity

from benchmarks.accuracy import DATASETS, names_of
from benchmarks.common import load
from uhscm_core import BASELINES, Experiment, ImageDataset, Study, UHSCMWarning, load_vlp

PEERS = tuple(name for name, baseline in BASELINES.items() if baseline.augments)
KINDS = ("noised", "augmented")
VALIDATION = (100, 400)  # images that play the queries and the database


def main() -> None:
    """Print what the encoder bears, and a table for each dataset."""
    options = parsed()
    warnings.simplefilter("ignore", UHSCMWarning)  # the shares are printed
    print(f"{options.bits} bits, {options.concepts}, {options.seeds} seeds; {load()}\n")
    for name in options.datasets:
        try:
            dataset, model = DATASETS[name]()
            dataset = dataset if options.queries else cut(dataset)
            study = Study(dataset, load_vlp(model), options.concepts, progress=False)
        except (OSError, ValueError) as error:
            print(f"{name} is left out: {error}\n", flush=True)
            continue
        print(f"## {name}\n\n{borne(study)}\n", flush=True)
        print(f"{table(study, options, options.folder / name)}\n", flush=True)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("peer-views"), help="keeps the results")
    parser.add_argument("--datasets", type=names_of(tuple(DATASETS)), default=tuple(DATASETS))
    parser.add_argument("--methods", type=names_of(PEERS), default=PEERS)
    parser.add_argument("--concepts", default="nuswide81+coco80")
    parser.add_argument("--bits", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--queries", action="store_true", help="evaluate on the queries")
    return parser.parse_args()


def cut(dataset: ImageDataset) -> ImageDataset:
    """Return the dataset with a part of its database in place of database and queries."""
    order = np.random.default_rng(0).permutation(dataset.splits["database"])
    query, database = np.split(order[: sum(VALIDATION)], [VALIDATION[0]])
    train = np.setdiff1d(dataset.splits["train"], order[: sum(VALIDATION)])
    splits = {"train": train, "database": np.sort(database), "query": np.sort(query)}
    return dataclasses.replace(dataset, splits=splits)


def borne(study: Study) -> str:
    """Return a sentence on what is left of an image in its augmented copies."""
    x = study.image_features[study.dataset.splits["train"]]
    copies, mean = study.augmented_copies, x.mean(0)
    top = study.mined.apply(x).argmax(1)
    same = np.mean([float((study.mined.apply(a).argmax(1) == top).float().mean()) for a in copies])
    cosine = float(cosine_similarity(copies - mean, x - mean, dim=2).mean())
    return (
        f"{study.vlp.name} recognizes {study.recognized:.1%} of the training images by a copy; the "
        f"top concept stays for {same:.1%} of the copies; mean cosine {cosine:.3f}."
    )


def table(study: Study, options: argparse.Namespace, folder: Path) -> str:
    """Return a Markdown table: a row per method."""
    vary = {"method": options.methods, "views": KINDS, "bits": [options.bits]}
    experiment = Experiment(study, vary, options.seeds, folder)
    for _ in experiment:
        pass
    frame = experiment.to_frame().set_index(["method", "views"])
    lines = ["| method | noised | augmented | difference |", "|---|---|---|---|"]
    for method in options.methods:
        rows = [frame.loc[(method, views)] for views in KINDS]
        cells = [f"{row['mAP']:.3f} ± {row['sd']:.3f}" for row in rows]
        noised, augmented = ({"method": method, "views": views} for views in KINDS)
        found = experiment.compare(augmented, noised)
        difference = f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
        lines.append(f"| {method} | {' | '.join(cells)} | {difference} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
