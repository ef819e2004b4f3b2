from __future__ import annotations

import numpy as np
import pytest

from uhscm_core import load_dataset
from uhscm_core.datasets import postcards as module
from uhscm_core.datasets.postcards import load_postcards, scene_seeds
from uhscm_postcards.paint import paint
from uhscm_postcards.scene import make_scene

SMALL = {"n_database": 30, "n_train": 20, "n_query": 6}


@pytest.fixture
def brush(monkeypatch):
    """Counts what is painted."""
    painted = []

    def counted(scene):
        painted.append(scene.seed)
        return paint(scene)

    monkeypatch.setattr(module, "paint", counted)
    return painted


def test_sizes_and_splits():
    data = load_postcards(**SMALL, progress=False)
    assert len(data) == 36
    assert {name: len(ids) for name, ids in data.splits.items()} == {
        "train": 20,
        "database": 30,
        "query": 6,
    }
    assert data.images[0].size == (96, 96)
    assert len(set(data.names)) == 36


def test_default_sizes_without_painting(brush):
    data = load_dataset("postcards", progress=False)
    assert {name: len(ids) for name, ids in data.splits.items()} == {
        "train": 5_000,
        "database": 10_000,
        "query": 1_000,
    }
    assert len(brush) < 20  # the tests' run-time check of types looks at some


def test_images_and_labels_are_those_of_the_scenes():
    data = load_postcards(**SMALL, seed=2, progress=False)
    for row, seed in enumerate(scene_seeds(30, 6, 2)):
        scene = make_scene(seed)
        assert data.labels_of(row) == scene.labels
        if row % 7 == 0:
            np.testing.assert_array_equal(np.asarray(data.images[row]), paint(scene))


def test_painted_when_asked_for_and_once(brush):
    first = load_postcards(**SMALL, progress=False)
    picture = np.asarray(first.images[35])
    seed = scene_seeds(30, 6, 0)[35]
    assert brush.count(seed) == 1
    again = load_postcards(**SMALL | {"n_train": 3}, progress=False)
    np.testing.assert_array_equal(np.asarray(again.images[35]), picture)
    assert brush.count(seed) == 1  # what is trained on changes no picture
    assert again.digest == first.digest
    other = load_postcards(**SMALL, seed=1, progress=False)
    assert (np.asarray(other.images[35]) != picture).any()


def test_the_digest_tells_seeds_sizes_and_versions_apart(monkeypatch):
    def digest(**change):
        return load_postcards(**SMALL | change, progress=False).digest

    plain = digest()
    assert len({plain, digest(seed=1), digest(n_query=5), digest(n_database=31)}) == 4
    monkeypatch.setattr(module, "GENERATOR_VERSION", 999)
    assert digest() != plain


def test_queries_stay_when_the_database_grows():
    small = load_postcards(10, 5, 3, progress=False)
    large = load_postcards(12, 5, 3, progress=False)
    assert small.names[-3:] == large.names[-3:]
    assert small.names[:10] == large.names[:10]


def test_other_seeds_other_pictures():
    seeds = [set(scene_seeds(1000, 100, seed)) for seed in (0, 1, 2**31)]
    assert not seeds[0] & seeds[1]
    assert not any(10_000_000 <= x < 30_000_000 for s in seeds for x in s)  # the model's own


def test_progress_is_shown_while_scenes_are_drawn_up(capsys):
    load_postcards(**SMALL)
    assert "drawing scenes" in capsys.readouterr().out
    load_postcards(**SMALL, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "change", [{"n_database": 0}, {"n_train": 31}, {"n_query": -1}, {"seed": -1}]
)
def test_sizes_out_of_range_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        load_postcards(**SMALL | change, progress=False)


def test_load_dataset_hands_on_and_remembers_what_was_asked():
    data = load_dataset("postcards", **SMALL, seed=4, progress=False)
    assert data.source == {
        "source": "postcards",
        "root": None,
        "index": None,
        **SMALL,
        "seed": 4,
        "progress": False,
    }
    with pytest.raises(ValueError, match="no root"):
        load_dataset("postcards", root="/somewhere")
