"""Train a run in a thread of its own, controlled by flags.

No widget is in here. A view may read `steps`, `snapshot` and `state` at any time; the thread checks
the flags after each batch. Snapshots (the outputs for the validation images) are taken by the
training thread itself between two batches, so that each shows the weights of one moment. They take
no more than about a tenth of the time, and change no number of the run.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from uhscm_core import HashNetwork, Study, TrainingConfig, TrainingStep, pack_codes, train
from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, Validation
from uhscm_core.health import collapse_of
from uhscm_core.runs import MiningSettings, Run, holding, new_run
from uhscm_core.support.devices import resolve_device
from widgets.background.long_running import Pausable
from widgets.background.snapshot import Snapshot, outputs_of, take_snapshot

__all__ = ["Trainer", "estimate", "start", "trainer_of"]

_TRAINERS: dict[Path, Trainer] = {}  # by the folder of the study's runs
_STARTING = threading.Lock()
_SNAPSHOT_SECONDS = 0.25
_SNAPSHOT_SHARE = 10  # at least this many times a snapshot's own time is spent training after it


class Trainer(Pausable):
    """Trains one run of a study in a thread of its own.

    Args:
        study: images, concepts and mining.
        run: a new one, or one to resume.
        validation: what it is evaluated on.
        pinned: the image whose neighbors each `Snapshot` holds; may be set at any time.

    Attributes:
        steps: of the run so far, those of earlier sessions included.
        snapshot: the last one; None before the first.
        network: as it is now; None before the thread has built it.
        best_step: after which the best weights were taken; None before the first validation.
        paused_after: seconds from the last call of `pause` until training paused.
        collapse: what is wrong with the codes that are kept if the run has ended, stopped or not,
            with too few different ones; else empty.
        state: ``"preparing"``, ``"running"``, ``"paused"``, and then the status of the `Run`;
            ``"stopped"`` as soon as no weight changes any more, while it is still being saved.
    """

    def __init__(self, study: Study, run: Run, validation: Validation, pinned: int) -> None:
        self.study, self.run, self.validation = study, run, validation
        self.pinned = pinned
        self.steps: list[TrainingStep] = list(run.history())
        self.snapshot: Snapshot | None = None
        self.network: HashNetwork | None = None
        self.best_step: TrainingStep | None = None
        self.paused_after: float | None = None
        self.collapse = ""
        self._best: dict[str, Tensor] | None = None
        self._last_finite: dict[str, Tensor] | None = None  # a fallback while there is no best
        self._seconds = run.seconds  # spent training until the clock was last stopped
        self._clock_start: float | None = None  # None while the clock is stopped
        self._pause_asked_at = 0.0
        self._next_snapshot = 0.0
        self._steps_before = 0  # how many of `steps` are of earlier sessions
        super().__init__(f"train {run.name}", "preparing")

    # -- called from other threads ---------------------------------------------------------------

    def pause(self) -> None:
        """Pause after the current batch."""
        self._pause_asked_at = time.perf_counter()
        super().pause()

    @property
    def owes(self) -> bool:
        """Whether a stop, a pause or its end was asked for that is not done yet."""
        return self.active and (self.stopping or self.pausing != (self.state == "paused"))

    @property
    def seconds(self) -> float:
        """Seconds spent training, without pauses."""
        start = self._clock_start
        return self._seconds + (0.0 if start is None else time.perf_counter() - start)

    @property
    def n_steps(self) -> int:
        """Number of steps of the whole run."""
        n = len(self.study.dataset.splits["train"])
        config = self.run.config.complete()
        return config.epochs * -(-n // config.batch_size)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at the pace so far; None before there is one."""
        done = len(self.steps) - self._steps_before
        if done < 3 or not self.active:
            return None
        spent = self.seconds - self.run.seconds
        return spent / done * max(self.n_steps - self.steps[-1].step, 0)

    @property
    def images_per_second(self) -> float:
        """Median over the last steps."""
        rates = [step.images_per_second for step in self.steps[-30:]]
        return float(np.median(rates)) if rates else 0.0

    def result(self) -> Study:
        """Return the study with the best weights so far, or else the last finite ones."""
        weights = self._best or self._last_finite
        if self.network is None or weights is None:
            return self.study
        network = copy.deepcopy(self.network).cpu()
        network.load_state_dict(weights)
        return self.study.with_(network=network, history=tuple(self.steps))

    # -- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with holding(self.run.folder):
                self._train_and_save()
        except OSError as error:  # another process trains here, and what it has written is its own
            self.run = dataclasses.replace(self.run, status="failed", message=_message(error))
            self.state = "failed"

    def _train_and_save(self) -> None:
        status, message = "failed", ""
        before = self.run
        try:
            self._train()
            status = "stopped" if self.stopping and not self._complete else "finished"
        except Exception as error:  # raised in a thread, it would reach no one
            message = _message(error)
        self._stop_clock()
        self.run = dataclasses.replace(
            self.run, status=status, message=message, seconds=self._seconds
        )
        self._last_finite = self._finite_weights() or self._last_finite
        self._show_result()
        try:
            self.run.save()
            self._save_study()
        except OSError as error:  # a full disk: the run is still whole in memory
            if not message:
                self.run = dataclasses.replace(before, status="failed", message=_message(error))
        self.state = self.run.status

    @property
    def _complete(self) -> bool:
        return bool(self.steps) and self.steps[-1].step >= self.n_steps

    def _train(self) -> None:
        device = resolve_device(self.run.config.device)
        network = self._initial_network()
        data = self.study.with_(network=network).training_data
        steps = train(
            network,
            data,
            self.study.mined,
            self.run.config,
            folder=self.run.folder,
            validate=self._validate,
        )
        self._prepare(network, str(device))  # after `train`, which may center it
        self._steps_before = len(self.steps)
        self._start_clock()
        with contextlib.closing(steps):
            for step in steps:
                self._add(step)
                if step.metrics:
                    self._update_best(step)
                if time.perf_counter() >= self._next_snapshot:
                    self._take_timed_snapshot(network, step.step)
                if self.pausing:
                    self._wait_while_paused(network, step.step)
                if self.stopping:
                    if not self._complete:
                        self.state = "stopped"  # said before it is saved, which takes longer
                    break

    def _initial_network(self) -> HashNetwork:
        run = self.run
        if run.backbone == "features":
            return self.study.network_for(run.bits, run.config)
        pretrained = run.pretrained and not run.has_checkpoint  # which has all weights
        return HashNetwork(run.bits, run.backbone, None, pretrained, seed=run.config.seed)

    def _prepare(self, network: HashNetwork, device: str) -> None:
        """Restore the best weights, evaluate new ones, and say on disk that the run is running."""
        self.network = network
        self._last_finite = _copy(network)
        self._restore_best()
        precision: str = self.run.config.precision
        if precision == "auto":
            precision = "mixed" if network.on_pixels and device.startswith("cuda") else "32-true"
        self.run = dataclasses.replace(self.run, status="running", device=f"{device}, {precision}")
        self.run.save()
        self.state = "running"
        self._save_study()
        self._take_snapshot(network, 0)
        if self.snapshot is not None and not self.run.has_checkpoint and not self.run.untrained:
            before = self.validation.evaluate(self.snapshot.outputs)
            self.run = dataclasses.replace(self.run, untrained=before)
            self.run.save()

    def _add(self, step: TrainingStep) -> None:
        """Append a step, in place of those that were logged after the checkpoint."""
        if self.steps and self.steps[-1].step >= step.step:
            self.steps = [old for old in self.steps if old.step < step.step]
            self._steps_before = min(self._steps_before, len(self.steps))
        self.steps.append(step)

    def _wait_while_paused(self, network: HashNetwork, step: int) -> None:
        self._stop_clock()
        self.paused_after = time.perf_counter() - self._pause_asked_at
        self.state = "paused"
        if not network.on_pixels:  # there, a snapshot takes longer than a person waits
            self._take_snapshot(network, step)
        self._may_run.wait()
        self.state = "running"
        self._start_clock()

    def _start_clock(self) -> None:
        self._clock_start = time.perf_counter()

    def _stop_clock(self) -> None:
        self._seconds, self._clock_start = self.seconds, None

    def _validate(self, network: HashNetwork) -> dict[str, float]:
        return self.validation.evaluate(outputs_of(self.study, network, self.validation.ids))

    def _take_timed_snapshot(self, network: HashNetwork, step: int) -> None:
        started = time.perf_counter()
        self._take_snapshot(network, step)
        seconds = time.perf_counter() - started
        self._next_snapshot = started + max(_SNAPSHOT_SECONDS, _SNAPSHOT_SHARE * seconds)

    def _take_snapshot(self, network: HashNetwork, step: int) -> None:
        snapshot = take_snapshot(self.study, self.validation, network, self.pinned, step)
        self.snapshot = snapshot or self.snapshot  # weights that diverged replace nothing

    def _update_best(self, step: TrainingStep) -> None:
        """Keep these weights if they validated better than all before, by concepts alone."""
        weights = self._finite_weights()
        self._last_finite = weights or self._last_finite
        value = _value(step)
        if weights is None or (self.best_step is not None and value <= _value(self.best_step)):
            return
        self._best, self.best_step = weights, step
        self.run.save_best(weights, step, value)
        self._save_study()

    def _restore_best(self) -> None:
        best = self.run.best()
        if best is not None:
            self._best, place = best
            self.best_step = next((s for s in self.steps if s.step == place["step"]), None)

    def _finite_weights(self) -> dict[str, Tensor] | None:
        """Return a copy of the weights; None if not all of them are finite."""
        if self.network is None:
            return None
        finite = all(bool(value.isfinite().all()) for value in self.network.state_dict().values())
        return _copy(self.network) if finite else None

    def _show_result(self) -> None:
        """Take the last snapshot, of the weights that are kept."""
        network = self.result().network
        if self.network is not None and network is not None:
            kept = self.best_step.step if self.best_step else len(self.steps)
            with contextlib.suppress(MemoryError, RuntimeError):
                self._take_snapshot(network, kept)
                self.collapse = self._collapse()

    def _collapse(self) -> str:
        ids = self.validation.ids
        if self.snapshot is None or len(ids) < 2:
            return ""
        codes = pack_codes(self.snapshot.outputs)
        found = collapse_of(codes, self.run.bits, self.study.distribution[ids])
        return found[0] if found else ""

    def _save_study(self) -> None:
        if self.study.can_be_saved:
            self.result().save(self.run.folder)


def _value(step: TrainingStep) -> float:
    """Return what decides which weights are best."""
    return (step.metrics or {})[EVALUATED_BY_CONCEPTS]


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _copy(network: HashNetwork) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def trainer_of(folder: Path) -> Trainer | None:
    """Return the trainer of this session that was started last on a study.

    Args:
        folder: of the study's runs.
    """
    return _TRAINERS.get(folder)


def start(
    study: Study,
    folder: Path,
    validation: Validation,
    pinned: int,
    *,
    run: Run | None = None,
    **settings: Any,
) -> Trainer:
    """Start a run, or resume one; never two runs of one study at once.

    Args:
        study, validation, pinned: of `Trainer`; the study is the one that `run` was begun on.
        folder: of the study's runs.
        run: to resume; None for a new one with these `settings` of `Run`.

    Raises:
        RuntimeError: a run of this study is running, or `run` is, in another process, or it is
            damaged.
    """
    with _STARTING:
        earlier = _TRAINERS.get(folder)
        if earlier is not None and earlier.active:
            raise RuntimeError(f"run {earlier.run.name} is running; stop it first")
        if run is None:
            run = new_run(folder, mining=MiningSettings.of(study), **settings)
        elif run.is_damaged:
            raise RuntimeError(f"run {run.name} is damaged: {run.message}")
        elif run.is_running():  # its process owns the folder, the description and best weights too
            raise RuntimeError(f"run {run.name} is running in another process; stop it there first")
        trainer = _TRAINERS[folder] = Trainer(study, run, validation, pinned)
        trainer.start()
        return trainer


def estimate(study: Study, bits: int, config: TrainingConfig, steps: int = 6) -> float:
    """Estimate the seconds of a run on features, from a few steps on a network of its own."""
    quick = dataclasses.replace(config, start="random") if config.mixes else config
    network = study.network_for(bits, quick)
    data = study.image_features[study.dataset.splits["train"]]
    times = []
    clock = time.perf_counter()
    for index, _ in enumerate(train(network, data, study.mined, config)):
        now = time.perf_counter()
        times.append(now - clock)
        clock = now
        if index + 1 == steps:
            break
    if not times:
        return 0.0
    settings = config.complete()
    batches = settings.epochs * -(-len(data) // settings.batch_size)
    return float(np.median(times[1:] or times)) * batches
