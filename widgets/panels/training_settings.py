"""The settings of a run, each with a line that says what it is and the paper's value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import torch

from uhscm_core import TrainingConfig
from uhscm_core.runs import Run
from uhscm_core.support.checks import code_length, flag, one_of, real_number, text, whole_number

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
    return getattr(TrainingConfig().complete(), name)


SETTINGS = {
    "bits": Setting(64, None, "L, length of a code (the paper tries 16 to 128)"),
    "epochs": Setting(_default("epochs"), 60, "passes over the training images"),
    "batch_size": Setting(_default("batch_size"), 128, "images whose pairs are compared at a step"),
    "optimizer": Setting(_default("optimizer"), "sgd", "how a gradient becomes a step"),
    "momentum": Setting(_default("momentum"), 0.0, "share of the last step that SGD takes again"),
    "learning_rate": Setting(_default("learning_rate"), 0.006, "length of a step"),
    "center": Setting(_default("center"), None, "read features minus their mean, at unit length"),
    "similarity_weight": Setting(
        _default("similarity_weight"), None, "weight of the similarity term; 0 leaves it out"
    ),
    "alpha": Setting(_default("alpha"), 0.2, "α, weight of the contrastive term"),
    "beta": Setting(_default("beta"), 0.001, "β, weight of the quantization term"),
    "gamma": Setting(_default("gamma"), 0.2, "γ, smaller: the nearest wrong pair counts most"),
    "lam": Setting(_default("lam"), 0.8, "λ, pairs with at least this S are positive"),
    "seed": Setting(_default("seed"), None, "of first weights and the order of images"),
    "backbone": Setting("features", "vgg19", "features, or a timm name: fine-tuned on pixels"),
    "pretrained": Setting(True, True, "a timm backbone starts from ImageNet weights"),
    "device": Setting("auto", None, "where it runs; auto takes a GPU if there is one"),
}


class TrainingSettings(ipw.VBox):
    """One line per setting: its name, its value, what it means and the paper's value."""

    def __init__(self) -> None:
        devices = ["auto", "cpu"] + ["cuda"] * torch.cuda.is_available()
        wide = {"width": "112px"}
        self.controls: dict[str, Any] = {}
        rows = []
        for name, setting in SETTINGS.items():
            if name == "optimizer":
                control: Any = ipw.Dropdown(options=["adam", "sgd"], layout=wide)
            elif name == "device":
                control = ipw.Dropdown(options=devices, layout=wide)
            elif name == "backbone":
                control = ipw.Text(layout=wide, continuous_update=False)
            elif isinstance(setting.default, bool):
                control = ipw.Checkbox(indent=False, layout=wide)
            elif isinstance(setting.default, int):
                control = ipw.IntText(layout=wide)
            else:
                control = ipw.FloatText(layout=wide, step=None)
            control.value = setting.default
            control.tooltip = name
            self.controls[name] = control
            rows += [ipw.Label(name), control, ipw.Label(self._said(setting))]
        grid = ipw.GridBox(rows, layout={"grid_template_columns": "118px 122px minmax(0, 1fr)"})
        self.note = ipw.Label("")
        super().__init__([grid, self.note])
        self.add_class("uhscm-settings")

    @staticmethod
    def _said(setting: Setting) -> str:
        words = {None: "", True: "; paper: yes"}
        paper = words.get(setting.paper, f"; paper: {setting.paper}")
        return f"{setting.meaning}{paper}"

    @property
    def values(self) -> dict[str, Any]:
        """The values set, by name."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Set some of the values, or none of them; `run` says whether they are within range.

        Raises:
            TypeError: an unknown setting, or a value that its control cannot hold.
            ValueError: a number that is not finite, or a text that is none of the options.
        """
        if unknown := values.keys() - self.controls.keys():
            raise TypeError(f"no setting {', '.join(sorted(unknown))}")
        checked = {name: self._checked(name, value) for name, value in values.items()}
        for name, value in checked.items():
            self.controls[name].value = value

    def _checked(self, name: str, value: Any) -> Any:
        control = self.controls[name]
        if isinstance(control, ipw.Checkbox):
            return flag(name, value)
        if isinstance(control, ipw.Dropdown):
            return one_of(name, value, control.options)
        if isinstance(control, ipw.Text):
            return text(name, value)
        if isinstance(control, ipw.IntText):
            return whole_number(name, value, -_EXACT, _EXACT)
        return real_number(name, value)

    def reset(self) -> None:
        """Set the defaults."""
        self.set(**{name: setting.default for name, setting in SETTINGS.items()})

    def as_in_the_paper(self) -> None:
        """Set the paper's values, except for the backbone, which takes a GPU.

        A head on features needs them centered to train with these values.
        """
        papers = {name: s.paper for name, s in SETTINGS.items() if s.paper is not None}
        on_features = {name: value for name, value in papers.items() if name != "backbone"}
        self.set(**on_features, center=True)

    def run(self) -> dict[str, Any]:
        """Return the arguments of `Run`: ``bits``, ``backbone``, ``pretrained`` and ``config``.

        Raises:
            ValueError: a value out of range.
        """
        values = self.values
        made = {name: values.pop(name) for name in ("bits", "backbone", "pretrained")}
        made["bits"] = code_length(made["bits"])
        made["backbone"] = made["backbone"].strip()
        # A validation now and then: some fifteen points make a curve.
        values["validate_every"] = max(1, round(values["epochs"] / 15))
        # Processes that read images are forked; with a kernel's threads that pays on a GPU only.
        values["workers"] = 0
        return {**made, "config": TrainingConfig(**values)}

    def show(self, run: Run) -> None:
        """Show a run's settings."""
        values = {name: run.settings[name] for name in self.controls}
        if values["device"] not in self.controls["device"].options:
            values["device"] = "auto"
        self.set(**values)

    def lock(self, reason: str) -> None:
        """Say why nothing can be changed now; empty where it can."""
        for control in self.controls.values():
            control.disabled = bool(reason)
        self.note.value = reason
