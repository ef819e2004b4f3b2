"""The runs of a study: on disk, and in this session."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest
import torch

from uhscm_core import TrainingConfig, semantic_similarity
from uhscm_core.runs import Run
from widgets.background import trainer as trainers
from widgets.background.session_runs import SessionRuns

LONG = TrainingConfig(recipe="uhscm", epochs=900, workers=0)


@pytest.fixture
def runs(study):
    made = SessionRuns(study)
    yield made
    if (trainer := made.running) is not None:
        trainer.stop()
        trainer.wait()


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_study_without_a_run_has_none(runs):
    assert runs.all() == []
    assert runs.last_name() == ""
    assert runs.named("001") is None
    assert runs.trainer is runs.running is None
    assert runs.trained(None) is runs.study


def test_a_run_with_another_prompt_is_listed_and_gives_what_it_was_trained_on(study, runs):
    short = TrainingConfig(recipe="uhscm", epochs=1, workers=0)
    runs.start(int(runs.validation.ids[0]), bits=8, config=short).wait()
    other = SessionRuns(study.with_(template="a drawing of the {}"))
    other.reread()
    assert (other.folder, other.key == runs.key) == (runs.folder, False)
    pinned = int(other.validation.ids[0])
    trainer = other.start(pinned, bits=8, config=short)
    trainer.wait()
    first, second = other.all()
    assert (first.name, second.name) == ("001", "002")
    assert (other.unlike(first), other.unlike(second)) == ("template “a photo of the {}”", "")
    assert other.trained(first).concepts == study.concepts
    assert other.trained(second).concepts == other.study.concepts
    trained_on, validation = other.trained_on(first)
    assert trained_on.kept_names == study.kept_names
    similarity = semantic_similarity(study.distribution[validation.ids[:3]])
    assert torch.allclose(validation.similarity[:3, :3], similarity)
    longer = dataclasses.replace(first, config=dataclasses.replace(short, epochs=2))
    trainer = other.start(pinned, run=longer)
    trainer.wait()
    assert trainer.study.concepts == study.concepts
    assert trainer.run.status == "finished"


def test_the_run_of_this_session_is_as_it_is_now(runs, monkeypatch):
    trainer = runs.start(int(runs.validation.ids[0]), bits=8, config=LONG)
    until(lambda: len(trainer.steps) > 2)
    (run,) = runs.all()  # although the disk was not looked at since
    assert (run.name, run.status) == ("001", "running")
    assert runs.is_training(run)
    assert runs.state_of(run) == "running"
    assert len(runs.history(run)) > 2
    with pytest.raises(RuntimeError, match="run 001 is running; stop it first"):
        runs.refuse_a_second()
    trainer.pause()
    until(lambda: trainer.state == "paused")
    assert runs.state_of(runs.named("001")).startswith("paused (after ")
    assert not runs.is_training(run)
    assert runs.look(run, int(runs.validation.ids[1])).pinned == int(runs.validation.ids[1])
    assert not trainer.owes
    saving, may_save = threading.Event(), threading.Event()
    monkeypatch.setattr(trainer, "_save_study", lambda: saving.set() or may_save.wait(20))
    trainer._must_stop.set()  # as `stop`, while the pause holds it
    assert runs.state_of(runs.named("001")) == "stopping"
    trainer.stop()
    assert saving.wait(20)
    assert runs.state_of(runs.named("001")) == "stopped, saving"
    may_save.set()
    trainer.wait()
    assert runs.running is None
    assert runs.state_of(runs.named("001")) == "stopped"
    runs.refuse_a_second()


def test_a_run_of_an_earlier_session_is_read_from_disk(runs, monkeypatch):
    config = TrainingConfig(recipe="uhscm", epochs=1, workers=0)
    runs.start(int(runs.validation.ids[0]), bits=8, config=config).wait()
    monkeypatch.setattr(trainers, "_TRAINERS", {})  # another session
    assert runs.all() == []
    runs.reread()
    (run,) = runs.all()
    assert runs.trainer_of(run) is None
    assert runs.trained(run).network.bits == 8
    assert len(runs.history(run)) == len(runs.trained(run).history) > 0
    assert runs.look(run, 0).outputs.shape == (len(runs.validation.ids), 8)


def test_the_log_begins_with_epoch_0(runs):
    assert runs.log(None).empty
    config = TrainingConfig(recipe="uhscm", epochs=2, batch_size=999, validate_every=1, workers=0)
    trainer = runs.start(int(runs.validation.ids[0]), bits=8, config=config)
    trainer.wait()
    (run,) = runs.all()
    frame = runs.log(run)
    assert frame["epoch"].tolist() == [0, 1, 2]
    assert frame["step"].tolist() == [0, 1, 2]
    assert frame["total"].tolist() == [trainer.steps[i].total for i in (0, 0, 1)]
    assert frame["mAP by labels"].tolist() == [
        run.untrained["mAP by labels"],
        *(step.metrics["mAP by labels"] for step in trainer.steps),
    ]
    assert frame["images_per_second"].isna().tolist() == [True, False, False]
    old = dataclasses.replace(run, untrained=None)
    assert runs.log(old)["mAP by labels"].isna().tolist() == [True, False, False]
    assert runs.to_frame(run).equals(runs.to_frame(old))
    assert runs.to_frame(run)["epoch"].tolist() == [1, 2]


def test_what_this_session_trained_is_not_read_from_disk_for_the_next_run(runs, monkeypatch):
    config = TrainingConfig(recipe="uhscm", epochs=1, workers=0)
    pinned = int(runs.validation.ids[0])
    first = runs.start(pinned, bits=8, config=config)
    first.wait()
    read = []
    monkeypatch.setattr(Run, "history", lambda run: read.append(run.name) or ())
    runs.start(pinned, bits=8, config=config).wait()
    runs.reread()
    assert [run.name for run in runs.all()] == ["001", "002"]
    assert "001" not in read
    assert runs.history(runs.named("001")) == tuple(first.steps) != ()


def test_the_time_of_a_run_on_pixels_is_known_after_one(runs):
    config = TrainingConfig(recipe="uhscm", epochs=1)
    assert runs.seconds_of(8, "features", config) > 0
    assert runs.seconds_of(8, "vgg19", config) is None
