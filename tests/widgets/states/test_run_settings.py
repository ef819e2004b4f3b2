"""The settings of a run as a value: a recipe's own, how many differ, and the run they make."""

from __future__ import annotations

import pytest

from uhscm_core.recipe import RECIPES
from widgets.states.run_settings import FIRST, OF_RECIPES, SETTINGS, n_changed, own_values, run_of


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipes_own_values_make_a_run_of_it(recipe):
    own = {**own_values(recipe), "recipe": recipe}
    assert {name for name in OF_RECIPES if name in own} == RECIPES[recipe].keys() & SETTINGS.keys()
    assert n_changed(own) == 0
    run = run_of(own)
    assert run["config"].complete().recipe == recipe
    for name in RECIPES[recipe].keys() & SETTINGS.keys():
        assert getattr(run["config"].complete(), name) == RECIPES[recipe][name]


def test_only_what_does_not_come_first_is_counted():
    own = {**own_values("uhscm"), "recipe": "uhscm"}
    assert n_changed({**own, **dict.fromkeys(set(FIRST) - {"recipe"}, 7)}) == 0
    assert n_changed({**own, "beta": 0.5, "seed": 3}) == 2


def test_about_fifteen_validations_make_a_curve():
    own = {**own_values("uhscm"), "recipe": "uhscm"}
    assert run_of({**own, "epochs": 60})["config"].validate_every == 4
    assert run_of({**own, "epochs": 3})["config"].validate_every == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"feature_share": "half"}, "auto or a number"), ({"backbone": "vgg19"}, "mixes features")],
)
def test_what_no_run_can_have_is_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        run_of({**own_values("adaptive"), "recipe": "adaptive", **wrong})


def test_the_words_of_a_setting_have_the_papers_value():
    assert SETTINGS["beta"].words.endswith("; paper: 0.001")
    assert SETTINGS["pretrained"].words.endswith("; paper: yes")
    assert "paper:" not in SETTINGS["seed"].words
