"""What the settings of a bench are called."""

from __future__ import annotations

import pandas as pd
import pytest

from uhscm_core import Experiment
from widgets.panels.bench_words import plain_names, said_of_two

VARY = {
    "method": ["UHSCM", "ITQ", "cosine of both"],
    "recipe": ["adaptive"],
    "bits": [8, 16],
    "template": ["a photo of the {}", "a {}"],
}


@pytest.fixture
def experiment(study):
    return Experiment(study, VARY, seeds=1)


def test_only_what_tells_settings_apart_is_said(experiment):
    assert plain_names(experiment.names, experiment.to_frame()) == [
        "UHSCM, 8 bits, a photo of the {}",
        "UHSCM, 8 bits, a {}",
        "UHSCM, 16 bits, a photo of the {}",
        "UHSCM, 16 bits, a {}",
        "ITQ, 8 bits",
        "ITQ, 16 bits",
        "cosine of both, a photo of the {}",
        "cosine of both, a {}",
    ]


def test_of_two_only_what_differs_is_said(experiment):
    frame = experiment.to_frame()
    assert said_of_two(frame, 0, 1) == ("A (a photo of the {})", "B (a {})")
    assert said_of_two(frame, 1, 5) == ("A (UHSCM, 8 bits, a {})", "B (ITQ, 16 bits)")
    assert said_of_two(frame, 4, 4) == ("A", "B")


def test_every_setting_of_a_bench_is_called_in_words():
    values = {"recipe": ["uhscm", "paper"], "lam": [0.75, None], "epochs": [1, 2]}
    values |= {"views": ["noised", "augmented"], "concepts": ["81 names: sky, ...", "own"]}
    frame = pd.DataFrame(values | {"mAP": [0.1, 0.2], "seeds": [2, 3]})
    assert plain_names(["one", "other"], frame) == [
        "uhscm, 1 epoch, noised views, 81 names: sky, ...",
        "paper, 2 epochs, augmented views, own",
    ]
    frame["lam"] = [0.75, 0.5]
    assert plain_names(["one", "other"], frame)[0].startswith("uhscm, λ 0.75, ")


def test_names_stay_unique():
    frame = pd.DataFrame({"recipe": ["b, a {}", "b"], "template": ["c", "a {}, c"]})
    assert plain_names(["whole", "other"], frame) == ["whole", "other"]
    frame = pd.DataFrame({"recipe": ["adaptive"], "mAP": [0.5]})
    assert plain_names(["the study"], frame) == ["the study"]
