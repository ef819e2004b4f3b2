"""Splits from a seed, and the checks of a dataset."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.datasets import ArrayImages, ImageDataset, load_dataset, random_splits


def dataset_of(n: int = 4, **changes) -> ImageDataset:
    images = ArrayImages(np.arange(n * 3, dtype=np.uint8).reshape(n, 1, 1, 3))
    fields = {
        "images": images,
        "labels": torch.eye(n, 2).to(torch.uint8),
        "label_names": ("cat", "dog"),
        "splits": splits_of(train=[0], database=[0, 1], query=[2]),
        "digest": images.digest,
        "names": images.names,
    }
    return ImageDataset(**{**fields, **changes})


def splits_of(**splits) -> dict[str, np.ndarray]:
    return {name: np.array(ids, dtype=np.int64) for name, ids in splits.items()}


def test_labels_have_names():
    dataset = dataset_of()
    assert len(dataset) == 4
    assert [dataset.labels_of(i) for i in range(4)] == [("cat",), ("dog",), (), ()]
    both = torch.ones(4, 2, dtype=torch.uint8)
    assert dataclasses.replace(dataset, labels=both).labels_of(3) == ("cat", "dog")
    assert dataclasses.replace(dataset, labels=None).labels_of(0) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("a",)}, "4 images, got 1 names"),
        (
            {"label_names": ("cat",)},
            r"labels must have shape \(4, 1\), one row per image .* got \(4, 2\)",
        ),
        ({"labels": torch.zeros(3, 2, dtype=torch.uint8)}, r"shape \(4, 2\), .* got \(3, 2\)"),
        ({"splits": splits_of(train=[0])}, "splits must be train, database, query, got train"),
        ({"splits": splits_of(train=[0], database=[0], query=[4])}, "'query' points outside the 4"),
        ({"splits": splits_of(train=[0], database=[-1, 0], query=[1])}, "'database' points out"),
        (
            {"splits": splits_of(train=[0], database=[0, 1], query=[1])},
            "in both the query and the database",
        ),
        ({"splits": splits_of(train=[1], database=[0], query=[1])}, "both the query and the train"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataset_of(**changes)


def test_a_data_set_has_an_image():
    with pytest.raises(ValueError, match="at least one image"):
        dataset_of(0)


def test_splits_and_labels_of_another_kind_are_refused_by_name(as_users_run_it):
    for wrong in ([0, 1], np.array([0.0, 1.0]), np.arange(4) < 2):
        splits = splits_of(train=[0], database=[0, 1], query=[2]) | {"train": wrong}
        with pytest.raises(TypeError, match="split 'train' must be an array of whole numbers, got"):
            dataset_of(splits=splits)
    with pytest.raises(TypeError, match=r"labels must be a tensor of shape \(4, 2\) or None, got"):
        dataset_of(labels=np.eye(4, 2, dtype=np.uint8))


def test_a_dataset_without_a_digest_has_that_of_its_images(as_users_run_it):
    dataset = dataset_of(digest=None)
    assert dataset.digest == dataset.images.digest
    assert dataset_of(5, digest=None).digest != dataset.digest
    images = list(dataset.images)
    with pytest.raises(ValueError, match=r"digest must be a text .* list has no digest of its own"):
        dataset_of(images=images, digest=None)
    assert dataset_of(images=images, digest="mine").digest == "mine"


def test_only_the_split_of_queries_may_be_empty():
    assert dataset_of(splits=splits_of(train=[0], database=[0], query=[])).labels is not None
    with pytest.raises(ValueError, match="the database split is empty: it needs at least one"):
        dataset_of(splits=splits_of(train=[0], database=[], query=[1]))


def test_a_split_names_each_image_once():
    with pytest.raises(ValueError, match="split 'database' must name each image once"):
        dataset_of(splits=splits_of(train=[0], database=[0, 1, 1], query=[2]))


def test_a_dataset_is_shown_as_a_short_table():
    dataset = dataset_of(skipped={"bad.png": "the file is empty"}, notes=("val/ is said",))
    assert repr(dataset).splitlines() == [
        f"ImageDataset: 4 images, digest {dataset.digest}",
        "  labels   2: cat 1, dog 1; 2 images have none",
        "  splits   train 1, database 2, query 1",
        "  skipped  1: bad.png (the file is empty)",
        "  note     val/ is said",
    ]
    assert "labels   none" in repr(dataclasses.replace(dataset, labels=None))


def test_the_table_is_short_and_printable_whatever_is_in_the_dataset():
    odd = "<b>new\nline \udcff \x1b[31m</b>"
    names = tuple(f"{odd} {i} {'long' * 500}" for i in range(5000))
    images = ArrayImages(np.zeros((5000, 1, 1, 3), dtype=np.uint8), names)
    dataset = ImageDataset(
        images=images,
        labels=torch.eye(5000, dtype=torch.uint8),
        label_names=names,
        splits=splits_of(train=range(4000), database=range(4000), query=range(4000, 5000)),
        digest=images.digest,
        names=names,
        skipped=dict.fromkeys(names, "no image" * 100),
        notes=names,
    )
    shown = repr(dataset)
    assert len(shown) < 2000
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "4999 more in dataset.notes" in shown


def test_images_of_no_split_can_be_left_out():
    dataset = dataset_of(splits=splits_of(train=[3], database=[1, 3], query=[2]))
    used = dataset.without_unused()
    assert used.names == ("1", "2", "3")
    assert [image.getpixel((0, 0))[0] for image in used.images] == [3, 6, 9]
    assert used.labels.tolist() == dataset.labels[1:].tolist()
    assert {name: ids.tolist() for name, ids in used.splits.items()} == {
        "train": [2],
        "database": [0, 2],
        "query": [1],
    }
    assert used.digest == used.images.digest != dataset.digest
    assert used.without_unused() is used


def test_benchmarks_need_their_folder():
    with pytest.raises(ValueError, match="dataset 'cifar10' needs its folder: root="):
        load_dataset("cifar10")


@st.composite
def possible_sizes(draw, n: int, most_queries: int, queries_from_pool: bool) -> dict[str, int]:
    n_query = draw(st.integers(0, most_queries))
    n_database = draw(st.integers(1, n - n_query if queries_from_pool else n))
    n_train = draw(st.integers(1, n_database))
    return {"n_train": n_train, "n_database": n_database, "n_query": n_query}


@given(st.data(), st.integers(1, 40), st.integers(0, 9))
def test_splits_of_one_pool_are_disjoint_and_of_the_sizes_asked_for(data, n, seed):
    sizes = data.draw(possible_sizes(n, n - 1, queries_from_pool=True))
    check_splits(np.arange(n) + 7, None, sizes, seed)


@given(st.data(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_queries_come_from_their_own_pool_where_there_is_one(data, n, m, seed):
    sizes = data.draw(possible_sizes(n, m, queries_from_pool=False))
    check_splits(np.arange(n), np.arange(n, n + m), sizes, seed)


def check_splits(pool, query, sizes, seed):
    splits = random_splits(pool, query, **sizes, seed=seed)
    for name, ids in splits.items():
        assert ids.dtype == np.int64
        assert (np.diff(ids) > 0).all()
        assert len(ids) == sizes[f"n_{name}"]
    assert set(splits["train"]) <= set(splits["database"]) <= set(pool)
    assert set(splits["query"]) <= set(pool if query is None else query)
    assert not set(splits["database"]) & set(splits["query"])
    again = random_splits(pool, query, **sizes, seed=seed)
    assert all(np.array_equal(splits[name], again[name]) for name in splits)


def test_without_wishes_a_tenth_are_queries_and_the_rest_database():
    sizes = {name: len(ids) for name, ids in random_splits(np.arange(200)).items()}
    assert sizes == {"train": 180, "database": 180, "query": 20}
    sizes = {name: len(ids) for name, ids in random_splits(np.arange(20_000)).items()}
    assert sizes == {"train": 5000, "database": 19_000, "query": 1000}


@pytest.mark.parametrize("query", [None, np.arange(10)])
def test_every_image_can_become_a_query(query):
    pool, drawn = np.arange(10) if query is None else np.arange(10, 20), set()
    for seed in range(40):
        drawn.update(random_splits(pool, query, n_query=2, seed=seed)["query"].tolist())
    assert drawn == set(range(10))


def test_drawing_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    random_splits(np.arange(50))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_what_cannot_be_split_says_what_there_is():
    with pytest.raises(ValueError, match="n_query must be a whole number between 0 and 3, got 4"):
        random_splits(np.arange(3), n_query=4)
    with pytest.raises(ValueError, match=r"n_database must be .* between 1 and 2, got 3"):
        random_splits(np.arange(3), n_query=1, n_database=3)
    with pytest.raises(ValueError, match="n_train must be a whole number between 1 and 2, got 3"):
        random_splits(np.arange(3), n_database=2, n_query=1, n_train=3)
    with pytest.raises(ValueError, match="n_query must be a whole number between 0 and 2, got 3"):
        random_splits(np.arange(3), np.arange(3, 5), n_query=3)
    with pytest.raises(ValueError, match="no image is left to train on: 0 in the database"):
        random_splits(np.arange(0))
