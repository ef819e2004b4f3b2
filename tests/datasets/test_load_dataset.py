"""The arguments of `load_dataset`: what is refused by name, what is remembered."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.files import named, photo
from uhscm_core import load_dataset

# Our own messages are what is tested, not those of the run-time type check.
pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture
def folder(tmp_path):
    for i in range(30):
        photo(tmp_path / f"photos/{i:02d}.png", i)
    return tmp_path / "photos"


@pytest.mark.parametrize("source", ["", "  ", "\n"])
def test_an_empty_source_is_not_the_working_folder(folder, monkeypatch, source):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=r"source is empty; the working folder is '\.'"):
        load_dataset(source)
    assert len(load_dataset(".", progress=False)) == 30


@pytest.mark.parametrize("source", [["a"], None, 3, b"photos", {"a"}, True, ("a", "b")])
def test_a_source_of_another_type_is_refused_by_name(source):
    got = re.escape(f"got {source!r} ({type(source).__name__})")
    with pytest.raises(TypeError, match=f"source must be a dataset's name or the path .*, {got}"):
        load_dataset(source)


@pytest.mark.parametrize("name", ["root", "index"])
def test_root_and_index_are_paths(name, tmp_path):
    with pytest.raises(ValueError, match=f"{name} is empty"):
        load_dataset("nuswide", **{"root": tmp_path, name: ""})
    with pytest.raises(TypeError, match=rf"{name} must be a path, got \['a'\] \(list\)"):
        load_dataset("nuswide", **{"root": tmp_path, name: ["a"]})


@pytest.mark.parametrize("name", ["n_train", "n_database", "n_query", "seed"])
@pytest.mark.parametrize("wrong", [0.2, 2.0, "2", True, [2], float("nan")])
@pytest.mark.parametrize("source", ["folder", "postcards"])
def test_numbers_that_are_no_whole_numbers_are_refused_by_name(folder, source, name, wrong):
    with pytest.raises(TypeError, match=f"{name} must be a whole number"):
        load_dataset(folder if source == "folder" else source, **{name: wrong})
    with pytest.raises(ValueError, match=f"{name} must be a whole number .*got -1"):
        load_dataset(folder if source == "folder" else source, **{name: -1})


@pytest.mark.parametrize("name", ["progress", "warn", "follow_links"])
def test_flags_are_true_or_false(folder, name):
    with pytest.raises(TypeError, match=rf"{name} must be True or False, got 'no' \(str\)"):
        load_dataset(folder, **{name: "no"})


@pytest.mark.parametrize(
    ("source", "argument", "takers"),
    [
        (
            "postcards",
            {"follow_links": True},
            "a folder of photos, flickr25k, nuswide, index files",
        ),
        ("flickr25k", {"n_labels": 21}, "nuswide"),
        ("nuswide", {"download": False}, "cifar10"),
    ],
)
def test_an_argument_of_another_source_is_refused_by_name(source, argument, takers):
    (name,) = argument
    with pytest.raises(ValueError, match=f"{name} is only for {takers}, not for {source}"):
        load_dataset(source, **argument)


def test_an_empty_database_is_refused_and_no_queries_are_fine(folder):
    with pytest.raises(ValueError, match="n_database must be a whole number between 1 and 27, got"):
        load_dataset(folder, n_database=0, progress=False)
    with pytest.raises(ValueError, match="n_train must be a whole number between 1 and 27, got 0"):
        load_dataset(folder, n_train=0, progress=False)
    with pytest.raises(ValueError, match="no image is left to train on: 0 in the database"):
        load_dataset(folder, n_query=30, progress=False)
    assert len(load_dataset(folder, n_query=0, progress=False).splits["query"]) == 0


def test_a_seed_of_none_is_drawn_once_and_kept(folder):
    dataset = load_dataset(folder, seed=None, n_train=5, progress=False)
    seed = dataset.source["seed"]
    assert isinstance(seed, int)
    again = load_dataset(folder, seed=seed, n_train=5, progress=False)
    for split in dataset.splits:
        assert named(again, split) == named(dataset, split)
    seeds = {load_dataset(folder, seed=None, progress=False).source["seed"] for _ in range(5)}
    assert len(seeds) == 5


def test_a_numpy_number_is_kept_as_a_number(folder):
    dataset = load_dataset(folder, n_query=np.int64(3), progress=False)
    assert type(dataset.source["n_query"]) is int


def test_the_home_folder_may_be_a_tilde(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    dataset = load_dataset("~/photos", progress=False)
    assert dataset.source["source"] == str(folder)
    assert len(load_dataset(Path("~/photos"), progress=False)) == 30
    with pytest.raises(FileNotFoundError, match=re.escape(f"no index file {folder}")):
        load_dataset("nuswide", root="~/photos", index="~/photos")


def test_root_and_index_are_kept_as_absolute_paths(folder, monkeypatch):
    index = folder.parent / "index"
    index.mkdir()
    for stem, i in (("train", 0), ("database", 0), ("test", 1)):
        (index / f"{stem}.txt").write_text(f"{i:02d}.png 1 0\n")
    monkeypatch.chdir(folder.parent)
    dataset = load_dataset("nuswide", root="photos", index="index")
    assert (dataset.source["root"], dataset.source["index"]) == (str(folder), str(index))


@pytest.mark.parametrize("source", ["a" * 5000, "a\0b", "CIFAR-10"])
def test_a_name_that_is_no_dataset_is_said(source):
    with pytest.raises(NotADirectoryError, match=r"no dataset '.*: expected a folder of photos or"):
        load_dataset(source)


def test_a_file_in_place_of_a_folder_is_said(folder):
    path = folder / "00.png"
    with pytest.raises(NotADirectoryError, match=r"expected a folder of photos, but .* is a file"):
        load_dataset(path)
    with pytest.raises(NotADirectoryError, match=r"root must be the folder of nuswide, got .*00"):
        load_dataset("nuswide", root=path)
