"""Read images and a model, encode each image once, and make a study folder of them.

SOURCE is a folder of photos, or postcards, cifar10, flickr25k or nuswide (the
last three with --root). What was encoded is kept, so that an interrupted or
killed command continues, and images are never encoded twice.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhscm_cli.saying import as_options, printable, tell

if TYPE_CHECKING:
    from uhscm_core import Encoder, ImageDataset, Study

_SIZES = ("n_train", "n_database", "n_query")
_CONCEPTS = "nuswide81+coco80"


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("source", metavar="SOURCE", help="a folder of photos, or a dataset's name")
    parser.add_argument("study", metavar="STUDY", help="the study folder to make")
    parser.add_argument("--root", metavar="FOLDER", help="where the named dataset is")
    parser.add_argument(
        "--labels",
        metavar="HOW",
        help="of a folder of photos, for evaluation alone: auto (sub-folders are labels), folder, "
        "none, a pattern such as '{label}/*', or a CSV or JSON file",
    )
    parser.add_argument(
        "--n-train",
        type=int,
        metavar="N",
        help="how many images to train on (default: all of the database, at most 5,000)",
    )
    parser.add_argument(
        "--n-database",
        type=int,
        metavar="N",
        help="how many images can be found, the database (default: all others)",
    )
    parser.add_argument(
        "--n-query",
        type=int,
        metavar="N",
        help="how many images to ask by, for evaluation (default: a tenth, at most 1,000)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of the random split (default: 0)"
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="an open_clip model such as ViT-B-16, or the .json file of one; by default "
        "$UHSCM_VLP, or else postcards, the small model that ships with the package and knows "
        "only the painted world",
    )
    parser.add_argument(
        "--pretrained", metavar="TAG", help="the model's weights, such as openai, or a file"
    )
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, ... (default: a GPU if there is one)"
    )
    parser.add_argument(
        "--concepts",
        metavar="LIST",
        help="nuswide81, coco80, common, several joined by +, or a text file with one per line "
        "(default: nuswide81+coco80)",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Encode, and save the study."""
    from uhscm_cli import studies
    from uhscm_core import Study, load_vlp
    from uhscm_core.support.notices import say
    from uhscm_core.support.paths import as_path

    folder = as_path("STUDY", options.study)
    _check_free(folder)
    tell(options, f"reading {options.source}")
    dataset = _dataset(options)
    model = options.model or os.environ.get("UHSCM_VLP", "").strip() or "postcards"
    if model == "postcards" and options.source != "postcards":
        say(
            "the model postcards knows only the painted world; for photos, use "
            "--model ViT-B-16 --pretrained openai, or set UHSCM_VLP"
        )
    vlp = load_vlp(model, options.pretrained, options.device or "auto")
    if (folder / "study.json").exists():
        study = _continued(studies.load(options), dataset, vlp, options)
    else:
        study = Study(dataset, vlp, options.concepts or _CONCEPTS, progress=options.bars)
    tell(options, f"encoding {len(dataset):,} images with {vlp.name}")
    features = study.image_features
    studies.save(study, options)
    return {
        "study": folder,
        "images": len(dataset),
        "splits": {name: len(ids) for name, ids in dataset.splits.items()},
        "labels": list(dataset.label_names) if dataset.labels is not None else None,
        "skipped": {name: as_options(why) for name, why in dataset.skipped.items()},
        "notes": [as_options(note, options.called) for note in dataset.notes],
        "model": vlp.name,
        "width": features.shape[1],
        "concepts": len(study.concepts.names),
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    splits = ", ".join(f"{name} {n:,}" for name, n in answer["splits"].items())
    yield f"{answer['images']:,} images encoded with {answer['model']}: {splits}"
    for name, why in list(answer["skipped"].items())[:10]:
        yield f"skipped {printable(name)}: {printable(why)}"
    if len(answer["skipped"]) > 10:
        yield f"... {len(answer['skipped']) - 10:,} more were skipped: use --json to list them"
    yield f"The study is in {printable(str(answer['study']))}"


def _continued(before: Study, dataset: ImageDataset, vlp: Encoder, options: Namespace) -> Study:
    """Return the study that is there with the labels, splits and concepts that are asked for now.

    Its network stays if nothing changes that it was trained from.
    """
    import numpy as np

    from uhscm_cli import studies
    from uhscm_core.support.notices import say

    if (before.dataset.digest, before.vlp.digest) != (dataset.digest, vlp.digest):
        raise FileExistsError(
            f"{options.study}: there is a study of other images or another model here; use another "
            f"folder"
        )
    same = {
        name: np.array_equal(ids, dataset.splits[name])
        for name, ids in before.dataset.splits.items()
    }
    kept: dict[str, Any] = (
        {"network": before.network, "history": before.history} if same["train"] else {}
    )
    study = before.with_(dataset=dataset, **kept)
    if options.concepts is not None:
        study = study.with_(concepts=options.concepts)
    if before.network is not None and study.network is None:
        say("the trained network was of other images or concepts and is dropped: train again")
    file = studies.index_file(options)
    if not same["database"] and file.exists():
        file.unlink()
        say("the index was of other images and is deleted; make it again: uhscm index")
    return study


def _check_free(folder: Path) -> None:
    """Refuse a folder of something else before hours of encoding."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder}: the study needs a folder, and this is a file")
    if folder.is_dir() and not (folder / "study.json").exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder}: this folder has other files in it; name a new folder for the study"
        )
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(f"{folder}: cannot write here ({error.strerror})") from error


def _dataset(options: Namespace) -> ImageDataset:
    from uhscm_core import load_dataset

    given: dict[str, Any] = {name: getattr(options, name) for name in (*_SIZES, "root")}
    if options.seed is not None:
        given["seed"] = options.seed
    if options.labels is not None:
        given["labels"] = None if options.labels == "none" else options.labels
    dataset = load_dataset(options.source, progress=options.bars, **given)
    # What was said once, and a bar for this terminal, are not part of the study.
    source = {**(dataset.source or {}), "warn": False}
    if options.source not in ("cifar10", "flickr25k", "nuswide"):
        source["progress"] = False
    return dataclasses.replace(dataset, source=source)
