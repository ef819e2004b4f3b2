"""Runs on disk, and the small arrays made of them, against naive loops."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

from uhscm_core import TrainingConfig, TrainingStep, semantic_similarity, unpack_codes
from uhscm_core.analysis.validation import (
    Validation,
    bit_balance,
    distance_histograms,
    output_histogram,
)
from uhscm_core.codes import pack_codes
from uhscm_core.runs import Run, differences, new_run, read_runs, runs_folder
from widgets.figures.plane import plane_figure
from widgets.kit.curves import Curves, curves_of


@pytest.fixture
def outputs():
    return torch.tanh(2 * torch.randn(30, 12, generator=torch.Generator().manual_seed(3)))


def step(number, epoch, total=1.0, **metrics):
    return TrainingStep(epoch, number, total, 0.5, 0.25, 3.0, 100.0, metrics or None)


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
    alike, others, n_alike, n_others = distance_histograms(outputs, s, lam=0.3)
    signs = unpack_codes(pack_codes(outputs), 12)
    counted = np.zeros((2, 13))
    for i, j in itertools.combinations(range(30), 2):
        d = sum(a != b for a, b in zip(signs[i].tolist(), signs[j].tolist(), strict=True))
        counted[0 if s[i, j] >= 0.3 else 1, d] += 1
    assert (n_alike, n_others) == tuple(counted.sum(1))
    np.testing.assert_allclose(alike, counted[0] / n_alike, atol=1e-6)
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


def test_judging_by_concepts_and_by_labels(study):
    validation = Validation.of(study, n_queries=12, n_others=100)
    q = study.distribution[validation.ids]
    draw = torch.randn(q.shape[1], 10, generator=torch.Generator().manual_seed(5))
    outputs = (q - q.mean(0)) @ draw
    judged = validation.judge(outputs)
    alike = (semantic_similarity(q[:12], q[12:]) >= 0.8).tolist()
    labels = study.dataset.labels[validation.ids].int()
    shared = ((labels[:12] @ labels[12:].T) > 0).tolist()
    assert judged["mAP by concepts"] == pytest.approx(naive_map(outputs, alike, 12), abs=0.02)
    assert judged["mAP by labels"] == pytest.approx(naive_map(outputs, shared, 12), abs=0.02)
    assert any(map(any, alike))


def test_a_curve_is_the_mean_over_images_and_never_long():
    # 10 images in batches of 4, 4 and 2; totals 1, 2, 9: the mean is (4 + 8 + 18) / 10.
    history = [step(i + 1, i // 3 + 1, (1.0, 2.0, 9.0)[i % 3]) for i in range(3000)]
    curves = curves_of(history, n=10, batch_size=4, epochs=1000)
    x, y = curves["total"]
    assert len(x) <= 240
    assert x[-1] == 1000
    whole = curves_of(history[:720], 10, 4, 240)["total"][1]
    np.testing.assert_allclose(whole, 3.0)
    assert curves_of([], 10, 4, 5)["mAP by concepts"][0].size == 0
    history[5] = step(6, 2, **{"mAP by concepts": 0.5})
    x, y = curves_of(history, 10, 4, 1000)["mAP by concepts"]
    assert (x.tolist(), y.tolist()) == ([2.0], [0.5])


def test_the_curves_numbers_come_back_as_a_table():
    view = Curves({"total": "", "similarity": ""})
    view.show(now=curves_of([step(1, 1, 4.0)], 4, 4, 1), before={})
    frame = view.to_frame()
    assert frame[frame["curve"] == "total"]["value"].tolist() == [4.0]
    assert view._now_sizes == [1, 1]
    assert len(view._now) == 4 * 4


def test_runs_are_kept_apart_and_read_back(tmp_path, study):
    first = new_run(tmp_path, 16, TrainingConfig(lam=0.7))
    second = new_run(tmp_path, 32, TrainingConfig(), parent="001")
    assert [run.name for run in read_runs(tmp_path)] == ["001", "002"]
    assert Run.read(first.folder) == first
    assert (second.parent, second.settings["bits"]) == ("001", 32)
    (tmp_path / "003").mkdir()
    (tmp_path / "003" / "run.json").write_text("{torn")
    assert len(read_runs(tmp_path)) == 2
    assert new_run(tmp_path, 16, TrainingConfig()).name == "004"
    assert runs_folder(study) == runs_folder(study.with_(progress=True))
    assert runs_folder(study) != runs_folder(study.with_(tau=2.0))


def test_a_torn_last_line_is_left_out(tmp_path):
    run = new_run(tmp_path, 16, TrainingConfig())
    whole = json.dumps({k: v for k, v in vars(step(1, 1)).items() if v is not None})
    (run.folder / "metrics.jsonl").write_text(f"{whole}\n{whole[:30]}")
    assert [s.step for s in run.history()] == [1]


def test_only_what_differs_stands_in_the_table(tmp_path):
    runs = [
        new_run(tmp_path, 16, TrainingConfig(lam=lam), parent=parent)
        for lam, parent in ((0.8, ""), (0.6, "001"))
    ]
    histories = {
        "001": [step(1, 1, **{"mAP by concepts": 0.7}), step(2, 2, **{"mAP by concepts": 0.5})],
        "002": [],
    }
    frame = differences(runs, histories).set_index("run")
    assert frame["lam"].tolist() == [0.8, 0.6]
    assert "bits" not in frame
    assert frame.loc["001", "last mAP by concepts"] == 0.5
    assert frame.loc["001", "best by concepts"] == 0.7
    assert frame.loc["001", "epochs done"] == 2
    assert differences([]).empty


def test_the_plane_shows_each_way_from_its_beginning_to_its_end():
    paths = np.array([[[0.0, 0.0], [0.5, 0.5]], [[0.1, 0.2], [0.6, 0.4]], [[0.2, 0.3], [1, 0]]])
    made = plane_figure(paths, ["a", "<b>"], "two images")
    corners, *ways = made.data
    assert sorted(zip(corners.x, corners.y, strict=True)) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert list(zip(ways[1].x, ways[1].y, strict=True)) == [(0.5, 0.5), (0.6, 0.4), (1, 0)]
    assert ways[1].name == "&lt;b&gt;"
    assert plane_figure(paths[:1], ["a", "b"], "").data[1].marker.size == (8,)
