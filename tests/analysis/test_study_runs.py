"""The runs of a study: where they are, and what differs."""

from __future__ import annotations

from uhscm_core import TrainingConfig, TrainingStep
from uhscm_core.analysis.study_runs import differences, runs_folder
from uhscm_core.runs import new_run


def step(number, epoch, total=1.0, **metrics):
    return TrainingStep(epoch, number, total, 0.5, 0.25, 3.0, 100.0, metrics or None)


def test_runs_of_the_same_images_concepts_and_settings_share_a_folder(study):
    assert runs_folder(study) == runs_folder(study.with_(progress=True))
    assert runs_folder(study) != runs_folder(study.with_(tau=2.0))


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
