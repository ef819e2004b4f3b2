"""The folder of a run: what is written is read back, whatever happened in between."""

from __future__ import annotations

import dataclasses
import json
import os
import time

import filelock
import pytest
import torch

from uhscm_core import HashNetwork, TrainingConfig, TrainingStep
from uhscm_core.runs import (
    Checkpoint,
    Run,
    RunReader,
    RunWriter,
    delete_runs,
    holding,
    new_run,
    read_history,
    read_runs,
)
from uhscm_core.support import store

IDENTITY = {"training": {"lam": 0.8, "epochs": 2}, "network": {"bits": 8}, "data": "abc"}


def step(number, epoch=1, total=1.0, **metrics):
    return TrainingStep(epoch, number, total, 0.5, 0.25, 3.0, 100.0, metrics or None)


class Trained:
    """Something that trains: its only weight counts the steps."""

    def __init__(self, value=0.0):
        self.step, self.value = 0, value

    def checkpoint(self):
        weights = {"w": torch.tensor([self.value])}
        optimizer = {0: {"step": torch.tensor(float(self.step)), "momentum_buffer": None}}
        return Checkpoint(weights, optimizer, {"epoch": 0, "batch": self.step, "step": self.step})

    def train(self, writer, steps):
        for _ in range(steps):
            self.step += 1
            self.value += 1
            writer.write(step(self.step))


def numbers(folder):
    return [s.step for s in read_history(folder)]


def test_runs_are_kept_apart_and_read_back(tmp_path):
    first = new_run(tmp_path, 16, TrainingConfig(lam=0.7))
    second = new_run(tmp_path, 32, TrainingConfig(), parent="001")
    assert [run.name for run in read_runs(tmp_path)] == ["001", "002"]
    assert Run.read(first.folder) == first
    assert "untrained" not in (first.folder / "run.json").read_text()
    measured = dataclasses.replace(first, untrained={"mAP by concepts": 0.25})
    measured.save()
    assert Run.read(first.folder) == measured
    assert (second.parent, second.settings["bits"]) == ("001", 32)
    (tmp_path / "003").mkdir()
    assert len(read_runs(tmp_path)) == 2
    assert new_run(tmp_path, 16, TrainingConfig()).name == "004"


def test_a_checkpoint_comes_back_whole(tmp_path):
    assert Checkpoint.load(tmp_path) is None
    trained = Trained(5.0)
    trained.step = 3
    trained.checkpoint().save(tmp_path)
    back = Checkpoint.load(tmp_path)
    assert back.weights == {"w": torch.tensor([5.0])}
    assert back.optimizer == {0: {"step": torch.tensor(3.0)}}
    assert (back.position, back.step) == ({"epoch": 0, "batch": 3, "step": 3}, 3)
    assert back.is_finite
    assert not Trained(float("inf")).checkpoint().is_finite


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_last_line_cut_short_is_left_out_by_every_reader(tmp_path, cut):
    run = new_run(tmp_path, 16, TrainingConfig())
    line = json.dumps({k: v for k, v in vars(step(1)).items() if v is not None})
    (run.folder / "metrics.jsonl").write_text(f"{line}\n{line[:cut]}")
    assert run.history() == read_history(run.folder) == (step(1),)


def test_without_a_log_there_are_no_steps_and_without_a_folder_an_error(tmp_path):
    run = new_run(tmp_path, 16, TrainingConfig())
    assert run.history() == read_history(run.folder) == ()
    with pytest.raises(FileNotFoundError, match=r"no run folder at .*nothing"):
        read_history(tmp_path / "nothing")


def test_a_writer_logs_every_step_and_continues_from_its_last_checkpoint(tmp_path):
    first = Trained()
    with RunWriter(tmp_path, IDENTITY, first.checkpoint) as writer:
        assert writer.restored is None
        first.train(writer, 3)
    assert numbers(tmp_path) == [1, 2, 3]
    with (tmp_path / "metrics.jsonl").open("a") as log:  # a process that was killed got further
        log.write(json.dumps(vars(step(4))) + "\n" + '{"epoch": 1, "st')
    second = Trained()
    with RunWriter(tmp_path, IDENTITY, second.checkpoint) as writer:
        assert numbers(tmp_path) == [1, 2, 3]
        second.step, second.value = writer.restored.step, float(writer.restored.weights["w"])
        second.train(writer, 2)
        writer.finish()
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    assert Checkpoint.load(tmp_path).weights == {"w": torch.tensor([5.0])}
    assert (tmp_path / "weights.safetensors").exists()


def test_weights_that_are_not_finite_replace_no_checkpoint(tmp_path):
    trained = Trained()
    with RunWriter(tmp_path, IDENTITY, trained.checkpoint) as writer:
        trained.train(writer, 1)
    with RunWriter(tmp_path, IDENTITY, trained.checkpoint) as writer:
        trained.value = float("nan")
        trained.train(writer, 1)
    assert Checkpoint.load(tmp_path).step == 1


def test_a_run_that_could_not_be_restored_keeps_its_checkpoint(tmp_path):
    trained = Trained()
    with RunWriter(tmp_path, IDENTITY, trained.checkpoint) as writer:
        trained.train(writer, 3)

    def restore_and_fail():
        with RunWriter(tmp_path, IDENTITY, Trained().checkpoint):
            raise RuntimeError("the weights do not fit")

    with pytest.raises(RuntimeError, match="do not fit"):
        restore_and_fail()
    assert Checkpoint.load(tmp_path).step == 3


def test_what_may_change_and_what_may_not(tmp_path):
    with RunWriter(tmp_path, IDENTITY, Trained().checkpoint):
        pass
    longer = {**IDENTITY, "training": {"lam": 0.8, "epochs": 9}}
    with RunWriter(tmp_path, longer, Trained().checkpoint):
        pass
    other = {"training": {"lam": 0.5, "epochs": 9}, "network": {"bits": 8}, "data": "xyz"}
    with pytest.raises(ValueError, match=r"\(lam 0.8 -> 0.5; data 'abc' -> 'xyz'\); use another"):
        RunWriter(tmp_path, other, Trained().checkpoint).__enter__()
    config = store.load_json(tmp_path / "config.json")
    assert {name: config[name] for name in longer} == longer
    with RunWriter(tmp_path, longer, Trained().checkpoint):  # the refusal let go of the lock
        pass


def test_a_run_is_running_while_a_writer_holds_its_folder(tmp_path):
    run = new_run(tmp_path, 16, TrainingConfig())
    assert not run.is_running()
    with RunWriter(run.folder, IDENTITY, Trained().checkpoint):
        assert run.is_running()
        with pytest.raises(BlockingIOError, match=r"another process is training in .*001; wait"):
            RunWriter(run.folder, IDENTITY, Trained().checkpoint).__enter__()
        other = Trained()  # a process of the same run that does not write needs no lock
        with RunWriter(run.folder, IDENTITY, other.checkpoint, writes=False) as writer:
            other.train(writer, 1)
        assert run.history() == ()
    assert not run.is_running()


def test_a_network_has_the_best_weights_or_else_the_last(tmp_path):
    run = new_run(tmp_path, 16, TrainingConfig(recipe="uhscm"))
    assert run.network(12) is None
    last, best = (HashNetwork(16, in_features=12, seed=seed).state_dict() for seed in (1, 2))
    Checkpoint(last, {}, {"step": 0}).save(run.folder)
    assert run.has_checkpoint
    for expected, save in ((last, lambda: None), (best, lambda: run.save_best(best, step(3), 0.5))):
        save()
        network = run.network(12)
        assert not network.training
        found = network.state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert run.best()[1] == {"epoch": 1, "step": 3, "value": 0.5}


@pytest.fixture
def logged(tmp_path):
    """A run of 12 steps."""
    run = new_run(tmp_path, 16, TrainingConfig())
    trained = Trained()
    with RunWriter(run.folder, IDENTITY, trained.checkpoint) as writer:
        trained.train(writer, 12)
    return run


def test_a_run_is_read_again_only_when_it_has_changed(logged, monkeypatch):
    read, reader = [], RunReader(logged.folder.parent)
    history = Run.history
    monkeypatch.setattr(Run, "history", lambda run: read.append(run.name) or history(run))
    for _ in range(2):
        assert reader.read() == [logged]
        assert reader.history(logged) == read_history(logged.folder)
    assert read == ["001"]
    more = Trained()
    with RunWriter(logged.folder, IDENTITY, more.checkpoint) as writer:
        more.step = writer.restored.step
        more.train(writer, 1)
    second = new_run(logged.folder.parent, 16, TrainingConfig())
    assert reader.read() == [logged, second]
    assert len(reader.history(logged)) == 13
    assert read == ["001", "001", "002"]
    (second.folder / "run.json").write_text("{torn")
    assert [run.status for run in reader.read()] == ["new", "damaged"]
    (second.folder / "run.json").unlink()
    assert reader.read() == [logged]


def test_what_a_reader_is_told_of_is_not_read_until_it_changes(logged, monkeypatch):
    reader, steps = RunReader(logged.folder.parent), logged.history()
    reader.know(logged, steps)
    monkeypatch.setattr(Run, "history", lambda _: ())
    assert reader.read() == [logged]
    assert reader.history(logged) == steps
    logged.save()
    reader.read()
    assert reader.history(logged) == ()


def damaged_log(run):
    (found,) = read_runs(run.folder.parent)
    assert (found.name, found.status) == (run.name, "damaged")
    assert found.settings == run.settings
    assert found.history() == ()
    return found.message


def test_every_flipped_bit_of_a_log_is_found(logged):
    path = logged.folder / "metrics.jsonl"
    good, steps = path.read_bytes(), logged.history()
    for bit in range(0, len(good) * 8, 7):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert read_history(logged.folder) == steps  # a blank, or a case that means nothing
        except store.DamagedFileError:
            continue


@pytest.mark.parametrize("how", ["digit", "byte", "line", "order", "end", "empty", "deep", "other"])
def test_a_damaged_log_is_said_and_nothing_of_it_is_lost(logged, how):
    path = logged.folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "digit":
        lines[4] = lines[4].replace(b"100.0", b"900.0")
    elif how == "byte":
        lines[4] = b"\xff" + lines[4]
    elif how == "line":
        del lines[4]
    elif how == "order":
        lines[3:5] = reversed(lines[3:5])
    elif how == "end":
        del lines[9:]
    elif how == "empty":
        lines = []
    elif how == "deep":
        lines[4] = b"[" * 200_000 + b"]" * 200_000 + b"\n"
    else:
        other = new_run(logged.folder.parent / "others", 16, TrainingConfig())
        trained = Trained()
        with RunWriter(other.folder, IDENTITY, trained.checkpoint) as writer:
            trained.train(writer, 12)
        lines = [(other.folder / "metrics.jsonl").read_bytes()]
    path.write_bytes(b"".join(lines))
    before = path.read_bytes()
    message = damaged_log(logged)
    assert str(path) in message
    assert "rename metrics.jsonl to continue without the steps logged so far" in message
    with pytest.raises(store.DamagedFileError, match=r"metrics\.jsonl"):
        RunWriter(logged.folder, IDENTITY, Trained().checkpoint).__enter__()
    assert path.read_bytes() == before
    path.rename(path.with_suffix(".old"))  # what the message says helps
    again = Trained()
    with RunWriter(logged.folder, IDENTITY, again.checkpoint) as writer:
        again.step = writer.restored.step
        again.train(writer, 1)
    assert numbers(logged.folder) == [13]


def test_a_log_without_digests_is_read_but_not_with_a_broken_line_in_it(tmp_path):
    run = new_run(tmp_path, 16, TrainingConfig())
    lines = [json.dumps({k: v for k, v in vars(step(i)).items() if v}) for i in range(1, 4)]
    (run.folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert numbers(run.folder) == [1, 2, 3]
    lines[1] = lines[1].replace("{", "[")
    (run.folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert "line 2 of 3 is damaged" in damaged_log(run)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{torn", "not readable JSON"),
        ("[" * 200_000, "not readable JSON"),
        ("[]", "must be a dict"),
        ('{"bits": 8}', "without config"),
        ('{"bits": "8", "config": {}}', "bits must be int, got '8'"),
        ('{"bits": 8, "config": {"epochs": -1}}', "epochs"),
        ('{"bits": 8, "config": {"colour": 1}}', "colour"),
        ('{"bits": 8, "config": {}, "folder": "/"}', "unknown 'folder'"),
        ('{"bits": 8, "config": {}, "untrained": 0.5}', "untrained must be dict"),
        ('{"bits": 8, "config": {}, "untrained": {"mAP": "0.5"}}', "mAP must be int or float"),
    ],
)
def test_a_damaged_description_is_listed_with_the_reason(tmp_path, text, message):
    new_run(tmp_path, 16, TrainingConfig())
    damaged = new_run(tmp_path, 16, TrainingConfig())
    (damaged.folder / "run.json").write_text(text)
    whole, found = read_runs(tmp_path)
    assert (whole.status, found.status, found.name) == ("new", "damaged", "002")
    assert f"{damaged.folder / 'run.json'}: " in found.message
    assert message in found.message


@pytest.mark.parametrize("name", ["checkpoint", "best"])
@pytest.mark.parametrize("how", ["flipped", "of another run", "of a stranger"])
def test_damaged_weights_are_refused_in_words(logged, tmp_path, name, how):
    logged.save_best({"w": torch.ones(1)}, step(3), 0.5)
    path = logged.folder / f"{name}.safetensors"
    if how == "flipped":
        data = bytearray(path.read_bytes())
        data[-1] ^= 4
        path.write_bytes(data)
    elif how == "of another run":
        other = new_run(tmp_path / "others", 16, TrainingConfig())
        trained = Trained()
        with RunWriter(other.folder, IDENTITY, trained.checkpoint) as writer:
            trained.train(writer, 12)
        other.save_best({"w": torch.ones(1)}, step(3), 0.5)
        path.write_bytes((other.folder / path.name).read_bytes())
    else:
        with pytest.raises(ValueError, match=r"001: the weights are not those of the network"):
            logged.network(12)
        return
    with pytest.raises(store.DamagedFileError, match=rf"{name}.*: damaged.*; delete the file to"):
        Checkpoint.load(logged.folder) if name == "checkpoint" else logged.best()


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_who_is_refused_writes_nothing(logged):
    before = content(logged.folder)
    with filelock.FileLock(logged.folder / "run.lock"):
        for refused in (
            RunWriter(logged.folder, {**IDENTITY, "data": "x"}, Trained().checkpoint),
            holding(logged.folder),
        ):
            with pytest.raises(BlockingIOError, match="another process is training in"):
                refused.__enter__()
    assert content(logged.folder) == before


def test_who_holds_a_folder_may_train_in_it(logged):
    with holding(logged.folder):
        with RunWriter(logged.folder, IDENTITY, Trained().checkpoint):
            assert logged.is_running()
        assert logged.is_running()  # until the holder lets go
    assert not logged.is_running()


def test_a_run_in_a_read_only_folder_is_as_its_description_says(public_folder, permissions_bite):
    run = new_run(public_folder, 16, TrainingConfig())
    with RunWriter(run.folder, IDENTITY, Trained().checkpoint):
        pass
    (run.folder / "run.lock").touch()  # some releases of filelock delete it
    (run.folder / "run.lock").chmod(0o444)
    run.folder.chmod(0o555)
    with permissions_bite:
        assert not run.is_running()
        assert Run(run.folder, 16, TrainingConfig(), status="running").is_running()


def test_the_oldest_runs_can_be_deleted(tmp_path):
    runs = [new_run(tmp_path, 16, TrainingConfig()) for _ in range(5)]
    with RunWriter(runs[1].folder, IDENTITY, Trained().checkpoint):
        assert delete_runs(tmp_path, keep=2) == ["001", "003"]
    assert [run.name for run in read_runs(tmp_path)] == ["002", "004", "005"]
    assert delete_runs(tmp_path, keep=9) == []
    with pytest.raises(ValueError, match="keep must be a whole number of at least 0, got -1"):
        delete_runs(tmp_path, keep=-1)


def test_what_a_killed_process_left_goes_when_the_run_is_trained_again(logged):
    old, young = (logged.folder / f".x.{digit * 32}.part" for digit in "ab")
    for path in (old, young):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    with RunWriter(logged.folder, IDENTITY, Trained().checkpoint):
        pass
    assert (old.exists(), young.exists()) == (False, True)
