"""What a bench varies, as it stands in its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uhscm_core import Study
from uhscm_core.recipe import RECIPES, TrainingConfig

__all__ = ["OWN_LIST", "Plan"]

OWN_LIST = "this study's own"


@dataclass(frozen=True)
class Plan:
    """What is chosen, as it stands in the controls.

    Attributes:
        recipes, methods, lists: names that are ticked.
        views: what methods that take views of images are given, see `Study.baseline_codes`.
        templates: one per line; several that are averaged are joined by ``|``.
        lam, bits, epochs: numbers with commas between them; empty for the recipe's own.
        seeds: how many.
    """

    recipes: tuple[str, ...] = (TrainingConfig().complete().recipe,)
    methods: tuple[str, ...] = ()
    lists: tuple[str, ...] = (OWN_LIST,)
    views: tuple[str, ...] = ("noised",)
    templates: str = ""
    lam: str = ""
    bits: str = "64"
    epochs: str = ""
    seeds: str = "3"

    @classmethod
    def of(cls, study: Study) -> Plan:
        """Return what is chosen at first for a study: codes as long as those that it has."""
        return cls() if study.network is None else cls(bits=str(study.network.bits))

    @classmethod
    def of_two(cls, settings: Sequence[Mapping[str, Any]], study: Study) -> Plan | None:
        """Return the plan that trains two settings, given by what an `Experiment` varies.

        Two values of one name and two of another make four settings. None where what tells the two
        apart is not known here, such as another learning rate or seed.
        """
        if settings[0] == settings[1] or not all(settings):
            return None

        def each(name: str) -> tuple[Any, ...]:
            return tuple(dict.fromkeys(one[name] for one in settings if name in one))

        def typed(name: str) -> str:
            trained = [one for one in settings if "recipe" in one]
            usual = all(one.get(name) == RECIPES[one["recipe"]].get(name) for one in trained)
            return "" if usual else ", ".join(map(str, each(name)))

        bits = ", ".join(map(str, each("bits"))) or cls().bits
        templates = each("template")
        own = templates in ((), (study.concepts.templates,))
        return cls(
            recipes=each("recipe"),
            methods=each("method"),
            views=each("views") or cls().views,
            templates="" if own else "\n".join(" | ".join(one) for one in templates),
            bits=bits,
            epochs=typed("epochs"),
            lam=typed("lam"),
        )
