"""Batch normalization of all processes, of one process here; two are in test_training_on_pixels."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from uhscm_core.support.batch_norm import GatheredBatchNorm


def of_one_process(tensor):
    return tensor[None]


def normalized(layer, x, gathered):
    """The output, the gradients and the running statistics of one pass."""
    x = x.clone().requires_grad_()
    weights = torch.linspace(1, 2, x.numel()).view(x.shape)
    if gathered:
        with GatheredBatchNorm(of_one_process):
            y = layer(x)
    else:
        y = layer(x)
    (y * weights).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters()), *layer.buffers()]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.BatchNorm1d(3), (6, 3)),
        (lambda: nn.BatchNorm2d(3, eps=0.1, momentum=0.3), (4, 3, 5, 2)),
        (lambda: nn.BatchNorm2d(3, affine=False), (4, 3, 5, 2)),
        (lambda: nn.BatchNorm2d(3, track_running_stats=False), (4, 3, 5, 2)),
        (lambda: timm.layers.BatchNormAct2d(3), (4, 3, 5, 2)),
    ],
)
def test_one_process_normalizes_as_torch_does(layer, shape):
    x = 3 + 2 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for found, expected in zip(
        normalized(layer(), x, True), normalized(layer(), x, False), strict=True
    ):
        assert torch.allclose(found.float(), expected.float(), atol=1e-4)


def test_statistics_of_a_lower_precision_are_taken_in_32_bits():
    x = (100 + torch.randn(64, 2, generator=torch.Generator().manual_seed(0))).bfloat16()
    layer = nn.BatchNorm1d(2)
    with GatheredBatchNorm(of_one_process):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    assert y.float().mean(0).tolist() == pytest.approx([0.0, 0.0], abs=0.02)
    assert y.float().std(0).tolist() == pytest.approx([1.0, 1.0], abs=0.02)


def test_evaluation_reads_the_running_statistics():
    layer = nn.BatchNorm1d(3).eval()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    with GatheredBatchNorm(lambda _: pytest.fail("gathered")):
        found = layer(x)
    assert torch.equal(found, layer(x))
