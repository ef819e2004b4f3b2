r"""What the peers share: two views of a feature, one loop of training, and codes afterwards.

The publications make two views of an image by augmenting it twice. Views of frozen features are
those of augmented copies of the image (`uhscm_core.peers.augmenting`), or features with noise:

.. math:: x' = m \odot (x + \sigma \varepsilon \odot s) / 0.9

with s (D,) the standard deviations over the training images, :math:`\varepsilon` standard normal
and m dropping a tenth of the numbers. Networks read features minus the mean of the training images,
divided by one constant so that their variance is 1 in the mean: features have a large common part,
which would make all outputs nearly equal at the start.

Every number is drawn from the seed, and the global random state is left alone. The same seed and
number of threads give the same codes; more threads round sums otherwise, and a training makes more
of that. The batches of an epoch are as even as they can be, because one image has nothing to be
compared to.

Symbols: N training images, C augmented copies of each, D embedding width, B batch, L code length in
bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from uhscm_core.codes import TooManyBitsError
from uhscm_core.support.progress import progress_bar
from uhscm_core.support.seeding import seeded

__all__ = ["HIDDEN", "Inputs", "Schedule", "codes_by", "fit_network", "made_from"]

HIDDEN = 512  # units of a hidden layer
_DROPPED = 0.1  # share of the numbers of a view
_ROWS = 8192  # at a time
_ROUNDING = 8 * float(np.finfo(np.float32).eps)  # of a number, relative to the largest of them

Project = Callable[[np.ndarray], np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        rate: the highest learning rate.
        batch: B, at most.
        warm_up: epochs in which the rate rises to `rate`.
        falls: whether the rate falls to 0 as a cosine afterwards.
        decay: of the weights, as AdamW has it.
    """

    epochs: int
    rate: float = 1e-3
    batch: int = 256
    warm_up: int = 0
    falls: bool = False
    decay: float = 0.0

    def rate_at(self, progress: float) -> float:
        """Return the learning rate after so many epochs, which may be a fraction."""
        if progress < self.warm_up:
            return self.rate * progress / self.warm_up
        if not self.falls:
            return self.rate
        done = (progress - self.warm_up) / (self.epochs - self.warm_up)
        return self.rate * (1 + math.cos(math.pi * done)) / 2


class Inputs:
    """The training images as a network reads them.

    Args:
        x: (N, D) features.
        copies: (C, N, D) features of augmented copies, of which views are taken; None for views
            with noise.

    Raises:
        TooManyBitsError: all rows are equal.
    """

    def __init__(self, x: np.ndarray, copies: np.ndarray | None = None) -> None:
        self.mean = x.mean(0, dtype=np.float64)
        spread = (x - self.mean).std(0, dtype=np.float64)
        if not len(x) or spread.max() <= _ROUNDING * np.abs(x).max():
            raise TooManyBitsError(
                f"x: {len(x)} rows that are all equal have nothing that tells them apart"
            )
        self.scale = float(np.sqrt(np.square(spread).mean()))
        self.rows = self.read(x)  # (N, D)
        self._spread = torch.from_numpy(spread / self.scale).float()
        self._copies = None if copies is None else self.read(copies)  # (C, N, D)

    def read(self, x: np.ndarray) -> Tensor:
        """Return (..., D) features as the network reads them."""
        return torch.from_numpy(((x - self.mean) / self.scale).astype(np.float32))

    def view(self, rows: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """Return a random view (B, D) of some training images.

        Args:
            rows: (B,) their positions.
            noise: σ, as a share of each number's standard deviation; of no use with copies.
            generator: draws the view.
        """
        if self._copies is not None:
            return self._copies[_drawn(self._copies, rows, generator), rows]
        x = self.rows[rows]
        x = x + noise * self._spread * torch.randn(x.shape, generator=generator)
        kept = torch.rand(x.shape, generator=generator) >= _DROPPED
        return x * kept / (1 - _DROPPED)

    def two_views(
        self, rows: Tensor, noise: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return two random views (B, D); with copies, they are of two different ones.

        Args: as `view`.
        """
        if self._copies is None:
            return self.view(rows, noise, generator), self.view(rows, noise, generator)
        first = _drawn(self._copies, rows, generator)
        further = torch.randint(1, len(self._copies), rows.shape, generator=generator)
        second = (first + further) % len(self._copies)
        return self._copies[first, rows], self._copies[second, rows]


def _drawn(copies: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Return the number of a random copy for each of (B,) rows."""
    return torch.randint(len(copies), rows.shape, generator=generator)


def made_from(seed: int, make: Callable[[], T]) -> T:
    """Return the networks that `make` makes, with first weights that are drawn from the seed."""
    with seeded(seed):
        return make()


def fit_network(
    network: nn.Module,
    n: int,
    loss: Callable[[Tensor, torch.Generator], Tensor],
    schedule: Schedule,
    seed: int,
) -> None:
    """Train a network in place; its batches can be heard, see `report_progress_to`.

    Args:
        network: whose parameters are trained.
        n: N.
        loss: takes the positions (B,) of a batch and what draws their views.
        schedule: how.
        seed: of the order of images and of their views.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=schedule.decay)
    batches = -(-n // schedule.batch)
    network.train()
    with progress_bar("training in batches", schedule.epochs * batches, shown=False) as bar:
        for epoch in range(schedule.epochs):
            order = torch.randperm(n, generator=generator)
            for place, rows in enumerate(torch.tensor_split(order, batches)):
                for group in optimizer.param_groups:
                    group["lr"] = schedule.rate_at(epoch + place / batches)
                optimizer.zero_grad()
                loss(rows, generator).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                bar.update()
    network.eval()


def codes_by(network: nn.Module, inputs: Inputs) -> Project:
    """Return what maps (m, D) features to the (m, L) outputs of a network."""

    @torch.inference_mode()
    def project(rows: np.ndarray) -> np.ndarray:
        starts = range(0, max(len(rows), 1), _ROWS)
        parts = [network(inputs.read(rows[start : start + _ROWS])) for start in starts]
        return np.asarray(torch.cat(parts).numpy())

    return project
