"""What does it cost to add, rename or move a photo, and to open what is cached?

10,000 photos are encoded by an encoder that counts them; then one is added, one is renamed, the
folder is moved, and a second folder has the same photos. Loading a folder of 10,000, opening a
cached collection of 60,000 and MIRFlickr-25K as it is distributed (one small photo 25,000 times and
125,000 other files; `load_dataset` and its features) are timed in a process of its own.
With the path of another checkout the two take turns, and the ratio of the medians is printed.

    python -m benchmarks.storage [checkout]
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import torch
from PIL import Image

from benchmarks.common import SHARED, load
from uhscm_core import load_dataset
from uhscm_core.features import encode_dataset

PHOTOS = SHARED / "data" / "cifar10"
MANY, TURNS = 10_000, 5
HERE = Path(__file__).resolve().parents[1]


class Counting:
    """An encoder that is cheap, and counts the images that it is given."""

    name, digest, embed_dim, logit_scale = "counting", "counting 1", 512, 100.0

    def __init__(self) -> None:
        self.count = 0

    def encode_images(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Return (n, 512) unit rows made of the images' pixels."""
        self.count += len(images)
        pixels = [np.asarray(image.resize((16, 11))).reshape(-1)[:512] for image in images]
        rows = torch.from_numpy(np.stack(pixels)).float() + 1
        return torch.nn.functional.normalize(rows, dim=1)

    def encode_texts(self, texts: object) -> torch.Tensor:
        """Raise an error: nothing is asked in words here."""
        raise NotImplementedError(texts)


def encoded(folder: Path) -> int:
    """Return how many images of a folder are encoded to have the features of all."""
    encoder = Counting()
    encode_dataset(load_dataset(folder, progress=False), encoder, progress=False)
    return encoder.count


def count(photos: list[Path], place: Path) -> None:
    """Print how many images are encoded after each change of a folder."""
    folder = place / "photos"
    folder.mkdir()
    for number, photo in enumerate(photos):
        shutil.copy(photo, folder / f"{number}.jpg")
    print(f"| a folder of {len(photos):,} | {encoded(folder):,} |")
    Image.radial_gradient("L").save(folder / "added.png")
    print(f"| one photo added | {encoded(folder)} |")
    (folder / "added.png").rename(folder / "renamed.png")
    print(f"| one photo renamed | {encoded(folder)} |")
    folder.rename(place / "moved")
    print(f"| the folder moved | {encoded(place / 'moved')} |")
    shutil.copytree(place / "moved", place / "second")
    print(f"| a second folder with the same photos | {encoded(place / 'second')} |")


class Blank(Sequence[Image.Image]):
    """Images that are known by the keys of others, and cost nothing to read."""

    def __init__(self, images: Sequence[Image.Image]) -> None:
        self.images, self.blank = images, Image.new("RGB", (16, 11))
        if hasattr(images, "keys"):
            self.keys = images.keys

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> Any:
        return self.blank


def measure() -> None:
    """For each line of arguments on the standard input, print the seconds to load and to open.

    The first time, the features of blank images are put into the cache.
    """
    for line in sys.stdin:
        started = time.perf_counter()
        dataset = load_dataset(**json.loads(line))
        loaded = time.perf_counter()
        blank = dataclasses.replace(dataset, images=Blank(dataset.images))
        encode_dataset(blank, Counting(), progress=False)
        took = [loaded - started, time.perf_counter() - started]
        print(json.dumps([len(dataset), *took]), flush=True)


def start(checkout: Path, home: Path) -> subprocess.Popen[str]:
    """Start `measure` on the code of a checkout, with a home of its own."""
    paths = {"PYTHONPATH": str(checkout), "UHSCM_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "measure"],
        env={**os.environ, **paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(process: subprocess.Popen[str], arguments: dict[str, Any]) -> list[float]:
    """Return what `measure` prints for the arguments of `load_dataset`."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps(arguments)}\n")
    process.stdin.flush()
    values: list[float] = json.loads(process.stdout.readline())
    return values


def write_mirflickr(root: Path) -> bool:
    """Write MIRFlickr's true layout, if its labels are available."""
    labels = SHARED / "data" / "mirflickr25k_labels.npz"
    if labels.is_file():
        from tests.datasets.test_flickr25k import write_true_layout

        with np.load(labels) as file:
            write_true_layout(root, file["labels"], file["names"].tolist())
    return labels.is_file()


def compare(checkouts: list[Path], collections: list[dict[str, Any]], place: Path) -> None:
    """Print the median seconds of each checkout, and their ratio."""
    processes = [start(c, place / f"home {number}") for number, c in enumerate(checkouts)]
    for arguments in collections:
        turns = [[ask(process, arguments) for process in processes] for _ in range(TURNS + 1)][1:]
        for column, what in ((1, "load"), (2, "load, and find the features")):
            medians = [
                statistics.median(turn[number][column] for turn in turns)
                for number in range(len(processes))
            ]
            shown = " | ".join(f"{median:.2f} s" for median in reversed(medians))
            ratio = f" | {medians[0] / medians[1]:.2f}" if len(medians) > 1 else ""
            print(f"| {what}: {turns[0][0][0]:,} cached | {shown}{ratio} |", flush=True)
    for process in processes:
        process.communicate()


def main(checkouts: Sequence[str] = ()) -> None:
    """Print counts and times, if the photos are available."""
    photos = sorted(PHOTOS.glob("*/*/*.jpg"))
    if not photos:
        print(f"skipped: there are no photos in {PHOTOS}")
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["UHSCM_HOME"] = str(Path(place, "home"))
        print("| change | images encoded |\n|---|---|")
        count(photos[:: len(photos) // MANY][:MANY], Path(place))
        columns = ["work", *(["before", "now", "ratio"] if checkouts else ["now"])]
        print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
        others = [Path(checkout).resolve() for checkout in checkouts]
        folders = (Path(place, "moved"), PHOTOS)
        collections: list[dict[str, Any]] = [
            {"source": str(folder), "progress": False} for folder in folders
        ]
        if write_mirflickr(Path(place, "mirflickr")):
            collections.append({"source": "flickr25k", "root": str(Path(place, "mirflickr"))})
        compare([HERE, *others], collections, Path(place))
    print(f"\n{load()}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure()
    else:
        main(sys.argv[1:])
