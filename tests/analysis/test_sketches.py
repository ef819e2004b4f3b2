"""The pairs that look similar, against a loop over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.analysis import sketches as module
from uhscm_core.analysis.sketches import LookAlikes, likenesses


def some_sketches(seed, n):
    """Sketches of a few kinds with more or less noise, some of them mirrored, some equal."""
    generator = np.random.default_rng(seed)
    kinds = generator.normal(size=(4, 8, 8)) * generator.uniform(0, 60, (4, 1, 1))
    gray = kinds[generator.integers(4, size=n)]
    gray = gray + generator.normal(size=(n, 8, 8)) * generator.choice([0, 1, 4, 12], (n, 1, 1))
    gray = np.where(generator.random((n, 1, 1)) < 0.4, gray[:, :, ::-1], gray).reshape(n, 64)
    values = np.concatenate([gray - gray.mean(1, keepdims=True), np.full((n, 1), 16.0)], axis=1)
    return torch.nn.functional.normalize(torch.tensor(values, dtype=torch.float32), dim=1)


def naive(sketches, likeness):
    """Each pair as it is and with the columns of one in reverse order."""
    found = set()
    for i in range(len(sketches)):
        for j in range(i + 1, len(sketches)):
            a, b = sketches[i].double(), sketches[j].double()
            mirrored = torch.cat([b[:-1].reshape(8, 8).flip(1).ravel(), b[-1:]])
            if max(float(a @ b), float(a @ mirrored)) >= likeness - 1e-6:
                found.add((i, j))
    return found


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 40),
    likeness=st.sampled_from([-1.0, 0.5, 0.9, 0.97, 0.999]),
    block=st.sampled_from([1, 7, 64]),
)
def test_similar_pairs_are_those_of_a_loop_over_all_pairs(seed, n, likeness, block):
    sketches = some_sketches(seed, n)
    similar = LookAlikes(likeness)
    for start in range(0, n, block):
        similar.add(sketches[start : start + block])
    found = [tuple(pair) for pair in similar.pairs.tolist()]
    wanted = naive(sketches, likeness)
    close = np.abs(likenesses(sketches, sketches) - likeness + 1e-6) < 1e-6  # rounding decides
    assert {pair for pair in set(found) ^ wanted if not close[pair]} == set()
    assert len(set(found)) == len(found)
    assert len(similar) == n
    assert not similar.crowded


def test_too_many_pairs_are_not_held(monkeypatch):
    sketches = some_sketches(0, 1).repeat(300, 1)
    for limit in (1000, 44_849):  # before they are looked for, and after
        monkeypatch.setattr(module, "_MOST", limit)
        similar = LookAlikes(0.97)
        similar.add(sketches)
        similar.add(sketches)
        assert similar.crowded
        assert len(similar.pairs) == 0


@pytest.mark.parametrize("sampled", [3, 64])
def test_few_pairs_among_many_are_not_crowded(monkeypatch, sampled):
    monkeypatch.setattr(module, "_SAMPLED", sampled)
    monkeypatch.setattr(module, "_MOST", 2000)
    different = torch.nn.functional.normalize(
        torch.randn(400, 65, generator=torch.Generator().manual_seed(0)), dim=1
    )
    similar = LookAlikes(0.97)
    similar.add(torch.cat([different, different[:5]]))
    assert sorted(similar.pairs.tolist()) == [[i, 400 + i] for i in range(5)]
