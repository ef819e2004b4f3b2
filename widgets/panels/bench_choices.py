"""What a bench varies, as tick boxes and short texts, each with its error below it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from uhscm_core import Study
from uhscm_core.peers.augmenting import VIEWS
from uhscm_core.recipe import RECIPES
from widgets.background.bench_plan import METHODS, PlanError, lists_of, takes_views
from widgets.kit.layout import row
from widgets.kit.text_box import TextBox
from widgets.kit.words import counted, with_capital
from widgets.panels.ticks import NAMES, Ticks
from widgets.states.bench import OWN_LIST, Plan

__all__ = ["BenchChoices"]

_NUMBERS = {
    "bits": ("Code length, bits", "64 or 32, 64"),
    "epochs": ("Epochs", "the recipe's own"),
    "lam": ("Positive pairs: S ≥ λ", "the recipe's own"),
    "seeds": ("Seeds per setting", "3"),
}


_NUMBER = {"flex": "1 1 120px", "min_width": "120px"}  # two in a row or four


class BenchChoices(ipw.VBox):
    """The controls of a `Plan`.

    Args:
        changed: called when a choice changes, by each key of a text.
        taken: called when a choice has changed and a text in it is complete.
    """

    def __init__(self, changed: Callable[[], None], taken: Callable[[], None]) -> None:
        self._changed, self._taken = changed, taken
        self._showing = False
        self.ticks = {
            "recipes": Ticks("Recipes of training", self._on_tick),
            "methods": Ticks("Other methods", self._on_tick),
            "views": Ticks("Their views of images", self._on_tick),
            "lists": Ticks("Lists of concepts", self._on_tick),
        }
        self.texts: dict[str, TextBox] = {
            "templates": TextBox(
                "Templates, one per line",
                rows=2,
                leaving=True,
                label_width=NAMES,
                placeholder="the study's own; a | between two averages them",
            ),
            **{
                name: TextBox(label, leaving=True, placeholder=example, layout=_NUMBER)
                for name, (label, example) in _NUMBERS.items()
            },
        }
        for box in self.texts.values():
            box.observe(self._on_change, "value")
            box.on_submit(lambda _: self._taken())
        numbers = row(*(self.texts[name] for name in _NUMBERS))
        numbers.layout.grid_gap = "0 12px"
        numbers.add_class("uhscm-bench-numbers")
        super().__init__(
            [
                self.ticks["recipes"],
                self.ticks["methods"],
                self.ticks["views"],
                self.ticks["lists"],
                self.texts["templates"],
                numbers,
            ]
        )
        self.add_class("uhscm-bench-choices")

    def adopt(self, study: Study) -> None:
        """Offer what can be varied in a study."""
        own = f"{OWN_LIST} ({counted(len(study.concepts), 'name')})"
        self._showing = True
        try:
            self.ticks["recipes"].offer({name: name for name in RECIPES}, Plan().recipes)
            self.ticks["methods"].offer({name: name for name in METHODS}, [])
            self.ticks["views"].offer({name: name for name in VIEWS}, Plan().views)
            lists = {name: own if name == OWN_LIST else name for name in lists_of(study)}
            self.ticks["lists"].offer(lists, [OWN_LIST])
        finally:
            self._showing = False
        self.show(Plan.of(study))

    @property
    def plan(self) -> Plan:
        """What is chosen now."""
        ticked: dict[str, Any] = {name: ticks.ticked for name, ticks in self.ticks.items()}
        chosen: dict[str, Any] = {name: box.value for name, box in self.texts.items()}
        return Plan(**ticked, **chosen)

    def show(self, plan: Plan) -> None:
        """Put a plan into the controls."""
        self._showing = True
        try:
            for name, ticks in self.ticks.items():
                ticks.tick(getattr(plan, name))
            for name, box in self.texts.items():
                box.restore(getattr(plan, name))
        finally:
            self._showing = False
        self._fit()

    def set(self, **changes: Any) -> None:
        """Change some of the choices, named as in `Plan`."""
        self.offer(dataclasses.replace(self.plan, **changes))

    def offer(self, plan: Plan) -> None:
        """Choose what a plan says, unless nothing may be changed now."""
        if not any(control.disabled for control in self._controls()):
            self.show(plan)
            self._changed()
            self._taken()

    def fail(self, error: PlanError) -> str:
        """Say what is wrong at the control that it is about, and nowhere else.

        Returns:
            The same, with the control's name.
        """
        self.clear()
        where = error.control or "recipes"
        control = self.ticks[where] if where in self.ticks else self.texts[where]
        control.error = str(error)
        return f"{control.label}: {error}" if error.control else with_capital(str(error))

    def clear(self) -> None:
        """Take all errors away."""
        for control in self._controls():
            control.error = ""

    def lock(self, locked: bool) -> None:
        """Let nothing be changed, or let everything be changed again."""
        for control in self._controls():
            control.disabled = locked

    def _controls(self) -> list[Any]:
        return [*self.ticks.values(), *self.texts.values()]

    def _on_change(self, _: Any) -> None:
        if not self._showing:
            self._changed()

    def _fit(self) -> None:
        """Show the choice of views where a method that takes them is ticked."""
        shown = takes_views(self.ticks["methods"].ticked)
        self.ticks["views"].layout.display = "" if shown else "none"

    def _on_tick(self, _: Any) -> None:
        if not self._showing:
            self._fit()
            self._changed()
            self._taken()
