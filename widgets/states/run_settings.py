"""The settings of a run: what each is, which ones a recipe has, and the run that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from uhscm_core import TrainingConfig
from uhscm_core.recipe import MIXING, RECIPES, checked_setting
from uhscm_core.support.checks import code_length

__all__ = [
    "CHOICES",
    "FIRST",
    "MEANINGS",
    "OF_RECIPES",
    "SETTINGS",
    "Setting",
    "check_of",
    "differences",
    "n_changed",
    "own_values",
    "run_of",
]


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        default: ours.
        paper: the paper's value; None where it says nothing.
        meaning: in one line.
    """

    default: Any
    paper: Any
    meaning: str

    @property
    def words(self) -> str:
        """What it means, and the paper's value."""
        words = {None: "", True: "; paper: yes"}
        return f"{self.meaning}{words.get(self.paper, f'; paper: {self.paper}')}"


def _default(name: str) -> Any:
    """Return the first recipe's own value, of those that have this setting."""
    recipes = (TrainingConfig().complete().recipe, *RECIPES)
    return next(own[name] for own in map(RECIPES.__getitem__, recipes) if name in own)


MEANINGS = {
    "paper": "the released code: SGD on centered features",
    "uhscm": "the paper's objective, for a head on features",
    "tuned": "codes keep a fixed mixture of features and concepts",
    "adaptive": "mixes by how much the kept concepts explain",
}
"""What each recipe is, in a line."""
SETTINGS = {
    "recipe": Setting(TrainingConfig().recipe, "paper", ""),
    "bits": Setting(64, None, "L, length of a code (the paper tries 16 to 128)"),
    "epochs": Setting(_default("epochs"), 60, "passes over the training images"),
    "batch_size": Setting(_default("batch_size"), 128, "images whose pairs are compared at a step"),
    "optimizer": Setting(_default("optimizer"), "sgd", "how a gradient becomes a step"),
    "momentum": Setting(_default("momentum"), 0.0, "share of the last step that SGD takes again"),
    "learning_rate": Setting(_default("learning_rate"), 0.006, "length of a step"),
    "weight_decay": Setting(_default("weight_decay"), 1e-5, "pull of all weights towards 0"),
    "center": Setting(_default("center"), None, "read features minus their mean, at unit length"),
    "similarity_weight": Setting(
        _default("similarity_weight"), None, "weight of the similarity term; 0 leaves it out"
    ),
    "feature_share": Setting(
        str(_default("feature_share")), None, "0: concepts alone, 1: features alone; or auto"
    ),
    "alpha": Setting(_default("alpha"), 0.2, "α, weight of the contrastive term"),
    "beta": Setting(_default("beta"), 0.001, "β, weight of the quantization term"),
    "gamma": Setting(_default("gamma"), 0.2, "γ, smaller: the nearest wrong pair counts most"),
    "lam": Setting(_default("lam"), 0.8, "λ, pairs with at least this S are positive"),
    "balance": Setting(_default("balance"), None, "weight of bits being on for half of the images"),
    "independence": Setting(_default("independence"), None, "weight of bits not repeating others"),
    "start": Setting(_default("start"), None, "of the layer: ITQ of the mixture, or random"),
    "seed": Setting(TrainingConfig().seed, None, "of first weights and the order of images"),
    "backbone": Setting("features", "vgg19", "features, or a timm name: fine-tuned on pixels"),
    "pretrained": Setting(True, True, "a timm backbone starts from ImageNet weights"),
    "device": Setting("auto", None, "where it runs; auto takes a GPU if there is one"),
}
"""All settings, in the order of the form."""
CHOICES = {
    "recipe": tuple(RECIPES),
    "optimizer": ("adam", "sgd"),
    "start": ("itq", "random"),
}
"""Options of the settings that have some."""
FIRST = ("recipe", "bits", "epochs", "lam")
"""What an experiment is about."""
OF_RECIPES = tuple(name for name in SETTINGS if any(name in own for own in RECIPES.values()))
"""Those that some recipe sets and another one may lack."""


def own_values(recipe: str) -> dict[str, Any]:
    """Return what a run of a recipe has unless it is changed, as the controls hold it."""
    own = {name: s.default for name, s in SETTINGS.items() if name not in OF_RECIPES}
    own |= {name: value for name, value in RECIPES[recipe].items() if name in SETTINGS}
    return {name: str(v) if name == "feature_share" else v for name, v in own.items()}


def n_changed(values: Mapping[str, Any]) -> int:
    """Return how many of the values that do not come first are not the recipe's own."""
    own = own_values(values["recipe"])
    return sum(str(v) != str(own[name]) for name, v in values.items() if name not in FIRST)


def differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return such as "lam 0.8 → 0.5" for each value that differs from those of a run.

    What another recipe brings of its own is no difference besides that of the recipe.
    """
    brought = RECIPES[now["recipe"]] if now["recipe"] != before["recipe"] else {}
    return [
        f"{name} {before[name]} → {value}"
        for name, value in now.items()
        if str(before[name]) != str(value)
        and not (brought and str(value) == str(brought.get(name)))
    ]


def check_of(name: str) -> Callable[[Any], object]:
    """Return what raises an error unless a number can be the value of a setting."""
    return code_length if name == "bits" else partial(checked_setting, name)


def run_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Run`: ``bits``, ``backbone``, ``pretrained`` and ``config``.

    Raises:
        ValueError: a value out of range, or a recipe that a backbone on pixels cannot have.
    """
    of_config = dict(values)
    made = {name: of_config.pop(name) for name in ("bits", "backbone", "pretrained")}
    made["bits"] = code_length(made["bits"])
    made["backbone"] = made["backbone"].strip()
    if made["backbone"] != "features" and of_config["recipe"] in MIXING:
        raise ValueError(
            f"recipe: {of_config['recipe']!r} mixes features with concepts; a backbone on pixels "
            f"takes 'uhscm' or 'paper'"
        )
    if "feature_share" in of_config:
        of_config["feature_share"] = _share_in(of_config["feature_share"].strip())
    # A validation now and then: some fifteen points make a curve.
    of_config["validate_every"] = max(1, round(of_config["epochs"] / 15))
    # Processes that read images are forked; with a kernel's threads that pays on a GPU only.
    of_config["workers"] = 0
    return {**made, "config": TrainingConfig(**of_config)}


def _share_in(given: str) -> float | str:
    """Return "auto", or the number that a text is."""
    if given == "auto":
        return given
    if not given:
        raise ValueError("feature_share: the box is empty, type auto or a number from 0 to 1")
    try:
        return float(given)
    except ValueError:
        raise ValueError(
            f"feature_share must be auto or a number from 0 to 1, got {given!r}"
        ) from None
