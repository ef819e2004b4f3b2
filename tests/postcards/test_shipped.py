"""The features that ship with the package are those of the shipped model on the default pictures.

Where one of these fails after a change of pictures, model or preprocessing:
``python scripts/ship_features.py``.
"""

from __future__ import annotations

import pytest
import torch

from uhscm_core import load_dataset, load_vlp
from uhscm_core.datasets import postcards as module
from uhscm_core.features import SHIPPED, encode_dataset, features_key
from uhscm_core.support import store
from uhscm_core.vlp import VLP


@pytest.fixture(scope="module")
def vlp() -> VLP:
    return load_vlp("postcards", device="cpu")


@pytest.fixture(scope="module")
def dataset(default_postcards):
    return default_postcards


def test_they_are_found_without_encoding(dataset, vlp, home, monkeypatch):
    def refused(*args):
        raise AssertionError("a picture was encoded")

    monkeypatch.setattr(VLP, "_embed", refused)
    features = encode_dataset(dataset, vlp, progress=False)
    assert features.shape == (11_000, vlp.embed_dim)
    assert not home.exists()


def test_they_are_what_the_model_gives_for_the_pictures(dataset, vlp):
    rows = torch.arange(5, 11_000, 499)
    again = vlp.encode_images(dataset.images.take(rows.tolist()), workers=0)
    features = encode_dataset(dataset, vlp, progress=False)[rows]
    torch.testing.assert_close(features, again, atol=1e-3, rtol=0)


def test_there_is_one_set_of_them_with_its_key_and_it_is_small(dataset, vlp):
    (folder,) = SHIPPED.iterdir()
    assert folder.name == features_key(dataset, vlp)
    shards = sorted(folder.iterdir())
    assert {store.load_tensors(path)[1]["key"] for path in shards} == {folder.name}
    assert sum(path.stat().st_size for path in shards) < 3_000_000


def test_digests_and_key_are_what_saved_studies_and_caches_hold(dataset, vlp):
    # Written down, because a change of any of them loses features and studies on users' disks.
    assert vlp.digest == "44bf41b98f6b3825d2c6"
    assert vlp.preprocess_digest == "644702290854f97a692a"
    assert features_key(dataset, vlp) == "04f099dcc16573e733b7"


def test_other_pictures_and_another_model_do_not_find_them(dataset, vlp, monkeypatch):
    scene = module.make_scene(0)  # drawing up 11,000 takes long, and labels are no part of the key
    monkeypatch.setattr(module, "make_scene", lambda _: scene)
    monkeypatch.setattr(module, "GENERATOR_VERSION", module.GENERATOR_VERSION + 1)
    repainted = load_dataset("postcards", progress=False)
    retrained = load_vlp("postcards", device="cpu")
    with torch.no_grad():
        next(retrained._model.parameters()).add_(1e-3)
    cropped = load_vlp("postcards", device="cpu")
    cropped._model.visual.preprocess_cfg["resize_mode"] = "squash"
    keys = [
        features_key(repainted, vlp),
        features_key(dataset, retrained),
        features_key(dataset, cropped),
        features_key(load_dataset("postcards", seed=1, progress=False), vlp),
    ]
    assert not any((SHIPPED / key).exists() for key in keys)
