"""Train the runs of an experiment in further processes on this machine.

Each is a Python of its own that knows the folder of the experiment and a list of trainings, takes
one after the other, leaves out those that another process holds, and keeps the codes. The process
that started them evaluates the codes, and does what they cannot: baselines and references, which
take a moment, and networks that read pixels. So they need features alone, and neither the images
nor an encoder, which may be of the user's own notebook.

They end when the process that started them ends, also when it is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
import torch

from uhscm_core.experiments.records import Records
from uhscm_core.experiments.running import Run, codes_of
from uhscm_core.experiments.settings import TRAINED, Setting
from uhscm_core.features import encoder_key
from uhscm_core.recipe import TrainingConfig
from uhscm_core.study import Study
from uhscm_core.support import store

__all__ = ["helping", "work"]

_JOBS, _LOCK = "jobs.json", "held.lock"
_MINING = ("tau", "min_share", "max_share")


@contextlib.contextmanager
def helping(records: Records, runs: Sequence[Run], workers: int, resumes: bool) -> Iterator[None]:
    """Let further processes take trainings of an experiment while the block runs.

    Args:
        records: of the experiment.
        runs: that are missing.
        workers: processes in all, this one included, which share the threads of torch.
        resumes: as in `codes_of`.
    """
    jobs = [run for run in runs if run.setting.trained and run.setting.backbone == "features"]
    number = min(workers, len(jobs)) - 1
    if number < 1:
        yield
        return
    threads = torch.get_num_threads()
    share = max(threads // (number + 1), 1)
    children: list[subprocess.Popen[bytes]] = []
    with _job_folder(records.folder) as folder:
        try:
            _write_jobs(folder, jobs, resumes)
            children += [_started(records.folder, folder, share) for _ in range(number)]
            torch.set_num_threads(share)
            yield
        finally:
            torch.set_num_threads(threads)
            for child in children:
                child.kill()  # a training continues where it was, as after any kill
            for child in children:
                child.communicate()


@contextlib.contextmanager
def _job_folder(experiment: Path) -> Iterator[Path]:
    """Make a folder that is gone afterwards, and delete those of killed processes."""
    for left in experiment.glob("workers-*"):
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(left / _LOCK, blocking=False):
            shutil.rmtree(left, ignore_errors=True)
    folder = experiment / f"workers-{uuid.uuid4().hex}"
    store.make_folder(folder)
    try:
        with filelock.FileLock(folder / _LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_jobs(folder: Path, runs: Sequence[Run], resumes: bool) -> None:
    """Write studies that need no images, and the trainings on them."""
    places: dict[tuple[Any, ...], str] = {}
    jobs = []
    for run in runs:
        study = run.setting.study
        inputs = (study.dataset.digest, encoder_key(study.vlp), study.concepts)
        if inputs not in places:
            places[inputs] = f"study-{len(places)}"
            _of_features(study).save(folder / places[inputs])
        jobs.append(
            {
                "key": run.key,
                "seed": run.seed,
                "study": places[inputs],
                "mining": {name: getattr(study, name) for name in _MINING},
                "bits": run.setting.bits,
                "config": dataclasses.asdict(run.setting.config),
            }
        )
    store.save_json(folder / _JOBS, {"resumes": resumes, "jobs": jobs})


def _of_features(study: Study) -> Study:
    return Study.from_features(
        study.image_features,
        study.concepts,
        study.text_features,
        splits=study.dataset.splits,
        logit_scale=study.vlp.logit_scale,
    )


def _started(experiment: Path, folder: Path, threads: int) -> subprocess.Popen[bytes]:
    variables = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    # Not a process of multiprocessing: that would run the user's script once more.
    script = f"from {__name__} import work; work()"
    command = [sys.executable, "-c", script, str(experiment), str(folder)]
    return subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def work() -> None:
    """Take the trainings one after the other; the arguments of the process name two folders."""
    experiment, folder = map(Path, sys.argv[1:])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plan = store.load_json(folder / _JOBS)
    records = Records.of(experiment)
    studies: dict[str, Study] = {}
    for job in plan["jobs"]:
        if records.has("codes", job["key"]):
            continue
        if job["study"] not in studies:
            studies = {job["study"]: Study.load(folder / job["study"])}
        study = studies[job["study"]].with_(**job["mining"])
        config = TrainingConfig(**job["config"])
        setting = Setting({}, study, TRAINED, job["bits"], config, "features", False, job["key"])
        with contextlib.suppress(Exception), records.holding(job["key"]) as held:
            # An error is met again, and raised, by the process that started this one.
            if held and not records.has("codes", job["key"]):
                codes_of(Run(setting, job["seed"], job["key"]), records, plan["resumes"])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # until its other end is closed
    os._exit(1)
