"""The settings of an experiment as rankings: each by the codes of its lowest seed."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from uhscm_core import Experiment
from uhscm_core.analysis.bench_rankers import bench_rankers


@pytest.fixture
def experiment(study):
    vary = {
        "method": ["UHSCM", "ITQ", "cosine of both"],
        "template": ["a photo of the {}", "a {}"],
        "recipe": ["uhscm"],
        "bits": [8],
        "epochs": [1],
    }
    made = Experiment(study, vary, seeds=2)
    list(made)
    return made


def test_each_setting_ranks_as_its_first_seed_did(study, experiment):
    found = bench_rankers(experiment, study)
    assert list(found) == [
        "bench: UHSCM with template='a photo of the {}', seed 0",
        "bench: UHSCM with template='a {}', seed 0",
        "bench: ITQ, seed 0",
        "bench: cosine of both with template='a photo of the {}'",
        "bench: cosine of both with template='a {}'",
    ]
    results = {
        (r.settings.get("template"), r.settings["method"], r.seed): r for r in experiment.results
    }
    query = int(study.dataset.splits["query"][0])
    for ranker, (key, unit) in zip(
        found.values(),
        [
            (("a photo of the {}", "UHSCM", 0), "bits"),
            (("a {}", "UHSCM", 0), "bits"),
            ((None, "ITQ", 0), "bits"),
            (("a photo of the {}", "cosine of both", None), "cosine"),
            (("a {}", "cosine of both", None), "cosine"),
        ],
        strict=True,
    ):
        assert ranker.unit == unit
        expected = torch.tensor(results[key].average_precision)
        assert torch.allclose(torch.tensor(ranker.average_precisions()), expected, atol=1e-9)
        assert len(ranker.rank(query).items) == 240
    prompted = found["bench: UHSCM with template='a {}', seed 0"]
    assert prompted.study.concepts.templates == ("a {}",)
    assert prompted.setting == {
        "recipe": "uhscm",
        "bits": 8,
        "epochs": 1,
        "lam": 0.8,
        "template": ("a {}",),
    }
    assert found["bench: ITQ, seed 0"].setting == {"method": "ITQ", "bits": 8}


def test_settings_on_other_images_are_left_out(study, experiment):
    other = dataclasses.replace(study.dataset, digest="another")
    assert bench_rankers(experiment, study.with_(dataset=other)) == {}


def test_what_has_no_result_yet_does_not_rank(study):
    assert bench_rankers(Experiment(study, {"bits": [8, 16]}, seeds=1), study) == {}
