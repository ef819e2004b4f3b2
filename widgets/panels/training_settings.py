"""The settings of a run, each with a line that says what it is and the paper's value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ipywidgets as ipw
import torch

from uhscm_core import TrainingConfig
from uhscm_core.recipe import MIXING, RECIPES, checked_setting, refuse_foreign
from uhscm_core.runs import Run
from uhscm_core.support.checks import code_length, flag, one_of, real_number, text, whole_number
from widgets.kit.choice import Choice
from widgets.kit.field import Field
from widgets.kit.number_box import NumberBox
from widgets.kit.text_box import TextBox

__all__ = ["SETTINGS", "Setting", "TrainingSettings"]

_EXACT = 2**53  # whole numbers up to it pass through a browser unchanged


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


_CHOICES = {
    "recipe": tuple(RECIPES),
    "optimizer": ("adam", "sgd"),
    "start": ("itq", "random"),
}
_FIRST = ("recipe", "bits", "epochs", "lam")
_OWN = {name for name in SETTINGS if any(name in own for own in RECIPES.values())}


class TrainingSettings(ipw.VBox):
    """One line per setting: its name, its value, what it means and the paper's value.

    Those that an experiment is about come first; a button shows the others, and says how many of
    them are not the recipe's own.
    """

    def __init__(self) -> None:
        devices = ["auto", "cpu"] + ["cuda"] * torch.cuda.is_available()
        wide: dict[str, Any] = {"labelled": False}
        self.controls: dict[str, Any] = {}
        self._rows: dict[str, tuple[ipw.Widget, ...]] = {}
        for name, setting in SETTINGS.items():
            if name in _CHOICES:
                control: Any = Choice(name, _CHOICES[name], **wide)
            elif name == "device":
                control = Choice(name, devices, **wide)
            elif isinstance(setting.default, str):
                control = TextBox(name, **wide)
            elif isinstance(setting.default, bool):
                control = ipw.Checkbox(indent=False, description=name, layout={"width": "112px"})
            else:
                whole = isinstance(setting.default, int)
                control = NumberBox(name, _check(name), whole=whole, **wide)
            control.value = setting.default
            self.controls[name] = control
            self._rows[name] = (ipw.Label(name), control, ipw.Label(self._said(setting)))
        rest = [name for name in SETTINGS if name not in _FIRST]
        self._rest = self._grid(rest)
        self.more = ipw.ToggleButton(icon="caret-right", tooltip="", layout={"width": "auto"})
        self.more.observe(self._show_rest, "value")
        for name in rest:
            control = self.controls[name]
            control.observe(self._show_rest, "value")
            if control.has_trait("error"):
                control.observe(self._open_for_an_error, "error")
        self.note = ipw.Label("")
        self.taking = False
        """Whether a recipe is setting its values, one after the other."""
        super().__init__([self._grid(_FIRST), self.more, self._rest, self.note])
        self.add_class("uhscm-settings")
        self.controls["recipe"].observe(self._take_recipe, "value")
        self._take_recipe()
        self._show_rest()

    def _take_recipe(self, _change: object = None) -> None:
        """Show the settings that the recipe has, with its own values."""
        recipe = self.controls["recipe"].value
        said = self._rows["recipe"][2]
        said.value = said.tooltip = MEANINGS[recipe]
        self.taking = True
        for name in _OWN:
            for widget in self._rows[name]:
                widget.layout.display = None if name in RECIPES[recipe] else "none"
            if name in RECIPES[recipe]:
                value = RECIPES[recipe][name]
                self.controls[name].value = str(value) if name == "feature_share" else value
        self.taking = False

    def _grid(self, names: Sequence[str]) -> ipw.GridBox:
        cells = [widget for name in names for widget in self._rows[name]]
        return ipw.GridBox(cells, layout={"grid_template_columns": "112px 96px minmax(0, 1fr)"})

    def _show_rest(self, _change: object = None) -> None:
        """Show the other settings or not, and how many of them are not the recipe's own."""
        shown = self.more.value
        self._rest.layout.display = None if shown else "none"
        self.more.icon = "caret-down" if shown else "caret-right"
        own = {name: setting.default for name, setting in SETTINGS.items() if name not in _OWN}
        own |= RECIPES[self.controls["recipe"].value]
        changed = sum(
            str(value) != str(own[name])
            for name, value in self.values.items()
            if name not in _FIRST
        )
        words = "Fewer settings" if shown else "More settings"
        self.more.description = f"{words}, {changed} changed" if changed else words

    def _open_for_an_error(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.more.value = True

    @staticmethod
    def _said(setting: Setting) -> str:
        words = {None: "", True: "; paper: yes"}
        paper = words.get(setting.paper, f"; paper: {setting.paper}")
        return f"{setting.meaning}{paper}"

    @property
    def values(self) -> dict[str, Any]:
        """The values set, by name; of those that the recipe has."""
        own = RECIPES[self.controls["recipe"].value]
        return {
            name: control.value
            for name, control in self.controls.items()
            if name not in _OWN or name in own
        }

    def set(self, **values: Any) -> None:
        """Set some of the values, or none of them; `run` says whether they are within range.

        A backbone on pixels takes the recipe "uhscm" along, if it is set without one and the recipe
        in the form needs features.

        Raises:
            TypeError: an unknown setting, or a value that its control cannot hold.
            ValueError: a number that is not finite, a text that is none of the options, or a
                setting that the recipe does not have.
        """
        if unknown := values.keys() - self.controls.keys():
            raise TypeError(f"no setting {', '.join(sorted(unknown))}")
        checked = {name: self._checked(name, value) for name, value in values.items()}
        on_pixels = checked.get("backbone", "features") != "features"
        if on_pixels and self.controls["recipe"].value in MIXING:
            checked = {"recipe": "uhscm", **checked}
        refuse_foreign(checked.get("recipe", self.controls["recipe"].value), checked)
        if "recipe" in checked:  # which sets others
            self.controls["recipe"].value = checked.pop("recipe")
        for name, value in checked.items():
            self.controls[name].value = value

    def _checked(self, name: str, value: Any) -> Any:
        control = self.controls[name]
        if isinstance(control, ipw.Checkbox):
            return flag(name, value)
        if isinstance(control, Choice):
            return one_of(name, value, control.options)
        if name == "feature_share" and not isinstance(value, str):
            return f"{real_number(name, value):g}"
        if isinstance(control, TextBox):
            return text(name, value)
        if control.whole:
            return whole_number(name, value, -_EXACT, _EXACT)
        return real_number(name, value)

    def reset(self) -> None:
        """Set the defaults."""
        self._take_recipe()  # whose values a change of recipe alone would set
        self.set(**{name: s.default for name, s in SETTINGS.items() if name not in _OWN})

    def as_in_the_paper(self) -> None:
        """Set the paper's values, except for the backbone, which takes a GPU.

        A head on features needs them centered to train with these values.
        """
        self._take_recipe()
        self.set(recipe="paper")

    def run(self) -> dict[str, Any]:
        """Return the arguments of `Run`: ``bits``, ``backbone``, ``pretrained`` and ``config``.

        Raises:
            ValueError: a value out of range, or a recipe that a backbone on pixels cannot have.
        """
        values = self.values
        for name in values:
            if isinstance(control := self.controls[name], Field) and control.error:
                raise ValueError(control.error)
        made = {name: values.pop(name) for name in ("bits", "backbone", "pretrained")}
        made["bits"] = code_length(made["bits"])
        made["backbone"] = made["backbone"].strip()
        if made["backbone"] != "features" and values["recipe"] in MIXING:
            raise ValueError(
                f"recipe: {values['recipe']!r} mixes features with concepts; a backbone on pixels "
                f"takes 'uhscm' or 'paper'"
            )
        if "feature_share" in values:
            values["feature_share"] = _share_in(values["feature_share"].strip())
        # A validation now and then: some fifteen points make a curve.
        values["validate_every"] = max(1, round(values["epochs"] / 15))
        # Processes that read images are forked; with a kernel's threads that pays on a GPU only.
        values["workers"] = 0
        return {**made, "config": TrainingConfig(**values)}

    def show(self, run: Run) -> None:
        """Show a run's settings."""
        settings = run.settings
        values = {name: settings[name] for name in self.controls if settings[name] is not None}
        if values["device"] not in self.controls["device"].options:
            values["device"] = "auto"
        self.set(**values)

    def lock(self, reason: str) -> None:
        """Say why nothing can be changed now; empty where it can."""
        for control in self.controls.values():
            control.disabled = bool(reason)
        self.note.value = reason


def _check(name: str) -> Callable[[Any], object]:
    """Return what raises an error unless a number can be the value of a setting."""
    return code_length if name == "bits" else partial(checked_setting, name)


def _share_in(given: str) -> float | str:
    """Return "auto", or the number that a text is."""
    if given == "auto":
        return given
    try:
        return float(given)
    except ValueError:
        raise ValueError(
            f"feature_share must be auto or a number from 0 to 1, got {given!r}"
        ) from None
