"""The settings of a run: what an experiment is about first, the rest behind a button."""

from __future__ import annotations

import pytest

from widgets.panels.training_settings import TrainingSettings
from widgets.states.run_settings import SETTINGS


def visible(settings):
    """Names of the settings in sight."""
    first, more = settings.children[0], settings._rest
    grids = [first] if more.layout.display == "none" else [first, more]
    names = [grid.children[i] for grid in grids for i in range(0, len(grid.children), 3)]
    return [label.value for label in names if label.layout.display != "none"]


def test_four_settings_come_first_and_lambda_only_where_the_recipe_has_it():
    settings = TrainingSettings()
    settings.set(recipe="adaptive")
    assert visible(settings) == ["recipe", "bits", "epochs"]
    settings.set(recipe="uhscm")
    assert visible(settings) == ["recipe", "bits", "epochs", "lam"]
    settings.more.value = True
    assert {"alpha", "beta", "seed", "device"} <= set(visible(settings)) < set(SETTINGS)


def test_the_button_says_how_many_hidden_settings_are_not_the_recipes_own():
    settings = TrainingSettings()
    settings.set(recipe="uhscm")
    assert settings.more.description == "More settings"
    settings.set(beta=0.1, seed=3, epochs=5)  # epochs are in sight
    assert settings.more.description == "More settings, 2 changed"
    settings.more.value = True
    assert settings.more.description == "Fewer settings, 2 changed"
    settings.reset()
    assert settings.more.description == "Fewer settings"


@pytest.mark.parametrize("recipe", ["paper", "uhscm", "tuned", "adaptive"])
def test_no_recipe_differs_from_itself(recipe):
    settings = TrainingSettings()
    settings.set(recipe=recipe)
    assert settings.more.description == "More settings"


@pytest.mark.parametrize("name", ["alpha", "beta", "lam", "learning_rate"])
@pytest.mark.parametrize("typed", ["-3", "nan"])
def test_a_number_that_no_training_takes_is_refused_at_its_box(name, typed):
    settings = TrainingSettings()
    settings.set(recipe="uhscm")
    control = settings.controls[name]
    before = control.value
    control._handle_custom_msg({"type": "typed", "content": typed, "view": "a browser"}, [])
    assert name in control.error
    assert control.value == before
    with pytest.raises(ValueError, match=name):
        settings.run()


def test_a_hidden_setting_that_does_not_work_comes_into_sight():
    settings = TrainingSettings()
    settings._open_for_an_error({"new": ""})
    assert not settings.more.value
    settings._open_for_an_error({"new": "beta must be at least 0"})
    assert settings.more.value
