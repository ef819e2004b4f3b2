"""Training in a thread, without a browser: flags, bad luck, and what is left on disk."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import filelock
import numpy as np
import pytest
import torch

from uhscm_core import Study, TrainingConfig
from uhscm_core import training as training_module
from uhscm_core.analysis.validation import Validation
from uhscm_core.datasets import ImageDataset
from uhscm_core.datasets.images import ArrayImages
from uhscm_core.runs import Run, read_runs
from widgets.background import snapshot as snapshots
from widgets.background import trainer as trainers

CONFIG = TrainingConfig(recipe="uhscm", epochs=3, batch_size=32, device="cpu", validate_every=1)


def begin(study, folder, config=CONFIG, bits=16, **more):
    validation = Validation.of(study)
    pinned = int(validation.ids[0])
    return trainers.start(study, folder, validation, pinned, bits=bits, config=config, **more)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def weights(study):
    return study.network.state_dict()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def sound(study):
    return all(bool(v.isfinite().all()) for v in weights(study).values())


def test_a_run_equals_the_studys_own_training(study, tmp_path):
    config = dataclasses.replace(CONFIG, validate_every=3)  # the best is then the last
    run = begin(study, tmp_path, config)
    run.wait()
    assert (run.state, run.run.message) == ("finished", "")
    expected = study.train(16, config)
    assert same(weights(run.result()), weights(expected))
    assert [s.total for s in run.steps] == [s.total for s in expected.history]
    assert run.snapshot.outputs.shape == (len(run.validation.ids), 16)


@pytest.mark.parametrize("recipe", ["adaptive", "uhscm", "paper"])
def test_what_the_network_scores_before_training_is_measured_once(
    study, tmp_path, monkeypatch, recipe
):
    config = TrainingConfig(recipe=recipe, epochs=40, device="cpu", validate_every=1)
    first = begin(study, tmp_path, config)
    data = study.image_features[study.dataset.splits["train"]]
    network = study.network_for(16, config)
    training_module.train(network, data, study.mined, config)  # no step of it: centered at most
    ids = first.validation.ids
    expected = first.validation.evaluate(network.outputs(study.image_features[ids]))
    until(lambda: len(first.steps) > 3)
    first.stop()
    first.wait()
    assert first.run.untrained == expected
    (stopped,) = read_runs(tmp_path)
    assert stopped.untrained == expected
    epochs = stopped.history()[-1].epoch
    evaluated = []
    evaluate = Validation.evaluate
    monkeypatch.setattr(
        Validation, "evaluate", lambda *args: evaluated.append(1) or evaluate(*args)
    )
    again = trainers.start(study, tmp_path, first.validation, first.pinned, run=stopped)
    again.wait()
    assert again.run.untrained == read_runs(tmp_path)[0].untrained == expected
    assert len(evaluated) == 40 - epochs  # once for each that was left
    whole = study.train(16, config)
    assert [s.total for s in again.steps] == [s.total for s in whole.history]
    assert same(again.network.state_dict(), weights(whole))


def test_a_paused_and_resumed_run_equals_an_uninterrupted_one(study, tmp_path):
    config = dataclasses.replace(CONFIG, epochs=40, validate_every=40)
    run = begin(study, tmp_path, config)
    until(lambda: len(run.steps) > 3)
    run.pause()
    until(lambda: run.state == "paused")
    assert run.paused_after < 1
    done, seconds = len(run.steps), run.seconds
    time.sleep(0.2)
    assert (len(run.steps), run.seconds) == (done, seconds)
    run.resume()
    run.wait()
    assert same(weights(run.result()), weights(study.train(16, config)))


def test_a_stopped_run_keeps_the_best_and_resumes_bit_for_bit(study, tmp_path):
    config = dataclasses.replace(CONFIG, epochs=30)
    run = begin(study, tmp_path, config)
    until(lambda: len(run.steps) > 9)
    run.stop()
    run.wait()
    assert run.state == "stopped"
    assert len(run.steps) < 120
    values = [s.metrics["mAP by concepts"] for s in run.steps if s.metrics]
    assert run.best_step.metrics["mAP by concepts"] == max(values)
    again = trainers.start(study, tmp_path, run.validation, run.pinned, run=read_runs(tmp_path)[0])
    again.wait()
    assert again.state == "finished"
    whole = begin(study, tmp_path / "whole", config)
    whole.wait()
    assert [s.total for s in again.steps] == [s.total for s in whole.steps]
    assert same(weights(again.result()), weights(whole.result()))
    assert same(read_runs(tmp_path)[0].network(128).state_dict(), weights(whole.result()))
    loaded = Study.load(again.run.folder, dataset=study.dataset, vlp=study.vlp)
    assert same(weights(loaded), weights(whole.result()))


def test_a_stopped_run_says_so_before_it_is_saved(study, tmp_path, monkeypatch):
    run = begin(study, tmp_path, dataclasses.replace(CONFIG, epochs=9000, validate_every=9000))
    until(lambda: len(run.steps) > 9)
    assert not run.owes
    saving, may_save = threading.Event(), threading.Event()

    def save(_):
        saving.set()
        assert may_save.wait(20)

    monkeypatch.setattr(trainers.Trainer, "_save_study", save)
    run.stop()
    assert saving.wait(20)
    assert (run.state, run.active, run.owes) == ("stopped", True, True)
    done = len(run.steps)
    may_save.set()
    run.wait()
    assert (run.state, run.active, run.owes) == ("stopped", False, False)
    assert len(run.steps) == done


@pytest.mark.parametrize("collapsed", [True, False])
def test_a_stopped_run_whose_codes_have_collapsed_says_so(study, tmp_path, monkeypatch, collapsed):
    run = begin(study, tmp_path, dataclasses.replace(CONFIG, epochs=30))
    until(lambda: len(run.steps) > 9)
    assert run.collapse == ""
    if collapsed:
        monkeypatch.setattr(snapshots, "outputs_of", lambda *given: torch.ones(len(given[-1]), 16))
    run.stop()
    run.wait()
    assert run.state == "stopped"
    assert ("images have 1 different codes" in run.collapse) == collapsed
    assert bool(run.collapse) == collapsed


def test_labels_decide_nothing(study, tmp_path):
    generator = torch.Generator().manual_seed(0)
    shuffled = study.dataset.labels[torch.randperm(260, generator=generator)]
    others = dataclasses.replace(study.dataset, labels=shuffled)
    bare = dataclasses.replace(study.dataset, labels=None)
    kept = []
    for name, dataset in (("own", study.dataset), ("shuffled", others), ("none", bare)):
        run = begin(study.with_(dataset=dataset), tmp_path / name)
        run.wait()
        kept.append((run.best_step.step, weights(run.result())))
    for step, found in kept[1:]:
        assert step == kept[0][0]
        assert same(found, kept[0][1])


def test_no_second_run_starts_before_the_first_has_ended(study, tmp_path):
    run = begin(study, tmp_path, dataclasses.replace(CONFIG, epochs=500))
    with pytest.raises(RuntimeError, match="run 001 is running; stop it first"):
        begin(study, tmp_path)
    assert trainers.trainer_of(tmp_path) is run
    run.stop()
    run.wait()
    assert [r.name for r in read_runs(tmp_path)] == ["001"]


def test_a_run_of_another_process_is_left_alone(study, tmp_path):
    run = begin(study, tmp_path)
    run.wait()
    before = {path.name: path.read_bytes() for path in run.run.folder.iterdir()}
    refused = pytest.raises(RuntimeError, match="run 001 is running in another process; stop it")
    with filelock.FileLock(run.run.folder / "run.lock"), refused:
        trainers.start(study, tmp_path, run.validation, run.pinned, run=run.run)
    assert before == {path.name: path.read_bytes() for path in run.run.folder.iterdir()}


def test_who_is_refused_at_the_last_moment_writes_nothing(study, tmp_path, monkeypatch):
    run = begin(study, tmp_path)
    run.wait()
    before = {path.name: path.read_bytes() for path in run.run.folder.iterdir()}
    monkeypatch.setattr(Run, "is_running", lambda _: False)  # the other one begins just after this
    with filelock.FileLock(run.run.folder / "run.lock"):
        refused = trainers.start(study, tmp_path, run.validation, run.pinned, run=run.run)
        refused.wait()
    assert (refused.state, refused.run.status) == ("failed", "failed")
    assert "another process is training in" in refused.run.message
    assert before == {path.name: path.read_bytes() for path in run.run.folder.iterdir()}


KILLED = """
import sys, time
from pathlib import Path
from uhscm_core import Study, TrainingConfig, load_dataset, load_vlp
from widgets.background import snapshot as snapshots
from widgets.background import trainer as trainers
from uhscm_core.analysis.validation import Validation
from uhscm_core.runs import writer
writer._CHECKPOINT_SECONDS = 0.05
dataset = load_dataset("postcards", n_database=240, n_train=120, n_query=20)
study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
config = TrainingConfig(epochs=60, batch_size=32, device="cpu", validate_every=1)
v = Validation.of(study)
run = trainers.start(study, Path(sys.argv[1]), v, int(v.ids[0]), bits=16, config=config)
while len(run.steps) < 60:
    time.sleep(0.001)
print(len(run.steps), flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_run_killed_with_kill_9_is_there_and_ends_as_if_uninterrupted(study, tmp_path, home):
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        cwd=root,
    )
    lines = iter(process.stdout.readline, "")  # painting the pictures says something too
    logged = next(int(line) for line in lines if line.strip().isdigit())
    process.kill()
    process.wait()
    process.stdout.close()
    run = read_runs(tmp_path / "runs")[0]
    assert run.status == "running"  # no one was left to write otherwise
    assert len(run.history()) >= logged  # with all it had logged
    v = Validation.of(study)
    again = trainers.start(study, tmp_path / "runs", v, int(v.ids[0]), run=run)
    again.wait()
    assert (again.state, again.run.message) == ("finished", "")
    whole = begin(study, tmp_path / "whole", run.config)
    whole.wait()
    assert [s.total for s in again.steps] == [s.total for s in whole.steps]
    assert [s.metrics for s in again.steps] == [s.metrics for s in whole.steps]
    assert same(weights(again.result()), weights(whole.result()))


# -- bad luck: what is said, and the last good weights -------------------------------------------


def spoil(monkeypatch, after, spoiled):
    """From the given step on, the loss is what `spoiled` makes of it."""
    honest, calls = training_module.uhscm_loss, []

    def loss(*arguments, **keywords):
        calls.append(1)
        terms = honest(*arguments, **keywords)
        return spoiled(terms) if len(calls) > after else terms

    monkeypatch.setattr(training_module, "uhscm_loss", loss)


def raises(error):
    def spoiled(_):
        raise error

    return spoiled


def test_a_loss_that_is_no_number(study, tmp_path, monkeypatch):
    spoil(monkeypatch, 6, lambda terms: terms._replace(total=terms.total * float("nan")))
    run = begin(study, tmp_path)
    run.wait()
    assert run.state == "failed"
    assert "the loss is nan at epoch 2, step 7" in run.run.message
    assert sound(run.result())
    assert read_runs(tmp_path)[0].status == "failed"


def test_a_full_device_says_to_reduce_the_batch_size(study, tmp_path, monkeypatch):
    spoil(monkeypatch, 6, raises(torch.OutOfMemoryError("CUDA out of memory")))
    run = begin(study, tmp_path)
    run.wait()
    assert run.state == "failed"
    assert "has no memory for a batch of 32; reduce batch_size" in run.run.message
    assert len(run.steps) == 6
    assert sound(run.result())


def test_a_learning_rate_of_a_million(study, tmp_path):
    run = begin(study, tmp_path, dataclasses.replace(CONFIG, learning_rate=1e6))
    run.wait()
    assert run.state in ("finished", "failed")
    assert run.state == "finished" or "smaller learning_rate" in run.run.message
    assert sound(run.result())


def test_weights_that_blew_up_are_not_those_that_are_kept(study, tmp_path, monkeypatch):
    def evaluate(validation, outputs):
        torch.nn.init.constant_(trainers.trainer_of(tmp_path).network.head[0].weight, torch.nan)
        raise FloatingPointError("blown up")

    monkeypatch.setattr(Validation, "evaluate", evaluate)
    run = begin(study, tmp_path)
    run.wait()
    assert run.state == "failed"
    assert not sound(run)
    assert sound(run.result())
    assert run.snapshot.outputs.isfinite().all()


@pytest.mark.parametrize("after", [0, 5])
def test_a_full_disk_leaves_the_last_good_weights(study, tmp_path, monkeypatch, after):
    from uhscm_core.support import store

    honest, calls = store.replacing, []

    def full(path):
        calls.append(path)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return honest(path)

    run_folder = tmp_path / "runs"
    validation = Validation.of(study)
    created = trainers.new_run(run_folder, 16, CONFIG)
    monkeypatch.setattr(store, "replacing", full)
    run = trainers.start(study, run_folder, validation, int(validation.ids[0]), run=created)
    run.wait()
    assert run.state == "failed"
    assert "No space left on device" in run.run.message
    assert sound(run.result())
    monkeypatch.setattr(store, "replacing", honest)
    again = trainers.start(study, run_folder, validation, run.pinned, run=created)
    again.wait()
    assert again.state == "finished"


def test_zero_epochs_leave_the_first_weights(study, tmp_path):
    run = begin(study, tmp_path, dataclasses.replace(CONFIG, epochs=0))
    run.wait()
    assert (run.state, run.steps, run.run.message) == ("finished", [], "")
    assert sound(run.result())
    assert run.snapshot is not None
    assert read_runs(tmp_path)[0].untrained == run.validation.evaluate(run.snapshot.outputs)


def few(study, n, same=False):
    ids = np.arange(n)
    pixels = np.stack([np.asarray(study.dataset.images[0 if same else i]) for i in range(n)])
    dataset = ImageDataset(
        images=ArrayImages(pixels),
        labels=None,
        label_names=(),
        splits={"train": ids, "database": ids, "query": ids[:0]},
        digest=f"the first {n} {same}",
        names=tuple(f"{i}.jpg" for i in range(n)),
    )
    return Study(dataset, study.vlp, study.concepts, progress=False)


@pytest.mark.parametrize(
    ("n", "same_image", "batch"), [(1, False, 128), (6, True, 4), (5, False, 1)]
)
def test_one_image_equal_images_and_batches_of_one(study, tmp_path, n, same_image, batch):
    run = begin(few(study, n, same_image), tmp_path, dataclasses.replace(CONFIG, batch_size=batch))
    run.wait()
    assert (run.state, run.run.message) == ("finished", "")
    assert sound(run.result())
    assert not run.validation.held_out
    assert "also trained on" in run.validation.description()


def test_a_device_that_is_not_there(study, tmp_path):
    run = begin(study, tmp_path, dataclasses.replace(CONFIG, device="cuda:7"))
    run.wait()
    assert run.state == "failed"
    assert "no device 'cuda:7'" in run.run.message
    assert run.result() is run.study


def test_a_backbone_on_pixels(study, tmp_path):
    small = few(study, 12)
    config = dataclasses.replace(CONFIG, epochs=1, batch_size=6, workers=0)
    run = begin(small, tmp_path, config, backbone="test_resnet")
    run.wait()
    assert (run.state, run.run.message) == ("finished", "")
    assert len(run.steps) == 2
    assert run.result().network.on_pixels
    assert read_runs(tmp_path)[0].network(128).backbone_name == "test_resnet"
