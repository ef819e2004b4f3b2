"""Kill each kind of work at random moments, and check that the next run gives the same result."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
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
    warnings.simplefilter("ignore")
    os.environ["UHSCM_HOME"] = str(folder / "home")
    end.send_bytes(b"begun")
    started = time.monotonic()
    value = work(folder)
    end.send_bytes(str(time.monotonic() - started).encode())
    end.send_bytes(pickle.dumps(value))


def _begin(work: Work, folder: Path) -> tuple[ForkProcess, Connection]:
    """Return a process that has begun the work, and the pipe for its seconds and its result."""
    fork = multiprocessing.get_context("fork")
    mine, its = fork.Pipe()
    process = fork.Process(target=_child, args=(work, folder, its))
    process.start()
    its.close()
    mine.recv_bytes()
    return process, mine


def _result(work: Work, folder: Path) -> tuple[float, Any]:
    """Return the work's seconds and what it gives, or None if it fails and says why."""
    process, end = _begin(work, folder)
    try:
        return float(end.recv_bytes()), pickle.loads(end.recv_bytes())  # noqa: S301  # our child's
    except EOFError:
        return math.nan, None
    finally:
        process.join()


def _kill(work: Work, folder: Path, after: float | None) -> float | None:
    """Kill the work after so many seconds, or when it has made a file if `after` is None.

    Returns:
        The seconds that it took if it had ended by then.
    """
    before = _entries(folder)
    process, end = _begin(work, folder)
    if after is None:
        while not end.poll() and _entries(folder) == before:
            pass
    else:
        end.poll(after)
    process.kill()
    process.join()
    try:
        return float(end.recv_bytes())
    except EOFError:
        return None


def _entries(folder: Path) -> int:
    return len(list(folder.rglob("*")))


def main(kills: int) -> int:
    """Print for each kind of work how many of the runs after a kill gave the same result.

    Every other moment is when the first file is seen, and those between are drawn from the seconds
    of the fastest run that ended. A kill counts if the work had not ended by then.

    Args:
        kills: number of them, per kind of work.

    Returns:
        The number of other results.
    """
    generator = random.Random(0)  # noqa: S311  # of moments, not of secrets
    others = 0
    print(
        "| work | seconds | too late | killed | files left | same result | other result |\n"
        f"{'|---' * 7}|"
    )
    with tempfile.TemporaryDirectory() as place:
        os.environ["UHSCM_HOME"] = str(Path(place, "home"))
        for name, work in WORK.items():
            clean = Path(place, name, "clean")
            kinds.write_photos(clean)
            numbers, turns = itertools.count(), itertools.cycle([True, False])

            def copy(clean: Path = clean, numbers: Iterator[int] = numbers) -> Path:
                return shutil.copytree(clean, clean.with_name(str(next(numbers))))

            expected = work(copy())  # here, so that no kill is spent on imports
            seconds, _ = _result(work, copy())
            outcomes: Counter[str] = Counter()
            while outcomes["killed"] < kills:
                folder = copy()
                after = generator.uniform(0, seconds) if next(turns) else None
                if (took := _kill(work, folder, after)) is not None:
                    outcomes["too late"] += 1
                    seconds = min(seconds, took)
                    continue
                outcomes["killed"] += 1
                outcomes["files left"] += _entries(folder) > _entries(clean)
                outcomes["same"] += kinds.same(_result(work, folder)[1], expected)
            other = outcomes["killed"] - outcomes["same"]
            others += other
            print(
                f"| {name} | {seconds:.2f} | {outcomes['too late']} | {outcomes['killed']} | "
                f"{outcomes['files left']} | {outcomes['same']} | {other} |",
                flush=True,
            )
    return others


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) > 0)
