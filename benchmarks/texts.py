"""Which order of the images answers a text best: by its concepts, its features, or codes?

The texts are the labels of the images, and two labels at once ("boats and castle"), of which at
least 10 images of the database have both; an image that has them is a match. Average precision of
these orders of the database:

- concepts: the similarity S of the text's concepts to the images', as `Study.search` has it;
- features: the cosine of features, without hashing;
- share: the share that the text would have in an image's distribution, next to the kept concepts;
- codes: the Hamming distance to the majority of the codes of the 10 images nearest by features.

Texts are grouped by their cosine with the nearest kept concept, see `uhscm_core.coverage`. Both
photo models learned words from labels of these photos, so that features do well here.

    python -m benchmarks texts
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.common import SHARED, load
from uhscm_core import ImageDataset, Study, load_dataset, load_vlp
from uhscm_core.mining import semantic_similarity

LISTS = ("nuswide81", "coco80", "common", "nuswide81+coco80")
ORDERS = ("concepts", "features", "share", "codes")
BINS = [-1, 0.4, 0.7, 0.9, 0.97, 1.01]
FEWEST, NEAREST, BITS, PAIRS = 10, 10, 64, 120


def corel5k_words() -> ImageDataset:
    """Return the photos of Corel-5k with all of the words that they were given."""
    root = SHARED / "data" / "corel5k"
    words = (root / "labels" / "words").read_text("utf-8").split()
    given: dict[str, list[int]] = {}
    for name in ("training_label", "test_label"):
        for line in (root / "labels" / name).read_text("utf-8").splitlines():
            number, *rest = line.split()
            given[number] = [int(word) - 1 for word in rest]
    dataset = load_dataset(root / "db")
    labels = torch.zeros(len(dataset), len(words), dtype=torch.uint8)
    for row, name in enumerate(dataset.names):
        labels[row, given.get(name.rpartition("/")[2].partition(".")[0], [])] = 1
    return dataclasses.replace(dataset, labels=labels, label_names=tuple(words))


def texts(dataset: ImageDataset) -> Iterator[tuple[str, str, Tensor]]:
    """Yield the kind of a text, the text, and which images of the database match."""
    assert dataset.labels is not None
    labels = dataset.labels[dataset.splits["database"]].bool()
    names = dataset.label_names
    for column, name in enumerate(names):
        yield "word", name, labels[:, column]
    both = [
        (a, b)
        for a, b in itertools.combinations(range(len(names)), 2)
        if int((labels[:, a] & labels[:, b]).sum()) >= FEWEST
    ]
    for row in np.random.default_rng(0).permutation(len(both))[:PAIRS]:
        a, b = both[row]
        yield "two words", f"{names[a]} and {names[b]}", labels[:, a] & labels[:, b]


def scores(study: Study, text: Tensor) -> dict[str, Tensor]:
    """Return the score of each database image by each order."""
    database = torch.from_numpy(study.dataset.splits["database"])
    x, scale = study.image_features[database], study.vlp.logit_scale
    cosines = x @ text
    signs = (study.trained_network().outputs(x) > 0).float() * 2 - 1
    votes = signs[cosines.topk(NEAREST).indices].sum(0)
    return {
        "concepts": semantic_similarity(
            study.mined.apply(text[None]), study.distribution[database]
        )[0],
        "features": cosines,
        "share": scale * cosines - torch.logsumexp(scale * x @ study.mined.text_features.T, 1),
        "codes": signs @ torch.where(votes >= 0, 1.0, -1.0),
    }


def average_precision(score: Tensor, match: Tensor) -> float:
    """Return that of one order, the highest score first."""
    hits = match[score.argsort(descending=True, stable=True)].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / hits.sum())


def rows(study: Study) -> Iterator[dict[str, object]]:
    """Yield a row per text."""
    for kind, text, match in texts(study.dataset):
        if int(match.sum()) < FEWEST:
            continue
        features = study.read_text(text).features
        found = scores(study, features)
        yield {
            "texts": kind,
            "cosine": study.coverage.cosine(features),
            **{order: average_precision(found[order], match) for order in ORDERS},
        }


def main() -> None:
    """Print the mean average precision of each order, by images, kind and cosine."""
    data, models = SHARED / "data", SHARED / "models"
    sets = {"postcards": (lambda: load_dataset("postcards"), "postcards")}
    if data.is_dir() and models.is_dir():
        sets["Corel-5k"] = (corel5k_words, models / "photos-enlite0.json")
        sets["CIFAR-10"] = (lambda: load_dataset(data / "cifar10"), models / "photos-rn.json")
    print(f"texts are counted once per list; {load()}\n")
    print("| images | texts | cosine with a kept concept | " + " | ".join(ORDERS) + " | number |")
    print("|---" * (len(ORDERS) + 4) + "|")
    for name, (dataset, model) in sets.items():
        images, vlp = dataset(), load_vlp(model)
        found = [r for words in LISTS for r in rows(Study(images, vlp, words).train(BITS))]
        frame = pd.DataFrame(found)
        frame["of"] = pd.cut(frame["cosine"], BINS, right=False)
        for (kind, of), part in frame.groupby(["texts", "of"], observed=True):
            means = " | ".join(f"{part[order].mean():.3f}" for order in ORDERS)
            print(f"| {name} | {kind} | {of.left} to {of.right} | {means} | {len(part)} |")


if __name__ == "__main__":
    main()
