"""The settings of a run, each with a line that says what it is and the paper's value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as ipw
import pandas as pd
import torch

from uhscm_core.recipe import MIXING, refuse_foreign
from uhscm_core.runs import Run
from uhscm_core.support.checks import flag, one_of, real_number, text, whole_number
from widgets.kit.choice import Choice
from widgets.kit.field import Field
from widgets.kit.number_box import NumberBox
from widgets.kit.text_box import TextBox
from widgets.states.run_settings import (
    CHOICES,
    FIRST,
    MEANINGS,
    OF_RECIPES,
    SETTINGS,
    Setting,
    check_of,
    n_changed,
    own_values,
    run_of,
)

__all__ = ["TrainingSettings"]

_EXACT = 2**53  # whole numbers up to it pass through a browser unchanged


class TrainingSettings(ipw.VBox):
    """One line per setting: its name, its value, what it means and the paper's value.

    Those that an experiment is about come first; a button, in `bar`, shows the others, and says how
    many of them are not the recipe's own.
    """

    def __init__(self) -> None:
        self.controls: dict[str, Any] = {n: _control(n, s) for n, s in SETTINGS.items()}
        self._rows = {
            name: (ipw.Label(name), self.controls[name], ipw.Label(setting.words))
            for name, setting in SETTINGS.items()
        }
        rest = [name for name in SETTINGS if name not in FIRST]
        self._rest = self._grid(rest, 112)
        self.more = ipw.ToggleButton(icon="caret-right", tooltip="", layout={"width": "auto"})
        self.bar = ipw.HBox([self.more])
        self.more.observe(self._show_rest, "value")
        for control in map(self.controls.__getitem__, rest):
            control.observe(self._show_rest, "value")
            if control.has_trait("error"):
                control.observe(self._open_for_an_error, "error")
        self.note = ipw.Label("")
        self.taking = False
        """Whether a recipe is setting its values, one after the other."""
        super().__init__([self._grid(FIRST, 52), self.bar, self._rest, self.note])
        self.add_class("uhscm-settings")
        self.controls["recipe"].observe(self._take_recipe, "value")
        self._take_recipe()
        self._show_rest()

    def _take_recipe(self, _change: object = None) -> None:
        """Show the settings that the recipe has, with its own values."""
        recipe = self.controls["recipe"].value
        said, own = self._rows["recipe"][2], own_values(recipe)
        said.value = said.tooltip = MEANINGS[recipe]
        self.taking = True
        for name in OF_RECIPES:
            for widget in self._rows[name]:
                widget.layout.display = None if name in own else "none"
            if name in own:
                self.controls[name].value = own[name]
        self.taking = False

    def _grid(self, names: Sequence[str], name: int) -> ipw.GridBox:
        cells = [widget for row in map(self._rows.__getitem__, names) for widget in row]
        return ipw.GridBox(cells, layout={"grid_template_columns": f"{name}px 96px minmax(0, 1fr)"})

    def _show_rest(self, _change: object = None) -> None:
        """Show the other settings or not, and how many of them are not the recipe's own."""
        shown, changed = self.more.value, n_changed(self.values)
        self._rest.layout.display = None if shown else "none"
        self.more.icon = "caret-down" if shown else "caret-right"
        words = "Fewer settings" if shown else "More settings"
        self.more.description = f"{words}, {changed} changed" if changed else words

    def _open_for_an_error(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.more.value = True

    @property
    def values(self) -> dict[str, Any]:
        """The values set, by name; of those that the recipe has."""
        own = own_values(self.controls["recipe"].value)
        return {name: c.value for name, c in self.controls.items() if name in own}

    def page_frame(self) -> pd.DataFrame:
        """Return the settings in sight; a page that needs no kernel has them as a table."""
        shown = {n: value for n, value in self.values.items() if n in FIRST or self.more.value}
        rows = [(name, str(value), self._rows[name][2].value) for name, value in shown.items()]
        return pd.DataFrame(rows, columns=["setting", "value", "meaning"])

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
        self.set(**{name: s.default for name, s in SETTINGS.items() if name not in OF_RECIPES})

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
        return run_of(values)

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


def _control(name: str, setting: Setting) -> Any:
    """Return the control of a setting, at its default."""
    wide: dict[str, Any] = {"labelled": False}
    if name in CHOICES:
        control: Any = Choice(name, CHOICES[name], **wide)
    elif name == "device":
        control = Choice(name, ["auto", "cpu"] + ["cuda"] * torch.cuda.is_available(), **wide)
    elif isinstance(setting.default, str):
        control = TextBox(name, **wide)
    elif isinstance(setting.default, bool):
        control = ipw.Checkbox(indent=False, description=name, layout={"width": "112px"})
    else:
        control = NumberBox(name, check_of(name), whole=isinstance(setting.default, int), **wide)
    control.value = setting.default
    return control
