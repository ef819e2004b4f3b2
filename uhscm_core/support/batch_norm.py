r"""Batch normalization over the images of several processes, as one process would compute it.

A backbone with batch normalization reads a batch's mean and variance, so that processes that each
use those of their own share would train another network than one process does. With W processes of
equally many values, per channel:

.. math::
    \mu = \tfrac{1}{W} \sum_w \mu_w, \qquad
    \sigma^2 = \tfrac{1}{W} \sum_w \left( \sigma_w^2 + (\mu_w - \mu)^2 \right)

Both are gathered with gradients. `torch.nn.SyncBatchNorm` does the same on a GPU only, and layers
would have to be exchanged for it, timm's for others than torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["GatheredBatchNorm"]


class GatheredBatchNorm(TorchFunctionMode):
    """A block in which every batch normalization that trains uses the images of all processes.

    Args:
        gather: returns a tensor of each process, stacked in a new first dimension, with gradients.
            All processes have equally many images and enter the block together.
    """

    def __init__(self, gather: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._gather = gather

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            running = (running_mean, running_var)
            return functional.batch_norm(x, *running, weight, bias, False, momentum, eps)
        axes = [0, *range(2, x.ndim)]
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        own = torch.stack([values.mean(axes), values.var(axes, correction=0)])  # (2, C)
        gathered = self._gather(own)  # (W, 2, C)
        means, variances = gathered.unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        count = len(gathered) * (x.numel() // x.shape[1])
        with torch.no_grad():
            if running_mean is not None:
                running_mean.lerp_(mean.to(running_mean), momentum)
            if running_var is not None:
                unbiased = variance * (count / max(count - 1, 1))
                running_var.lerp_(unbiased.to(running_var), momentum)
        shape = (1, -1, *[1] * (x.ndim - 2))
        scale = (variance + eps).rsqrt()
        if weight is not None:
            scale = scale * weight
        normalized = (values - mean.view(shape)) * scale.view(shape)
        if bias is not None:
            normalized = normalized + bias.view(shape)
        return normalized.to(x.dtype)
