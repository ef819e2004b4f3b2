"""Fine-tuning a backbone on pixels: several processes, mixed precision, a full device."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from benchmarks.gpu import no_memory
from uhscm_core import (
    HashNetwork,
    TrainingConfig,
    mine_concepts,
    semantic_similarity,
    train,
    uhscm_loss,
)
from uhscm_core import training as training_module
from uhscm_core.datasets import ArrayImages

N, B, L = 24, 12, 8
CONFIG = TrainingConfig(
    recipe="uhscm",
    epochs=2,
    batch_size=B,
    optimizer="sgd",
    momentum=0.0,
    learning_rate=0.05,
    weight_decay=0.0,
    backbone_share=1.0,
    device="cpu",
    workers=0,
)
# Layer normalization, and batch normalization in torch's own layers and in timm's.
BACKBONES = ("test_vit2", "test_resnet", "test_efficientnet")


def images():
    pixels = np.random.default_rng(3).integers(0, 256, (N, 24, 24, 3), dtype=np.uint8)
    return ArrayImages(pixels)


def mined():
    """Eight concepts, each of three images, in float64."""
    found = mine_concepts(torch.eye(8).repeat(N // 8, 1), torch.eye(8), min_share=0.0)
    return dataclasses.replace(found, distribution=found.distribution.double())


def fresh(backbone):
    net = HashNetwork(L, backbone, pretrained=False).double()
    # Off the start, where some layers are 0, so that rectified values sit where they have no slope.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += 0.1 * noise
    return net


def gradients(net):
    return {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


def trained(backbone, **how):
    """Train for all steps: the network, its gradients after the first step, all totals."""
    net = fresh(backbone)
    steps = train(net, images(), mined(), CONFIG, **how)
    totals = [next(steps).total]
    first = gradients(net)
    totals += [step.total for step in steps]
    return {"weights": net.state_dict(), "gradients": first, "totals": totals}


@pytest.fixture(scope="module")
def by_two(tmp_path_factory):
    """What two processes computed, for each backbone."""
    folder = tmp_path_factory.mktemp("two processes")
    script = folder / "two.py"
    script.write_text(
        textwrap.dedent(f"""
            import importlib.util
            import torch
            from lightning_fabric import Fabric

            spec = importlib.util.spec_from_file_location("on_pixels", {__file__!r})
            on_pixels = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(on_pixels)

            def work(fabric):
                for backbone in on_pixels.BACKBONES:
                    found = on_pixels.trained(backbone, fabric=fabric)
                    torch.save(found, f"{folder}/{{backbone}}.{{fabric.global_rank}}.pt")

            if __name__ == "__main__":
                Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(work)
        """)
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {
        name: [torch.load(folder / f"{name}.{rank}.pt", weights_only=True) for rank in (0, 1)]
        for name in BACKBONES
    }


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-9, atol=1e-11), name


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_two_processes_train_as_one_does(by_two, backbone):
    one = trained(backbone)
    for found in by_two[backbone]:
        assert found["totals"] == pytest.approx(one["totals"], abs=1e-11)
        assert_close(found["gradients"], one["gradients"])
        assert_close(found["weights"], one["weights"])


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_gradient_of_two_processes_is_the_slope_of_the_objective(by_two, backbone, monkeypatch):
    batches = []
    original = training_module._Training._train_on

    def spy(self, rows, inputs):
        batches.append((rows, inputs))
        return original(self, rows, inputs)

    monkeypatch.setattr(training_module._Training, "_train_on", spy)
    next(train(fresh(backbone), images(), mined(), CONFIG))
    ((rows, pixels),) = batches
    similarity = semantic_similarity(mined().distribution[rows])
    generator = torch.Generator().manual_seed(0)
    net = fresh(backbone).train()
    directions = {
        name: torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        for name, parameter in net.named_parameters()
    }

    @torch.no_grad()
    def objective(step):
        moved = fresh(backbone).train()
        for name, parameter in moved.named_parameters():
            parameter += step * directions[name]
        return uhscm_loss(moved(pixels), similarity).total

    h = 1e-9
    slope = (objective(h) - objective(-h)) / (2 * h)
    found = by_two[backbone][0]["gradients"]
    along = sum((found[name] * direction).sum() for name, direction in directions.items())
    assert abs(slope) > 0.01
    # A rectified value that changes its sign within this step has no one slope.
    assert along.item() == pytest.approx(slope.item(), rel=1e-3)


# Mixed precision.


def steps_in(precision, device="cpu", **how):
    config = dataclasses.replace(CONFIG, precision=precision, device=device, learning_rate=0.01)
    net = HashNetwork(L, "test_efficientnet", pretrained=False)
    return net, list(train(net, images(), mined(), config, **how))


@pytest.fixture
def dtypes(monkeypatch):
    """The precisions in which the first convolution of a backbone computed, in order."""
    seen = []
    original = HashNetwork.forward

    def spy(self, x, mixed=False):
        stem = next(m for m in self.backbone.modules() if isinstance(m, torch.nn.Conv2d))
        hook = stem.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
        try:
            return original(self, x, mixed)
        finally:
            hook.remove()

    monkeypatch.setattr(HashNetwork, "forward", spy)
    return seen


def assert_mixed_as_full(device, precision, half, dtypes):
    expected = steps_in("32-true", device)[1]
    assert set(dtypes) == {torch.float32}
    dtypes.clear()
    net, steps = steps_in(precision, device)
    assert dtypes[: len(steps)] == [half] * len(steps)
    assert steps[0].total != expected[0].total
    assert steps[-1].total < steps[0].total
    assert steps[0].total == pytest.approx(expected[0].total, rel=0.01)
    assert all(p.dtype == torch.float32 for p in net.parameters())  # the weights stay whole
    assert net.outputs(images()).dtype == torch.float32  # and codes are computed with them so
    assert dtypes[-1] == torch.float32


def test_mixed_precision_computes_in_bfloat16_and_keeps_weights_in_32_bits(dtypes):
    assert_mixed_as_full("cpu", "bf16-mixed", torch.bfloat16, dtypes)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize(
    ("precision", "half"), [("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)]
)
def test_mixed_precision_on_a_gpu(dtypes, precision, half):
    assert_mixed_as_full("cuda", precision, half, dtypes)


def test_a_run_in_mixed_precision_resumes_exactly(tmp_path):
    whole, expected = steps_in("bf16-mixed")
    config = dataclasses.replace(CONFIG, precision="bf16-mixed", learning_rate=0.01)
    net = HashNetwork(L, "test_efficientnet", pretrained=False)
    run = train(net, images(), mined(), config, folder=tmp_path)
    first = next(run)
    run.close()
    resumed, rest = steps_in("bf16-mixed", folder=tmp_path)
    assert [s.total for s in (first, *rest)] == [s.total for s in expected]
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


# Processes that read the images.


class Noted(ArrayImages):
    """Images that note which process read them."""

    def __init__(self, pixels, file):
        super().__init__(pixels)
        self._file = file

    def __getitem__(self, index):
        with self._file.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_read_images_start_once_for_all_epochs(workers, tmp_path):
    file = tmp_path / "processes"
    pixels = np.zeros((N, 24, 24, 3), dtype=np.uint8)
    config = dataclasses.replace(CONFIG, epochs=4, workers=workers)
    net = HashNetwork(L, "test_resnet", pretrained=False)
    run = train(net, Noted(pixels, file), mined(), config)
    epochs = [step.epoch for step in itertools.islice(run, 7)]
    run.close()
    assert epochs == [1, 1, 2, 2, 3, 3, 4]
    readers = set(file.read_text().split())
    assert len(readers - {str(os.getpid())}) == workers  # the check of types looks at an image too


def test_a_run_that_is_closed_leaves_no_process_behind():
    before = multiprocessing.active_children()
    config = dataclasses.replace(CONFIG, workers=2)
    run = train(HashNetwork(L, "test_resnet", pretrained=False), images(), mined(), config)
    next(run)
    assert len(multiprocessing.active_children()) == len(before) + 2
    run.close()
    assert multiprocessing.active_children() == before


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 4, 5])
def test_a_run_resumes_in_any_epoch_whatever_reads_its_images(stopped_after, tmp_path):
    config = dataclasses.replace(CONFIG, epochs=3, momentum=0.9)
    whole, steps = on_disk(config, tmp_path / "whole")
    expected = [step.total for step in steps]
    assert len(expected) == 6

    readers = dataclasses.replace(config, workers=2)
    _, run = on_disk(readers, tmp_path / "run")
    totals = [step.total for step in itertools.islice(run, stopped_after)]
    run.close()
    resumed, run = on_disk(readers, tmp_path / "run")
    totals += [step.total for step in run]
    assert totals == expected
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


# A full device.


@pytest.fixture
def room_for(monkeypatch):
    """Pretend that the device has memory for batches of at most so many images."""

    def limit(images):
        def forward(self, x, mixed=False):
            if self.training and len(x) > images:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return original(self, x, mixed)

        monkeypatch.setattr(HashNetwork, "forward", forward)

    original = HashNetwork.forward
    return limit


def on_disk(config, folder):
    net = HashNetwork(L, "test_resnet", pretrained=False)
    return net, train(net, images(), mined(), config, folder=folder)


def test_a_run_that_met_a_full_device_resumes_exactly_once_there_is_room(tmp_path, room_for):
    config = dataclasses.replace(CONFIG, momentum=0.9)
    whole, steps = on_disk(config, tmp_path / "whole")
    expected = [step.total for step in steps]

    _, run = on_disk(config, tmp_path / "run")
    totals = [next(run).total]
    room_for(B - 1)
    message = f"cpu has no memory for a batch of {B}; reduce batch_size .not reduced automatically"
    with pytest.raises(MemoryError, match=message):
        next(run)
    room_for(B)
    resumed, run = on_disk(config, tmp_path / "run")
    totals += [step.total for step in run]
    assert totals == expected
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_smaller_batch_after_a_full_device_is_another_run(tmp_path, room_for):
    room_for(B // 2)
    with pytest.raises(MemoryError):
        list(on_disk(CONFIG, tmp_path / "run")[1])
    smaller = dataclasses.replace(CONFIG, batch_size=B // 2)
    with pytest.raises(ValueError, match=f"batch_size {B} -> {B // 2}.; use another folder"):
        list(on_disk(smaller, tmp_path / "run")[1])
    assert len(list(on_disk(smaller, tmp_path / "other")[1])) == 2 * N // (B // 2)


def test_a_device_without_memory_for_the_pixels_of_a_batch_says_so_too(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")
        yield

    monkeypatch.setattr(training_module._Training, "_inputs", full)
    net = HashNetwork(L, "test_resnet", pretrained=False)
    with pytest.raises(MemoryError, match="reduce batch_size"):
        next(train(net, images(), mined(), CONFIG))


def test_a_device_without_memory_for_the_network_says_so(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Fabric, "setup", full)
    net = HashNetwork(L, "test_resnet", pretrained=False)
    with pytest.raises(MemoryError, match="cpu has no memory for the network"):
        train(net, images(), mined(), CONFIG)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_full_gpu_says_which_setting_to_reduce():
    config = dataclasses.replace(CONFIG, device="cuda")
    run = train(HashNetwork(L, "test_resnet", pretrained=False), images(), mined(), config)
    next(run)
    with no_memory("cuda"), pytest.raises(MemoryError, match=f"no memory for a batch of {B}"):
        next(run)
