"""CIFAR-10 in the layout that torchvision reads, on twelve images."""

from __future__ import annotations

import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from torchvision.datasets import cifar

from uhscm_core.datasets import load_dataset


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch):
    """Twelve images in CIFAR-10's layout, taken for whole by torchvision."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        data = np.full((2, 3072), 2 * i, dtype=np.uint8)
        data[:, :1024] += 1  # red comes first
        data[1, -1] = 200  # no two are equal
        batch = {"data": data, "labels": [i, i + 1]}
        (folder / name).write_bytes(pickle.dumps(batch))
    classes = [f"class {i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": classes}))
    monkeypatch.setattr(cifar, "check_integrity", lambda *_: True)
    return tmp_path


def test_cifar10_has_its_test_images_as_queries(cifar_folder):
    dataset = load_dataset("cifar10", root=cifar_folder)
    assert len(dataset) == 12
    assert {split: ids.tolist() for split, ids in dataset.splits.items()} == {
        "train": [*range(10)],
        "database": [*range(10)],
        "query": [10, 11],
    }
    assert [dataset.labels_of(i) for i in (0, 1, 11)] == [
        ("class 0",),
        ("class 1",),
        ("class 6",),
    ]
    assert dataset.images[2].getpixel((0, 0)) == (3, 2, 2)
    assert dataset.source["source"] == "cifar10"


def test_cifar10_can_be_split_smaller(cifar_folder):
    dataset = load_dataset("cifar10", root=cifar_folder, n_train=2, n_database=3, n_query=1)
    assert {name: len(ids) for name, ids in dataset.splits.items()} == {
        "train": 2,
        "database": 3,
        "query": 1,
    }


def test_cifar10_that_is_missing_and_cannot_be_fetched_says_where_to_put_it(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(cifar, "download_and_extract_archive", no_network)
    message = r"CIFAR-10 is not in .*here .*no network.* put the extracted folder cifar-10-batches"
    with pytest.raises(FileNotFoundError, match=message):
        load_dataset("cifar10", root=tmp_path / "here")
    monkeypatch.setattr(cifar, "download_and_extract_archive", None)  # not even tried
    with pytest.raises(FileNotFoundError, match=r"CIFAR-10 is not in .*here .*not found"):
        load_dataset("cifar10", root=tmp_path / "here", download=False)


def test_cifar10_of_other_content_is_not_unpickled(cifar_folder, monkeypatch):
    monkeypatch.undo()  # torchvision's own check of the files again
    with pytest.raises(FileNotFoundError, match="CIFAR-10 is not in"):
        load_dataset("cifar10", root=cifar_folder, download=False)


def test_a_download_that_fails_leaves_no_folder(tmp_path, monkeypatch):
    def failing(self):
        Path(self.root).mkdir(parents=True)
        raise URLError("no network")

    monkeypatch.setattr(cifar.CIFAR10, "download", failing)
    with pytest.raises(FileNotFoundError, match="could not be downloaded"):
        load_dataset("cifar10", root=tmp_path / "data" / "cifar10")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("root", ["cifar-10-batches-py", ".."])
def test_cifar10_is_found_from_its_own_folder_and_from_one_further_up(cifar_folder, root):
    dataset = load_dataset("cifar10", root=cifar_folder / root, download=False)
    assert len(dataset) == 12
