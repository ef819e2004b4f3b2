r"""The recipe of a training run: its settings, and what each of its steps reports.

`uhscm_core.training` follows the recipe; `uhscm_core.runs` writes both to disk and reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from uhscm_core.objective import weights
from uhscm_core.support.checks import (
    MANY,
    flag,
    one_of,
    real_number,
    seed_number,
    text,
    whole_number,
)
from uhscm_core.support.fields import check_fields

__all__ = ["RESUMABLE_WITH", "TrainingConfig", "TrainingStep", "step_from"]

# Settings that may change when a run is resumed: they say how it runs, not what it computes.
RESUMABLE_WITH = frozenset({"epochs", "device", "precision", "workers", "validate_every"})

_PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class TrainingConfig:
    r"""How to train; the defaults suit a head on features, `paper` is the released code's setting.

    Attributes:
        epochs: passes over the training images; the paper's 60.
        batch_size: B, images per step over all processes; the paper's 128.
        optimizer: ``"adam"`` or ``"sgd"``; the paper's is SGD.
        momentum: of SGD, from 0 to 1; the released code has none.
        learning_rate: of the head.
        backbone_share: a backbone learns at this share of the rate; the paper's 0.05.
        weight_decay: the paper's 1e-5.
        center: read features minus the mean of the training images, at unit length; the mean
            becomes part of the network. A backbone on pixels is not affected. Features have a large
            common part, so that all outputs start nearly equal, and plain SGD stays there.
        alpha, beta, gamma, lam, similarity_weight: of the objective, see `uhscm_loss`.
        seed: of the order of images, dropout and augmentation.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        precision: ``"32-true"``, ``"bf16-mixed"``, ``"16-mixed"``, or ``"auto"``: mixed for a
            backbone on a GPU, 32 bits otherwise.
        workers: processes that read images for a backbone on pixels.
        validate_every: epochs between validations, if `train` is given a way to validate.

    Raises:
        TypeError: a setting that is no number, no whole number or no text.
        ValueError: a setting out of range.
    """

    epochs: int = 60
    batch_size: int = 128
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    learning_rate: float = 1e-3
    backbone_share: float = 0.05
    weight_decay: float = 1e-5
    center: bool = False
    alpha: float = 0.2
    beta: float = 0.001
    gamma: float = 0.2
    lam: float = 0.8
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    workers: int = 2
    validate_every: int = 10
    similarity_weight: float = 1.0

    def __post_init__(self) -> None:
        bounds = {
            "epochs": (0, 1_000_000),
            "batch_size": (1, MANY),
            "workers": (0, 1024),
            "validate_every": (1, MANY),
        }
        device: Any = self.device  # torch's own device is a name too
        device = str(device) if isinstance(device, torch.device) else device
        plain: dict[str, Any] = {
            **{name: whole_number(name, getattr(self, name), *b) for name, b in bounds.items()},
            "seed": seed_number("seed", self.seed),
            "momentum": real_number("momentum", self.momentum, 0, 1),
            "learning_rate": real_number("learning_rate", self.learning_rate, above=0),
            "backbone_share": real_number("backbone_share", self.backbone_share, 0),
            "weight_decay": real_number("weight_decay", self.weight_decay, 0),
            "center": flag("center", self.center),
            **weights(self.alpha, self.beta, self.gamma, self.lam, self.similarity_weight),
            "optimizer": one_of("optimizer", self.optimizer, ("adam", "sgd")),
            "precision": one_of("precision", self.precision, _PRECISIONS),
            "device": text("device", device),
        }
        for name, value in plain.items():  # as Python's own types, which can be saved
            object.__setattr__(self, name, value)

    @classmethod
    def paper(cls, **changes: Any) -> TrainingConfig:
        """Return the setting of the released code, which is for VGG19 on pixels.

        SGD without momentum, rate 0.006 on the hash layer and 0.0003 below. A head on features,
        which the paper does not have, also needs its input centered to train with it.
        """
        paper = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.006, "center": True}
        return cls(**{**paper, **changes})


@dataclass(frozen=True)
class TrainingStep:
    """What one step of training did.

    Attributes:
        epoch: counted from 1.
        step: counted from 1, over all epochs.
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


_NUMBER = (int, float)
_STEP = dict.fromkeys(("epoch", "step"), int) | dict.fromkeys(
    ("total", "similarity", "contrastive", "quantization", "images_per_second"), _NUMBER
)


def step_from(values: Any, where: str | Path) -> TrainingStep:
    """Return the step that a file describes.

    Args:
        values: the attributes of a `TrainingStep`, as JSON gives them.
        where: the file, and the place in it, for messages.

    Raises:
        ValueError: other attributes, or values of another type.
    """
    check_fields(where, values, _STEP, {"metrics": (dict, type(None))})
    for name, value in (values.get("metrics") or {}).items():
        check_fields(f"{where}: metrics", {name: value}, {name: _NUMBER})
    return TrainingStep(**values)
