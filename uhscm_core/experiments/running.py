r"""Compute one run of an experiment: its codes, then the average precision of each query.

What is relevant to a query is decided either by labels, or by concepts, as in the validation of a
training: the images with :math:`S \ge 0.8`, by the distributions of the study that the experiment
was made with, whatever a setting mines itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uhscm_core.comparison import REFERENCES
from uhscm_core.evaluation import evaluated_images
from uhscm_core.experiments.records import Records
from uhscm_core.experiments.results import RunResult
from uhscm_core.experiments.settings import Setting, study_identity
from uhscm_core.metrics import average_precisions, cosine_average_precisions
from uhscm_core.mining import semantic_similarity
from uhscm_core.study import Study
from uhscm_core.support import store

__all__ = ["Evaluation", "Run", "Runner", "codes_of"]

Relevance = Literal["labels", "concepts"]
Floats = npt.NDArray[np.float64]

_SIMILAR = 0.8  # the paper's lambda
_QUERIES = 256  # whose relevant images are marked at a time


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


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How rankings are evaluated.

    Attributes:
        study: whose concepts decide, where concepts do.
        relevant: ``"labels"`` or ``"concepts"``.
        top_k: rank to cut at; None for the whole database.
    """

    study: Study
    relevant: Relevance
    top_k: int | None

    def key(self, run: Run) -> str:
        """Return a digest of all that decides the result of a run."""
        if self.relevant == "concepts":
            yardstick: object = study_identity(self.study)
        else:
            labels = evaluated_images(run.setting.study.dataset).labels
            yardstick = hashlib.sha256(labels.numpy().tobytes()).hexdigest()
        return store.digest_of(run.key, self.top_k, self.relevant, yardstick)

    def check(self, study: Study) -> None:
        """Raise a ValueError unless a study of the experiment can be evaluated."""
        if self.relevant == "concepts" and study.dataset.digest != self.study.dataset.digest:
            raise ValueError(
                "relevant='concepts' compares images by the study's own concepts, so that its "
                "dataset cannot be varied"
            )
        if self.relevant == "labels" and study.dataset.labels is None:
            raise ValueError(
                "an experiment evaluates by labels, but this dataset has none; to evaluate by "
                "the study's concepts, use relevant='concepts'"
            )
        self.queries(study)

    def queries(self, study: Study) -> npt.NDArray[np.int64]:
        """Return the ids of the queries that count.

        Raises:
            ValueError: there are none, or no labels to evaluate by.
        """
        if self.relevant == "labels":
            return evaluated_images(study.dataset).queries
        queries = study.dataset.splits["query"]
        if not len(queries):
            raise ValueError("evaluation needs queries, but this dataset has none")
        return queries

    def average_precision(
        self,
        study: Study,
        rank: Callable[[Tensor, Tensor, Tensor, Tensor, int | None], Floats],
        rows: Tensor,
    ) -> Floats:
        """Compute the average precision of each query, expected over ties.

        Args:
            study: of the setting.
            rank: `average_precisions` or `cosine_average_precisions` without their ties.
            rows: (N, ...) codes or vectors of all images.
        """
        queries, database = self.queries(study), study.dataset.splits["database"]
        if self.relevant == "labels":
            labels = evaluated_images(study.dataset).labels
            return rank(
                rows[queries], rows[database], labels[queries], labels[database], self.top_k
            )
        q = self.study.distribution
        parts = []
        for start in range(0, len(queries), _QUERIES):
            block = queries[start : start + _QUERIES]
            # A query's "label" is its own number, and an image has those of queries it is like.
            similar = semantic_similarity(q[database], q[block]) >= _SIMILAR
            numbers = torch.eye(len(block), dtype=torch.uint8)
            parts.append(
                rank(rows[block], rows[database], numbers, similar.to(torch.uint8), self.top_k)
            )
        return np.concatenate(parts)


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
        found = self.records.load("results", self.evaluation.key(run))
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

    def take(self, run: Run) -> RunResult | None:
        """Return the result of a run, computed if need be; None while another process does so."""
        if (stored := self.stored(run)) is not None:
            return stored
        with self.records.holding(run.key) as held:
            if not held:
                return None
            return self.stored(run) or self._computed(run)

    def _computed(self, run: Run) -> RunResult:
        study, rank = run.setting.study, _by_code
        spent, started = 0.0, time.perf_counter()
        if run.setting.method in REFERENCES:
            rows, rank = REFERENCES[run.setting.method](study), _by_cosine
        else:
            rows, spent = codes_of(run, self.records, self.resumes)
            started = time.perf_counter()
        values = self.evaluation.average_precision(study, rank, rows)
        queries = self.evaluation.queries(study)
        seconds = spent + time.perf_counter() - started
        tensors = {
            "queries": torch.from_numpy(queries),
            "average_precision": torch.from_numpy(values),
        }
        self.records.save("results", self.evaluation.key(run), tensors, {"seconds": seconds})
        return RunResult(run.setting.values, run.seed, queries, values, seconds)


def codes_of(run: Run, records: Records, resumes: bool) -> tuple[Tensor, float]:
    """Return the codes (N, bytes) of all images in a run, and the seconds spent on them.

    Args:
        run: of a method that gives codes.
        records: where they are found, or kept once they are computed.
        resumes: whether a training keeps its progress there too.
    """
    found = records.load("codes", run.key)
    if found is not None:
        return found[0]["codes"], float(found[1]["seconds"])
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(records.training(run.key)) if resumes else None
        codes = _computed_codes(run, records, folder)
        seconds = time.perf_counter() - started
        records.save("codes", run.key, {"codes": codes}, {"seconds": seconds})
    return codes, seconds


def _computed_codes(run: Run, records: Records, folder: Path | None) -> Tensor:
    setting = run.setting
    seed = 0 if run.seed is None else run.seed
    if not setting.trained:
        return setting.study.baseline_codes(setting.method, setting.bits, seed)
    if folder is not None and folder.exists():
        try:
            return _trained(setting, seed, folder).codes
        except ValueError as error:  # damaged, or of features encoded again with other last bits
            records.abandon(folder, error)
    return _trained(setting, seed, folder).codes


def _trained(setting: Setting, seed: int, folder: Path | None) -> Study:
    with _said_once():
        return setting.study.train(
            setting.bits,
            dataclasses.replace(setting.config, seed=seed),
            backbone=setting.backbone,
            pretrained=setting.pretrained,
            folder=folder,
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


def _by_code(q: Tensor, d: Tensor, q_labels: Tensor, d_labels: Tensor, k: int | None) -> Floats:
    return average_precisions(q, d, q_labels, d_labels, k, "expected")


def _by_cosine(q: Tensor, d: Tensor, q_labels: Tensor, d_labels: Tensor, k: int | None) -> Floats:
    return cosine_average_precisions(q, d, q_labels, d_labels, k, "expected")
