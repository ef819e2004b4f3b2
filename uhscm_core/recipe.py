r"""The recipe of a training run: its settings, and what each of its steps reports.

`uhscm_core.training` follows the recipe; `uhscm_core.runs` writes both to disk and reads them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from uhscm_core.objective import WEIGHTS, weight
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

__all__ = [
    "MIXING",
    "RECIPES",
    "RESUMABLE_WITH",
    "CompleteConfig",
    "TrainingConfig",
    "TrainingStep",
    "checked_setting",
    "config_from",
    "refuse_foreign",
    "step_from",
]

# Settings that may change when a run is resumed: they say how it runs, not what it computes.
RESUMABLE_WITH = frozenset({"epochs", "device", "precision", "workers", "validate_every"})

_PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


_ON_CONCEPTS = {
    "epochs": 60,
    "batch_size": 128,
    "optimizer": "adam",
    "momentum": 0.9,
    "learning_rate": 1e-3,
    "weight_decay": 1e-5,
    "center": False,
    "alpha": 0.2,
    "beta": 0.001,
    "gamma": 0.2,
    "lam": 0.8,
    "similarity_weight": 1.0,
}
_ON_MIXTURES = {
    "epochs": 8,
    "batch_size": 256,
    "optimizer": "adam",
    "momentum": 0.9,
    "learning_rate": 3e-3,
    "weight_decay": 0.0,
    "beta": 0.64,
    "similarity_weight": 1.0,
    "balance": 1.0,
    "independence": 1.0,
    "start": "itq",
    "feature_share": 0.2,
}
_RELEASED = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.006, "center": True}

# Each recipe's own settings; what is not listed, it does not have.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "paper": {**_ON_CONCEPTS, **_RELEASED},
    "uhscm": _ON_CONCEPTS,
    "tuned": _ON_MIXTURES,
    "adaptive": {**_ON_MIXTURES, "feature_share": "auto"},
}
MIXING = ("tuned", "adaptive")
_PAPERS = tuple(name for name in _ON_CONCEPTS if name not in _ON_MIXTURES)
_OWN = tuple(dict.fromkeys(name for own in RECIPES.values() for name in own))


@dataclass(frozen=True)
class TrainingConfig:
    r"""How to train: a recipe, and what to do otherwise than it does.

    The recipes are ``"paper"``, the setting of the released code; ``"uhscm"``, the paper's
    objective with settings for a head on features; ``"tuned"``, whose codes keep a fixed mixture of
    features and concepts (`uhscm_core.mixing`); and ``"adaptive"``, which finds the mixture from
    how far the concepts cover the images. A setting that is None is the recipe's own, see
    `complete`.

    Attributes:
        epochs: passes over the training images; the paper's 60, and 8 where codes start from ITQ.
        batch_size: B, images per step over all processes; the paper's 128.
        optimizer: ``"adam"`` or ``"sgd"``; the paper's is SGD.
        momentum: of SGD, from 0 to 1; the released code has none.
        learning_rate: of the head. The recipes that mix let it fall to 0 as a cosine.
        backbone_share: a backbone learns at this share of the rate; the paper's 0.05.
        weight_decay: the paper's 1e-5.
        center: read features minus the mean of the training images, at unit length; the mean
            becomes part of the network. A backbone on pixels is not affected. Features have a large
            common part, so that all outputs start nearly equal, and plain SGD stays there. A
            mixture is centered anyhow.
        alpha, gamma, lam: of `uhscm_loss`.
        beta, similarity_weight: of `uhscm_loss` or `mixed_loss`.
        seed: of the order of images, dropout and augmentation.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        precision: ``"32-true"``, ``"bf16-mixed"``, ``"16-mixed"``, or ``"auto"``: mixed for a
            backbone on a GPU, 32 bits otherwise.
        workers: processes that read images for a backbone on pixels.
        validate_every: epochs between validations, if `train` is given a way to validate.
        recipe: one of the four. None: ``"adaptive"``, or ``"uhscm"`` where a setting is given that
            only the paper's objective has, such as ``lam``.
        feature_share: how far codes lean on the features, from 0 to 1, or ``"auto"``: found from
            the training images, see `uhscm_core.mixing.feature_share`.
        balance, independence: of `mixed_loss`.
        start: of a mixing network's layer: ``"itq"`` of the mixture, or ``"random"``.

    Raises:
        TypeError: a setting that is no number, no whole number or no text.
        ValueError: a setting out of range, or one that the recipe does not have.
    """

    epochs: int | None = None
    batch_size: int | None = None
    optimizer: Literal["adam", "sgd"] | None = None
    momentum: float | None = None
    learning_rate: float | None = None
    backbone_share: float = 0.05
    weight_decay: float | None = None
    center: bool | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    lam: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    workers: int = 2
    validate_every: int = 10
    similarity_weight: float | None = None
    recipe: Literal["paper", "uhscm", "tuned", "adaptive"] | None = None
    feature_share: float | Literal["auto"] | None = None
    balance: float | None = None
    independence: float | None = None
    start: Literal["itq", "random"] | None = None

    def __post_init__(self) -> None:
        given = {name for name in _OWN if getattr(self, name) is not None}
        if self.recipe is None:
            object.__setattr__(self, "recipe", "uhscm" if given & set(_PAPERS) else "adaptive")
        recipe = one_of("recipe", self.recipe, RECIPES)
        refuse_foreign(recipe, given)
        device: Any = self.device  # torch's own device is a name too
        device = str(device) if isinstance(device, torch.device) else device
        plain: dict[str, Any] = {
            "workers": whole_number("workers", self.workers, 0, 1024),
            "validate_every": whole_number("validate_every", self.validate_every, 1, MANY),
            "seed": seed_number("seed", self.seed),
            "backbone_share": real_number("backbone_share", self.backbone_share, 0),
            "precision": one_of("precision", self.precision, _PRECISIONS),
            "device": text("device", device),
            **{name: _CHECKS[name](getattr(self, name)) for name in given},
        }
        for name, value in plain.items():  # as Python's own types, which can be saved
            object.__setattr__(self, name, value)

    @property
    def mixes(self) -> bool:
        """Whether the recipe's codes keep a mixture of features and concepts."""
        return self.recipe in MIXING

    def complete(self) -> CompleteConfig:
        """Return the same with the recipe's own value for each setting that is None.

        What the recipe does not have stays None.
        """
        given = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        return CompleteConfig(**{**RECIPES[given["recipe"]], **given})

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], config: TrainingConfig | None = None
    ) -> TrainingConfig:
        """Return a config with these settings, the others from another config or the recipe's.

        Raises:
            TypeError, ValueError: an unknown setting, or a value that it cannot have.
        """
        if unknown := settings.keys() - {field.name for field in dataclasses.fields(cls)}:
            known = ", ".join(field.name for field in dataclasses.fields(cls))
            raise TypeError(
                f"training has no setting {', '.join(sorted(unknown))}; its settings are {known}"
            )
        return cls(**settings) if config is None else dataclasses.replace(config, **settings)

    @classmethod
    def paper(cls, **changes: Any) -> TrainingConfig:
        """Return the setting of the released code, which is for VGG19 on pixels.

        SGD without momentum, rate 0.006 on the hash layer and 0.0003 below. A head on features,
        which the paper does not have, also needs its input centered to train with it.
        """
        return cls(**{"recipe": "paper", **RECIPES["paper"], **changes})


class CompleteConfig(TrainingConfig):
    """A configuration without None, for settings that its recipe has."""

    recipe: Literal["paper", "uhscm", "tuned", "adaptive"]
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "sgd"]
    momentum: float
    learning_rate: float
    weight_decay: float
    center: bool
    alpha: float
    beta: float
    gamma: float
    lam: float
    similarity_weight: float
    feature_share: float | Literal["auto"]
    balance: float
    independence: float
    start: Literal["itq", "random"]


def refuse_foreign(recipe: str, names: Iterable[str]) -> None:
    """Raise a ValueError if one of some settings is another recipe's."""
    for name in sorted(set(names) & set(_OWN) - RECIPES[recipe].keys()):
        having = [repr(other) for other, own in RECIPES.items() if name in own]
        raise ValueError(
            f"{name} is no setting of the recipe {recipe!r}, but of {' and '.join(having)}"
        )


def _share(value: Any) -> float | str:
    if isinstance(value, str) and value == "auto":
        return value
    return real_number("feature_share", value, 0, 1)


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "epochs": lambda x: whole_number("epochs", x, 0, 1_000_000),
    "batch_size": lambda x: whole_number("batch_size", x, 1, MANY),
    "optimizer": lambda x: one_of("optimizer", x, ("adam", "sgd")),
    "momentum": lambda x: real_number("momentum", x, 0, 1),
    "learning_rate": lambda x: real_number("learning_rate", x, above=0),
    "weight_decay": lambda x: real_number("weight_decay", x, 0),
    "center": lambda x: flag("center", x),
    "feature_share": _share,
    "start": lambda x: one_of("start", x, ("itq", "random")),
    **{name: partial(weight, name) for name in WEIGHTS},
}


def checked_setting(name: str, value: Any) -> Any:
    """Return the value of one of the settings, such as ``"epochs"``.

    Raises:
        TypeError: the value is of another kind.
        ValueError: it is out of range.
    """
    return seed_number("seed", value) if name == "seed" else _CHECKS[name](value)


def config_from(values: Mapping[str, Any]) -> TrainingConfig:
    """Return the configuration that a file describes; one without a recipe is "uhscm"."""
    return TrainingConfig(**{"recipe": "uhscm", **values})


@dataclass(frozen=True)
class TrainingStep:
    """What one step of training did.

    Attributes:
        epoch: counted from 1.
        step: counted from 1, over all epochs.
        total, similarity, quantization: the objective, and terms that all recipes have, unweighted.
        images_per_second: of this step, data loading included.
        metrics: of the validation after this step, if there was one.
        contrastive, balance, independence: terms that the recipe may have; None where it has not.
    """

    epoch: int
    step: int
    total: float
    similarity: float
    contrastive: float | None
    quantization: float
    images_per_second: float
    metrics: Mapping[str, float] | None = None
    balance: float | None = None
    independence: float | None = None

    @property
    def terms(self) -> dict[str, float]:
        """The unweighted terms of the objective that the recipe has, by name."""
        values = {name: getattr(self, name) for name in _TERMS}
        return {name: value for name, value in values.items() if value is not None}


_NUMBER = (int, float)
_STEP = dict.fromkeys(("epoch", "step"), int) | dict.fromkeys(
    ("total", "similarity", "quantization", "images_per_second"), _NUMBER
)
_TERMS = ("similarity", "contrastive", "quantization", "balance", "independence")
_SOME = dict.fromkeys(("contrastive", "balance", "independence"), (*_NUMBER, type(None)))


def step_from(values: Any, where: str | Path) -> TrainingStep:
    """Return the step that a file describes.

    Args:
        values: the attributes of a `TrainingStep`, as JSON gives them.
        where: the file, and the place in it, for messages.

    Raises:
        ValueError: other attributes, or values of another type.
    """
    check_fields(where, values, _STEP, {"metrics": (dict, type(None)), **_SOME})
    for name, value in (values.get("metrics") or {}).items():
        check_fields(f"{where}: metrics", {name: value}, {name: _NUMBER})
    return TrainingStep(**{"contrastive": None, **values})
