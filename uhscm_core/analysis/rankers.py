"""Everything that can rank a study's database for a query: networks, baselines, references."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uhscm_core.analysis.rankings import Ranking
from uhscm_core.analysis.study_runs import runs_folder, study_of, trained_of, unlike
from uhscm_core.baselines import BASELINES
from uhscm_core.codes import hamming_distance
from uhscm_core.comparison import REFERENCES
from uhscm_core.concepts import ConceptSet
from uhscm_core.evaluation import evaluated_images
from uhscm_core.metrics import (
    COSINE_DECIMALS,
    Ties,
    average_precisions,
    cosine_average_precisions,
)
from uhscm_core.network import HashNetwork
from uhscm_core.recipe import RESUMABLE_WITH, TrainingConfig
from uhscm_core.runs import MiningSettings, Run, read_runs, title_of
from uhscm_core.study import Study
from uhscm_core.support.checks import shown

__all__ = ["Ranker", "rankers_of", "setting_of"]

FEATURES = "cosine of features"
CONCEPTS = "cosine of concepts"
BOTH = "cosine of both"
_NO_MATTER = tuple(RESUMABLE_WITH - {"epochs"})  # to what is computed
# Said in any case, or without effect on what ranks: a head has no backbone to start from weights.
_UNSAID = ("bits", "pretrained", "device", "workers", "validate_every")
_FULL_PRECISION = ("auto", "32-true")
_BITS = 64  # of the baselines of a study without a network

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranker:
    """One way to rank a study's database.

    Attributes:
        name: for people, such as ``"UHSCM, 64 bits"``.
        study: gives the images, the database and the labels.
        compute: returns (N, ⌈L/8⌉) packed codes of all images, or (N, D) vectors; called once, when
            first needed.
        unit: Hamming distances in bits, or one minus the cosine of the vectors.
        setting: what an `Experiment` varies to get it, by name, as far as its names go; empty where
            that is not known.
    """

    name: str
    study: Study
    compute: Callable[[], Tensor]
    unit: Literal["bits", "cosine"] = "bits"
    setting: Mapping[str, Any] = field(default_factory=dict)
    _computed: dict[str, Tensor | Floats] = field(default_factory=dict, init=False, repr=False)
    # Two locks: a query is answered while all of them are being evaluated.
    _computing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _evaluating: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def vectors(self) -> Tensor:
        """The codes, or the vectors at unit length.

        Raises:
            ValueError: they cannot be computed, such as a baseline with more bits than directions.
        """
        with self._computing:
            if "vectors" not in self._computed:
                vectors = self.compute()
                if self.unit == "cosine":
                    vectors = torch.nn.functional.normalize(vectors.cpu().double(), dim=1)
                self._computed["vectors"] = vectors
            return torch.as_tensor(self._computed["vectors"])

    def rank(self, query: int) -> Ranking:
        """Rank the database, without the query itself, for an image of the study."""
        items = _database_without(self.study, query)
        vectors = self.vectors
        if self.unit == "cosine":
            cosines = (vectors @ vectors[query])[items]
            return Ranking(items, (1 - cosines).round(decimals=COSINE_DECIMALS).numpy())
        distances = hamming_distance(vectors[[query]], vectors[items])[0]
        return Ranking(items, distances.long().numpy())

    def average_precision(self, query: int, ties: Ties) -> float:
        """Compute it for one query, over the whole database without the query itself.

        Raises:
            ValueError: the dataset or the query has no label.
        """
        items = _database_without(self.study, query)
        return float(self._evaluate(np.array([query]), items, ties)[0])

    def average_precisions(self, ties: Ties = "expected") -> Floats:
        """Compute it for each query that has a label, see `evaluated_images`, once."""
        with self._evaluating:
            if ties not in self._computed:
                on = evaluated_images(self.study.dataset)
                self._computed[ties] = self._evaluate(on.queries, on.database, ties)
            return np.asarray(self._computed[ties])

    def known(self, ties: Ties = "expected") -> Floats | None:
        """Return what `average_precisions` would, or None if it has not been computed yet."""
        values = self._computed.get(ties)
        return None if values is None else np.asarray(values)

    def _evaluate(self, queries: Ids, items: Ids, ties: Ties) -> Floats:
        labels, vectors = self.study.dataset.labels, self.vectors
        if labels is None:
            raise ValueError("evaluation needs labels, but this dataset has none")
        if not bool(labels[queries].any(1).all()):
            raise ValueError("evaluation needs labels, but this query has none")
        case = (vectors[queries], vectors[items], labels[queries], labels[items])
        if self.unit == "cosine":
            return cosine_average_precisions(*case, ties=ties)
        return average_precisions(*case, ties=ties)


def rankers_of(
    study: Study, others: Mapping[str, Study] | None = None
) -> tuple[dict[str, Ranker], dict[str, str]]:
    """List what can rank a study's database, and what cannot and why; nothing is computed yet.

    Args:
        study: trained or not. Its own network, the runs on its images, the `BASELINES` and the
            references without codes, which are no upper bounds, are offered. Baselines have as many
            bits as its codes, or without a network as those of the newest run, or else 64. A run
            that was trained with another template or other concepts ranks by these.
        others: trained studies of the same images by name, such as one of another code length.

    Raises:
        TypeError: `others` is no dict of studies.
        ValueError: one of `others` has no network, or other images.
    """
    if others is not None and not isinstance(others, Mapping):
        raise TypeError(
            f"others must be a dict of name to Study, such as "
            f"{{'16 bits': study.train(bits=16)}}, got {shown(others)}"
        )
    rankers: list[Ranker] = []
    left_out: dict[str, str] = {}
    network, runs = study.network, read_runs(runs_folder(study))
    own = _own_run(study, runs)
    if network is not None:
        name = f"UHSCM, {network.bits} bits{_note(network)}"
        setting = {} if own is None else setting_of(own.config, own.bits, study, study)
        rankers.append(Ranker(name, study, _codes_of(study), setting=setting))
    for name, other in (others or {}).items():
        note = _note(_network_of(study, name, other))
        rankers.append(Ranker(f"{name}{note}", study, _codes_of(other)))
    rankers += _rankers_of_runs(study, runs, left_out, own)
    lengths = [run.bits for run in runs if not run.is_damaged]
    bits = (lengths or [_BITS])[-1] if network is None else network.bits
    for name in BASELINES:
        compute = functools.partial(study.baseline_codes, name, bits)
        setting = {"method": name, "bits": bits}
        rankers.append(Ranker(f"{name}, {bits} bits", study, compute, setting=setting))
    for name in (FEATURES, CONCEPTS, BOTH):
        compute = functools.partial(REFERENCES[name].vectors_of, study)
        rankers.append(Ranker(name, study, compute, "cosine", {"method": name}))
    return _by_name(rankers), left_out


def _network_of(study: Study, name: str, other: object) -> HashNetwork:
    if not isinstance(other, Study):
        raise TypeError(f"others[{name!r}] must be a Study, got {shown(other)}")
    if other.network is None:
        raise ValueError(f"others[{name!r}] has no hash network yet: use .train(bits=...)")
    if other.dataset.digest != study.dataset.digest:
        raise ValueError(
            f"others[{name!r}] has other images: only rankings of the same dataset can be compared"
        )
    return other.network


def _note(network: HashNetwork) -> str:
    return " (reads pixels: slow at first)" if network.on_pixels else ""


def _own_run(study: Study, runs: Iterable[Run]) -> Run | None:
    """Return the run that has trained the study's network: it has the same steps, at their pace."""
    if study.network is None or not study.history:
        return None
    for run in runs:
        with contextlib.suppress(OSError, ValueError):  # a damaged log, or deleted meanwhile
            if run.bits == study.network.bits and run.history() == study.history:
                return run
    return None


def _rankers_of_runs(
    study: Study, found: Sequence[Run], left_out: dict[str, str], own: Run | None
) -> list[Ranker]:
    left_out |= {f"run {run.name}": run.message for run in found if run.is_damaged}
    runs = [run for run in found if not run.is_damaged]
    settings = [run.settings for run in runs]
    varied = [
        key
        for key in (settings[0] if settings else ())
        if key not in _UNSAID and len({values[key] for values in settings}) > 1
    ]
    rankers = []
    for run in runs:
        title = title_of(run.folder)
        parts = [title] if title else _differing(run, varied)
        parts += [other] if (other := unlike(run, study)) else []
        parts += ["in view"] if own is not None and run.name == own.name else []
        said = f": {', '.join(parts)}" if parts else ""
        name = f"run {run.name}, {run.bits} bits{said}"
        if run.backbone != "features":
            left_out[name] = "its network reads pixels and would encode every image again"
        elif run.is_running():
            left_out[name] = "it is still running"
        else:
            try:
                trained_on = study_of(run, study)
            except ValueError as error:  # no features of its concepts
                left_out[name] = str(error)
                continue
            codes = _codes_of_run(study, run)
            setting = setting_of(run.config, run.bits, trained_on, study)
            rankers.append(Ranker(name, trained_on, codes, setting=setting))
    return rankers


def setting_of(
    config: TrainingConfig, bits: int, trained_on: Study, study: Study
) -> dict[str, Any]:
    """Return what a bench varies to get such a training; empty where it takes more than that.

    Args:
        config, bits: of the training.
        trained_on: its study.
        study: of the bench.
    """
    config = config.complete()
    usual = TrainingConfig(recipe=config.recipe).complete()
    said = {"epochs": config.epochs, "lam": config.lam}
    unsaid = {"seed": usual.seed, **{name: getattr(usual, name) for name in (*_NO_MATTER, *said)}}
    if dataclasses.replace(config, **unsaid) != usual:
        return {}
    known = {name: value for name, value in said.items() if value is not None}
    own, mining = MiningSettings.of(study), MiningSettings.of(trained_on)
    prompted = ConceptSet(own.concepts.names, mining.concepts.templates)
    if mining != dataclasses.replace(own, concepts=prompted):
        return {}
    return {"recipe": config.recipe, "bits": bits, **known, "template": prompted.templates}


def _differing(run: Run, varied: Sequence[str]) -> list[str]:
    """Return what tells a run from others: its recipe, and what is not the recipe's own."""
    usual = dataclasses.asdict(TrainingConfig(recipe=run.config.recipe).complete())
    said = [run.settings["recipe"]] if "recipe" in varied else []
    said += [
        f"{key} {run.settings[key]}"
        for key in varied
        if key != "recipe"
        and (key not in usual or run.settings[key] != usual[key])
        and not (key == "precision" and run.settings[key] in _FULL_PRECISION)
    ]
    return said


def _codes_of(study: Study) -> Callable[[], Tensor]:
    return lambda: study.codes


def _codes_of_run(study: Study, run: Run) -> Callable[[], Tensor]:
    def codes() -> Tensor:
        trained = trained_of(run, study)
        if trained is None:
            raise ValueError(f"run {run.name} ended before it had any weights")
        return trained.codes

    return codes


def _by_name(rankers: Iterable[Ranker]) -> dict[str, Ranker]:
    """Key them by name; a name used before gets a number, since `others` may have any name."""
    named: dict[str, Ranker] = {}
    for ranker in rankers:
        name, number = ranker.name, 2
        while name in named:
            name, number = f"{ranker.name} ({number})", number + 1
        named[name] = dataclasses.replace(ranker, name=name)
    return named


def _database_without(study: Study, query: int) -> Ids:
    database = study.dataset.splits["database"]
    return np.asarray(database[database != query])
