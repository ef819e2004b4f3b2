"""Runs of training on disk: what was set, what was logged, and the best weights.

A run is a folder under ``<home>/runs/<digest of the study>/``. `uhscm_core.train` keeps
``config.json``, ``metrics.jsonl``, ``checkpoint.safetensors`` and the last weights there; beside
them lie ``run.json`` (this module's), ``best.safetensors`` and a saved `Study`, so that
``Study.load(folder)`` brings a run back. No pickle is written or read.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import pandas as pd
from torch import Tensor

from uhscm_core.network import HashNetwork
from uhscm_core.study import Study
from uhscm_core.support import store
from uhscm_core.training import TrainingConfig, TrainingStep

__all__ = [
    "Run",
    "differences",
    "is_under_way",
    "network_of",
    "new_run",
    "read_runs",
    "runs_folder",
]

JUDGED_BY_CONCEPTS = "mAP by concepts"
JUDGED_BY_LABELS = "mAP by labels"


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: where it is kept; its name is the run's.
        bits: L.
        config: how it trains.
        backbone, pretrained: of `HashNetwork`.
        status: ``"new"``, ``"running"``, ``"paused"``, ``"stopped"``, ``"finished"`` or
            ``"failed"``; a killed process leaves ``"running"``, see `is_under_way`.
        message: why it failed.
        parent: the run it was forked from; empty for none.
        seconds: trained for, pauses left out.
        device: that it ran on, such as ``"cpu, 32-true"``.
    """

    folder: Path
    bits: int
    config: TrainingConfig
    backbone: str = "features"
    pretrained: bool = False
    status: str = "new"
    message: str = ""
    parent: str = ""
    seconds: float = 0.0
    device: str = ""

    @property
    def name(self) -> str:
        """Such as ``"003"``."""
        return self.folder.name

    @property
    def settings(self) -> dict[str, Any]:
        """All that makes one run differ from another."""
        own = {"bits": self.bits, "backbone": self.backbone, "pretrained": self.pretrained}
        return own | dataclasses.asdict(self.config)

    def save(self) -> None:
        """Write ``run.json``."""
        values = dataclasses.asdict(self)
        del values["folder"]
        store.save_json(self.folder / "run.json", values)

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError, ValueError, TypeError: no run of ours there.
        """
        values = store.load_json(folder / "run.json")
        return cls(folder, **{**values, "config": TrainingConfig(**values["config"])})

    def history(self) -> tuple[TrainingStep, ...]:
        """The steps it logged; a last line that a killed process cut short is left out."""
        path = self.folder / "metrics.jsonl"
        steps = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                steps.append(TrainingStep(**json.loads(line)))
            except (json.JSONDecodeError, TypeError):
                break
        return tuple(steps)

    def best(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The weights that validated best, with ``epoch`` and ``value``; None before any."""
        path = self.folder / "best.safetensors"
        return store.load_tensors(path) if path.exists() else None


def network_of(run: Run, in_features: int) -> HashNetwork | None:
    """The network with the run's best weights, or else its last; None where there are none.

    Args:
        run: on disk.
        in_features: D, for a head on features.
    """
    kept = run.best()
    weights = kept[0] if kept else {}
    checkpoint = run.folder / "checkpoint.safetensors"
    if not weights and checkpoint.exists():
        tensors, _ = store.load_tensors(checkpoint)
        prefix = "network."
        weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not weights:
        return None
    width = in_features if run.backbone == "features" else None
    network = HashNetwork(run.bits, run.backbone, width, pretrained=False)
    network.load_state_dict(weights)
    return network.eval()


def runs_folder(study: Study) -> Path:
    """The folder of the runs on this study: same images, model, concepts and mining."""
    digest = store.digest_of(
        study.dataset.digest,
        study.vlp.digest,
        dataclasses.asdict(study.concepts),
        study.tau,
        study.min_share,
        study.max_share,
    )
    return store.home() / "runs" / digest


def new_run(folder: Path, bits: int, config: TrainingConfig, **more: Any) -> Run:
    """A run in a folder of its own; two notebooks at once get two.

    Args:
        folder: of the study's runs.
        bits, config, more: of `Run`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = max([int(f.name) for f in folder.iterdir() if f.name.isdigit()], default=0) + 1
    while True:
        try:
            (folder / f"{number:03d}").mkdir()
        except FileExistsError:
            number += 1
        else:
            run = Run(folder / f"{number:03d}", bits, config, **more)
            run.save()
            return run


def read_runs(folder: Path) -> list[Run]:
    """All runs of a study, oldest first; a folder that can't be read is passed over."""
    runs = []
    for one in sorted(folder.glob("[0-9]*"), key=lambda f: (len(f.name), f.name)):
        try:
            runs.append(Run.read(one))
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return runs


def is_under_way(run: Run) -> bool:
    """Whether some process trains in the run's folder right now."""
    lock = filelock.FileLock(run.folder / "run.lock")
    if not (run.folder / "run.lock").exists():
        return False
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return True
    lock.release()
    return False


def differences(
    runs: Sequence[Run], histories: Mapping[str, Sequence[TrainingStep]] | None = None
) -> pd.DataFrame:
    """A row a run: what came of it, and the settings in which the runs differ.

    Args:
        runs: in the order of the rows.
        histories: steps by a run's name; read from disk where they are missing.
    """
    rows = []
    for run in runs:
        steps = (histories or {}).get(run.name)
        steps = run.history() if steps is None else steps
        validated = [step.metrics for step in steps if step.metrics]
        row: dict[str, Any] = {
            "run": run.name,
            "forked from": run.parent,
            "status": run.status,
            "epochs done": steps[-1].epoch if steps else 0,
        }
        for name in (JUDGED_BY_CONCEPTS, JUDGED_BY_LABELS):
            values = [metrics[name] for metrics in validated if name in metrics]
            row[f"last {name}"] = values[-1] if values else float("nan")
        best = max((metrics[JUDGED_BY_CONCEPTS] for metrics in validated), default=float("nan"))
        rows.append({**row, "best by concepts": best, "seconds": run.seconds})
    frame = pd.DataFrame(rows)
    settings = [run.settings for run in runs]
    for name in settings[0] if settings else ():
        values = [values[name] for values in settings]
        if len(set(values)) > 1:
            frame[name] = values
    return frame
