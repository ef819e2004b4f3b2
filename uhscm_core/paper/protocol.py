"""The datasets of the paper, with their splits and ranks, and others by path.

CIFAR-10: the 10,000 test images are the queries and the 50,000 training images the database, 5,000
of which are trained on; mAP at 1000. MIRFlickr-25K: 2,000 queries and 5,000 training images of the
rest; NUS-WIDE with its 21 most frequent labels: 2,100 queries and 10,500 training images of the
rest; mAP at 5000. The released code reads its own splits from files that were not published, and
other papers draw some numbers per label: here nothing looks at labels, as in `load_dataset`. A
published split is used where its index files lie in a folder ``index`` of the dataset's folder.

A folder of other images is evaluated at 1000 if each image has one label, and else at 5000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhscm_core.datasets import ImageDataset, load_dataset

__all__ = ["BENCHMARKS", "Benchmark", "check_dataset", "dataset_of", "rank_of", "title_of"]

_SINGLE, _SEVERAL = 1000, 5000  # ranks
_INDEX = "index"


@dataclass(frozen=True)
class Benchmark:
    """A dataset of the paper.

    Attributes:
        title: as tables name it.
        rank: of the mAP.
        sizes: of its splits, as arguments of `load_dataset`.
        where: to get it.
    """

    title: str
    rank: int
    sizes: Mapping[str, int]
    where: str


BENCHMARKS: Mapping[str, Benchmark] = {
    "cifar10": Benchmark(
        "CIFAR-10",
        _SINGLE,
        {"n_train": 5000},
        "put the extracted folder cifar-10-batches-py (python version, from the page of CIFAR-10 "
        "at the University of Toronto) there, or let it be downloaded with download=True",
    ),
    "flickr25k": Benchmark(
        "MIRFlickr-25K",
        _SEVERAL,
        {"n_query": 2000, "n_train": 5000},
        "put the images and the annotations from the LIACS MIRFLICKR page there",
    ),
    "nuswide": Benchmark(
        "NUS-WIDE",
        _SEVERAL,
        {"n_query": 2100, "n_train": 10_500},
        "put ImageList, Groundtruth and the images from the NUS Lab for Media Search page there",
    ),
}


def check_dataset(name: str) -> None:
    """Refuse what is neither a name nor a folder.

    Raises:
        NotADirectoryError: with what was expected.
    """
    if name not in BENCHMARKS and name != "postcards" and not Path(name).expanduser().is_dir():
        raise NotADirectoryError(
            f"datasets: no dataset {name!r}: expected {', '.join(BENCHMARKS)}, postcards, or the "
            f"path of a folder of photos"
        )


def dataset_of(
    name: str, root: Path, sizes: Mapping[str, Any], download: bool, progress: bool = True
) -> ImageDataset:
    """Load a dataset with the paper's splits.

    Args:
        name: one of `BENCHMARKS`, ``"postcards"``, or the path of a folder.
        root: where the folders ``cifar10``, ``flickr25k`` and ``nuswide`` are.
        sizes: of the splits, in place of the paper's.
        download: whether to download CIFAR-10 if it is missing.
        progress: show bars while images are read.

    Raises:
        FileNotFoundError: it is missing; the message says where to get it.
        ValueError: splits larger than the data, or files that cannot be read.
    """
    sizes = {**sizes, "progress": progress}
    if name == "postcards":
        return load_dataset(name, **sizes)
    folder = root / name if name in BENCHMARKS else Path(name).expanduser()
    index = folder / _INDEX
    if index.is_dir():  # the loaders of both benchmarks read the same index files
        layout = name if name in BENCHMARKS else "nuswide"
        return load_dataset(layout, root=folder, index=index, **sizes)
    if name not in BENCHMARKS:
        return load_dataset(folder, **sizes)
    benchmark = BENCHMARKS[name]
    more: dict[str, Any] = {"download": download} if name == "cifar10" else {}
    if not folder.is_dir() and not (download and name == "cifar10"):
        raise FileNotFoundError(f"{folder} is missing: {benchmark.where}")
    return load_dataset(name, root=folder, **{**benchmark.sizes, **sizes, **more})


def rank_of(name: str, dataset: ImageDataset) -> int:
    """Return the rank k at which mAP@k is computed."""
    if name in BENCHMARKS:
        return BENCHMARKS[name].rank
    labels = dataset.labels
    single = labels is not None and bool((labels.sum(1) <= 1).all())
    return _SINGLE if single else _SEVERAL


def title_of(name: str) -> str:
    """Return what tables call a dataset."""
    return BENCHMARKS[name].title if name in BENCHMARKS else Path(name).name
