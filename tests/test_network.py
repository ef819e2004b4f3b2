from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from uhscm_core import HashNetwork
from uhscm_core import network as network_module
from uhscm_core.datasets import ArrayImages


def images(n, size=40):
    pixels = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    return ArrayImages(pixels)


def test_outputs_lie_within_plus_and_minus_one():
    net = HashNetwork(12, in_features=5)
    outputs = net.outputs(10 * torch.randn(30, 5, generator=torch.Generator().manual_seed(0)))
    assert outputs.shape == (30, 12)
    assert outputs.abs().max() <= 1
    assert net.outputs(torch.empty(0, 5)).shape == (0, 12)


def test_the_head_is_a_hidden_layer_and_a_hash_layer():
    net = HashNetwork(4, in_features=3, hidden=6)
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    first, _, second = net.head
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    assert torch.allclose(net(x), torch.tanh(hidden @ second.weight.T + second.bias))


def test_a_seed_gives_the_weights_and_the_global_state_is_left_alone():
    before = torch.random.get_rng_state()
    a, b, c = (HashNetwork(8, in_features=4, seed=s).head[0].weight for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_backbone_learns_at_a_share_of_the_rate():
    net = HashNetwork(8, "test_resnet", pretrained=False)
    head, backbone = net.parameter_groups(0.006, 0.05)
    assert head["lr"] == 0.006
    assert backbone["lr"] == pytest.approx(0.0003)
    every = [id(p) for p in net.parameters()]
    assert sorted(every) == sorted(id(p) for g in (head, backbone) for p in g["params"])
    assert len(HashNetwork(8, in_features=4).parameter_groups(0.1, 0.05)) == 1


def test_vgg19_is_the_papers_with_its_fully_connected_layers():
    # On the meta device: the shape of 140 million parameters without their memory.
    with torch.device("meta"):
        net = HashNetwork(64, "vgg19", pretrained=False)
    assert net.head.weight.shape == (64, 4096)
    assert sum(p.numel() for p in net.backbone.parameters()) == 139_570_240
    assert net.transform(augment=False).transforms[0].size == [256]


def test_training_crops_and_flips_and_evaluation_does_not():
    net = HashNetwork(8, "test_resnet", pretrained=False)
    image = images(1)[0]
    plain = [net.transform(augment=False)(image) for _ in range(2)]
    assert torch.equal(*plain)
    pixels = network_module.PixelDataset([image], net.transform(augment=True))
    assert torch.equal(pixels[0, 5], pixels[0, 5])
    assert len({pixels[0, seed].sum().item() for seed in range(8)}) > 4
    size = timm.data.resolve_model_data_config(net.backbone)["input_size"]
    assert plain[0].shape == pixels[0, 1].shape == torch.Size(size)


def test_a_network_on_pixels_encodes_images_alone_as_together():
    net = HashNetwork(8, "test_resnet", pretrained=False)
    together = net.outputs(images(3))
    alone = torch.cat([net.outputs([image]) for image in images(3)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert net.outputs([Image.new("RGB", (7, 90))]).shape == (1, 8)  # any size


def test_evaluation_leaves_the_mode_of_the_network_alone():
    net = HashNetwork(8, "test_resnet", pretrained=False).train()
    net.outputs(images(1))
    assert net.training


def test_data_of_the_wrong_kind_is_refused():
    with pytest.raises(TypeError, match=r"takes an \(N, D\) tensor of features, got ArrayImages"):
        HashNetwork(8, in_features=4).outputs(images(1))
    with pytest.raises(TypeError, match="takes a sequence of images, got Tensor"):
        HashNetwork(8, "test_resnet", pretrained=False).outputs(torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 0, "in_features": 4}, "bits must be a whole number between 1 and 65,536, got 0"),
        ({"bits": 8}, "needs in_features"),
        ({"bits": 8, "backbone": "vgg1900"}, "unknown backbone 'vgg1900'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        HashNetwork(**settings)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("bits", ["64", 64.0, True, None, np.ma.array(64, mask=True)])
def test_bits_that_are_no_whole_number_are_named(bits):
    with pytest.raises(TypeError, match="bits must be a whole number between 1 and 65,536, got"):
        HashNetwork(bits, in_features=4)


@pytest.mark.usefixtures("as_users_run_it")
def test_settings_of_another_kind_are_named():
    for changes, message in (
        ({"hidden": 0}, "hidden must be a whole number between 1"),
        ({"seed": -1}, "seed must be a whole number between 0"),
        ({"pretrained": "no"}, "pretrained must be True or False, got 'no'"),
        ({"backbone": None}, "backbone must be a text, got None"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            HashNetwork(8, **{"in_features": 4, **changes})
    assert HashNetwork(np.int64(8), in_features=torch.tensor(4)).settings["bits"] == 8


def test_features_that_are_not_finite_have_no_outputs():
    x = torch.zeros(3, 4)
    x[1, 2] = torch.nan
    with pytest.raises(ValueError, match="data: 1 of 3 rows hold NaN or inf: 1"):
        HashNetwork(8, in_features=4).outputs(x)
