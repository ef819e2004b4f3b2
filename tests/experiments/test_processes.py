"""Processes that are killed, and several that share an experiment: each run is computed once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from uhscm_core import Experiment, Study
from uhscm_core.experiments.records import Records
from uhscm_core.experiments.settings import study_identity

ROOT = Path(__file__).resolve().parents[2]
VARY = {"method": ["UHSCM", "LSH"], "alpha": [0.0, 0.2], "bits": [8], "epochs": [150]}

SCRIPT = textwrap.dedent("""
    import sys
    from tests.experiments.conftest import small_study
    from tests.experiments.test_processes import VARY
    from uhscm_core import Experiment, Study

    train = Study.train
    def counted(self, *arguments, **settings):
        print("training", flush=True)
        return train(self, *arguments, **settings)
    Study.train = counted
    experiment = Experiment(small_study(), VARY, 2, sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    for result in experiment:
        print("result", flush=True)
""")


def started(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def values(experiment: Experiment) -> list[np.ndarray]:
    return [result.average_precision for result in experiment.results]


@pytest.mark.slow
def test_an_experiment_that_was_killed_ends_as_if_it_had_not_been(study, tmp_path, monkeypatch):
    process = started(tmp_path / "e")
    go(process)
    for expected in ("training", "result", "training"):
        assert process.stdout.readline() == f"{expected}\n"
    time.sleep(0.2)  # in the middle of the second training
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    trained = []
    train = Study.train
    monkeypatch.setattr(
        Study, "train", lambda self, *a, **s: trained.append(1) or train(self, *a, **s)
    )
    resumed = Experiment(study, VARY, 2, tmp_path / "e")
    assert len(list(resumed)) == 5
    assert len(trained) == 3
    whole = Experiment(study, VARY, 2)
    list(whole)
    assert all(map(np.array_equal, values(resumed), values(whole)))
    assert resumed.to_frame().equals(whole.to_frame())
    a, b = {"method": "UHSCM", "alpha": 0}, {"method": "LSH"}
    assert resumed.compare(a, b) == whole.compare(a, b)


@pytest.mark.slow
def test_two_processes_at_once_train_each_run_once(study, tmp_path):
    processes = [started(tmp_path / "e") for _ in range(2)]
    for process in processes:
        go(process)
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(text.count("training") for text in said) == 4
    assert [text.count("result") for text in said] == [6, 6]
    together, alone = Experiment(study, VARY, 2, tmp_path / "e"), Experiment(study, VARY, 2)
    assert list(together) == []
    list(alone)
    assert all(map(np.array_equal, values(together), values(alone)))


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False])
def test_further_processes_train_what_this_one_would(study, tmp_path, monkeypatch, kept):
    experiment = Experiment(study, VARY, 2, tmp_path / "e" if kept else None, workers=2)
    folder = experiment._runner.records.folder
    trained = []
    train = Study.train

    def after_the_other(self, *arguments, **settings):
        trained.append(1)
        end = time.monotonic() + 120
        while not list(folder.glob("codes/*")) and time.monotonic() < end:
            time.sleep(0.1)
        return train(self, *arguments, **settings)

    monkeypatch.setattr(Study, "train", after_the_other)
    assert len(list(experiment)) == 6
    assert len(trained) < 4
    monkeypatch.undo()
    alone = Experiment(study, VARY, 2)
    list(alone)
    assert all(map(np.array_equal, values(experiment), values(alone)))
    assert not list(folder.glob("workers-*"))


def test_a_run_that_another_process_computes_is_waited_for(study, tmp_path, monkeypatch):
    vary = {"alpha": [0.0, 0.2], "bits": [8], "epochs": [1]}
    other = Experiment(study, vary, 1, tmp_path / "e")
    first, second = other._runs()
    experiment = Experiment(study, vary, 1, tmp_path / "e")
    records = Records(tmp_path / "e", study_identity(study))
    with records.holding(first.key) as held:
        assert held
        results = iter(experiment)
        assert next(results).settings["alpha"] == 0.2  # the one that is free
    waited = []
    monkeypatch.setattr("time.sleep", waited.append)
    with records.holding(first.key):
        monkeypatch.setattr("time.sleep", lambda _: waited.append(other._runner._computed(first)))
        assert next(results).settings["alpha"] == 0.0
    assert len(waited) == 1
    assert other._runner.stored(second) is not None


def test_what_killed_processes_left_is_deleted(tmp_path, study):
    from uhscm_core.experiments.workers import _job_folder

    Records(tmp_path, study_identity(study))
    (tmp_path / "workers-left").mkdir()
    with _job_folder(tmp_path) as first, _job_folder(tmp_path) as second:
        assert not (tmp_path / "workers-left").exists()
        assert first.exists()
        assert second.exists()
    assert not list(tmp_path.glob("workers-*"))
