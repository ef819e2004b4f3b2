"""What version 0.1.0 has written is still found, read and continued.

``saved_by_0.1.0/`` holds a study, the cache of its features and one of its runs, as that version
left them; the figures below are those that it printed.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from uhscm_core import Study
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import read_runs
from uhscm_core.vlp import VLP

SAVED = Path(__file__).parent / "saved_by_0.1.0"


@pytest.fixture
def saved(home, monkeypatch):
    """A copy of what was saved, as the home of this test, in which nothing may be encoded."""

    def refused(*_):
        raise AssertionError("an image was encoded")

    shutil.copytree(SAVED / "home", home)
    shutil.copytree(SAVED / "study", home.parent / "study")
    monkeypatch.setattr(VLP, "_embed", refused)
    return home.parent / "study"


@pytest.fixture
def study(saved):
    return Study.load(saved, device="cpu")


@pytest.fixture
def run(study):
    (run,) = read_runs(runs_folder(study))
    return run


def test_a_study_gives_the_same_figures_from_the_same_features(study):
    assert study.image_features.shape == (70, 128)
    assert (study.tau, study.network.bits, len(study.history)) == (2.5, 12, 9)
    assert study.evaluate() == pytest.approx(0.760057571577289, abs=1e-12)
    found = study.search(0, 5)
    assert found.ids.tolist() == [0, 19, 21, 26, 29]
    assert found.distances.tolist() == [0, 2, 2, 2, 2]


def test_a_run_is_listed_with_its_history_and_best_weights(study, run):
    assert (run.name, run.bits, run.status, run.device) == ("001", 12, "finished", "cpu, 32-true")
    assert not run.is_running()
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert [step.total for step in run.history()] == [json.loads(line)["total"] for line in lines]
    values = [step.metrics["mAP by concepts"] for step in run.history() if step.metrics]
    _, place = run.best()
    assert (place["epoch"], place["value"]) == (3, max(values))
    best = study.with_(network=run.network(128), history=run.history())
    assert best.evaluate() == pytest.approx(0.7907122133318765, abs=1e-12)
    assert Study.load(run.folder, device="cpu").evaluate() == best.evaluate()


def test_a_longer_run_resumes_from_the_checkpoint(study, run):
    before = run.history()
    config = dataclasses.replace(run.config, epochs=5)
    settings = {"backbone": run.backbone, "pretrained": run.pretrained}
    resumed = study.train(run.bits, config, folder=run.folder, **settings)
    assert resumed.history[: len(before)] == before
    assert [step.epoch for step in resumed.history[len(before) :]] == [4] * 3 + [5] * 3
    whole = study.train(run.bits, config, **settings)
    expected = [step.total for step in whole.history]
    assert [step.total for step in resumed.history] == pytest.approx(expected, abs=1e-4)
    assert torch.equal(resumed.codes, whole.codes)
