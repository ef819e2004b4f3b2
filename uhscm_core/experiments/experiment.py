r"""A study repeated over settings and seeds, so that differences can be told from noise.

Each setting is computed with the seeds 0, 1, ... and evaluated on the queries of the study. What a
seed changes is as large as most effects, so what is said about a difference is an interval over
seeds and queries together (`uhscm_core.experiments.statistics`).

Symbols: S seeds, Q queries.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from uhscm_core.baselines import TooManyBitsError
from uhscm_core.experiments.naming import find_setting, name_of, row_of
from uhscm_core.experiments.records import Records
from uhscm_core.experiments.relevance import Evaluation, Relevance
from uhscm_core.experiments.results import Comparison, RunResult
from uhscm_core.experiments.running import Run, Runner, Watch, codes_of, trained_of
from uhscm_core.experiments.sentences import sentence
from uhscm_core.experiments.settings import (
    Setting,
    read_settings,
    read_values,
    study_identity,
)
from uhscm_core.experiments.statistics import Sample, estimate, estimate_difference
from uhscm_core.experiments.workers import helping
from uhscm_core.study import Study
from uhscm_core.support.checks import instance, one_of, whole_number
from uhscm_core.support.notices import listed, say
from uhscm_core.support.paths import as_path

__all__ = ["Experiment"]

_WAIT = 0.2  # seconds, while other processes compute what is still missing
_TIED = 1e-9  # average precisions closer than this are equal


class Experiment:
    """Repeat a study over settings and seeds, and compare the settings.

    Iterate over it to compute what is missing; to stop, leave the loop::

        experiment = Experiment(study, {"alpha": [0, 0.2], "bits": [32, 64]}, folder="ablation")
        for result in experiment:
            print(result)
        experiment.to_frame()
        experiment.compare({"alpha": 0, "bits": 32}, {"alpha": 0.2, "bits": 32}).sentence

    Nothing is computed twice: runs that are in the folder are found again, after an interruption or
    a kill too, and a training continues where it was. Several processes may compute one experiment,
    or several that share runs, in one folder at once. The same seed, device and number of threads
    give the same numbers.

    Args:
        study: with labels and queries; its own network is not used.
        vary: name -> values. A name is a setting of `Study.with_` or of training (a field of
            `TrainingConfig`, ``"bits"``, ``"backbone"``, ``"pretrained"``), or ``"method"``, whose
            values are ``"UHSCM"``, the names of `BASELINES`, and those of the references of
            `Study.compare`; or ``"views"`` of `Study.baseline_codes`, which the newer methods among
            them read. What is not varied is as in the study and in `Study.train`.
        seeds: S, how many seeds. A seed decides a network's first weights, and the order of images
            in its training; of a baseline, what it draws at random. A reference has none.
        folder: keep everything here. None for a folder that is gone with the experiment.
        workers: processes that train at the same time, each with its share of the threads.
        top_k: rank to cut at; None for the whole database.
        relevant: what makes an image relevant to a query: ``"labels"`` that they share, or
            ``"concepts"``, a similarity of at least 0.8 by the concepts of `study`, which needs no
            labels and favors settings with concepts like these.

    Raises:
        TypeError: an argument of another kind.
        NotADirectoryError: a folder that is a file.
        ValueError: an unknown name, near which there are others; a value that its setting does not
            take, or that is there twice; no labels or no queries; a folder of another study.
    """

    def __init__(
        self,
        study: Study,
        vary: Mapping[str, Sequence[Any]],
        seeds: int = 3,
        folder: str | PathLike[str] | None = None,
        workers: int = 1,
        *,
        top_k: int | None = None,
        relevant: Relevance = "labels",
    ) -> None:
        instance("study", study, Study, "such as Study(dataset, vlp, 'nuswide81')")
        self._values = read_values(vary)
        self._seeds = whole_number("seeds", seeds, 1, 10_000)
        self._workers = whole_number("workers", workers, 1, 1024)
        if top_k is not None:
            top_k = whole_number("top_k", top_k, 1)
        one_of("relevant", relevant, ("labels", "concepts"))
        place = None if folder is None else as_path("folder", folder)
        evaluation = Evaluation(study, relevant, top_k)
        self._settings = read_settings(study, self._values)
        notes = [note for s in self._settings for note in evaluation.notes(s.study)]
        read = {name for setting in self._settings for name in setting.values}
        several = [name for name, options in self._values.items() if len(options) > 1]
        if unread := [name for name in several if name not in read]:
            notes.append(f"left out, as no method of this experiment reads it: {listed(unread)}")
        say(*dict.fromkeys(notes))
        if place is None:
            place = Path(tempfile.mkdtemp(prefix="uhscm-experiment-"))
            weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        records = Records(place, study_identity(study))
        self._runner = Runner(records, evaluation, resumes=folder is not None)
        self._results: dict[str, RunResult] = {}

    def __iter__(self) -> Iterator[RunResult]:
        """Compute the runs that are missing; yields each when it is there."""
        return self.compute()

    def compute(self, watch: Watch | None = None) -> Iterator[RunResult]:
        """Compute the runs that are missing, as iterating does, and watch them.

        Args:
            watch: called with a run and None before it begins and while another process computes
                it, and with a run and each `TrainingStep` of its training. Whatever it raises ends
                the work there; with a folder, the training continues from there the next time.

        Yields:
            The result of each run.
        """
        missing = list(self.missing)
        runner = self._runner
        with helping(runner.records, missing, self._workers, runner.resumes):
            while missing:
                for run in tuple(missing):
                    try:
                        if watch is not None:
                            watch(run, None)
                        result = runner.take(run, watch)
                    except TooManyBitsError as error:
                        missing.remove(run)
                        say(f"left out: {error}")
                        continue
                    except Exception as error:
                        error.add_note(
                            f"in the run with {self._name(run.setting)}, seed {run.seed}"
                        )
                        raise
                    if result is not None:
                        missing.remove(run)
                        self._results[run.key] = result
                        yield result
                if missing:
                    time.sleep(_WAIT)

    @property
    def missing(self) -> tuple[Run, ...]:
        """The runs that are still to be computed: each a setting and a seed, in their order."""
        return tuple(run for run in self._runs() if self._stored(run) is None)

    @property
    def names(self) -> tuple[str, ...]:
        """What each setting is called, by what tells it apart, in the order of `to_frame`."""
        return tuple(map(self._name, self._settings))

    def name(self, run: Run) -> str:
        """Return what the setting of a run is called."""
        return self._name(run.setting)

    @property
    def results(self) -> tuple[RunResult, ...]:
        """The runs that were computed so far, by this experiment or by another in its folder."""
        found = (self._stored(run) for run in self._runs())
        return tuple(result for result in found if result is not None)

    @property
    def first_runs(self) -> dict[str, Run]:
        """The run with the lowest seed of each setting that has a result, by the setting's name."""
        runs = {setting: self._runs_of(setting) for setting in self._settings}
        found = {s: next((r for r in each if self._stored(r)), None) for s, each in runs.items()}
        return {self._name(setting): run for setting, run in found.items() if run is not None}

    def codes(self, run: Run) -> Tensor:
        """Return the (N, ⌈L/8⌉) packed codes of all images in a run, computed if they are gone."""
        return codes_of(run, self._runner.records, self._runner.resumes)[0]

    def trained(self, run: Run) -> Study:
        """Return the study of a run with the network that it has trained.

        The network is trained again, with the same seed, where it reads pixels or the run was
        computed before networks were kept.

        Raises:
            ValueError: the method of the run trains no network.
        """
        return trained_of(run, self._runner.records)

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per setting.

        Returns:
            The varied names, empty where a method does not read them; ``mAP``, its mean over the
            seeds; ``sd``, from seed to seed; ``low`` and ``high``, a 95% interval over seeds and
            queries together (0 and 1 with one seed, which does not tell); and ``seeds``, how many
            were computed so far.
        """
        return pd.DataFrame(
            [row_of(setting, self._values) | self._summary(setting) for setting in self._settings]
        )

    def check(self, setting: Mapping[str, Any]) -> None:
        """Raise what `compare` raises for a dict that does not name one setting, before any run.

        Raises:
            TypeError, ValueError: not exactly one setting.
        """
        find_setting("setting", setting, self._settings, self._values)

    def compare(
        self,
        a: Mapping[str, Any],
        b: Mapping[str, Any],
        *,
        called: tuple[str, str] | None = None,
    ) -> Comparison:
        """Compare two settings on the same queries.

        Two trained settings are compared seed by seed. Of twenty comparisons of settings that are
        equal, one is expected to leave out 0.

        Args:
            a, b: the varied names and values of one setting each, as they were given or as
                `to_frame` shows them; those that all settings share may be left out.
            called: what the sentence calls them; None for the values in which they differ.

        Raises:
            TypeError, ValueError: not exactly one setting, one without results yet, or settings
                with different queries.
        """
        first, second = self._pair(a, b)
        samples = self._sample(first), self._sample(second)
        difference = estimate_difference(*samples)
        share = float((difference.by_query > _TIED).mean())
        low, high = np.clip(difference.interval(), -1, 1).tolist()
        said = "a and b are one setting."
        if first is not second:
            names = called or (self._name(first, second), self._name(second, first))
            under_a, under_b = (float(sample.values.mean()) for sample in samples)
            said = sentence(*names, difference, share, (under_a, under_b))
        return Comparison(difference.value, low, high, share, said)

    def queries(self, a: Mapping[str, Any], b: Mapping[str, Any]) -> pd.DataFrame:
        """Return the queries with what they gain from b to a, those that gain or lose most first.

        Args, Raises: as `compare`.

        Returns:
            ``query``, its id in the dataset; ``a`` and ``b``, its average precision under each, the
            mean over the seeds; and ``difference``.
        """
        first, second = self._pair(a, b)
        under_a, under_b = (self._sample(setting).values.mean(0) for setting in (first, second))
        frame = pd.DataFrame(
            {
                "query": self._of(first)[0].queries,
                "a": under_a,
                "b": under_b,
                "difference": under_a - under_b,
            }
        )
        order = frame["difference"].abs().sort_values(ascending=False, kind="stable").index
        return frame.loc[order].reset_index(drop=True)

    def __repr__(self) -> str:
        runs = list(self._runs())
        done = sum(self._stored(run) is not None for run in runs)
        varied = ", ".join(f"{len(v)} of {name}" for name, v in self._values.items()) or "nothing"
        return (
            f"Experiment: {len(self._settings)} settings ({varied}), {done} of {len(runs)} runs "
            f"done"
        )

    # -- helpers -----------------------------------------------------------------------------

    def _runs(self) -> Iterator[Run]:
        for setting in self._settings:
            yield from self._runs_of(setting)

    def _runs_of(self, setting: Setting) -> Iterator[Run]:
        for seed in range(self._seeds) if setting.seeded else (None,):
            yield Run.of(setting, seed)

    def _stored(self, run: Run) -> RunResult | None:
        if run.key not in self._results and (found := self._runner.stored(run)) is not None:
            self._results[run.key] = found
        return self._results.get(run.key)

    def _of(self, setting: Setting) -> list[RunResult]:
        found = (self._stored(run) for run in self._runs_of(setting))
        return [result for result in found if result is not None]

    def _sample(self, setting: Setting) -> Sample:
        results = self._of(setting)
        values = np.stack([result.average_precision for result in results])
        seeds = tuple(result.seed for result in results if result.seed is not None)
        return Sample(values, seeds, setting.trained)

    def _summary(self, setting: Setting) -> dict[str, float]:
        results = self._of(setting)
        if not results:
            return dict.fromkeys(("mAP", "sd", "low", "high"), float("nan")) | {"seeds": 0}
        sample = self._sample(setting)
        value = estimate(sample)
        low, high = np.clip(value.interval(), 0, 1).tolist()
        sd = float(np.sqrt(sample.seed_variance))
        return {"mAP": value.value, "sd": sd, "low": low, "high": high, "seeds": len(results)}

    def _name(self, setting: Setting, other: Setting | None = None) -> str:
        return name_of(setting, self._values, other)

    def _pair(self, a: Any, b: Any) -> tuple[Setting, Setting]:
        found = [
            find_setting(name, wanted, self._settings, self._values)
            for name, wanted in (("a", a), ("b", b))
        ]
        asked = []
        for name, setting in zip(("a", "b"), found, strict=True):
            results = self._of(setting)
            if not results:
                raise ValueError(
                    f"{name}: no run with {self._name(setting)} has been computed yet; iterate "
                    f"over the experiment first, as in list(experiment)"
                )
            names = setting.study.dataset.names
            asked.append([names[query] for query in results[0].queries])
        if asked[0] != asked[1]:
            raise ValueError(
                "a and b have different queries, so that their results cannot be compared"
            )
        return found[0], found[1]
