"""The benchmarks' layouts, on a few images each, and what is said when a part is missing."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import cifar

from uhscm_core.datasets import load_dataset


def photo(path: Path, grey: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (grey, grey, grey)).save(path, "PNG")


def text(path: Path, *lines: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def named(dataset, split: str) -> list[str]:
    return [dataset.names[i] for i in dataset.splits[split]]


def labels_by_name(dataset) -> dict[str, tuple[str, ...]]:
    return {name: dataset.labels_of(i) for i, name in enumerate(dataset.names)}


# CIFAR-10


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch):
    """Twelve images in CIFAR-10's layout, taken for whole by torchvision."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        data = np.full((2, 3072), 2 * i, dtype=np.uint8)
        data[:, :1024] += 1  # red comes first
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


# MIRFlickr-25K


@pytest.fixture
def flickr_folder(tmp_path):
    """Twelve images and three annotations among the other files of the distribution."""
    for i in range(1, 13):
        photo(tmp_path / f"mirflickr/im{i}.jpg", i)
        text(tmp_path / f"mirflickr/meta/tags/tags{i}.txt", "sunset", "365")
    text(tmp_path / "mirflickr/meta/tags/tags3.txt", 365)  # tags that look like image numbers
    annotations = tmp_path / "mirflickr25k_annotations_v080"
    text(annotations / "sky.txt", 1, 2, 12)
    text(annotations / "sky_r1.txt", 1)
    text(annotations / "people.txt", 2)
    text(annotations / "README.txt", "about")
    text(annotations / "license.txt", "Creative Commons, 2008")
    return tmp_path


def test_flickr25k_is_read_as_distributed(flickr_folder):
    dataset = load_dataset("flickr25k", root=flickr_folder, n_query=2, seed=1)
    assert dataset.label_names == ("people", "sky")
    assert dataset.names[1:3] == ("mirflickr/im2.jpg", "mirflickr/im3.jpg")  # by number
    assert dataset.labels.tolist()[:3] == [[0, 1], [1, 1], [0, 0]]
    assert dataset.labels_of(11) == ("sky",)
    assert [image.getpixel((0, 0))[0] for image in dataset.images] == [*range(1, 13)]
    assert {name: len(ids) for name, ids in dataset.splits.items()} == {
        "train": 10,
        "database": 10,
        "query": 2,
    }


def test_flickr25k_says_what_is_missing_and_where_to_get_it(flickr_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no images im1\.jpg.* LIACS MIRFLICKR page"):
        load_dataset("flickr25k", root=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no annotation files such as sky\.txt"):
        load_dataset("flickr25k", root=flickr_folder / "mirflickr")
    (flickr_folder / "mirflickr/im12.jpg").unlink()
    with pytest.raises(ValueError, match=r"sky\.txt: im12\.jpg is not below"):
        load_dataset("flickr25k", root=flickr_folder)


# NUS-WIDE


@pytest.fixture
def nuswide_folder(tmp_path):
    """Six images; sky has four, dog two, zebra one, and the last has none."""
    names = [f"actor\\000{i}_{i}.jpg" for i in range(6)]
    for i, name in enumerate(names):
        photo(tmp_path / "Flickr" / name.replace("\\", "/"), i)
    text(tmp_path / "ImageList/Imagelist.txt", *names)
    labels = tmp_path / "Groundtruth/AllLabels"
    text(labels / "Labels_dog.txt", 0, 0, 0, 1, 1, 0)
    text(labels / "Labels_sky.txt", 1, 1, 1, 1, 0, 0)
    text(labels / "Labels_zebra.txt", 0, 0, 1, 0, 0, 0)
    return tmp_path


def test_nuswide_is_read_as_distributed_without_images_of_no_label(nuswide_folder):
    dataset = load_dataset("nuswide", root=nuswide_folder, n_query=1)
    assert dataset.label_names == ("dog", "sky", "zebra")
    assert dataset.names == tuple(f"Flickr/actor/000{i}_{i}.jpg" for i in range(5))
    assert dataset.labels.tolist() == [[0, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert len(dataset.splits["query"]) == 1


def test_nuswide_keeps_the_most_frequent_labels(nuswide_folder):
    dataset = load_dataset("nuswide", root=nuswide_folder, n_labels=1, n_query=0)
    assert dataset.label_names == ("sky",)
    assert len(dataset) == 4


def test_nuswide_says_what_is_missing_and_where_to_get_it(nuswide_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no ImageList/Imagelist\.txt .* NUS Lab for Medi"):
        load_dataset("nuswide", root=tmp_path / "nowhere")
    (nuswide_folder / "Flickr/actor/0002_2.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 5 images are missing .*first Flickr/a"):
        load_dataset("nuswide", root=nuswide_folder)
    for path in (nuswide_folder / "Groundtruth/AllLabels").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"no Groundtruth/AllLabels/Labels_\*\.txt below"):
        load_dataset("nuswide", root=nuswide_folder)


@pytest.mark.parametrize("lines", [(1, 0, 1), (1, 0, 1, 0, 1, 2), (1, 0, 1, 0, 1, "x")])
def test_nuswide_names_a_label_file_that_does_not_match(nuswide_folder, lines):
    text(nuswide_folder / "Groundtruth/AllLabels/Labels_dog.txt", *lines)
    with pytest.raises(ValueError, match=r"Labels_dog\.txt: expected 0 or 1 on 6 lines, .* got "):
        load_dataset("nuswide", root=nuswide_folder)


# Index files of published splits


@pytest.fixture
def index_folder(tmp_path):
    for i in range(5):
        photo(tmp_path / f"images/{i}.jpg", i)
    index = tmp_path / "index"
    text(index / "train.txt", "images/0.jpg 1 0", "images/1.jpg 0 1")
    text(index / "database.txt", "images/1.jpg 0 1", "images/2.jpg 1 1", "images/3.jpg 0 0")
    text(index / "test.txt", "images/4.jpg 0 1")
    return tmp_path


def test_index_files_give_the_published_split(index_folder):
    dataset = load_dataset("flickr25k", root=index_folder, index=index_folder / "index")
    assert named(dataset, "query") == ["images/4.jpg"]
    assert sorted(named(dataset, "train")) == ["images/0.jpg", "images/1.jpg"]
    # Some published training sets lie outside the database: ours holds them.
    assert sorted(named(dataset, "database")) == [f"images/{i}.jpg" for i in range(4)]
    assert dataset.label_names == ("label 0", "label 1")
    assert labels_by_name(dataset) == {
        "images/0.jpg": ("label 0",),
        "images/1.jpg": ("label 1",),
        "images/2.jpg": ("label 0", "label 1"),
        "images/3.jpg": (),
        "images/4.jpg": ("label 1",),
    }


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("database", ["images/1.jpg 0 1", "images/2.jpg 0"], r"database\.txt, line 2: .* 2 labels"),
        ("database", ["images/1.jpg 0 1", ""], r"database\.txt, line 2: expected a path and 2 lab"),
        ("test", ["images/4.jpg 0 7"], r"test\.txt, line 1: .* labels of 0 or 1"),
        ("train", ["images/0.jpg"], r"train\.txt, line 1: expected a path and its labels of 0 or"),
        ("train", [], r"train\.txt: no image in this index file"),
        ("test", ["images/1.jpg 0 1"], "an image is in both the query and the database"),
    ],
)
def test_a_line_of_an_index_file_that_does_not_match_is_named(index_folder, file, lines, message):
    text(index_folder / f"index/{file}.txt", *lines)
    with pytest.raises(ValueError, match=message):
        load_dataset("nuswide", root=index_folder, index=index_folder / "index")


def test_an_index_file_or_an_image_that_is_missing_is_named(index_folder):
    (index_folder / "images/3.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 5 images are missing .*images/3\.jpg"):
        load_dataset("cifar10", root=index_folder, index=index_folder / "index")
    (index_folder / "index/test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no index file .*test\.txt"):
        load_dataset("cifar10", root=index_folder, index=index_folder / "index")


def test_index_files_may_name_files_that_are_not_utf8(index_folder):
    raw = b"images/caf\xe9.jpg"
    photo(index_folder / os.fsdecode(raw))
    (index_folder / "index/test.txt").write_bytes(raw + b" 1 0\r\n")
    dataset = load_dataset("flickr25k", root=index_folder, index=index_folder / "index")
    assert named(dataset, "query") == [os.fsdecode(raw)]
