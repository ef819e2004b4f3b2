"""Compute one run of an experiment: its codes, then the average precision of each query."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uhscm_core.comparison import REFERENCES
from uhscm_core.experiments.records import Records
from uhscm_core.experiments.relevance import Evaluation
from uhscm_core.experiments.results import RunResult
from uhscm_core.experiments.settings import Setting
from uhscm_core.network import network_from
from uhscm_core.recipe import TrainingStep
from uhscm_core.study import Study
from uhscm_core.support import store

__all__ = ["Run", "Runner", "Watch", "codes_of", "trained_of"]


@dataclass(frozen=True, eq=False)
class Run:
    """One setting with one seed; `key` names its codes."""

    setting: Setting
    seed: int | None
    key: str

    @classmethod
    def of(cls, setting: Setting, seed: int | None) -> Run:
        """Return the run of a setting with a seed, or with none."""
        return cls(setting, seed, store.digest_of(setting.key, seed))


Watch = Callable[[Run, TrainingStep | None], None]


@dataclass(frozen=True, eq=False)
class Runner:
    """Computes runs and keeps them.

    Attributes:
        records: where they are kept.
        evaluation: of the rankings.
        resumes: whether a training keeps its progress there too.
    """

    records: Records
    evaluation: Evaluation
    resumes: bool

    def stored(self, run: Run) -> RunResult | None:
        """Return the result of a run that was computed before; None if there is none."""
        found = self.records.load("results", self._key(run))
        if found is None:
            return None
        tensors, about = found
        return RunResult(
            run.setting.values,
            run.seed,
            tensors["queries"].numpy(),
            tensors["average_precision"].numpy(),
            float(about["seconds"]),
        )

    def _key(self, run: Run) -> str:
        return store.digest_of(run.key, self.evaluation.key(run.setting.study))

    def take(self, run: Run, watch: Watch | None = None) -> RunResult | None:
        """Return the result of a run, computed if need be; None while another process does so."""
        if (stored := self.stored(run)) is not None:
            return stored
        with self.records.holding(run.key) as held:
            if not held:
                return None
            return self.stored(run) or self._computed(run, watch)

    def _computed(self, run: Run, watch: Watch | None = None) -> RunResult:
        study, hashed = run.setting.study, run.setting.method not in REFERENCES
        spent, started = 0.0, time.perf_counter()
        if not hashed:
            rows = REFERENCES[run.setting.method].vectors_of(study)
        else:
            rows, spent = codes_of(run, self.records, self.resumes, watch)
            started = time.perf_counter()
        values = self.evaluation.average_precision(study, rows, hashed)
        queries = self.evaluation.queries(study)
        seconds = spent + time.perf_counter() - started
        tensors = {
            "queries": torch.from_numpy(queries),
            "average_precision": torch.from_numpy(values),
        }
        about = {
            "settings": {name: repr(value)[:200] for name, value in run.setting.values.items()},
            "seed": run.seed,
            "seconds": seconds,
        }
        self.records.save("results", self._key(run), tensors, about)
        return RunResult(run.setting.values, run.seed, queries, values, seconds)


def codes_of(
    run: Run, records: Records, resumes: bool, watch: Watch | None = None
) -> tuple[Tensor, float]:
    """Return the codes (N, bytes) of all images in a run, and the seconds spent on them.

    Args:
        run: of a method that gives codes.
        records: where they are found, or kept once they are computed.
        resumes: whether a training keeps its progress there too.
        watch: called with every step of a training; whatever it raises ends it.
    """
    found = records.load("codes", run.key)
    if found is not None:
        return found[0]["codes"], float(found[1]["seconds"])
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(records.training(run.key)) if resumes else None
        codes = _computed_codes(run, records, folder, watch)
        seconds = time.perf_counter() - started
        records.save("codes", run.key, {"codes": codes}, {"seconds": seconds})
    return codes, seconds


def _computed_codes(run: Run, records: Records, folder: Path | None, watch: Watch | None) -> Tensor:
    setting = run.setting
    seed = 0 if run.seed is None else run.seed
    if not setting.trained:
        return setting.study.baseline_codes(setting.method, setting.bits, seed, views=setting.views)
    watched = {} if watch is None else {"on_step": functools.partial(watch, run)}
    if folder is not None and folder.exists():
        try:
            return _keep(_trained(setting, seed, folder, watched), run, records).codes
        except ValueError as error:  # damaged, or of features encoded again with other last bits
            records.abandon(folder, error)
    return _keep(_trained(setting, seed, folder, watched), run, records).codes


def _keep(study: Study, run: Run, records: Records) -> Study:
    """Keep the network of a run, if it is a small one on features; returns the study."""
    network = study.trained_network()
    if not network.on_pixels:
        about = {"settings": dict(network.settings)}
        records.save("networks", run.key, network.state_dict(), about)
    return study


def trained_of(run: Run, records: Records) -> Study:
    """Return the study of a run with its network, trained again where that was not kept.

    Raises:
        ValueError: the method of the run trains no network.
    """
    setting = run.setting
    if not setting.trained:
        raise ValueError(f"{setting.method} has no network: only a trained setting has one")
    found = records.load("networks", run.key)
    if found is None:
        return _keep(_trained(setting, run.seed or 0, None, {}), run, records)
    network = network_from(found[1]["settings"], found[0], records.folder / "networks")
    return setting.study.with_(network=network)


def _trained(setting: Setting, seed: int, folder: Path | None, watched: Mapping[str, Any]) -> Study:
    with _said_once():
        return setting.study.train(
            setting.bits,
            dataclasses.replace(setting.config, seed=seed),
            backbone=setting.backbone,
            pretrained=setting.pretrained,
            folder=folder,
            **watched,
        )


@contextlib.contextmanager
def _said_once() -> Iterator[None]:
    """Keep what `Study.health` finds in one run from being logged again after each other run."""
    logger = logging.getLogger("uhscm_core.study")
    logger.addFilter(_is_new)
    try:
        yield
    finally:
        logger.removeFilter(_is_new)


_said: set[str] = set()


def _is_new(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    new = message not in _said
    _said.add(message)
    return new
