"""A run under way: one thread that trains, and flags that others set.

There is no widget in here. A view asks for `steps`, `look` and `state` as often as it likes; the
thread looks at the flags after each batch. A look (outputs for the validation images) is taken by
the training thread itself, between two batches, so that it sees weights of one moment; it takes no
more than about a tenth of the time, and changes no number of the run.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from uhscm_core import (
    HashNetwork,
    Study,
    TrainingConfig,
    TrainingStep,
    hamming_distance,
    pack_codes,
    train,
)
from uhscm_core.analysis.validation import Validation
from uhscm_core.runs import JUDGED_BY_CONCEPTS, Run, new_run
from uhscm_core.support import store
from uhscm_core.support.devices import resolve_device

__all__ = ["Look", "Trainer", "estimate", "trainer_of"]

_TRAINERS: dict[Path, Trainer] = {}  # by the folder of the study's runs
_STARTING = threading.Lock()
_LOOK_SECONDS = 0.25
_LOOK_SHARE = 10  # a look is followed by at least this many times its own time of training


@dataclass(frozen=True, eq=False)
class Look:
    """The network at one moment, on the validation images.

    Attributes:
        step: after which it was taken; 0 before the first.
        outputs: (n, L).
        pinned: the image whose neighbours are shown.
        results: (k,) ids of the validation images nearest to it, nearest first.
        distances: (k,) in bits.
    """

    step: int
    outputs: Tensor
    pinned: int
    results: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int64]


class Trainer:
    """Trains one run of a study in a thread of its own.

    Args:
        study: images, concepts and mining.
        run: a new one, or one to take up again.
        validation: what it is judged by.
        pinned: the image whose neighbours each `Look` holds; may be set at any time.
    """

    def __init__(self, study: Study, run: Run, validation: Validation, pinned: int) -> None:
        self.study, self.run, self.validation = study, run, validation
        self.pinned = pinned
        self.steps: list[TrainingStep] = list(run.history())
        self.look: Look | None = None
        self.network: HashNetwork | None = None
        self.best_step: TrainingStep | None = None
        self.paused_after: float | None = None  # seconds from the gesture to the true pause
        self.state = "preparing"
        self._best: dict[str, Tensor] | None = None
        self._good: dict[str, Tensor] | None = None  # finite, whatever comes
        self._trained = run.seconds
        self._since: float | None = None
        self._asked = 0.0
        self._next_look = 0.0
        self._go, self._end = threading.Event(), threading.Event()
        self._go.set()
        self._first = 0
        self._thread = threading.Thread(target=self._work, name=f"train {run.name}", daemon=True)

    # -- what others do --------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, beside the caller."""
        self._thread.start()

    def pause(self) -> None:
        """Pause after the batch under way."""
        self._asked = time.perf_counter()
        self._go.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._go.set()

    def stop(self) -> None:
        """End after the batch under way, and keep the best."""
        self._end.set()
        self._go.set()

    def wait(self, seconds: float | None = None) -> None:
        """Until the run has ended, or for so long."""
        self._thread.join(seconds)

    @property
    def active(self) -> bool:
        """Whether it still trains or waits in a pause."""
        return self._thread.is_alive()

    @property
    def pausing(self) -> bool:
        """Whether a pause was asked for, be it reached or not."""
        return not self._go.is_set()

    @property
    def seconds(self) -> float:
        """Trained for, pauses left out."""
        since = self._since
        return self._trained + (time.perf_counter() - since if since is not None else 0.0)

    @property
    def n_steps(self) -> int:
        """Of the whole run."""
        n = len(self.study.dataset.splits["train"])
        return self.run.config.epochs * -(-n // self.run.config.batch_size)

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before there is one."""
        done = len(self.steps) - self._first
        if done < 3 or not self.active:
            return None
        spent = self.seconds - self.run.seconds
        return spent / done * max(self.n_steps - self.steps[-1].step, 0)

    @property
    def images_per_second(self) -> float:
        """Over the last steps."""
        rates = [step.images_per_second for step in self.steps[-30:]]
        return float(np.median(rates)) if rates else 0.0

    def result(self) -> Study:
        """The study with the best weights so far, or else the last good ones."""
        weights = self._best or self._good
        if self.network is None or weights is None:
            return self.study
        network = copy.deepcopy(self.network).cpu()
        network.load_state_dict(weights)
        return self.study.with_(network=network, history=tuple(self.steps))

    # -- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        status, message = "failed", ""
        before = self.run
        try:
            self._train()
            status = "stopped" if self._end.is_set() and not self._complete else "finished"
        except Exception as error:  # a thread's exceptions are seen by nobody
            message = f"{type(error).__name__}: {error}"
        self._pace(False)
        self.run = dataclasses.replace(
            self.run, status=status, message=message, seconds=self._trained
        )
        self._good = self._sound() or self._good
        if self.network is not None and self._good is not None:
            self._finish()
        try:
            self.run.save()
            self._save_study()
        except OSError as error:  # a full disk: the run is whole in memory
            if not message:
                text = f"{type(error).__name__}: {error}"
                self.run = dataclasses.replace(before, status="failed", message=text)
        self.state = self.run.status

    @property
    def _complete(self) -> bool:
        return bool(self.steps) and self.steps[-1].step >= self.n_steps

    def _train(self) -> None:
        run, study = self.run, self.study
        config = run.config
        device = resolve_device(config.device)
        width = study.vlp.embed_dim if run.backbone == "features" else None
        # What is taken up again has its weights already.
        pretrained = run.pretrained and not (run.folder / "checkpoint.safetensors").exists()
        network = HashNetwork(run.bits, run.backbone, width, pretrained, seed=config.seed)
        data = study.with_(network=network).training_data
        self.network = network
        self._good = _copy(network)
        self._take_up_best()
        mixed = network.on_pixels and device.type == "cuda" and config.precision == "auto"
        precision = "mixed" if mixed else config.precision.replace("auto", "32-true")
        self.run = dataclasses.replace(run, status="running", device=f"{device}, {precision}")
        self.run.save()
        self._save_study()
        self._see(network, 0)
        self.state = "running"
        steps = train(
            network, data, study.mined, config, folder=run.folder, validate=self._validate
        )
        self._first = len(self.steps)
        self._pace(True)
        with contextlib.closing(steps):
            for step in steps:
                if self.steps and self.steps[-1].step >= step.step:  # lines after the checkpoint
                    self.steps = [old for old in self.steps if old.step < step.step]
                    self._first = min(self._first, len(self.steps))
                self.steps.append(step)
                if step.metrics:
                    self._consider(step)
                self._perhaps_look(network, step.step)
                if not self._go.is_set():
                    self._rest(network, step.step)
                if self._end.is_set():
                    break

    def _rest(self, network: HashNetwork, step: int) -> None:
        self._pace(False)
        self.paused_after = time.perf_counter() - self._asked
        self.state = "paused"
        if not network.on_pixels:  # where a look takes longer than a person waits
            self._see(network, step)
        self._go.wait()
        self.state = "running"
        self._pace(True)

    def _pace(self, going: bool) -> None:
        """Start or stop the clock."""
        self._trained, self._since = self.seconds, time.perf_counter() if going else None

    def _validate(self, network: HashNetwork) -> dict[str, float]:
        return self.validation.judge(outputs_of(self.study, network, self.validation.ids))

    def _perhaps_look(self, network: HashNetwork, step: int) -> None:
        now = time.perf_counter()
        if now < self._next_look:
            return
        self._see(network, step)
        took = time.perf_counter() - now
        self._next_look = now + max(_LOOK_SECONDS, _LOOK_SHARE * took)

    def _see(self, network: HashNetwork, step: int) -> None:
        look = look_at(self.study, self.validation, network, self.pinned, step)
        self.look = look or self.look  # of weights that are no numbers: what was seen stays

    def _consider(self, step: TrainingStep) -> None:
        """Keep these weights if no earlier ones validated as well; by concepts, never by labels."""
        sound = self._sound()
        self._good = sound or self._good
        best = self.best_step
        value = (step.metrics or {})[JUDGED_BY_CONCEPTS]
        before = -1.0 if best is None else (best.metrics or {})[JUDGED_BY_CONCEPTS]
        if sound is None or value <= before:
            return
        self._best, self.best_step = sound, step
        place = {"epoch": step.epoch, "step": step.step, "value": value}
        store.save_tensors(self.run.folder / "best.safetensors", sound, place)
        self._save_study()

    def _take_up_best(self) -> None:
        kept = self.run.best()
        if kept is None:
            return
        weights, place = kept
        self._best = weights
        self.best_step = next((s for s in self.steps if s.step == place["step"]), None)

    def _sound(self) -> dict[str, Tensor] | None:
        """A copy of the weights, if all of them are numbers."""
        if self.network is None:
            return None
        sound = all(bool(value.isfinite().all()) for value in self.network.state_dict().values())
        return _copy(self.network) if sound else None

    def _finish(self) -> None:
        """The views end with the weights that are kept."""
        network = self.result().network
        if network is not None:
            kept = self.best_step.step if self.best_step else len(self.steps)
            with contextlib.suppress(MemoryError, RuntimeError):
                self._see(network, kept)

    def _save_study(self) -> None:
        if self.study.dataset.source is not None and self.study.vlp.source is not None:
            self.result().save(self.run.folder)


def outputs_of(study: Study, network: HashNetwork, ids: npt.NDArray[np.int64]) -> Tensor:
    """(n, L) for some images of the study."""
    if network.on_pixels:
        return network.outputs([study.dataset.images[int(i)] for i in ids])
    return network.outputs(study.image_features[ids])


def look_at(
    study: Study, validation: Validation, network: HashNetwork, pinned: int, step: int, k: int = 8
) -> Look | None:
    """Look at a network; None where its outputs are no numbers.

    Args:
        study, validation: whose images.
        network: as it is now.
        pinned: the image whose k nearest are wanted; itself is none of them.
        step: after which this is.
        k: how many.
    """
    outputs = outputs_of(study, network, np.append(validation.ids, pinned))
    if not bool(outputs.isfinite().all()):
        return None
    codes = pack_codes(outputs)
    distances = hamming_distance(codes[-1:], codes[:-1])[0].long().numpy()
    order = np.lexsort((validation.ids, distances))
    order = order[validation.ids[order] != pinned][:k]
    return Look(step, outputs[:-1], pinned, validation.ids[order], distances[order])


def _copy(network: HashNetwork) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def trainer_of(folder: Path) -> Trainer | None:
    """The run of this session that was started last on a study.

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
    """Start a run, or take one up again; never two of one study at once.

    Args:
        study, validation, pinned: of `Trainer`.
        folder: of the study's runs.
        run: to take up again; None for a new one of these `settings` of `Run`.

    Raises:
        RuntimeError: one is under way.
    """
    with _STARTING:
        under_way = _TRAINERS.get(folder)
        if under_way is not None and under_way.active:
            raise RuntimeError(f"run {under_way.run.name} is under way: stop it first")
        if run is None:
            run = new_run(folder, **settings)
        trainer = _TRAINERS[folder] = Trainer(study, run, validation, pinned)
        trainer.start()
        return trainer


def estimate(study: Study, bits: int, config: TrainingConfig, steps: int = 6) -> float:
    """Seconds that a run on features would take: some steps of it on a network to throw away."""
    network = HashNetwork(bits, in_features=study.vlp.embed_dim, seed=config.seed)
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
    batches = config.epochs * -(-len(data) // config.batch_size)
    return float(np.median(times[1:] or times)) * batches
