"""The folder of a run: what is written is read back, whatever happened in between."""

from __future__ import annotations

import json

import pytest
import torch

from uhscm_core import HashNetwork, TrainingConfig, TrainingStep
from uhscm_core.runs import Checkpoint, Run, RunWriter, new_run, read_history, read_runs
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
    assert (second.parent, second.settings["bits"]) == ("001", 32)
    (tmp_path / "003").mkdir()
    (tmp_path / "003" / "run.json").write_text("{torn")
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
    assert store.load_json(tmp_path / "config.json") == longer
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
    run = new_run(tmp_path, 16, TrainingConfig())
    assert run.network(12) is None
    last, best = (HashNetwork(16, in_features=12, seed=seed).state_dict() for seed in (1, 2))
    Checkpoint(last, {}, {"step": 4}).save(run.folder)
    assert run.has_checkpoint
    for expected, save in ((last, lambda: None), (best, lambda: run.save_best(best, step(3), 0.5))):
        save()
        network = run.network(12)
        assert not network.training
        found = network.state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert run.best()[1] == {"epoch": 1, "step": 3, "value": 0.5}
