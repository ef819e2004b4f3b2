"""A bench in the background: paused, stopped, resumed, and shared by two notebooks."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from uhscm_core import Experiment
from widgets.background import bench_runner
from widgets.background.bench_plan import experiment_of
from widgets.background.bench_runner import BenchRunner, runner_of, start_runner
from widgets.states.bench import Plan

PLAN = Plan(recipes=("uhscm",), bits="8, 16", epochs="30", seeds="2")


def runner(study, plan=PLAN, seconds=lambda _: 1.0):
    return BenchRunner(experiment_of(study, plan), seconds, plan)


def until(condition, seconds=60):
    waited = threading.Event()
    for _ in range(seconds * 100):
        if condition():
            return
        waited.wait(0.01)
    raise AssertionError("it did not happen")


def test_it_computes_what_is_missing_and_says_how_far_it_is(study):
    bench = runner(study, dataclasses.replace(PLAN, epochs="1"))
    assert (bench.total, bench.done, bench.state) == (4, 0, "running")
    bench.start()
    bench.wait()
    assert (bench.total, bench.done, bench.state) == (4, 4, "done")
    again = runner(study, dataclasses.replace(PLAN, epochs="1"))
    assert (again.total, again.done) == (4, 4)


def test_a_pause_holds_and_a_stop_keeps_what_was_computed(study):
    bench = runner(study)
    bench.start()
    until(lambda: "epoch" in bench.current)
    bench.pause()
    until(lambda: bench.state == "paused")
    current = bench.current
    bench.wait(0.3)
    assert (bench.state, bench.current) == ("paused", current)
    assert 0 < bench.seconds_left <= 4.0
    bench.resume()
    until(lambda: bench.done == 1)
    bench.stop()
    bench.wait()
    assert bench.state == "stopped"
    assert 1 <= bench.done < 4
    kept = len(experiment_of(study, PLAN).results)
    assert kept == bench.done
    rest = runner(study)
    rest.start()
    rest.wait()
    assert (rest.state, rest.done) == ("done", 4)
    whole = Experiment(study, {"recipe": ["uhscm"], "epochs": [30], "bits": [8, 16]}, seeds=2)
    list(whole)
    assert rest.experiment.to_frame().equals(whole.to_frame())


def test_a_stop_works_in_a_pause(study):
    bench = runner(study)
    bench.pause()
    bench.start()
    until(lambda: bench.state == "paused")
    bench.stop()
    bench.wait()
    assert (bench.state, bench.done) == ("stopped", 0)


def test_two_on_one_folder_share_the_work(study):
    plan = dataclasses.replace(PLAN, epochs="5")
    both = [runner(study, plan) for _ in range(2)]
    for bench in both:
        bench.start()
    for bench in both:
        bench.wait()
    assert [(bench.state, bench.done) for bench in both] == [("done", 4)] * 2
    assert both[0].experiment.to_frame().equals(both[1].experiment.to_frame())


def test_an_error_is_kept_with_the_run_that_it_came_from(study, monkeypatch):
    def full(*_arguments, **_settings):
        raise OSError(28, "No space left on device", "codes.safetensors")

    monkeypatch.setattr("uhscm_core.experiments.records.Records.save", full)
    bench = runner(study, dataclasses.replace(PLAN, epochs="1"))
    bench.start()
    bench.wait()
    assert bench.state == "failed"
    assert "codes.safetensors: no space left on device" in bench.message
    assert "in the run with bits=8, seed 0" in bench.message


def test_a_baseline_that_does_not_take_so_many_bits_is_said(study):
    bench = runner(study, Plan(recipes=(), methods=("PCA sign",), bits="8, 1024", seeds="1"))
    bench.start()
    bench.wait()
    assert (bench.state, bench.done, bench.total) == ("done", 1, 2)
    assert any("left out" in note for note in bench.notes)


def test_one_runs_in_a_folder_at_a_time(study, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_runner, "_RUNNERS", {})
    first = runner(study)
    first.pause()
    start_runner(tmp_path, first)
    assert runner_of(tmp_path) is first
    with pytest.raises(RuntimeError, match="running already; stop it first"):
        start_runner(tmp_path, runner(study))
    first.stop()
    first.wait()
    second = runner(study, dataclasses.replace(PLAN, epochs="1"))
    start_runner(tmp_path, second)
    second.wait()
    assert runner_of(tmp_path) is second
