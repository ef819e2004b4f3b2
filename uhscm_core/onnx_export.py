r"""Encoder and hash network as an ONNX file, so that codes are computed without torch.

There are two parts. ``"whole"`` maps pixels (n, 3, H, W) to codes; ``"network"`` maps features
(n, D), of the same model, to codes. What the network needs besides its layers (the mean of the
training images, the kept concepts, the temperature) is in the file.

The outputs are ``code`` (n, ⌈L/8⌉) uint8, packed as everywhere (`uhscm_core.export`), ``outputs``
(n, L), whose signs are the bits, and of the whole also ``features`` (n, D).

How an image becomes pixels is in the file's metadata, under ``uhscm``, with the settings that the
codes follow from: one object of JSON.

Symbols: n images, D width of the features, L code length in bits.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from uhscm_core.export import ONNX_PRODUCER, about_codes, write_export, write_onnx_digest
from uhscm_core.network import HashNetwork
from uhscm_core.preprocessing import LONGEST
from uhscm_core.study import Study
from uhscm_core.support.checks import instance, one_of
from uhscm_core.support.paths import as_path
from uhscm_core.vlp import VLP

__all__ = ["export_onnx"]

_BATCH = 2  # images by which torch traces the model; a file takes any number
_METADATA = "uhscm"


def export_onnx(
    study: Study, path: str | PathLike[str], part: Literal["whole", "network"] = "whole"
) -> Path:
    """Write the way from an image, or from its features, to its code.

    Args:
        study: with a trained network.
        path: ends in ``.onnx``.
        part: ``"whole"``, from pixels on, or ``"network"``, from features on. For a network on
            pixels, which needs no features, both are the same.

    Returns:
        The path.

    Raises:
        ModuleNotFoundError: the packages that write ONNX are missing; the message names the extra.
        ValueError: `path` has another ending, there is no network yet, the study's encoder has no
            image tower of torch, or torch cannot export it; the message has the reason.
        OSError: the file cannot be written; what was there is kept.
    """
    instance("study", study, Study, "with a trained network")
    one_of("part", part, ("whole", "network"))
    path = as_path("path", path)
    if path.suffix.lower() != ".onnx":
        raise ValueError(f"an ONNX model is written as .onnx, got {path.name!r}")
    network = _on_cpu(study.trained_network())
    about = {**about_codes(study, network.bits), "format": "UHSCM onnx, version 1"}
    if network.on_pixels:
        what = f"the backbone {network.backbone_name}"
        transform = network.transform(augment=False)
        model: nn.Module = _Coding(None, network)
    elif part == "network":
        what, transform = "the hash network", None
        model = _Coding(None, network)
    else:
        encoder = study.vlp
        if not isinstance(encoder, VLP):
            raise ValueError(
                f"{encoder.name} has no image tower that can be exported: it does not come from "
                f"load_vlp; use part='network', which starts from features"
            )
        what, transform = f"the image tower of {encoder.name}", encoder.preprocess
        model = _Coding(_on_cpu(encoder.image_tower), network)
    if transform is None:
        example = torch.nn.functional.normalize(torch.rand(_BATCH, study.vlp.embed_dim), dim=1)
        about["input"] = {"features": f"(n, {study.vlp.embed_dim}) float32 rows of unit length"}
    else:
        # Of any size: what a preprocessing returns does not depend on it.
        example = transform(Image.new("RGB", (64, 64))).expand(_BATCH, -1, -1, -1).contiguous()
        about["input"] = {"pixels": f"(n, {', '.join(map(str, example.shape[1:]))}) float32"}
        about["preprocessing"] = _described(transform, example.shape[-2:])
    content = _exported(model.eval(), example, what, about)
    return write_export(path, write_onnx_digest(content))


class _Coding(nn.Module):
    """From pixels or features to what a file gives: features, outputs and packed codes."""

    place: Tensor

    def __init__(self, tower: nn.Module | None, network: HashNetwork) -> None:
        super().__init__()
        self.tower, self.network = tower, network
        self.padding = -network.bits % 8
        places = 2 ** torch.arange(7, -1, -1, dtype=torch.int32)
        self.register_buffer("place", places, persistent=False)

    def forward(self, x: Float[Tensor, "n ..."]) -> tuple[Tensor, ...]:
        features = x if self.tower is None else self.tower(x)
        outputs = self.network(features)
        bits = nn.functional.pad((outputs > 0).int(), (0, self.padding))
        by_byte = bits.reshape(-1, bits.shape[1] // 8, 8)
        code = (by_byte * self.place).sum(-1).to(torch.uint8)
        return (code, outputs) if self.tower is None else (code, outputs, features)


def _on_cpu(module: Any) -> Any:
    """Return a module on the CPU: itself, or a copy that leaves the one on a GPU there."""
    there = {tensor.device.type for tensor in module.state_dict().values()}
    return module if there <= {"cpu"} else copy.deepcopy(module).cpu()


def _exported(model: nn.Module, example: Tensor, what: str, about: Mapping[str, Any]) -> bytes:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is needed to write ONNX: pip install 'uhscm-explorer[onnx]'"
        ) from error
    given = "features" if example.ndim == 2 else "pixels"
    names = ["code", "outputs", "features"]
    try:
        with _quietly():
            program: Any = torch.onnx.export(
                model,
                (example,),
                input_names=[given],
                output_names=names[: len(model(example))],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                dynamo=True,
                verbose=False,
            )
            program.model.producer_name = ONNX_PRODUCER
            program.model.metadata_props[_METADATA] = json.dumps(about)
            content: bytes = program.model_proto.SerializeToString()
    except Exception as error:  # a model can fail torch's tracing in as many ways as there are
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ValueError(
            f"torch cannot export {what} to ONNX ({type(error).__name__}: {reason}); "
            f"part='network' starts from features"
        ) from error
    return content


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says to its own developers."""
    logger = logging.getLogger("onnxscript")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _described(transform: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Return how an image becomes pixels, read from the steps themselves."""
    from torchvision import transforms  # takes a second to import
    from torchvision.transforms import v2

    described: dict[str, Any] = {
        "size": list(size),
        "color": "RGB",
        "layout": "(n, channels, height, width), float32",
        "values": "divided by 255, then minus mean, divided by std, per channel",
        "resized with": "Pillow",
        "proportions": f"more than {LONGEST} times as long as wide: only the middle is used",
        "steps": [" ".join(str(step).split()) for step in transform.transforms],
    }
    for step in transform.transforms:
        if isinstance(step, transforms.Resize | v2.Resize):
            sides = [step.size] if isinstance(step.size, int) else list(step.size)
            only = len(sides) == 1
            described["resize"] = {"short side": sides[0]} if only else {"both sides": sides}
            described["interpolation"] = step.interpolation.value
        elif isinstance(step, transforms.CenterCrop | v2.CenterCrop):
            described["crop"] = "center"
        elif isinstance(step, transforms.Normalize | v2.Normalize):
            described["mean"], described["std"] = list(step.mean), list(step.std)
    return described
