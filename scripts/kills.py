"""Kill each kind of work at random moments, and check that the next run gives the same result."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from tests import test_damage as kinds
from uhscm_core import HashNetwork, Study, TrainingConfig, train

STUDY = kinds.small_study()
Work = Callable[[Path], Any]


def _train(folder: Path) -> Any:
    network = HashNetwork(8, in_features=8)
    data = STUDY.image_features[STUDY.dataset.splits["train"]]
    config = TrainingConfig(epochs=10, batch_size=4, device="cpu")
    list(train(network, data, STUDY.mined, config, folder=folder / "run"))
    return dict(network.state_dict())


def _save(folder: Path) -> Any:
    for _ in range(5):
        STUDY.save(folder / "study")
    return Study.load(folder / "study").codes


def _export(folder: Path) -> Any:
    kinds.make_exports(folder)
    shutil.rmtree(folder / "study", ignore_errors=True)
    _, values, _, study = kinds.use_exports(folder)
    return values["codes"], study[1]


WORK: dict[str, Work] = {
    "encode": kinds.use_photos,
    "train": _train,
    "save": _save,
    "export": _export,
    "layout": kinds.use_layout,
    "pictures": kinds.use_pictures,
}


def _child(work: Work, folder: Path, end: Connection) -> None:
    torch.set_num_threads(1)
    os.environ["UHSCM_HOME"] = str(folder / "home")
    end.send_bytes(pickle.dumps(work(folder)))


def main(kills: int) -> None:
    """Print for each kind of work how many of the runs after a kill gave the same result.

    Args:
        kills: number of them, per kind of work.
    """
    fork = multiprocessing.get_context("fork")
    generator = random.Random(0)  # noqa: S311  # of moments, not of secrets

    def begin(work: Work, folder: Path) -> tuple[Any, Connection]:
        mine, its = fork.Pipe()
        process = fork.Process(target=_child, args=(work, folder, its))
        process.start()
        its.close()
        return process, mine

    def result(work: Work, folder: Path) -> Any:
        process, end = begin(work, folder)
        try:
            return pickle.loads(end.recv_bytes())  # noqa: S301  # of our own child
        except EOFError:  # it failed, and said why
            return None
        finally:
            process.join()

    with tempfile.TemporaryDirectory() as place:
        for name, work in WORK.items():
            clean = Path(place, name, "clean")
            kinds.write_photos(clean)
            whole = shutil.copytree(clean, clean.with_name("whole"))
            started = time.monotonic()
            expected = result(work, whole)
            seconds = time.monotonic() - started
            outcomes: Counter[str] = Counter()
            for number in range(kills):
                folder = shutil.copytree(clean, clean.with_name(str(number)))
                process, _ = begin(work, folder)
                time.sleep(generator.uniform(0, seconds))
                outcomes["killed" if process.is_alive() else "had ended"] += 1
                process.kill()
                process.join()
                same = kinds.same(result(work, folder), expected)
                outcomes["same result" if same else "OTHER RESULT"] += 1
            print(name, dict(outcomes), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
