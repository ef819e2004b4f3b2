"""Near-duplicates and outliers of a study, each question answered once."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from uhscm_core import hamming_distance, rank_outliers_by_features
from uhscm_core.analysis.oddities import Oddities


@pytest.fixture
def oddities(trained):
    return Oddities(trained)


def test_a_question_is_answered_once(oddities):
    assert oddities.pairs(2, 0.9, False) is oddities.pairs(2, 0.9, False)
    assert oddities.pairs(3, 0.9, False) is not oddities.pairs(2, 0.9, False)
    assert oddities.far("codes", 5) is oddities.far("codes", 5)


def test_outliers_are_by_features_or_by_codes(oddities, trained):
    by_features = rank_outliers_by_features(trained.image_features, 5)
    assert oddities.far("features", 5).ids.tolist() == by_features.ids.tolist()
    assert float(oddities.far("codes", 5).distances[0]).is_integer()


def test_the_nearest_of_an_image_leave_it_out(oddities, trained):
    for by in ("features", "codes"):
        ids, distances = oddities.near(3, by, 4)
        assert len(ids) == 4
        assert 3 not in ids
        assert distances == sorted(distances)
    bits = hamming_distance(trained.codes[[3]], trained.codes)[0].float()
    bits[3] = torch.inf
    assert distances == bits.sort().values[:4].tolist()


def test_sketches_are_kept_for_a_study_of_the_same_images(oddities, trained):
    assert Oddities(trained.with_(tau=2.0, network=trained.network), oddities).sketches is not None
    drawn = oddities.sketches
    assert Oddities(trained, oddities).sketches is drawn
    dataset = dataclasses.replace(trained.dataset, digest="of other images")
    other = trained.with_(dataset=dataset, network=trained.network)
    assert "sketches" not in vars(Oddities(other, oddities))
