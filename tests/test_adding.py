"""Images added to an index without training again, and the word when they are of another world."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from uhscm_core import (
    HammingIndex,
    Study,
    UHSCMWarning,
    add_images,
    load_dataset,
    load_vlp,
    pack_codes,
)
from uhscm_core.adding import drift_of

DRIFT = "differ from what the network was trained on"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """300 postcards, of which 200 to train on, and the model that reads them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = load_dataset("postcards", n_database=300, n_train=200, n_query=2, progress=False)
        study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
        yield study.train(16, epochs=2, device="cpu")


@pytest.fixture(scope="module")
def same_world(trained):
    """Postcards of another seed."""
    return load_dataset("postcards", seed=1, n_database=60, n_query=0, progress=False)


def said(function, *arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*arguments)
    return result, [str(w.message) for w in caught if issubclass(w.category, UHSCMWarning)]


def test_added_images_have_the_next_ids_and_are_found(trained, same_world):
    before = trained.index.codes.clone()
    index, _ = said(add_images, trained, same_world)
    assert len(index) == 360
    assert torch.equal(index.codes[:300], before)
    assert torch.equal(trained.index.codes, before)  # it never changes
    for image in (0, 17, 59):
        code = trained.embed(same_world.images[image]).code
        assert torch.equal(index.codes[300 + image], code)
        distances, ids = index.search(code[None], 360)
        assert 300 + image in ids[0][distances[0] == 0].tolist()
    again, _ = said(add_images, trained, same_world, index)
    assert len(again) == 420


def test_features_are_added_like_their_images(trained, same_world):
    by_images, _ = said(add_images, trained, same_world)
    features = trained.vlp.encode_images(same_world.images)
    by_features, _ = said(add_images, trained, features.numpy())
    assert torch.equal(by_features.codes, by_images.codes)


def test_images_of_the_same_world_are_added_in_silence(trained, same_world):
    assert said(add_images, trained, same_world)[1] == []


def test_images_of_another_world_are_told(trained):
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (30, 40, 40, 3), dtype=np.uint8)
    features = trained.vlp.encode_images([Image.fromarray(pixels) for pixels in noise])
    index, sentences = said(add_images, trained, features)
    assert len(index) == 330  # and added all the same
    (sentence,) = sentences
    assert DRIFT in sentence
    assert "of the 30 new images" in sentence


@pytest.mark.slow
@pytest.mark.photos
def test_photos_are_another_world_than_postcards(trained, photos):
    dataset = load_dataset(photos / "test" / "cat", n_query=0, labels=None, progress=False)
    few = dataclasses.replace(
        dataset,
        splits={"train": np.arange(0), "database": np.arange(40), "query": np.arange(0)},
    ).without_unused()
    (sentence,) = said(add_images, trained, few)[1]
    assert DRIFT in sentence


def test_the_rule_is_what_its_module_says(trained):
    """By naive loops over images, on held-out images that are moved away more and more."""
    features, splits = trained.image_features, trained.dataset.splits
    train = splits["train"].tolist()
    held_out = [i for i in range(len(features)) if i not in set(train)]

    def distance(row):
        return min(1 - float(row @ features[t]) for t in train)

    def unfitting(row):
        weights = [np.exp(trained.vlp.logit_scale * float(row @ c)) for c in trained.text_features]
        return 1 - max(weights) / sum(weights)

    generator = torch.Generator().manual_seed(0)
    seen = set()
    for spread in (0.0, 0.02, 0.05, 0.2):
        new = features[:40] + spread * torch.randn(40, features.shape[1], generator=generator)
        new = torch.nn.functional.normalize(new, dim=1)
        statistics = []
        for number in (distance, unfitting):
            ours, before = [number(row) for row in new], [number(features[i]) for i in held_out]
            statistics.append(
                max(
                    np.mean(np.array(before) <= bound) - np.mean(np.array(ours) <= bound)
                    for bound in (*ours, *before)
                )
            )
        drift = drift_of(trained, new)
        assert drift.statistic == pytest.approx(max(statistics), abs=0.03)  # rounding moves a tie
        assert drift.beyond - drift.expected == pytest.approx(drift.statistic, abs=1e-9)
        assert drift.found == (drift.statistic >= 0.35 and drift.chance < 0.001)
        seen.add(drift.found)
    assert seen == {False, True}


def test_images_of_the_same_world_are_hardly_ever_told():
    """500 trials of random features, with few and with many held-out images."""
    generator = torch.Generator().manual_seed(0)
    told = 0
    for trial in range(500):
        m, n = [(20, 5), (40, 30), (100, 100), (0, 50)][trial % 4]
        rows = torch.nn.functional.normalize(torch.randn(60 + m + n, 6, generator=generator), dim=1)
        told += drift_of(known(rows[: 60 + m], 60), rows[60 + m :]).found
    assert told <= 2


def known(rows, n_train):
    ids = np.arange(len(rows))
    splits = {"train": ids[:n_train], "database": ids, "query": ids[:0]}
    return Study.from_features(rows, ["a", "b"], rows[:2], splits=splits)


def test_what_cannot_be_added_is_said(trained, study, as_users_run_it):
    with pytest.raises(ValueError, match="no hash network yet"):
        add_images(study, study.dataset)
    with pytest.raises(TypeError, match="index must be a HammingIndex"):
        add_images(trained, trained.dataset, trained.codes)
    for rows in (np.ones((3, 5), np.float32), trained.image_features[:0]):
        with pytest.raises(ValueError, match=r"images must (be|have)"):
            add_images(trained, rows)
    other = HammingIndex(pack_codes(torch.ones(2, 24)), 24)
    with pytest.raises(ValueError, match="uint8 with shape"):
        add_images(trained, trained.image_features[:2], other)
