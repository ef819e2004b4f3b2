"""Run the paper's benchmarks, and take them up again after an interruption."""

from __future__ import annotations

import itertools
import math
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from uhscm_core.baselines import BASELINES
from uhscm_core.concepts import load_concepts
from uhscm_core.experiments import Experiment
from uhscm_core.experiments.settings import study_identity
from uhscm_core.paper.protocol import check_dataset, dataset_of, rank_of, title_of
from uhscm_core.paper.table import PaperRow, PaperTable, published_rows
from uhscm_core.recipe import RECIPES
from uhscm_core.study import Study
from uhscm_core.support.checks import (
    code_length,
    flag,
    function,
    is_ordered,
    one_of,
    shown,
    text,
    whole_number,
)
from uhscm_core.support.paths import as_path
from uhscm_core.vlp import load_vlp

__all__ = ["METHODS", "run_paper"]

PIXELS = {  # title -> backbone
    "VGG19 on pixels": "vgg19",  # the paper's
    "EfficientNet-Lite0 on pixels": "tf_efficientnet_lite0",  # its weights are in a package
}
METHODS = (*BASELINES, *RECIPES, *PIXELS)
_NO_GPU = "left out without a GPU, as fine-tuning takes hours or days (pixels_on_cpu computes it)"
_READERS = 8  # processes that read images for a backbone, at most
_PACKAGES = ("uhscm-explorer", "torch", "numpy", "faiss-cpu", "open_clip_torch", "timm")
_REAL = ("ViT-B-16", "openai")  # the paper's model


def run_paper(
    folder: str | PathLike[str],
    datasets: Sequence[str | PathLike[str]] = ("cifar10", "flickr25k", "nuswide"),
    *,
    root: str | PathLike[str] = "data",
    methods: Sequence[str] = METHODS,
    bits: Sequence[int] = (32, 64, 96, 128),
    seeds: int = 3,
    concepts: str = "nuswide81",
    model: str | None = None,
    pretrained: str | None = None,
    n_train: int | None = None,
    n_database: int | None = None,
    n_query: int | None = None,
    workers: int = 1,
    pixels_on_cpu: bool = False,
    download: bool = False,
    published: str | PathLike[str] | None = None,
    command: str | None = None,
    report: Callable[[str], object] | None = None,
    progress: bool = True,
) -> PaperTable:
    """Compute the paper's table: a row per method, with the mean and deviation over seeds.

    What was computed is kept in `folder`, so that the same call after an interruption or a kill
    continues where it was. The table is written there after each method, as ``table.md``,
    ``table.tex`` and ``table.csv``. A dataset or a model that is missing is said in the notes of
    the table, with where to get it, and the others are computed.

    Args:
        folder: keeps the runs and the table.
        datasets: of ``"cifar10"``, ``"flickr25k"``, ``"nuswide"``, ``"postcards"``, and paths of
            folders of photos; see `uhscm_core.paper.protocol` for splits and ranks.
        root: the folder that contains the folders ``cifar10``, ``flickr25k`` and ``nuswide``.
        methods: of `METHODS`: baselines, peers, recipes of a head on features, and backbones on
            pixels.
        bits: code lengths.
        seeds: how many.
        concepts: what `load_concepts` takes.
        model, pretrained: as in `load_vlp`. None for the paper's ViT-B-16 of OpenAI, and for the
            postcards their own.
        n_train, n_database, n_query: sizes of the splits, in place of the paper's.
        workers: processes that train at the same time.
        pixels_on_cpu: whether to compute rows on pixels without a GPU too, which takes hours or
            days for the paper's numbers of images. They are left out otherwise.
        download: whether to download CIFAR-10 if it is missing.
        published: CSV file of published figures, see `uhscm_core.paper.table.published_rows`.
        command: what to name as the command in the provenance; None for this call.
        report: called with a line for each run that is done, and for what is left out.
        progress: show bars while images are read and encoded.

    Raises:
        TypeError: an argument of another kind.
        NotADirectoryError: no such dataset, or a folder that is a file.
        OSError: `folder` cannot be written.
        ValueError: an unknown method or list of concepts, a number out of range, a folder that
            holds another study's runs, or a published figure without a source.
    """
    place, base = as_path("folder", folder), as_path("root", root)
    names = _listed("datasets", datasets, lambda name: str(as_path("datasets", name)))
    for name in names:
        check_dataset(name)
    _listed("datasets", [title_of(name) for name in names], str)
    chosen = _listed("methods", methods, lambda name: one_of("methods", name, METHODS))
    lengths = _listed("bits", bits, code_length)
    seeds = whole_number("seeds", seeds, 1, 10_000)
    workers = whole_number("workers", workers, 1, 1024)
    flag("download", download)
    flag("progress", progress)
    on_pixels = flag("pixels_on_cpu", pixels_on_cpu) or _has_gpu()
    load_concepts(text("concepts", concepts))
    say = (lambda _: None) if report is None else function("report", report)
    sizes = {
        name: whole_number(name, number, 0)
        for name, number in (("n_train", n_train), ("n_database", n_database), ("n_query", n_query))
        if number is not None
    }
    given: dict[str, Any] = {"datasets": names, "root": str(base), "methods": chosen}
    given |= {"bits": lengths, "seeds": seeds, "concepts": concepts}
    given |= {"model": model, "pretrained": pretrained, "pixels_on_cpu": pixels_on_cpu}
    call = ", ".join([repr(str(place)), *(f"{k}={v!r}" for k, v in {**given, **sizes}.items())])
    provenance = {
        "command": command or f"run_paper({call})",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        + f", Python {platform.python_version()}",
        "seeds": f"0 to {seeds - 1}" if seeds > 1 else "0",
        "evaluation": "expected over ties, as the order of equal distances is arbitrary",
        "training device": "cuda" if _has_gpu() else "cpu",
    }
    if published is not None:
        published_rows(published, {})
    _check_writable(place)
    ranks: dict[str, int] = {}
    rows: list[PaperRow] = []
    notes: list[str] = []

    def table() -> PaperTable:
        others = [] if published is None else published_rows(published, ranks)
        made = PaperTable((*rows, *others), tuple(notes), provenance)
        made.save(place)
        return made

    for name in names:
        title = title_of(name)
        try:
            dataset = dataset_of(name, base, sizes, download, progress)
            if dataset.labels is None:
                raise ValueError("evaluation needs labels, but these images have none")
            study = Study(dataset, _model(name, model, pretrained), concepts, progress=progress)
            say(f"{title}: {len(dataset):,} images")
            _ = study.image_features
        except (OSError, ValueError) as error:
            notes.append(f"{title} was not run: {error}")
            say(notes[-1])
            continue
        rank = ranks[title] = rank_of(name, dataset)
        provenance[title] = _described(study)
        for method in chosen:
            missing = _NO_GPU if method in PIXELS and not on_pixels else ""
            rows += _rows(
                study, title, rank, method, lengths, seeds, place / title, workers, missing, say
            )
            table()
    return table()


def _rows(
    study: Study,
    title: str,
    rank: int,
    method: str,
    bits: Sequence[int],
    seeds: int,
    folder: Path,
    workers: int,
    missing: str,
    say: Callable[[str], object],
) -> Iterator[PaperRow]:
    """Yield the row of one method on one dataset, computed if need be, a figure per code length.

    What is `missing`, if anything is, stands in their place.
    """
    vary: dict[str, Any] = {"bits": bits}
    shown_as = method
    if method in BASELINES:
        vary["method"] = [method]
    else:
        vary["recipe"] = ["paper" if method in PIXELS else method]
        shown_as = method if method in PIXELS else f"UHSCM, {method}"
    if method in PIXELS:
        vary["backbone"] = [PIXELS[method]]
        vary["workers"] = [min(_READERS, os.cpu_count() or 1)]
    if not missing:
        try:
            experiment = Experiment(study, vary, seeds, folder, workers, top_k=rank)
            for result in experiment:
                length = result.settings["bits"]
                say(f"{title}, {shown_as}, {length} bits, seed {result.seed}: {result.mAP:.4f}")
        except ConnectionError as error:  # the weights of the backbone
            missing = str(error)
    if missing:
        say(f"{title}, {shown_as}: {missing}")
        for length in bits:
            yield PaperRow(title, rank, shown_as, length, math.nan, math.nan, 0, missing)
        return
    for row in experiment.to_frame().to_dict("records"):
        note = "" if row["seeds"] else "it gives no codes of all these lengths here"
        values = (int(row["bits"]), row["mAP"], row["sd"], int(row["seeds"]))
        yield PaperRow(title, rank, shown_as, *values, note)


def _check_writable(folder: Path) -> None:
    """Make the folder, and refuse one that cannot take the table before hours of work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        raise NotADirectoryError(
            f"{folder}: the table needs a folder, and this is a file"
        ) from error
    except OSError as error:
        raise type(error)(f"{folder}: cannot write here ({error.strerror})") from error


def _has_gpu() -> bool:
    return torch.cuda.is_available()


def _model(name: str, model: str | None, pretrained: str | None) -> Any:
    if model is not None:
        return load_vlp(model, pretrained)
    return load_vlp("postcards") if name == "postcards" else load_vlp(*_REAL)


def _described(study: Study) -> str:
    splits = study.dataset.splits
    sizes = ", ".join(f"{len(ids):,} {name}" for name, ids in splits.items())
    known = study_identity(study)
    kept = f"{len(study.kept_names)} of {len(study.concepts)} concepts kept"
    digests = ", ".join(f"{part} {known[part]}" for part in ("images", "splits", "concepts"))
    return f"{sizes}; {kept}; model {study.vlp.name} {study.vlp.digest}; digests: {digests}"


def _listed(name: str, values: Any, check: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return several values, each checked and there once."""
    if not is_ordered(values):
        raise TypeError(f"{name} must be a list, got {shown(values)}")
    found = tuple(map(check, values))
    if not found:
        raise ValueError(f"{name} must have at least one value, got none")
    for one, other in itertools.combinations(found, 2):
        if one == other:
            raise ValueError(f"{name} must name each once, got {one!r} twice")
    return found
