"""What version 0.1.0 has written is still found, read and continued.

``saved_by_0.1.0/`` holds a study, the cache of its features and one of its runs, as that version
left them; the figures below are those that it printed. Features alone are left behind: they had no
digest, and their pixels may have been read wrongly.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import filelock
import pytest
import torch

from uhscm_core import Study, UHSCMWarning
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import Run, read_runs
from uhscm_core.support import store
from uhscm_core.support.fields import FORMAT

# Said where features are encoded; a test of its own looks at it.
pytestmark = pytest.mark.filterwarnings("ignore:features that version 0.2 or older kept")

SAVED = Path(__file__).parent / "saved_by_0.1.0"


@pytest.fixture
def saved(home):
    """A copy of what was saved, as the home of this test."""
    shutil.copytree(SAVED / "home", home)
    shutil.copytree(SAVED / "study", home.parent / "study")
    return home.parent / "study"


@pytest.fixture
def study(saved):
    return Study.load(saved, device="cpu")


@pytest.fixture
def run(study):
    (run,) = read_runs(runs_folder(study))
    return run


def test_a_study_gives_the_same_figures_from_features_encoded_again(study):
    with pytest.warns(UHSCMWarning, match="encoded again, because they may be of pixels that were"):
        assert study.image_features.shape == (70, 128)
    assert (study.tau, study.network.bits, len(study.history)) == (2.5, 12, 9)
    assert study.evaluate() == pytest.approx(0.760057571577289, abs=1e-12)
    found = study.search(0, 5)
    assert found.ids.tolist() == [0, 19, 21, 26, 29]
    assert found.distances.tolist() == [0, 2, 2, 2, 2]


def test_a_study_saved_again_is_in_the_new_form(study, saved):
    before = json.loads((saved / "study.json").read_text())
    study.save(saved)
    after = json.loads((saved / "study.json").read_text())
    assert "format" not in before
    assert (after["format"], after["dataset_digest"]) == (FORMAT, study.dataset.digest)
    assert study.dataset.digest != before["dataset_digest"] == study.dataset.images.old_digest
    assert study.vlp.digest != before["vlp_digest"] == study.vlp.old_digest
    assert Study.load(saved, device="cpu").tau == study.tau


def test_an_old_digest_in_a_new_file_is_not_taken(study, saved):
    study.save(saved)
    config = store.load_json(saved / "study.json")
    store.save_json(saved / "study.json", {**config, "vlp_digest": study.vlp.old_digest})
    with pytest.raises(ValueError, match="this vlp is not the one that the study was saved with"):
        Study.load(saved, device="cpu")


def test_other_images_are_refused_by_the_old_rule_too(saved):
    config = json.loads((saved / "study.json").read_text())
    config["dataset"]["seed"] = 4
    (saved / "study.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="this dataset is not the one that the study was saved"):
        Study.load(saved, device="cpu")


@pytest.mark.parametrize("name", ["study.json", "run.json", "config.json"])
def test_a_file_of_a_later_version_is_refused_with_a_sentence(study, run, saved, name):
    study.save(saved)
    folder = saved if name == "study.json" else run.folder
    values = json.loads((folder / name).read_text()) | {"format": FORMAT + 1, "digest": None}
    (folder / name).write_text(json.dumps(values))
    message = rf"{name}: written by a later version .* in format {FORMAT + 1}.*update it"
    readers = {
        "study.json": lambda: Study.load(folder, device="cpu"),
        "run.json": lambda: Run.read(folder),
        "config.json": lambda: run.network(128),
    }
    with pytest.raises(ValueError, match=message):
        readers[name]()


def test_the_folder_of_a_studys_runs_is_renamed_once(study, home):
    (old,) = (home / "runs").iterdir()
    folder = runs_folder(study)
    assert list((home / "runs").iterdir()) == [folder] != [old]
    assert runs_folder(study) == folder


def test_a_run_that_is_being_trained_stays_where_it_is(study, home):
    (old,) = (home / "runs").iterdir()
    with filelock.FileLock(old / "001" / "run.lock"):
        assert read_runs(runs_folder(study)) == []
    assert [run.name for run in read_runs(runs_folder(study))] == ["001"]
    assert not old.exists()


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
    config_before = store.load_json(run.folder / "config.json")
    store.save_json(run.folder / "config.json", {**config_before, "data": "of other features"})
    before = run.history()
    config = dataclasses.replace(run.config, epochs=5)
    settings = {"backbone": run.backbone, "pretrained": run.pretrained}
    with pytest.warns(UHSCMWarning, match=r"version 0.2 or older.* continues with the new ones"):
        resumed = study.train(run.bits, config, folder=run.folder, **settings)
    assert store.load_json(run.folder / "config.json")["format"] == FORMAT
    assert resumed.history[: len(before)] == before
    assert [step.epoch for step in resumed.history[len(before) :]] == [4] * 3 + [5] * 3
    whole = study.train(run.bits, config, **settings)
    expected = [step.total for step in whole.history]
    assert [step.total for step in resumed.history] == pytest.approx(expected, abs=1e-4)
    assert torch.equal(resumed.codes, whole.codes)
