r"""Train the hash network, one batch at a time.

Each step draws a batch of B images, takes their similarities S from their concept distributions
(`semantic_similarity`), and moves the network's weights down the gradient of the objective
(`uhscm_loss`; `mixed_loss` for the recipes that mix features with concepts):

.. math:: \theta \leftarrow \theta - \eta \, \nabla_\theta \mathcal{L}(z_\theta(x_B), S_B)

`train` is a generator of these steps: to pause, ask for no more of them; to stop, close it. A run
that has a folder (`uhscm_core.runs`) resumes there exactly as if it had never been interrupted. No
state of a random number generator needs to be saved for this: the order of an epoch depends on
(seed, epoch), dropout on (seed, step), an image's augmentation on (seed, epoch, image).

The objective compares pairs of images, so several processes gather their outputs with gradients,
and each computes the loss of the whole batch. They gather what batch normalization reads too. The
result equals that of one process, unless the backbone has dropout: each draws its own.

Symbols: N training images, K kept concepts, B batch, L code length in bits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from uhscm_core.codes import pack_codes
from uhscm_core.health import CODES, CODES_OF_PIXELS, collapse_of, spread
from uhscm_core.mining import MinedConcepts, semantic_similarity
from uhscm_core.network import HashNetwork, PixelDataset
from uhscm_core.objective import LossTerms, MixedLossTerms, mixed_loss, uhscm_loss
from uhscm_core.recipe import CompleteConfig, TrainingConfig, TrainingStep
from uhscm_core.runs import Checkpoint, RunWriter
from uhscm_core.support.batch_norm import GatheredBatchNorm
from uhscm_core.support.checks import function, instance
from uhscm_core.support.devices import resolve_device
from uhscm_core.support.paths import as_path
from uhscm_core.support.processes import reading_in
from uhscm_core.support.seeding import seeded

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingConfig", "TrainingStep", "train"]

_log = logging.getLogger(__name__)


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
    """Train `network` in place, one step each time you ask for one.

    Args:
        network: the network to train; at any point it holds the weights reached so far.
        data: the N training images: (N, D) features, or images for a backbone on pixels.
        mined: what was mined from the same N images; a batch's similarity is computed from its
            rows of ``mined.distribution``.
        config: None for the defaults. A network that no recipe made (`HashNetwork.for_recipe`) is
            trained as "uhscm" where "adaptive" is asked for.
        folder: keep the run here, and resume the run that is already there.
        validate: called after every ``config.validate_every`` epochs and after the last.
        fabric: of several launched processes, each of which calls `train`; None for one device.

    Yields:
        One `TrainingStep` per batch. A finished run yields nothing. At the end of a run whose
        images have too few different codes, that is logged, with what would help.

    Raises:
        TypeError, ValueError: data that the network does not read, or not as many images as were
            mined; a folder that contains a run with different settings or data.
        BlockingIOError: another process is training in this folder.
        FloatingPointError: the loss is not finite; the weights are those before that step.
        MemoryError: the device has no memory for the network, or for a batch.
    """
    instance("network", network, HashNetwork, "such as HashNetwork(64, in_features=512)")
    instance("mined", mined, MinedConcepts, "from mine_concepts")
    config = TrainingConfig() if config is None else config
    instance("config", config, TrainingConfig, "such as TrainingConfig(epochs=10)")
    config = _of_network(network, config)
    run_folder = None if folder is None else as_path("folder", folder)
    if validate is not None:
        function("validate", validate)
    if fabric is not None:
        from lightning_fabric import Fabric

        instance("fabric", fabric, Fabric, "of lightning_fabric")
    network.check_data(data)
    if len(data) != len(mined.distribution):
        raise ValueError(
            f"data: {len(data)} training images but the concepts were mined from "
            f"{len(mined.distribution)}; pass the images they were mined from"
        )
    if fabric is None:
        fabric = _single_device(network, config)
    training = _Training(network, data, mined, config.complete(), fabric)
    return _steps(training, run_folder, validate)


def _steps(
    training: _Training,
    folder: Path | None,
    validate: Callable[[HashNetwork], Mapping[str, float]] | None,
) -> Generator[TrainingStep, None, None]:
    config = training.config
    with contextlib.ExitStack() as stack:
        writer = None if folder is None else stack.enter_context(training.writer(folder))
        if writer is not None and writer.restored is not None:
            training.restore(writer.restored)
        clock = time.perf_counter()
        for epoch, terms, images in training.steps():
            due = training.epoch == epoch and (epoch % config.validate_every == 0 or training.done)
            metrics = dict(validate(training.network)) if validate and due else None
            rate = images / max(time.perf_counter() - clock, 1e-9)
            place: dict[str, Any] = {"epoch": epoch, "step": training.step, "contrastive": None}
            step = TrainingStep(**{**place, **terms}, images_per_second=rate, metrics=metrics)
            if writer is not None:
                writer.write(step)
            yield step
            clock = time.perf_counter()
        if writer is not None:
            writer.finish()
    training.say_if_collapsed()


class _Training:
    """A network, its optimizer and its position: what a checkpoint holds, and how it advances."""

    def __init__(
        self,
        network: HashNetwork,
        data: Tensor | Sequence[Image.Image],
        mined: MinedConcepts,
        config: CompleteConfig,
        fabric: Fabric,
    ) -> None:
        self.network, self.config, self.fabric = network, config, fabric
        if config.center and isinstance(data, Tensor):
            network.center_on(data)
        groups = network.parameter_groups(config.learning_rate, config.backbone_share)
        self.optimizer: torch.optim.Optimizer
        if config.optimizer == "adam":
            self.optimizer = torch.optim.Adam(groups, weight_decay=config.weight_decay)
        else:
            self.optimizer = torch.optim.SGD(
                groups, momentum=config.momentum, weight_decay=config.weight_decay
            )
        self._rates = [group["lr"] for group in groups]
        self.data = data
        try:
            self._model, self._optimizer = fabric.setup(network, self.optimizer)
            self.distribution = mined.distribution.to(fabric.device)  # (N, K)
            if isinstance(data, Tensor):
                self.data = data.to(fabric.device, next(network.parameters()).dtype)
        except torch.OutOfMemoryError as error:
            raise MemoryError(
                f"{fabric.device} has no memory for the network and what it trains on; end other "
                f"programs that use it, or train with device='cpu'"
            ) from error
        self.epoch = 0  # epochs done
        self.batch = 0  # batches done of the current epoch
        self.step = 0  # batches done in all

    @property
    def done(self) -> bool:
        return self.epoch >= self.config.epochs

    def steps(self) -> Iterator[tuple[int, dict[str, float], int]]:
        """Train on what is left; yields each step's epoch, loss terms and number of images."""
        left, read = itertools.tee(self._left())  # what reads the images runs ahead
        inputs = self._inputs(read)
        for epoch, rows, last in left:
            try:
                terms = self._train_on(rows, next(inputs))
            except torch.OutOfMemoryError as error:
                raise MemoryError(
                    f"{self.fabric.device} has no memory for a batch of {self.config.batch_size}; "
                    f"reduce batch_size (not reduced automatically because the objective is over "
                    f"the pairs of a batch)"
                ) from error
            self.step += 1
            self.batch += 1
            if last:
                self.epoch, self.batch = epoch, 0
            yield epoch, terms, len(rows)

    def _left(self) -> Iterator[tuple[int, Tensor, bool]]:
        """Yield each batch that is left: its epoch, its rows, whether it is the epoch's last."""
        done = self.batch
        for epoch in range(self.epoch + 1, self.config.epochs + 1):
            batches = self._batches(epoch)
            for number in range(done, len(batches)):
                yield epoch, batches[number], number + 1 == len(batches)
            done = 0

    def _batches(self, epoch: int) -> list[Tensor]:
        """Return the rows of each batch of an epoch, over all processes."""
        world = self.fabric.world_size
        generator = torch.Generator().manual_seed(_seed(self.config.seed, epoch - 1))
        order = torch.randperm(len(self.distribution), generator=generator)
        if self.config.mixes:  # as even as they can be, as one image has nothing to be compared to
            count = -(-len(order) // self.config.batch_size)
            parts = torch.tensor_split(order, count)
        else:
            parts = torch.split(order, self.config.batch_size)
        batches = [
            # Processes take turns through a batch; what cannot be shared evenly is left out.
            rows[: len(rows) // world * world]
            for rows in parts
            if len(rows) >= world
        ]
        if not batches:
            images = min(len(order), self.config.batch_size)
            raise ValueError(
                f"{world} processes cannot share a batch of {images} images; use at most {images}"
            )
        return batches

    def _inputs(self, batches: Iterator[tuple[int, Tensor, bool]]) -> Iterator[Tensor]:
        """Yield this process's share of each batch, as the network's input."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        shares = ((epoch, rows[rank::world]) for epoch, rows, _ in batches)
        if isinstance(self.data, Tensor):
            for _, rows in shares:
                yield self.data[rows.to(self.data.device)]
            return
        # One loader for all epochs: its processes start once, and read the first images of the next
        # epoch while the network still learns from the last ones of this.
        loader = DataLoader(
            PixelDataset(self.data, self.network.transform(augment=True)),
            batch_sampler=(
                [(i, _seed(self.config.seed, epoch - 1, i)) for i in rows.tolist()]
                for epoch, rows in shares
            ),
            **reading_in(self.config.workers),
            pin_memory=self.fabric.device.type == "cuda",
        )
        dtype = next(self.network.parameters()).dtype
        yield from (pixels.to(self.fabric.device, dtype, non_blocking=True) for pixels in loader)

    def _train_on(self, rows: Tensor, inputs: Tensor) -> dict[str, float]:
        """Take one step on a batch; returns the terms of the loss before it."""
        config = self.config
        if self.network.mixture is not None:
            inputs = self.network.mixture(inputs)  # (B / world, V)
        outputs, rows = self._outputs(rows, inputs)  # (B, L), (B,)
        terms = self._loss(outputs, rows.to(self.fabric.device), inputs)
        values = torch.stack(terms).tolist()
        if not math.isfinite(values[0]):
            raise FloatingPointError(
                f"the loss is {values[0]} at epoch {self.epoch + 1}, step {self.step + 1}; the "
                f"weights from before this step are kept. Try a smaller learning_rate than "
                f"{config.learning_rate:g}"
            )
        self._set_rates()
        self._optimizer.zero_grad()
        self.fabric.backward(terms.total)
        self._optimizer.step()
        return dict(zip(terms._fields, values, strict=True))

    def _loss(self, outputs: Tensor, rows: Tensor, inputs: Tensor) -> LossTerms | MixedLossTerms:
        config, mixture = self.config, self.network.mixture
        if mixture is not None and isinstance(self.data, Tensor):
            whole = self.fabric.world_size == 1
            return mixed_loss(
                outputs,
                inputs if whole else mixture(self.data[rows]),  # (B, V)
                config.similarity_weight,
                config.beta,
                config.balance,
                config.independence,
            )
        return uhscm_loss(
            outputs,
            semantic_similarity(self.distribution[rows]),  # (B, B)
            config.alpha,
            config.beta,
            config.gamma,
            config.lam,
            config.similarity_weight,
        )

    def _set_rates(self) -> None:
        """Let the rates of a mixing network fall to 0 as a cosine."""
        if not self.config.mixes:
            return
        steps = self.config.epochs * -(-len(self.distribution) // self.config.batch_size)
        factor = (1 + math.cos(math.pi * self.step / steps)) / 2
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def _outputs(self, rows: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs for a whole batch, gathered from all processes, and their rows."""
        world = self.fabric.world_size
        self.network.train()  # the caller may have set eval() to look at it between two steps
        devices = [self.fabric.device] if self.fabric.device.type == "cuda" else []
        with contextlib.ExitStack() as stack:
            seed = _seed(self.config.seed, self.step, self.fabric.global_rank)
            stack.enter_context(seeded(seed, devices))
            if world > 1:
                stack.enter_context(GatheredBatchNorm(self._gather))
            outputs = self._model(inputs, mixed=self.network.mixture is not None)  # (B / world, L)
        if world == 1:
            return outputs, rows
        rows = torch.cat([rows[rank::world] for rank in range(world)])
        return self._gather(outputs).flatten(0, 1), rows

    def _gather(self, tensor: Tensor) -> Tensor:
        """Return the tensors of all processes, (world, ...), with gradients."""
        return cast(Tensor, self.fabric.all_gather(tensor, sync_grads=True))

    def say_if_collapsed(self) -> None:
        """Log that the images have too few different codes, and what would help."""
        config, network, data = self.config, self.network, self.data
        ids = spread(len(data), CODES_OF_PIXELS if network.on_pixels else CODES)
        if len(ids) < 2 or self.fabric.global_rank != 0:
            return
        rows = data[ids] if isinstance(data, Tensor) else [data[int(i)] for i in ids]
        distribution = self.distribution[torch.from_numpy(ids).to(self.distribution.device)]
        found = collapse_of(pack_codes(network.outputs(rows)), network.bits, distribution)
        if found is None:
            return
        default = TrainingConfig(recipe="adaptive" if config.mixes else "uhscm").complete()
        plain = isinstance(data, Tensor) and not config.mixes
        advice = ["centered features (center)"] if plain and not config.center else []
        advice += [
            f"a smaller {name} than {value:g}"
            for name in ("learning_rate", "beta")
            if (value := getattr(config, name)) > getattr(default, name)
        ]
        _log.warning(
            "the codes have collapsed after %d steps: %s; try %s",
            self.step,
            found[0],
            " or ".join(advice or ["more epochs"]),
        )

    def writer(self, folder: Path) -> RunWriter:
        """Return what writes this run to a folder; only the first process does."""
        identity = {
            "training": dataclasses.asdict(self.config),
            "network": self.network.settings,
            "data": _digest(self.distribution, self.data),
        }
        writes = self.fabric.global_rank == 0
        return RunWriter(folder, identity, self.checkpoint, writes=writes)

    def checkpoint(self) -> Checkpoint:
        """Return everything needed to continue from here."""
        position = {"epoch": self.epoch, "batch": self.batch, "step": self.step}
        precision = self.fabric.strategy.precision.state_dict()
        return Checkpoint(
            self.network.state_dict(),
            self.optimizer.state_dict()["state"],
            {**position, "precision": precision},
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint."""
        self.network.load_state_dict(checkpoint.weights)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": checkpoint.optimizer, "param_groups": groups})
        position = checkpoint.position
        self.epoch, self.batch, self.step = (position[k] for k in ("epoch", "batch", "step"))
        if position["precision"]:
            self.fabric.strategy.precision.load_state_dict(position["precision"])


def _of_network(network: HashNetwork, config: TrainingConfig) -> TrainingConfig:
    """Return the configuration with a recipe that the network was made for."""
    mixing = network.mixture is not None
    if mixing == config.mixes:
        return config
    if config.recipe == "adaptive":
        return dataclasses.replace(config, recipe="uhscm")
    made = "for a recipe that mixes features with concepts" if mixing else "for no such recipe"
    if network.on_pixels:
        raise ValueError(
            f"recipe: {config.recipe!r} mixes features with concepts, but a network on "
            f"{network.backbone_name} reads pixels; use recipe='uhscm' or 'paper', or a network on "
            f"features"
        )
    raise ValueError(
        f"recipe: {config.recipe!r} needs its own network, and this one was made {made}; make it "
        f"with HashNetwork.for_recipe, or use Study.train"
    )


def _single_device(network: HashNetwork, config: TrainingConfig) -> Fabric:
    from lightning_fabric import Fabric  # takes seconds: it imports what torch has for compiling

    device = resolve_device(config.device)
    precision: str = config.precision
    if precision == "auto":
        mixed = network.on_pixels and device.type == "cuda"
        mixed_precision = "bf16-mixed" if mixed and torch.cuda.is_bf16_supported() else "16-mixed"
        precision = mixed_precision if mixed else "32-true"
    devices: Any = 1 if device.index is None else [device.index]
    return Fabric(accelerator=device.type, devices=devices, precision=precision)  # type: ignore[arg-type]


def _seed(*parts: int) -> int:
    """Return one seed for several numbers; neighboring numbers give unrelated seeds."""
    text = ",".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "little")


def _digest(distribution: Tensor, data: Tensor | Sequence[Image.Image]) -> str:
    # Images are left out: hashing their pixels would mean reading all of them.
    total = hashlib.sha256(distribution.cpu().numpy().tobytes())
    if isinstance(data, Tensor):
        total.update(data.cpu().numpy().tobytes())
    return total.hexdigest()[:20]
