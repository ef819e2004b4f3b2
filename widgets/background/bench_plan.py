"""What a bench varies: what the user typed and ticked, read into an experiment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from uhscm_core import BASELINES, Experiment, Study, load_concepts
from uhscm_core.comparison import REFERENCES
from uhscm_core.concepts import VOCABULARIES
from uhscm_core.experiments.relevance import Relevance
from uhscm_core.experiments.running import Run
from uhscm_core.experiments.settings import TRAINED, study_identity
from uhscm_core.precomputed import PrecomputedEncoder
from uhscm_core.recipe import RECIPES
from uhscm_core.support import store
from uhscm_core.support.checks import code_length, real_number, whole_number
from widgets.background import trainer as trainers
from widgets.states.bench import OWN_LIST, Plan

__all__ = [
    "METHODS",
    "PlanError",
    "bench_folder",
    "experiment_of",
    "lists_of",
    "relevance_of",
    "seconds_of",
    "takes_views",
]

METHODS = (*BASELINES, *REFERENCES)
_SECONDS_OF_A_BASELINE = 1.0
_SECONDS_OF_A_PEER = 2e-3  # for each training image
_MOST_RUNS = 2_000

T = TypeVar("T")


class PlanError(ValueError):
    """A choice that does not work.

    Args:
        control: name of the attribute of `Plan` that it is about; empty for the plan as a whole.
        message: what was expected.
    """

    def __init__(self, control: str, message: str) -> None:
        super().__init__(message)
        self.control = control


def lists_of(study: Study) -> tuple[str, ...]:
    """Return the names of the lists of concepts to choose from, the study's own first."""
    others = (name for name in VOCABULARIES if _names(name) != study.concepts.names)
    return (OWN_LIST, *others)


def _names(vocabulary: str) -> tuple[str, ...]:
    return load_concepts(vocabulary).names


def bench_folder(study: Study) -> Path:
    """Return where the benches of a study are kept."""
    return store.home() / "experiments" / store.digest_of(study_identity(study))


def relevance_of(study: Study) -> tuple[Relevance, str]:
    """Return what makes an image relevant, and what has to be said where that is not labels."""
    labels = study.dataset.labels
    if labels is not None and bool(labels.any()):
        return "labels", ""
    return "concepts", (
        "These images have no labels, so the bench cannot tell whether people would call the "
        "results relevant. It shows in its place how well a ranking agrees with the study's own "
        "concepts (images with S of at least 0.8 count as relevant), which favors settings with "
        "concepts like these"
    )


def experiment_of(study: Study, plan: Plan) -> Experiment:
    """Return the experiment that a plan describes, in the folder of the study's benches.

    Raises:
        PlanError: a choice that does not work.
    """
    vary = _read(study, plan)
    seeds = _one("seeds", plan.seeds, lambda n: whole_number("seeds", n, 1, 100))
    size = seeds
    for values in vary.values():
        size *= len(values)
    if size > _MOST_RUNS:
        raise PlanError("", f"these choices make up to {size:,} runs; choose fewer values")
    try:
        return Experiment(study, vary, seeds, bench_folder(study), relevant=relevance_of(study)[0])
    except PlanError:
        raise
    except (TypeError, ValueError) as error:
        raise PlanError("", str(error)) from error


def _read(study: Study, plan: Plan) -> dict[str, Sequence[Any]]:
    if not (plan.recipes or plan.methods):
        raise PlanError("recipes", "tick at least one recipe, or a baseline")
    vary: dict[str, Sequence[Any]] = {}
    if plan.methods:
        vary["method"] = [TRAINED, *plan.methods] if plan.recipes else [*plan.methods]
        vary |= _views(study, plan)
    if plan.recipes:
        vary["recipe"] = plan.recipes
        vary |= _training(plan)
    bits = _several("bits", plan.bits, int, code_length)
    vary["bits"] = bits or _missing("bits", "64")
    return vary | _concepts(study, plan)


def takes_views(methods: Sequence[str]) -> bool:
    """Return whether one of these methods takes views of images."""
    return any(name in BASELINES and BASELINES[name].augments for name in methods)


def _views(study: Study, plan: Plan) -> dict[str, Sequence[Any]]:
    if not takes_views(plan.methods):
        return {}
    if not plan.views:
        raise PlanError("views", "tick at least one kind of views")
    if plan.views == Plan().views:
        return {}
    if isinstance(study.vlp, PrecomputedEncoder):
        raise PlanError(
            "views",
            "this study was made from features and has no images to augment; tick only noised",
        )
    return {"views": plan.views}


def _training(plan: Plan) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {}
    if epochs := _several(
        "epochs", plan.epochs, int, lambda n: whole_number("epochs", n, 0, 1_000_000)
    ):
        found["epochs"] = epochs
    if lam := _several("lam", plan.lam, float, lambda x: real_number("λ", x, -1, 1)):
        without = [name for name in plan.recipes if "lam" not in RECIPES[name]]
        if without:
            having = " and ".join(name for name, own in RECIPES.items() if "lam" in own)
            raise PlanError(
                "lam",
                f"Only the recipes {having} have λ: leave it empty, or untick "
                f"{' and '.join(without)}",
            )
        found["lam"] = lam
    return found


def _concepts(study: Study, plan: Plan) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {}
    if not plan.lists:
        raise PlanError("lists", "tick at least one list of concepts")
    if plan.lists != (OWN_LIST,):
        own = study.concepts
        sets = [own.names if name == OWN_LIST else _names(name) for name in plan.lists]
        found["concepts"] = sets
        _try(study, "lists", "concepts", sets)
    templates = [
        tuple(part.strip() for part in line.split("|")) if "|" in line else line.strip()
        for line in plan.templates.splitlines()
        if line.strip()
    ]
    if templates:
        _refuse_repeated("templates", templates)
        found["template"] = templates
        _try(study, "templates", "template", templates)
    return found


def _try(study: Study, control: str, name: str, values: Sequence[Any]) -> None:
    for value in values:
        try:
            study.with_(**{name: value})
        except (TypeError, ValueError) as error:
            raise PlanError(control, str(error)) from error


def _several(
    control: str, typed: str, kind: Callable[[str], T], check: Callable[[T], Any]
) -> tuple[T, ...]:
    values = []
    for part in filter(None, re.split(r"[,;\s]+", typed.replace("\N{MINUS SIGN}", "-"))):
        try:
            value = kind(part)
        except ValueError:
            number = "whole numbers" if kind is int else "numbers"
            raise PlanError(
                control, f"expected {number} with commas between them, got {part!r}"
            ) from None
        try:
            check(value)
        except (TypeError, ValueError) as error:
            raise PlanError(control, str(error)) from None
        values.append(value)
    _refuse_repeated(control, values)
    return tuple(values)


def _one(control: str, typed: str, check: Callable[[int], int]) -> int:
    values = _several(control, typed, int, check)
    if len(values) != 1:
        raise PlanError(control, f"expected one whole number, got {typed.strip() or 'nothing'}")
    return values[0]


def _missing(control: str, example: str) -> Any:
    raise PlanError(control, f"expected at least one number, such as {example}, got nothing")


def _refuse_repeated(control: str, values: Sequence[Any]) -> None:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise PlanError(control, f"{value} is there twice")


def seconds_of(study: Study) -> Callable[[Run], float]:
    """Return a function that estimates the seconds of a run.

    A few steps are measured for each recipe, code length and batch size, on the study itself: what
    else a setting changes hardly changes the time. Baselines that train take about as long
    everywhere.
    """
    per_epoch: dict[tuple[Any, ...], float] = {}

    def seconds(run: Run) -> float:
        setting = run.setting
        if not setting.trained:
            baseline = BASELINES.get(setting.method)
            images = len(study.dataset.splits["train"]) if baseline and baseline.trains else 0
            return _SECONDS_OF_A_BASELINE + _SECONDS_OF_A_PEER * images
        config = setting.config.complete()
        key = (config.recipe, setting.bits, config.batch_size)
        if key not in per_epoch:
            whole = trainers.estimate(study, setting.bits, setting.config)
            per_epoch[key] = whole / max(config.epochs, 1)
        return per_epoch[key] * config.epochs + _SECONDS_OF_A_BASELINE

    return seconds
