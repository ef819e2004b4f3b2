"""The features that ship with the package are those of the shipped model on the default pictures.

Where one of these fails after a change of pictures, model or preprocessing:
``python scripts/ship_features.py``.
"""

from __future__ import annotations

import pytest
import torch

from uhscm_core import load_dataset, load_vlp
from uhscm_core.datasets import postcards as module
from uhscm_core.features import SHIPPED, encode_dataset, encoder_key
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
    assert folder.name == encoder_key(vlp)
    shards = sorted(folder.iterdir())
    keys = [row for path in shards for row in store.load_tensors(path)[0]["keys"].tolist()]
    assert {bytes(key).hex() for key in keys} == set(dataset.images.keys)
    assert len(keys) == 11_000
    assert sum(path.stat().st_size for path in shards) < 3_250_000


def test_digests_and_key_are_what_saved_studies_and_caches_hold(dataset, vlp):
    # Written down, because a change of any of them loses features and studies on users' disks.
    assert vlp.digest == "92a2bb5adad80f47b57d"
    assert vlp.old_digest == "44bf41b98f6b3825d2c6"
    assert encoder_key(vlp) == "e7da1a9db098ea506c10"
    assert dataset.digest == "1037296a9cdf3fa5b07e"
    assert (
        dataset.images.keys[0] == "73119611aca172159c3ae0d9341f6675b62e8c0aa996bd01c504703bff72c459"
    )


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
    reseeded = load_dataset("postcards", seed=1, progress=False)
    shipped = set(dataset.images.keys)
    assert not shipped & {*repainted.images.keys, *reseeded.images.keys}
    keys = [encoder_key(retrained), encoder_key(cropped)]
    assert not any((SHIPPED / key).exists() for key in keys)


def test_a_part_of_the_pictures_is_found_without_encoding(vlp, home, monkeypatch):
    def refused(*args):
        raise AssertionError("a picture was encoded")

    monkeypatch.setattr(VLP, "_embed", refused)
    few = load_dataset("postcards", n_database=50, n_query=5, progress=False)
    assert encode_dataset(few, vlp, progress=False).shape == (55, vlp.embed_dim)
