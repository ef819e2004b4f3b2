"""What is typed and ticked in the bench becomes an experiment, or an error at its control."""

from __future__ import annotations

import dataclasses

import pytest

from uhscm_core import Study
from widgets.background.bench_plan import (
    PlanError,
    bench_folder,
    experiment_of,
    lists_of,
    relevance_of,
    seconds_of,
)
from widgets.states.bench import OWN_LIST, Plan

FAST = Plan(recipes=("uhscm",), bits="8", epochs="1", seeds="1")


def test_each_combination_is_a_setting_and_a_method_repeats_nothing(study):
    plan = dataclasses.replace(
        FAST,
        recipes=("uhscm", "paper"),
        methods=("ITQ", "cosine of features"),
        lists=(OWN_LIST, "coco80"),
        templates="a photo of the {}\n{} | a {}\n",
        lam="0.8; 0,5".replace("0,5", "0.5"),
        bits="8 16",
        seeds="2",
    )
    experiment = experiment_of(study, plan)
    assert len(experiment.names) == 2 * 2 * 2 * 2 * 2 + 2 + 1
    assert len(experiment.missing) == 2 * (32 + 2) + 1
    frame = experiment.to_frame()
    assert set(frame["template"].dropna()) == {"a photo of the {}", "{} | a {}"}
    assert set(frame["concepts"].dropna()) == {
        "81 names: airport, ...",
        "80 names: person, ...",
    }


def test_what_is_left_as_it_is_is_not_varied(study):
    assert [*experiment_of(study, FAST).to_frame()][:-5] == ["recipe", "epochs", "bits"]
    assert [*experiment_of(study, Plan()).to_frame()][:-5] == ["recipe", "bits"]


@pytest.mark.parametrize(
    ("changes", "control", "message"),
    [
        ({"bits": ""}, "bits", "at least one number, such as 64, got nothing"),
        ({"bits": "0"}, "bits", "bits must be a whole number between 1 and"),
        ({"bits": "16, zwölf"}, "bits", "expected whole numbers with commas .* got 'zwölf'"),
        ({"bits": "16.5"}, "bits", "got '16.5'"),
        ({"bits": "1e400"}, "bits", "got '1e400'"),
        ({"bits": "8, 8"}, "bits", "8 is there twice"),
        ({"epochs": "-3"}, "epochs", "epochs must be a whole number between 0 and"),
        ({"epochs": "\N{MINUS SIGN}3"}, "epochs", "got -3"),
        ({"lam": "nan"}, "lam", "λ must be"),
        ({"lam": "inf"}, "lam", "λ must be"),
        ({"lam": "7"}, "lam", "λ must be .*between -1 and 1"),
        (
            {"lam": "0.8", "recipes": ("adaptive", "uhscm")},
            "lam",
            "Only the recipes paper and uhscm have λ: .* untick adaptive",
        ),
        ({"seeds": "0"}, "seeds", "seeds must be a whole number between 1 and 100"),
        ({"seeds": "1, 2"}, "seeds", "expected one whole number, got 1, 2"),
        ({"seeds": ""}, "seeds", "expected one whole number, got nothing"),
        ({"templates": "a photo"}, "templates", r"exactly one \{\}"),
        ({"templates": "{}\n{}"}, "templates", "there twice"),
        ({"templates": "{} | {}"}, "templates", "template"),
        ({"lists": ()}, "lists", "at least one list"),
        ({"recipes": ()}, "recipes", "tick at least one recipe, or a baseline"),
        ({"methods": ("ITQ", "CroVCA"), "views": ()}, "views", "tick at least one kind of views"),
        (
            {"seeds": "100", "bits": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21"},
            "",
            "2,100 runs; choose fewer",
        ),
    ],
)
def test_an_error_belongs_to_its_control(study, changes, control, message):
    with pytest.raises(PlanError, match=message) as caught:
        experiment_of(study, dataclasses.replace(FAST, **changes))
    assert caught.value.control == control


def test_baselines_alone_need_no_recipe(study):
    experiment = experiment_of(
        study, dataclasses.replace(FAST, recipes=(), methods=("ITQ", "LSH"), bits="8")
    )
    assert experiment.names == ("ITQ", "LSH")
    assert all(map(seconds_of(study), experiment.missing))


def test_views_are_varied_for_methods_that_take_them_and_for_no_other(study):
    plan = dataclasses.replace(FAST, methods=("ITQ", "CIBHash"), bits="8")
    assert "views" not in [*experiment_of(study, plan).to_frame()]
    both = dataclasses.replace(plan, views=("noised", "auto"))
    frame = experiment_of(study, both).to_frame()
    assert frame["method"].tolist() == ["UHSCM", "ITQ", "CIBHash", "CIBHash"]
    assert frame["views"].tolist()[2:] == ["noised", "auto"]
    without = dataclasses.replace(both, methods=("ITQ",))
    assert "views" not in [*experiment_of(study, without).to_frame()]
    assert experiment_of(study, dataclasses.replace(without, views=())).missing


def test_a_study_without_images_has_none_to_augment(study):
    bare = Study.from_features(
        study.image_features, study.concepts, study.text_features, labels=study.dataset.labels
    )
    plan = dataclasses.replace(FAST, methods=("CIBHash",))
    assert experiment_of(bare, plan).missing
    with pytest.raises(PlanError, match="tick only noised") as caught:
        experiment_of(bare, dataclasses.replace(plan, views=("auto",)))
    assert caught.value.control == "views"


def test_the_list_of_the_study_is_offered_once(study):
    assert lists_of(study) == (OWN_LIST, "coco80", "common")
    assert lists_of(study.with_(concepts=["beach", "castle"])) == (
        OWN_LIST,
        "nuswide81",
        "coco80",
        "common",
    )


def test_without_labels_it_says_what_cannot_be_told_and_what_is_shown_instead(study):
    assert relevance_of(study) == ("labels", "")
    bare = study.with_(dataset=dataclasses.replace(study.dataset, labels=None, label_names=()))
    relevant, said = relevance_of(bare)
    assert relevant == "concepts"
    assert "no labels" in said
    assert "in its place" in said
    assert len(experiment_of(bare, FAST).missing) == 1


def test_a_longer_training_takes_longer(study):
    times = [
        seconds_of(study)(experiment_of(study, dataclasses.replace(FAST, epochs=n)).missing[0])
        for n in ("1", "100")
    ]
    assert times[1] > 10 * (times[0] - 1)


def test_benches_of_one_study_share_a_folder_and_others_have_their_own(study, home):
    assert bench_folder(study) == bench_folder(study.with_())
    assert bench_folder(study.with_(tau=1.0)) != bench_folder(study)
    assert bench_folder(study).is_relative_to(home / "experiments")


UHSCM = {"recipe": "uhscm", "bits": 16, "epochs": 60, "lam": 0.8}
TUNED = {"recipe": "tuned", "bits": 16, "epochs": 8}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (UHSCM, TUNED, Plan(("uhscm", "tuned"), bits="16")),
        (UHSCM, {**UHSCM, "bits": 32}, Plan(("uhscm",), bits="16, 32")),
        (UHSCM, {**UHSCM, "lam": -1.0}, Plan(("uhscm",), bits="16", lam="0.8, -1.0")),
        (TUNED, {**TUNED, "epochs": 3}, Plan(("tuned",), bits="16", epochs="8, 3")),
        (TUNED, {"method": "ITQ", "bits": 16}, Plan(("tuned",), ("ITQ",), bits="16")),
        (
            TUNED,
            {"method": "CIBHash", "bits": 16, "views": "auto"},
            Plan(("tuned",), ("CIBHash",), views=("auto",), bits="16"),
        ),
        (
            {"method": "ITQ", "bits": 32},
            {"method": "cosine of features"},
            Plan((), ("ITQ", "cosine of features"), bits="32"),
        ),
    ],
)
def test_two_settings_make_the_plan_that_trains_both(study, one, other, expected):
    plan = Plan.of_two([one, other], study)
    assert plan == expected
    found = experiment_of(study, plan).to_frame()
    assert len(found) == 2
    for setting in (one, other):
        wanted = {name: value for name, value in setting.items() if name in found}
        assert any(all(row[k] == v for k, v in wanted.items()) for _, row in found.iterrows())


def test_two_settings_that_a_bench_cannot_tell_apart_make_no_plan(study):
    assert Plan.of_two([UHSCM, dict(UHSCM)], study) is None
    assert Plan.of_two([UHSCM, {}], study) is None


@pytest.mark.parametrize(
    ("prompts", "typed"),
    [
        ([("a photo of the {}",), ("a {}", "the {}")], "a photo of the {}\na {} | the {}"),
        ([("a {}",), ("a {}",)], "a {}"),
        ([("a photo of the {}",)] * 2, ""),  # the study's own
    ],
)
def test_the_plan_of_two_prompts_has_both(study, prompts, typed):
    settings = [
        {**UHSCM, "bits": bits, "template": one}
        for bits, one in zip((16, 32), prompts, strict=True)
    ]
    plan = Plan.of_two(settings, study)
    assert plan.templates == typed
    assert len(experiment_of(study, plan).to_frame()) == 2 * max(len(typed.splitlines()), 1)
