"""Outliers against a loop over all images, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import unit_rows
from uhscm_core import pack_codes, rank_outliers, rank_outliers_by_features


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 30),
    bits=st.integers(1, 24),
    k=st.integers(1, 8),
)
def test_scores_are_those_of_a_loop_over_all_others(seed, n, bits, k):
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randn(n, bits, generator=generator)
    features = unit_rows(generator, n, 5)
    found = rank_outliers(pack_codes(signs), bits, features, k)
    assert sorted(found.ids.tolist()) == list(range(n))
    assert found.k == min(k, n - 1)
    rows = (signs > 0).tolist()
    for position, i in enumerate(found.ids.tolist()):
        others = sorted(
            sum(a != b for a, b in zip(rows[i], rows[j], strict=True)) for j in range(n) if j != i
        )[: found.k]
        assert found.distances[position] == others[-1]
        assert found.means[position] == pytest.approx(sum(others) / len(others))
    keys = list(zip(-found.distances, -found.means, found.cosines, found.ids, strict=True))
    assert keys == sorted(keys)


def test_by_hand():
    # Three of one code, one a bit away, and one that is far: and so for two of a kind with k = 2.
    signs = torch.tensor([[1.0] * 8] * 3 + [[1] * 7 + [-1]] + [[-1] * 8])
    features = torch.eye(5)
    found = rank_outliers(pack_codes(signs), 8, features, k=1)
    assert found.ids[0] == 4
    assert found.distances.tolist() == [7, 1, 0, 0, 0]
    assert found.to_frame()["rank"].tolist() == [1, 2, 3, 4, 5]
    twins = torch.cat([signs, signs[-1:]])
    alone = rank_outliers(pack_codes(twins), 8, torch.eye(6), k=1)
    assert set(alone.ids[:1].tolist()) == {3}  # the twins vouch for each other
    assert set(rank_outliers(pack_codes(twins), 8, torch.eye(6), k=2).ids[:2].tolist()) == {4, 5}


def test_equal_codes_are_ranked_by_features():
    features = torch.nn.functional.normalize(
        torch.tensor([[1.0, 0.1], [1, 0.0], [1, -0.1], [0, 1]])
    )
    codes = torch.zeros(4, 1, dtype=torch.uint8)
    found = rank_outliers(codes, 8, features, k=3)
    assert found.ids[0] == 3
    assert found.distances.tolist() == [0, 0, 0, 0]


def test_more_equal_codes_than_neighbours_leave_the_image_itself_out():
    codes = torch.zeros(40, 1, dtype=torch.uint8)
    features = unit_rows(torch.Generator().manual_seed(0), 40, 30)
    found = rank_outliers(codes, 8, features, k=2)
    assert (found.cosines < 0.99).all()  # no image is its own neighbour


def test_bad_input_is_named(as_users_run_it):
    codes, features = torch.zeros(3, 1, dtype=torch.uint8), torch.eye(3)
    with pytest.raises(ValueError, match="expected 2 images or more, got 1"):
        rank_outliers(codes[:1], 8, features[:1])
    with pytest.raises(ValueError, match="3 codes but 2 features"):
        rank_outliers(codes, 8, features[:2])
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, got 0"):
        rank_outliers(codes, 8, features, k=0)
    with pytest.raises(ValueError, match="features: 3 of 3 rows hold NaN"):
        rank_outliers(codes, 8, features * np.nan)


@given(seed=st.integers(0, 10**6), n=st.integers(2, 20), k=st.integers(1, 6))
def test_by_features_scores_are_those_of_a_loop(seed, n, k):
    features = unit_rows(torch.Generator().manual_seed(seed), n, 4)
    found = rank_outliers_by_features(features, k)
    assert sorted(found.ids.tolist()) == list(range(n))
    for position, i in enumerate(found.ids.tolist()):
        others = sorted(1 - float(features[i] @ features[j]) for j in range(n) if j != i)[: found.k]
        assert found.distances[position] == pytest.approx(others[-1], abs=1e-5)
        assert found.means[position] == pytest.approx(sum(others) / len(others), abs=1e-5)
    assert (np.diff(found.distances) <= 0).all()
