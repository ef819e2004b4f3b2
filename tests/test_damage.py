"""Damage to every kind of file that the package writes: found, healed or without meaning.

`Trials` damages one file at a time and uses it. ``python -m scripts.damage 400`` prints a table of
400 flipped bits, and of files that were cut, emptied, zeroed or swapped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from uhscm_core import (
    HammingIndex,
    HashNetwork,
    Study,
    TrainingConfig,
    export_codes,
    export_index,
    export_run,
    load_dataset,
    train,
)
from uhscm_core.analysis.projection import pca
from uhscm_core.export import check_export
from uhscm_core.features import encode_dataset
from uhscm_core.runs import Checkpoint, new_run, read_network, read_runs
from uhscm_core.support import store
from widgets.background import umap_cache


class Colors:
    """An encoder that needs no weights: the mean color of each image."""

    name, digest, embed_dim, logit_scale = "mean colors", "colors", 3, 100.0

    def encode_images(self, images):
        rows = [np.asarray(image, np.float32).mean((0, 1)) + 1 for image in images]
        return torch.nn.functional.normalize(torch.tensor(np.stack(rows)), dim=1)

    def encode_texts(self, texts):
        return torch.eye(3)[torch.arange(len(texts)) % 3]


@dataclass(frozen=True)
class Kind:
    """Files that belong together, and what they are for.

    Attributes:
        make: writes them to a folder; it and `use` have a home inside that folder.
        use: reads them, and returns what a person would see.
        files: a pattern of the files to damage.
    """

    make: Callable[[Path], object]
    use: Callable[[Path], Any]
    files: str


def small_study() -> Study:
    generator = torch.Generator().manual_seed(0)
    rows, texts = torch.randn(40, 8, generator=generator), torch.randn(3, 8, generator=generator)
    unit = torch.nn.functional.normalize
    labels = torch.arange(40) % 3
    made = Study.from_features(unit(rows), ["cat", "dog", "sky"], unit(texts), labels=labels)
    return made.train(bits=8, epochs=1)


def load_study(folder: Path) -> Any:
    study = Study.load(folder / "study")
    values = (study.tau, study.history, study.concepts, study.dataset.names)
    return values, study.codes, study.image_features, study.dataset.labels, study.vlp.text_features


def make_run(folder: Path) -> None:
    study, config = small_study(), TrainingConfig(epochs=2, batch_size=16, device="cpu")
    for _ in range(2):  # two, whose files can be swapped
        run = new_run(folder / "runs", 8, config)
        network = HashNetwork(8, in_features=8)
        data = study.image_features[study.dataset.splits["train"]]
        steps = list(train(network, data, study.mined, config, folder=run.folder))
        run.save_best(network.state_dict(), steps[2], 0.5)
        dataclasses.replace(run, status="finished", seconds=1.5).save()


def use_runs(folder: Path) -> Any:
    found = []
    for run in read_runs(folder / "runs"):
        if run.is_damaged:
            raise store.DamagedFileError(run.message)
        checkpoint = Checkpoint.load(run.folder)
        weights = read_network(run.folder).state_dict()
        found.append((run.settings, run.status, run.seconds, run.history(), run.best(), weights))
        found.append((checkpoint.position, checkpoint.weights, checkpoint.optimizer))
        config = store.load_json(run.folder / "config.json")
        found.append({**config, "id": len(config["id"])})
    return found


VECTORS = torch.nn.functional.normalize(
    torch.randn(60, 5, generator=torch.Generator().manual_seed(1)), dim=1
).numpy()


def use_layout(folder: Path, vectors: Any = VECTORS) -> Any:
    cache = umap_cache.UmapCache(lambda _: vectors, lambda: None, lambda: None, lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(umap_cache, "umap_layout", lambda vectors, _: pca(vectors))
        return cache._load_or_fit(vectors)


def make_layouts(folder: Path) -> None:
    for vectors in (VECTORS, VECTORS[::-1].copy()):
        use_layout(folder, vectors)


def write_photos(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / "photos" / label).mkdir(parents=True)
        for index in range(12):
            pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / label / f"{index}.png")
    (folder / "photos" / "a" / "torn.png").write_bytes(b"\x89PNG")


def make_photos(folder: Path) -> None:
    write_photos(folder)
    use_photos(folder)


def use_photos(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torn.png.*|.*could not be read.*|.*unreadable.*")
        dataset = load_dataset(folder / "photos", progress=False, warn=False)
    return encode_dataset(dataset, Colors(), progress=False), dataset.skipped, dataset.names


def use_pictures(folder: Path) -> Any:
    dataset = load_dataset("postcards", n_database=6, n_train=4, n_query=2, progress=False)
    return [np.asarray(dataset.images[index]) for index in range(8)]


def make_index(folder: Path) -> None:
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (50, 2), dtype=np.uint8))
    HammingIndex(codes, 16).save(folder / "index.safetensors")


def use_index(folder: Path) -> Any:
    index = HammingIndex.load(folder / "index.safetensors")
    return index.bits, index.codes


def make_exports(folder: Path) -> None:
    study = small_study()
    for name in ("codes.npz", "codes.parquet"):
        export_codes(study, folder / name)
    export_index(study, folder / "index.faiss")
    export_run(study, folder / "run.zip")


def use_exports(folder: Path) -> Any:
    for name in ("codes.npz", "codes.parquet", "index.faiss", "run.zip"):
        check_export(folder / name)
    import faiss

    index = faiss.read_index_binary(str(folder / "index.faiss"))
    with np.load(folder / "codes.npz") as arrays:
        values = {name: arrays[name] for name in arrays}
    shutil.unpack_archive(folder / "run.zip", folder / "study")
    frame = pd.read_parquet(folder / "codes.parquet")
    return index.search(values["codes"], 5), values, frame, load_study(folder)


KINDS = {
    "study": Kind(lambda folder: small_study().save(folder / "study"), load_study, "study/*"),
    "runs": Kind(make_run, use_runs, "runs/*/*.[js]*"),
    "features and verdicts": Kind(make_photos, use_photos, "home/**/*"),
    "pictures": Kind(use_pictures, use_pictures, "home/**/*"),
    "layouts": Kind(make_layouts, use_layout, "home/layouts/*"),
    "index": Kind(make_index, use_index, "index.safetensors"),
    "exports": Kind(make_exports, use_exports, "*.*"),
}


# Each damages a file; the last argument is another file of the same kind.


def flip(path: Path, generator: random.Random, _: Path) -> None:
    data = bytearray(path.read_bytes())
    bit = generator.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def cut(path: Path, generator: random.Random, _: Path) -> None:
    path.write_bytes(path.read_bytes()[: generator.randrange(1, path.stat().st_size)])


def empty(path: Path, *_: object) -> None:
    path.write_bytes(b"")


def zero(path: Path, *_: object) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def swap(path: Path, _: random.Random, other: Path) -> None:
    shutil.copy(other, path)


DAMAGES = {"flipped": flip, "cut": cut, "emptied": empty, "zeroed": zero, "swapped": swap}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor | np.ndarray):
        return np.array_equal(np.asarray(a), np.asarray(b))
    if isinstance(a, pd.DataFrame):
        return all(same([*a[name]], [*b[name]]) for name in {*a} | {*b})
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


class Trials:
    """Files of one kind, whole, and in a place where they are damaged and used."""

    def __init__(self, name: str, folder: Path, seed: int) -> None:
        self.kind, self.folder, self.whole = KINDS[name], folder / "used", folder / "whole"
        self.generator = random.Random(seed)
        with self.home():
            self.folder.mkdir(parents=True)
            self.kind.make(self.folder)
            shutil.copytree(self.folder, self.whole)
            self.expected = self.kind.use(self.folder)

    def home(self) -> contextlib.AbstractContextManager[Any]:
        return mock.patch.dict(os.environ, UHSCM_HOME=str(self.folder / "home"))

    def run(self, damage: str) -> tuple[str, str]:
        """Damage one file and use it; returns the outcome, and what was damaged or said."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.whole, self.folder)
        found = sorted(path for path in self.folder.glob(self.kind.files) if path.is_file())
        path = self.generator.choice([file for file in found if file.stat().st_size])
        alike = [file for file in found if file != path and file.suffix == path.suffix]
        if damage == "swapped" and not alike:
            return "harmless", "there is no other file of the kind"
        DAMAGES[damage](path, self.generator, self.generator.choice(alike or [path]))
        with warnings.catch_warnings(record=True) as said, self.home():
            warnings.simplefilter("always")
            try:
                value = self.kind.use(self.folder)
            except (OSError, ValueError) as error:
                named = str(self.folder) in str(error)
                return ("detected" if named else "unnamed"), f"{path.name}: {error}"
        if not same(value, self.expected):
            return "silent", str(path)
        healed = any("computed again" in str(each.message) for each in said)
        return ("healed" if healed else "harmless"), str(path)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("name", KINDS)
def test_damage_is_never_used_in_silence(name, tmp_path):
    trials = Trials(name, tmp_path, seed=0)
    for damage in [*["flipped"] * 12, *["cut"] * 3, "emptied", "zeroed", *["swapped"] * 3]:
        outcome, what = trials.run(damage)
        assert outcome in ("detected", "healed", "harmless"), f"{damage}: {what}"
