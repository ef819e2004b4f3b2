"""What a run is evaluated on while it trains, against naive loops."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from uhscm_core import mean_average_precision, semantic_similarity, unpack_codes
from uhscm_core.analysis.validation import (
    Validation,
    bit_balance,
    distance_histograms,
    output_histogram,
)
from uhscm_core.codes import pack_codes


@pytest.fixture
def outputs():
    return torch.tanh(2 * torch.randn(30, 12, generator=torch.Generator().manual_seed(3)))


def test_bit_balance_and_outputs_are_what_a_loop_counts(outputs):
    for bit in range(12):
        ones = sum(float(row[bit]) > 0 for row in outputs)
        assert bit_balance(outputs)[bit] == pytest.approx(ones / 30)
    shares = output_histogram(outputs, bins=8)
    for b in range(8):
        low, high = -1 + b / 4, -1 + (b + 1) / 4
        inside = sum(low <= float(v) < high for v in outputs.flatten())
        assert shares[b] == pytest.approx(inside / 360)


def test_distances_of_pairs_are_what_a_loop_counts(outputs):
    s = 2 * torch.rand(30, 30, generator=torch.Generator().manual_seed(4)) - 1
    similar, others, n_similar, n_others = distance_histograms(outputs, s, lam=0.3)
    signs = unpack_codes(pack_codes(outputs), 12)
    counted = np.zeros((2, 13))
    for i, j in itertools.combinations(range(30), 2):
        d = sum(a != b for a, b in zip(signs[i].tolist(), signs[j].tolist(), strict=True))
        counted[0 if s[i, j] >= 0.3 else 1, d] += 1
    assert (n_similar, n_others) == tuple(counted.sum(1))
    np.testing.assert_allclose(similar, counted[0] / n_similar, atol=1e-6)
    np.testing.assert_allclose(others, counted[1] / n_others, atol=1e-6)
    none, _, n, _ = distance_histograms(outputs[:1], s[:1, :1])
    assert (none.sum(), n) == (0, 0)


def test_validation_never_looks_at_queries_and_not_at_training_images(study):
    validation = Validation.of(study)
    ids, splits = set(validation.ids.tolist()), study.dataset.splits
    assert validation.held_out
    assert ids <= set(splits["database"].tolist())
    assert not ids & set(splits["query"].tolist())
    assert not ids & set(splits["train"].tolist())
    assert Validation.of(study).ids.tolist() == validation.ids.tolist()


def naive_map(outputs, relevant, n):
    """Without ties: distances made distinct by the caller."""
    signs = np.sign(outputs.numpy())
    found = []
    for i in range(n):
        d = [int((signs[i] != signs[j]).sum()) for j in range(n, len(signs))]
        hits, precisions = 0, []
        # Expected over ties: the mean over many shuffles.
        for seed in range(60):
            shuffled = np.random.default_rng(seed).permutation(len(d))
            order = sorted(shuffled, key=lambda k: d[k])
            hits, total = 0, 0.0
            for rank, k in enumerate(order, 1):
                if relevant[i][k]:
                    hits += 1
                    total += hits / rank
            precisions.append(total / hits if hits else 0.0)
        found.append(np.mean(precisions))
    return float(np.mean(found))


def test_evaluation_by_concepts_and_by_labels(study):
    validation = Validation.of(study, n_queries=12, n_others=100)
    q = study.distribution[validation.ids]
    draw = torch.randn(q.shape[1], 10, generator=torch.Generator().manual_seed(5))
    outputs = (q - q.mean(0)) @ draw
    values = validation.evaluate(outputs)
    similar = (semantic_similarity(q[:12], q[12:]) >= 0.8).tolist()
    labels = study.dataset.labels[validation.ids].int()
    shared = ((labels[:12] @ labels[12:].T) > 0).tolist()
    assert values["mAP by concepts"] == pytest.approx(naive_map(outputs, similar, 12), abs=0.02)
    assert values["mAP by labels"] == pytest.approx(naive_map(outputs, shared, 12), abs=0.02)
    assert any(map(any, similar))


def test_validation_by_labels_leaves_out_queries_that_have_none(study):
    validation = Validation.of(study, n_queries=10, n_others=40)
    ids, generator = validation.ids, torch.Generator().manual_seed(1)
    outputs = torch.randn(len(ids), 8, generator=generator)
    labels = study.dataset.labels.clone()
    labels[ids[:3]] = 0
    partly = dataclasses.replace(study.dataset, labels=labels)
    some = Validation.of(study.with_(dataset=partly), n_queries=10, n_others=40)
    codes = pack_codes(outputs)
    right = mean_average_precision(
        codes[3:10], codes[10:], labels[ids[3:10]], labels[ids[10:]], ties="expected"
    )
    assert some.evaluate(outputs)["mAP by labels"] == pytest.approx(right)
    assert "without 3 of the 10 that have none" in some.description()
    labels = labels.clone()
    labels[ids[:10]] = 0
    none = Validation.of(
        study.with_(dataset=dataclasses.replace(partly, labels=labels)), n_queries=10, n_others=40
    )
    assert "mAP by labels" not in none.evaluate(outputs)
    assert "there are no labels" in none.description()
