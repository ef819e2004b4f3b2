r"""Training the hash network, as a generator of steps.

Whoever holds the generator holds the run: to pause, stop asking for steps; to stop, close it. A
run with a folder leaves there what it needs to go on exactly as if it had never been interrupted:

- ``config.json``: the settings, the network's shape and a digest of what it learns from;
- ``metrics.jsonl``: a line a step;
- ``checkpoint.safetensors``: weights, optimizer state and position, renewed as the run goes;
- ``weights.safetensors``: the weights, once the last epoch is done.

Nothing is drawn from a stream of random numbers that would have to be saved: the order of an epoch
depends on (seed, epoch), dropout on (seed, step), an image's augmentation on (seed, epoch, image).

The objective is over pairs, so several processes gather their outputs with gradients and each
computes the loss of the whole batch; the result is that of one process.

Symbols: N training images, B batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

import filelock
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from uhscm_core.mining import MinedConcepts, check_features, semantic_similarity
from uhscm_core.network import HashNetwork, PixelDataset
from uhscm_core.objective import uhscm_loss
from uhscm_core.support import store
from uhscm_core.support.devices import resolve_device
from uhscm_core.support.seeding import seeded

__all__ = ["TrainingConfig", "TrainingStep", "read_history", "train"]

_CHECKPOINT_SECONDS = 10.0
# Settings that may differ when a run is taken up again: how it runs, not what it computes.
_FREE = frozenset({"epochs", "device", "precision", "workers", "validate_every"})


@dataclass(frozen=True)
class TrainingConfig:
    r"""How to train; the defaults suit a head on features, `paper` is the paper's setting.

    Attributes:
        epochs: passes over the training images; the paper's 60.
        batch_size: B, images a step over all processes; the paper's 128.
        optimizer: ``"adam"`` or ``"sgd"`` (momentum 0.9); the paper's is SGD.
        learning_rate: of the head.
        backbone_share: a backbone learns at this share of the rate; the paper's 0.05.
        weight_decay: the paper's 1e-5.
        alpha, beta, gamma, lam: of the objective, see `uhscm_loss`.
        seed: of the order of images, dropout and augmentation.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        precision: ``"32-true"``, ``"bf16-mixed"``, ``"16-mixed"``, or ``"auto"``: mixed for a
            backbone on a GPU, 32 bits otherwise.
        workers: processes that read images for a backbone on pixels.
        validate_every: epochs between validations, where `train` gets a way to validate.
    """

    epochs: int = 60
    batch_size: int = 128
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    backbone_share: float = 0.05
    weight_decay: float = 1e-5
    alpha: float = 0.2
    beta: float = 0.001
    gamma: float = 0.2
    lam: float = 0.8
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    workers: int = 2
    validate_every: int = 10

    def __post_init__(self) -> None:
        for name in ("epochs", "workers"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("batch_size", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "gamma"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")
        if self.optimizer not in ("adam", "sgd"):
            raise ValueError(f"optimizer must be 'adam' or 'sgd', got {self.optimizer!r}")

    @classmethod
    def paper(cls, **changes: Any) -> TrainingConfig:
        """The paper's setting for VGG19: SGD, rate 0.006 on the hash layer, 0.0003 below."""
        return cls(**{"optimizer": "sgd", "learning_rate": 0.006, **changes})


@dataclass(frozen=True)
class TrainingStep:
    """What one step of training did.

    Attributes:
        epoch: from 1 on.
        step: from 1 on, over all epochs.
        total, similarity, contrastive, quantization: the objective and its unweighted terms.
        images_per_second: of this step, data loading included.
        metrics: of the validation after this step, if there was one.
    """

    epoch: int
    step: int
    total: float
    similarity: float
    contrastive: float
    quantization: float
    images_per_second: float
    metrics: Mapping[str, float] | None = None


def train(
    network: HashNetwork,
    data: Float[Tensor, "n d"] | Sequence[Image.Image],
    mined: MinedConcepts,
    config: TrainingConfig | None = None,
    *,
    folder: str | PathLike[str] | None = None,
    validate: Callable[[HashNetwork], Mapping[str, float]] | None = None,
    fabric: Fabric | None = None,
) -> Generator[TrainingStep, None, None]:
    """Train `network` in place, a step each time one is asked for.

    Args:
        network: what learns; at any point it holds the weights reached so far.
        data: the N training images: (N, D) features, or images for a backbone on pixels.
        mined: what was mined from the same N images; a batch's similarity is computed from its
            rows of ``mined.distribution``.
        config: None for the defaults.
        folder: keep the run here, and take it up from there when it holds one.
        validate: called after every ``config.validate_every`` epochs and after the last.
        fabric: of several launched processes, each of which calls `train`; None for one device.

    Yields:
        One `TrainingStep` a batch. A finished run yields nothing.

    Raises:
        TypeError, ValueError: data that the network does not read or another number of images
            than was mined from; a folder that holds a run of other settings or of other data.
        BlockingIOError: another process trains in this folder.
        FloatingPointError: the loss is not finite; the weights are those before the bad step.
        MemoryError: the device has no memory for a batch.
    """
    config = TrainingConfig() if config is None else config
    network.check_data(data)
    if isinstance(data, Tensor):
        check_features(data=data)
    if len(data) != len(mined.distribution):
        raise ValueError(
            f"{len(data)} training images but the concepts were mined from "
            f"{len(mined.distribution)}"
        )
    if fabric is None:
        fabric = _single_device(network, config)
    run = _Run(network, data, mined, config, fabric)
    return _steps(run, None if folder is None else Path(folder), validate)


def read_history(folder: str | PathLike[str]) -> tuple[TrainingStep, ...]:
    """The steps that a run's folder holds, those of earlier sessions included.

    Raises:
        FileNotFoundError: no run there.
    """
    lines = (Path(folder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(TrainingStep(**json.loads(line)) for line in lines)


def _steps(
    run: _Run,
    folder: Path | None,
    validate: Callable[[HashNetwork], Mapping[str, float]] | None,
) -> Generator[TrainingStep, None, None]:
    config = run.config
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(_RunFolder(folder, run)) if folder else None
        clock = time.perf_counter()
        while run.epoch < config.epochs:
            epoch = run.epoch
            for terms, images in run.rest_of_epoch():
                last = run.epoch > epoch
                due = last and (run.epoch % config.validate_every == 0 or run.done)
                metrics = dict(validate(run.network)) if validate and due else None
                now = time.perf_counter()
                rate = images / max(now - clock, 1e-9)
                step = TrainingStep(
                    epoch + 1, run.step, images_per_second=rate, metrics=metrics, **terms
                )
                if log:
                    log.write(step)
                yield step
                clock = time.perf_counter()
        if log:
            log.finish()


class _Run:
    """A network, its optimizer and its position: all that a checkpoint has to hold."""

    def __init__(
        self,
        network: HashNetwork,
        data: Tensor | Sequence[Image.Image],
        mined: MinedConcepts,
        config: TrainingConfig,
        fabric: Fabric,
    ) -> None:
        self.network, self.config, self.fabric = network, config, fabric
        groups = network.parameter_groups(config.learning_rate, config.backbone_share)
        self.optimizer: torch.optim.Optimizer
        if config.optimizer == "adam":
            self.optimizer = torch.optim.Adam(groups, weight_decay=config.weight_decay)
        else:
            self.optimizer = torch.optim.SGD(groups, momentum=0.9, weight_decay=config.weight_decay)
        self._model, self._optimizer = fabric.setup(network, self.optimizer)
        self.distribution = mined.distribution.to(fabric.device)  # (N, K)
        self.data = data
        if isinstance(data, Tensor):
            self.data = data.to(fabric.device, next(network.parameters()).dtype)
        self.epoch = 0  # epochs done
        self.batch = 0  # batches done of the epoch under way
        self.step = 0  # batches done in all

    @property
    def done(self) -> bool:
        return self.epoch >= self.config.epochs

    def rest_of_epoch(self) -> Iterator[tuple[dict[str, float], int]]:
        """Train on what is left of the epoch; yields the loss terms and the number of images."""
        config, world = self.config, self.fabric.world_size
        generator = torch.Generator().manual_seed(_seed(config.seed, self.epoch))
        order = torch.randperm(len(self.distribution), generator=generator)
        batches = [
            # Processes take turns through a batch; what can't be shared evenly is left out.
            rows[: len(rows) // world * world]
            for rows in torch.split(order, config.batch_size)
            if len(rows) >= world
        ]
        if not batches:
            raise ValueError(f"{len(order)} images can't be shared by {world} processes")
        left = batches[self.batch :]
        for rows, inputs in zip(left, self._inputs(left), strict=True):
            try:
                terms = self._train_on(rows, inputs)
            except torch.OutOfMemoryError as error:
                raise MemoryError(
                    f"{self.fabric.device} has no memory for a batch of {config.batch_size}: set a "
                    f"smaller batch_size (not done by itself, because the objective is over the "
                    f"pairs of a batch)"
                ) from error
            self.step += 1
            self.batch += 1
            if self.batch == len(batches):
                self.epoch, self.batch = self.epoch + 1, 0
            yield terms, len(rows)

    def _inputs(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        """This process's share of each batch, as the network's input."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        shares = [rows[rank::world] for rows in batches]
        if isinstance(self.data, Tensor):
            yield from (self.data[rows.to(self.data.device)] for rows in shares)
            return
        keys = [
            [(int(i), _seed(self.config.seed, self.epoch, int(i))) for i in rows] for rows in shares
        ]
        loader = DataLoader(
            PixelDataset(self.data, self.network.transform(augment=True)),
            batch_sampler=keys,
            num_workers=self.config.workers,
            pin_memory=self.fabric.device.type == "cuda",
        )
        yield from (pixels.to(self.fabric.device, non_blocking=True) for pixels in loader)

    def _train_on(self, rows: Tensor, inputs: Tensor) -> dict[str, float]:
        config, world = self.config, self.fabric.world_size
        self.network.train()  # whoever looked at it since the last step may have said eval()
        devices = [self.fabric.device] if self.fabric.device.type == "cuda" else []
        with seeded(_seed(config.seed, self.step, self.fabric.global_rank), devices):
            outputs = self._model(inputs)  # (B / world, L)
        if world > 1:
            # (world, B / world, L)
            gathered = cast(Tensor, self.fabric.all_gather(outputs, sync_grads=True))
            outputs = gathered.reshape(-1, outputs.shape[-1])
            rows = torch.cat([rows[rank::world] for rank in range(world)])
        batch = self.distribution[rows.to(self.fabric.device)]
        terms = uhscm_loss(
            outputs,
            semantic_similarity(batch),
            config.alpha,
            config.beta,
            config.gamma,
            config.lam,
        )
        values = torch.stack(terms).tolist()
        if not math.isfinite(values[0]):
            raise FloatingPointError(
                f"the loss is {values[0]} at epoch {self.epoch + 1}, step {self.step + 1}; the "
                f"weights are those before it. A smaller learning_rate than "
                f"{config.learning_rate:g} may help"
            )
        self._optimizer.zero_grad()
        self.fabric.backward(terms.total)
        self._optimizer.step()
        return dict(zip(terms._fields, values, strict=True))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything needed to go on, as tensors and JSON."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        for index, entries in self.optimizer.state_dict()["state"].items():
            for key, value in entries.items():
                if value is not None:
                    tensors[f"optimizer.{index}.{key}"] = value
        position = {"epoch": self.epoch, "batch": self.batch, "step": self.step}
        return tensors, {**position, "precision": self.fabric.strategy.precision.state_dict()}

    def load_state(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        weights = {}
        entries: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, _, key = name.partition(".")
            if kind == "network":
                weights[key] = value
            else:
                index, _, key = key.partition(".")
                entries.setdefault(int(index), {})[key] = value
        self.network.load_state_dict(weights)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": entries, "param_groups": groups})
        self.epoch, self.batch, self.step = (metadata[k] for k in ("epoch", "batch", "step"))
        if metadata["precision"]:
            self.fabric.strategy.precision.load_state_dict(metadata["precision"])


class _RunFolder:
    """A run's folder while it is being trained; the first process alone writes."""

    def __init__(self, folder: Path, run: _Run) -> None:
        self._folder, self._run = folder, run
        self._writes = run.fabric.global_rank == 0
        self._lock = filelock.FileLock(folder / "run.lock")
        self._saved_step = -1
        self._saved_at = time.monotonic()

    def __enter__(self) -> _RunFolder:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._writes:
            try:
                self._lock.acquire(blocking=False)
            except filelock.Timeout:
                raise BlockingIOError(f"another process trains in {self._folder}") from None
        try:
            self._take_up()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _take_up(self) -> None:
        run = self._run
        config = {
            "training": dataclasses.asdict(run.config),
            "network": run.network.settings,
            "data": _digest(run.distribution, run.data),
        }
        path = self._folder / "config.json"
        checkpoint = self._folder / "checkpoint.safetensors"
        if path.exists():
            _check_same(self._folder, store.load_json(path), config)
        if checkpoint.exists():
            run.load_state(*store.load_tensors(checkpoint))
            self._saved_step = run.step
        if self._writes:
            store.save_json(path, config)
            metrics = self._folder / "metrics.jsonl"
            _keep_until(metrics, run.step)
            self._metrics = metrics.open("a", encoding="utf-8")

    def write(self, step: TrainingStep) -> None:
        if not self._writes:
            return
        line = {k: v for k, v in dataclasses.asdict(step).items() if v is not None}
        self._metrics.write(json.dumps(line) + "\n")
        self._metrics.flush()
        if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
            self._save()

    def finish(self) -> None:
        if self._writes:
            self._save()
            weights = self._run.network.state_dict()
            settings = self._run.network.settings
            store.save_tensors(self._folder / "weights.safetensors", weights, settings)

    def _save(self) -> None:
        # Weights that diverged never take the place of the last good ones.
        sound = all(bool(p.isfinite().all()) for p in self._run.network.parameters())
        if self._writes and sound and self._run.step != self._saved_step:
            store.save_tensors(self._folder / "checkpoint.safetensors", *self._run.state())
            self._saved_step = self._run.step
        self._saved_at = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        if self._writes:
            try:
                self._save()
            finally:
                self._metrics.close()
                self._lock.release()


def _single_device(network: HashNetwork, config: TrainingConfig) -> Fabric:
    device = resolve_device(config.device)
    precision: str = config.precision
    if precision == "auto":
        mixed = network.on_pixels and device.type == "cuda"
        mixed_precision = "bf16-mixed" if mixed and torch.cuda.is_bf16_supported() else "16-mixed"
        precision = mixed_precision if mixed else "32-true"
    devices: Any = 1 if device.index is None else [device.index]
    return Fabric(accelerator=device.type, devices=devices, precision=precision)  # type: ignore[arg-type]


def _seed(*parts: int) -> int:
    """One seed of several numbers, well apart for neighbours."""
    text = ",".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "little")


def _digest(distribution: Tensor, data: Tensor | Sequence[Image.Image]) -> str:
    total = hashlib.sha256(distribution.cpu().numpy().tobytes())
    if isinstance(data, Tensor):
        total.update(data.cpu().numpy().tobytes())
    return total.hexdigest()[:20]


def _check_same(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    was, wanted = before.get("training", {}), now["training"]
    changes = [
        f"{key} {was.get(key)!r} -> {value!r}"
        for key, value in wanted.items()
        if key not in _FREE and was.get(key) != value
    ]
    changes += [
        f"{part} {before.get(part)!r} -> {now[part]!r}"
        for part in ("network", "data")
        if before.get(part) != now[part]
    ]
    if changes:
        raise ValueError(
            f"{folder} holds a run of other settings ({'; '.join(changes)}): take another folder"
        )


def _keep_until(metrics: Path, step: int) -> None:
    """Drop the lines after the checkpoint, and a line that was cut short."""
    if not metrics.exists():
        return
    kept = []
    for line in metrics.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] > step:
                break
        except (json.JSONDecodeError, KeyError, TypeError):
            break
        kept.append(line + "\n")
    with store.replacing(metrics) as file:
        file.write("".join(kept).encode())
