"""The training explorer without a browser."""

from __future__ import annotations

import dataclasses
import io
import re
import threading
import time

import pandas as pd
import pytest
import torch

from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.recipe import RECIPES, TrainingConfig
from uhscm_core.runs import read_runs
from widgets import DistributionExplorer, TrainingExplorer
from widgets.background import snapshot as snapshots
from widgets.states.run_settings import SETTINGS


@pytest.fixture
def explorer(study):
    made = TrainingExplorer(study)
    made._worker.wait()
    yield made
    made.stop()
    made.wait()


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def enter(box, text: str) -> None:
    """Type a text and press Enter."""
    box._handle_custom_msg({"type": "submit", "content": text, "view": "a browser"}, [])


def names(explorer):
    return [run.name for run in read_runs(runs_folder(explorer._study))]


def test_before_any_run_it_says_so_and_how_long_one_takes(explorer):
    assert explorer.status.summary == "No run yet: press Start."
    assert explorer.estimate.value.startswith("About ")
    assert "labels are reported and decide nothing" in explorer.curves.summary
    assert "The queries are never used" in explorer.curves.summary
    assert explorer.study is explorer._study
    assert explorer.to_frame().empty
    disabled = {name: button.disabled for name, button in explorer.buttons.items()}
    assert disabled["pause"]
    assert disabled["resume"]
    assert disabled["stop"]
    assert not disabled["start"]


def test_a_run_is_shown_whole(study, explorer):
    explorer.start(bits=16, epochs=4, batch_size=32)
    explorer.wait()
    assert explorer.status.errors == []
    assert explorer.status.summary.startswith("Run 001 finished; epoch 4 of 4, total ")
    assert explorer.study.network.bits == 16
    assert len(explorer.study.history) == len(explorer.to_frame()) == 16
    assert explorer.balance.to_frame().shape == (16, 3)
    distances = explorer.distances.to_frame()
    assert distances["from"].tolist() == [d - 0.5 for d in range(17)]
    assert distances.iloc[:, 2:].sum().tolist() == pytest.approx([1, 1])
    assert len(explorer.results.ids) == 8
    assert explorer.table.to_frame()["run"].tolist() == ["001"]
    x, y = explorer.curves.curves["now"]["total"]
    assert len(x) == 16
    assert y[0] == pytest.approx(explorer.to_frame()["total"][0])
    name, content = explorer._as_csv()
    assert name == "training.csv"
    assert len(pd.read_csv(io.BytesIO(content))) == 1 + 16
    assert DistributionExplorer(explorer.study).pictures.codes is not None


def test_what_was_pressed_is_answered_before_the_charts_are_drawn(explorer, monkeypatch):
    order = []
    say, draw = explorer.status.say, explorer.views.draw
    monkeypatch.setattr(explorer.status, "say", lambda *said: order.append("said") or say(*said))
    monkeypatch.setattr(explorer.views, "draw", lambda: order.append("drawn") or draw())
    explorer.control.draw()
    assert order == ["said", "drawn"]


def test_a_stop_is_answered_by_the_sentence_alone(explorer, monkeypatch):
    explorer.start(bits=16, epochs=900)
    until(lambda: "Run 001 running" in explorer.status.summary)
    explorer.pause()
    until(lambda: "paused (after" in explorer.status.summary)
    saving, may_save = threading.Event(), threading.Event()
    monkeypatch.setattr(explorer.trainer, "_save_study", lambda: saving.set() or may_save.wait(20))
    explorer.stop()
    assert saving.wait(20)
    drawn = []
    with monkeypatch.context() as patch:
        patch.setattr(explorer.views, "draw", lambda: drawn.append(True))
        explorer.control.draw()
    assert explorer.status.summary.startswith("Run 001 stopped, saving; epoch ")
    assert drawn == []
    assert explorer.buttons["stop"].disabled
    assert explorer.buttons["start"].disabled
    may_save.set()
    explorer.wait()
    assert explorer.status.summary.startswith("Run 001 stopped; epoch ")


def test_of_a_run_that_is_running_only_the_tab_in_view_is_drawn(explorer):
    explorer.start(bits=16, epochs=900)
    until(lambda: "Run 001 running" in explorer.status.summary)
    explorer.pause()
    until(lambda: "paused (after" in explorer.status.summary)
    explorer.control.draw()
    assert explorer.views.selected_index == 0
    assert len(explorer.curves.curves["now"]["total"][0]) > 0
    assert explorer.balance.to_frame().empty
    assert explorer.table.to_frame().empty
    explorer.views.selected_index = 1
    assert explorer.balance.to_frame().shape == (16, 3)
    assert explorer.table.to_frame().empty
    explorer.views.selected_index = 2
    assert explorer.table.to_frame()["run"].tolist() == ["001"]


def test_what_a_short_run_did_is_said_next_to_start(explorer):
    explorer.start(bits=8, epochs=2)
    explorer.wait()
    steps = [step.metrics for step in explorer.trainer.steps if step.metrics]
    kept = max(steps, key=lambda metrics: metrics["mAP by concepts"])
    before = explorer.trainer.run.untrained["mAP by labels"]
    said = explorer.estimate.value
    assert re.match(r"Run 00\d: 2 epochs in [\d.]+ s, mAP by labels [\d.]+ from ITQ, ", said)
    now = f"{before:.3f} from ITQ"
    after = f"{kept['mAP by labels']:.3f} kept of epoch {1 + steps.index(kept)}"
    assert said.endswith(f"mAP by labels {now}, {after}")
    explorer.settings.set(epochs=3)
    explorer.wait()
    assert explorer.estimate.value.startswith("About ")


def test_a_start_with_the_settings_in_view_estimates_nothing_again(explorer, monkeypatch):
    asked = []
    monkeypatch.setattr(explorer.form, "look_again", lambda: asked.append(True))
    explorer.start()
    assert not asked


def test_settings_are_locked_while_it_runs_and_a_second_run_is_refused(explorer):
    started = time.perf_counter()
    explorer.start(bits=16, epochs=900)
    assert time.perf_counter() - started < 1  # the cell returns at once
    until(lambda: explorer.settings.controls["lam"].disabled)
    assert "cannot change while it is running" in explorer.settings.note.value
    with pytest.raises(RuntimeError, match="run 001 is running"):
        explorer.start()
    explorer.buttons["start"].click()
    assert explorer.status.errors == []  # the second press of a double click
    explorer.pause()
    until(lambda: "paused (after" in explorer.status.summary)
    assert not explorer.buttons["resume"].disabled
    explorer.resume()
    until(lambda: "Run 001 running" in explorer.status.summary)
    explorer.stop()
    explorer.wait()
    assert explorer.status.summary.startswith("Run 001 stopped")
    assert not explorer.settings.controls["lam"].disabled
    assert not explorer.buttons["resume"].disabled  # it can be resumed
    assert names(explorer) == ["001"]


def test_a_cell_run_twice_finds_the_same_run(study, explorer):
    explorer.start(bits=16, epochs=900)
    until(lambda: explorer.trainer.steps)
    second = TrainingExplorer(study)
    assert second.trainer is explorer.trainer
    until(lambda: "Run 001 running" in second.status.summary)
    until(lambda: len(second.curves.curves["now"]["total"][0]) > 0)
    assert second.curves.curves["now"]["total"][0][0] <= 4  # the whole history
    assert "the cell that was run last" in explorer.status.summary
    with pytest.raises(RuntimeError, match="the cell that was run last"):
        explorer.start()
    second.stop()
    second.wait()
    assert names(second) == ["001"]


def test_a_fork_differs_in_one_setting_and_is_compared(explorer):
    explorer.start(bits=16, recipe="uhscm", epochs=2)
    explorer.wait()
    with pytest.raises(ValueError, match="balance is no setting of the recipe 'uhscm'"):
        explorer.fork(balance=2.0)
    explorer.fork(lam=0.5)
    assert explorer.note.value == "Fork of 001: lam 0.8 → 0.5"
    explorer.start()
    explorer.wait()
    frame = explorer.table.to_frame()
    assert frame["forked from"].tolist() == ["001", ""]
    assert frame["lam"].tolist() == [0.5, 0.8]
    assert "alpha" not in frame
    assert (explorer.colour.value, explorer.grey.value) == ("002", "001")
    grey = explorer.curves.curves["before"]["total"][1]
    explorer.table.chosen = 1
    explorer.wait()
    assert (explorer.colour.value, explorer.grey.value) == ("001", "002")
    assert explorer.curves.curves["now"]["total"][1].tolist() == grey.tolist()
    assert explorer.study.history[-1].epoch == 2
    with pytest.raises(ValueError, match="no run '009' to fork"):
        explorer.fork("009")


def test_the_last_run_is_grey_in_a_later_session_and_can_be_taken_up(study, explorer, monkeypatch):
    from widgets.background import trainer as trainers

    explorer.start(bits=16, epochs=400)
    until(lambda: len(explorer.trainer.steps) > 3)
    explorer.stop()
    explorer.wait()
    done = len(explorer.trainer.steps)
    monkeypatch.setattr(trainers, "_TRAINERS", {})  # another session
    later = TrainingExplorer(study)
    later.wait()
    assert later.status.summary == (
        "Run 001, trained earlier, is in gray (stopped). Press Start, or Resume to continue it."
    )
    assert not later.buttons["resume"].disabled  # also before it is chosen
    assert len(later.curves.curves["before"]["total"][0]) > 0
    assert later.settings.values["epochs"] == 400
    later.colour.value = "001"
    later.wait()
    assert later.balance.values.shape == (1, 16)
    assert later.study.network.bits == 16
    later.colour.value, later.grey.value = "none", "001"
    later.wait()
    later.resume()
    until(lambda: len(later.trainer.steps) > done)
    assert (later.colour.value, later.grey.value) == ("001", "none")
    later.stop()
    later.wait()
    assert names(later) == ["001"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "epochs must be a whole number between 0"),
        ({"batch_size": 0}, "batch_size must be a whole number between 1"),
        ({"learning_rate": 0.0}, "learning_rate must be a finite number greater than 0"),
        ({"recipe": "uhscm", "gamma": 0.0}, "gamma must be a finite number of at least 1e-06"),
        ({"bits": 0}, "bits must be a whole number between 1"),
    ],
)
def test_settings_out_of_range_start_nothing(explorer, settings, message):
    explorer.settings.set(**settings)
    explorer._worker.wait()
    assert explorer.estimate.value.startswith(f"Not yet: {message}")
    explorer.buttons["start"].click()
    assert message in explorer.status.errors[0]
    with pytest.raises(ValueError, match=message):
        explorer.start()
    assert names(explorer) == []


def test_what_goes_wrong_in_a_run_stands_in_the_panel(explorer):
    explorer.start(bits=16, epochs=1, backbone="no such model")
    explorer.wait()
    assert "unknown backbone 'no such model'" in explorer.status.errors[0]
    assert explorer.status.summary.startswith("Run 001 failed")
    explorer.start(backbone="features", epochs=0)
    explorer.wait()
    assert "nothing was learned: these are the first weights" in explorer.status.summary


def test_every_setting_has_its_line_and_goes_back(explorer):
    explorer.settings.set(recipe="uhscm", lam=0.1, epochs=3)
    explorer.settings.as_in_the_paper()
    assert explorer.settings.values["learning_rate"] == 0.006
    assert explorer.settings.values["optimizer"] == "sgd"
    assert explorer.settings.values["momentum"] == 0.0
    assert explorer.settings.values["center"] is True
    assert explorer.settings.values["backbone"] == "features"  # vgg19 takes a GPU
    explorer.settings.reset()
    values = explorer.settings.values
    assert values == {name: SETTINGS[name].default for name in values}
    with pytest.raises(TypeError, match="no setting lambda_"):
        explorer.settings.set(lambda_=1)


def test_a_recipe_shows_the_settings_that_it_has_with_its_values(explorer):
    explorer.settings.set(recipe="uhscm", alpha=0.7)
    for recipe in ("paper", "tuned", "adaptive", "uhscm"):
        explorer.settings.set(recipe=recipe)
        controls, own = explorer.settings.controls, RECIPES[recipe]
        visible = {name for name, box in controls.items() if box.layout.display != "none"}
        assert visible == explorer.settings.values.keys()
        assert visible >= own.keys()
        assert all(str(controls[name].value) == str(value) for name, value in own.items())
        config = explorer.settings.run()["config"]
        changes = {"validate_every": config.validate_every, "workers": 0}
        assert config.complete() == TrainingConfig(recipe=recipe, **changes).complete()


def test_a_mixing_recipe_runs_and_shows_its_terms(explorer):
    explorer.start(recipe="adaptive", bits=16, epochs=2)
    explorer.wait()
    assert list(explorer.status.errors) == []
    assert explorer.study.network.feature_share is not None
    names = [panel["name"] for panel in explorer.curves.panels]
    assert "balance" in names
    assert "contrastive" not in names
    assert len(explorer.curves.curves["now"]["balance"][0])
    explorer.fork("001", recipe="tuned")
    assert explorer.note.value == "Fork of 001: recipe adaptive → tuned"
    explorer.fork("001", feature_share=0.5)
    assert explorer.note.value == "Fork of 001: feature_share auto → 0.5"
    explorer.start()
    explorer.wait()
    assert explorer.study.network.feature_share == 0.5


def test_the_form_says_what_the_concepts_explain_and_what_codes_will_lean_on(explorer):
    explorer.settings.set(recipe="adaptive")
    explorer._worker.wait()
    said = "explain 81% of what sets the images apart; with the recipe 'adaptive', codes mix"
    assert said in explorer.share.value
    explorer.settings.set(recipe="tuned", feature_share=0.35)
    explorer._worker.wait()
    assert "apart; codes mix 35% features with 65% concepts." in explorer.share.value
    explorer.settings.set(recipe="uhscm")
    explorer._worker.wait()
    assert explorer.share.value == ""


def test_what_a_poor_list_explains_is_said_once(study):
    explorer = TrainingExplorer(study.with_(concepts="coco80"))
    explorer._worker.wait()
    (said,) = [f for f in explorer.health.findings if f.kind == "list explains little"]
    assert "what sets the images apart" in said.message
    assert explorer.share.layout.display == "none"


def test_shares_and_backbones_that_do_not_go_together_are_said(explorer):
    explorer.settings.set(recipe="adaptive", feature_share="most")
    with pytest.raises(
        ValueError, match="feature_share must be auto or a number from 0 to 1, got 'most'"
    ):
        explorer.settings.run()
    explorer.settings.controls["feature_share"].value = " "
    with pytest.raises(ValueError, match="feature_share: the box is empty, type auto or"):
        explorer.settings.run()
    explorer.settings.set(recipe="tuned", backbone="vgg19")
    with pytest.raises(ValueError, match="recipe: 'tuned' mixes features with concepts"):
        explorer.settings.run()


def test_a_fork_keeps_the_weight_of_the_similarity_term(explorer):
    explorer.start(bits=16, epochs=1, similarity_weight=0.0)
    explorer.wait()
    explorer.settings.reset()
    assert explorer.settings.values["similarity_weight"] == 1.0
    explorer.fork("001")
    assert explorer.settings.values["similarity_weight"] == 0.0


def test_a_run_that_ended_with_collapsed_codes_has_a_note(explorer, monkeypatch):
    explorer.start(bits=16, epochs=1)
    explorer.wait()
    assert explorer.status.notes == []
    monkeypatch.setattr(snapshots, "outputs_of", lambda *given: torch.ones(len(given[-1]), 16))
    explorer.start(bits=16, epochs=1)
    explorer.wait()
    (note,) = explorer.status.notes
    assert note.startswith("The codes have collapsed: of the validation images, ")


def test_another_query_is_pinned(explorer):
    explorer.start(bits=16, epochs=2)
    explorer.wait()
    wanted = int(explorer.results.ids[3])
    explorer.results.selection.focus = wanted
    explorer.wait()
    assert explorer.query.ids.tolist() == [wanted]
    assert wanted not in explorer.results.ids
    before = explorer.query.ids.tolist()
    another = explorer.buttons["other"].click
    until(lambda: another() or explorer.wait() or explorer.query.ids.tolist() != before)


def test_without_labels_nothing_is_judged_by_them(study):
    bare = TrainingExplorer(study.with_(dataset=dataclasses.replace(study.dataset, labels=None)))
    bare.start(bits=16, epochs=2)
    bare.wait()
    assert "there are no labels" in bare.curves.summary
    assert [panel["name"] for panel in bare.curves.panels][-1] == "mAP by concepts"
    assert not any("label" in column for column in bare.table.columns)
    assert bare.status.errors == []


def test_an_explorer_of_no_study_says_so():
    with pytest.raises(TypeError, match="needs a Study, got str 'postcards'"):
        TrainingExplorer("postcards")


@pytest.mark.parametrize("name", ["metrics.jsonl", "run.json"])
def test_one_bad_byte_in_one_run_keeps_no_explorer_from_opening(study, explorer, name):
    for _ in range(2):
        explorer.start(bits=16, epochs=1, batch_size=32)
        explorer.wait()
    path = runs_folder(study) / "001" / name
    path.write_bytes(path.read_bytes().replace(b"2", b"\xff", 1))
    again = TrainingExplorer(study)
    again._worker.wait()
    assert again.status.errors == []
    table = again.table.to_frame()
    assert table["status"].tolist() == ["finished", "damaged"]
    assert str(path) in table["what is damaged"].iloc[1]
    with pytest.raises(ValueError, match=r"run 001 is damaged and cannot be forked: .*"):
        again.fork("001")
    again.colour.value = "001"
    assert again.status.summary.startswith("Run 001 damaged")
    assert str(path) in again.status.notes[0]
    assert again.buttons["resume"].disabled


@pytest.mark.parametrize("wrong", [10**9, -1, 1.5, "0", None])
def test_a_pin_that_is_no_image_leaves_the_run_alone(explorer, wrong):
    explorer.start(bits=16, epochs=300, batch_size=64)
    until(lambda: explorer.trainer.steps)
    pinned = explorer.trainer.pinned
    with pytest.raises((TypeError, IndexError), match="image must be"):
        explorer.pin(wrong)
    done = len(explorer.trainer.steps)
    until(lambda: len(explorer.trainer.steps) > done + 5)
    assert explorer.trainer.active
    assert explorer.trainer.pinned == pinned
    explorer.stop()
    explorer.wait()
    assert explorer.status.errors == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": "60"}, "epochs must be a whole number"),
        ({"bits": 64.0}, "bits must be a whole number"),
        ({"lam": float("nan")}, "lam must be a finite number"),
        ({"pretrained": "no"}, "pretrained must be True or False"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of 'adam', 'sgd'"),
    ],
)
def test_of_settings_that_a_box_cannot_hold_none_is_set(explorer, settings, message):
    before = explorer.settings.values
    with pytest.raises((TypeError, ValueError), match=message):
        explorer.settings.set(alpha=0.5, **settings)
    assert explorer.settings.values == before


def test_settings_and_the_choice_of_runs_are_undone(study, explorer):
    recipe, bits = explorer.settings.values["recipe"], explorer.settings.values["bits"]
    first = explorer.settings.values
    explorer.settings.controls["bits"].value = 16
    explorer.wait()
    explorer.settings.controls["recipe"].value = "paper" if recipe != "paper" else "uhscm"
    explorer.wait()
    changed = explorer.settings.values
    explorer.undo()
    explorer.wait()
    assert explorer.settings.values == {**first, "bits": 16}  # one step for all that it sets
    explorer.undo()
    explorer.wait()
    assert explorer.settings.values["bits"] == bits
    explorer.redo()
    explorer.redo()
    explorer.wait()
    assert explorer.settings.values == changed
    for _ in range(2):
        explorer.start(bits=8, epochs=1)
        explorer.wait()
    explorer.colour.value = "001"
    explorer.wait()
    explorer.undo()
    explorer.wait()
    assert explorer.colour.value == "002"
    assert explorer.status.summary.startswith("Run 002 ")
    for _ in range(8):
        explorer.undo()
        explorer.wait()
    assert explorer.status.summary == "No run is in view: choose one, or press Start."
    assert explorer.status.errors == []


def test_after_undo_to_no_run_nothing_is_said_of_one(explorer):
    explorer.form.set(bits=8, epochs=1)
    explorer.wait()
    explorer.start()
    explorer.wait()
    assert "run 001" in explorer.note.value
    explorer.undo()
    explorer.wait()
    assert explorer.colour.value == "none"
    assert explorer.note.value == ""


def test_a_setting_out_of_range_is_no_step_and_stays_typed(explorer):
    explorer.settings.controls["epochs"].value = -3
    explorer.wait()
    assert explorer._undo.disabled
    explorer.pin(3)
    explorer.refresh()
    assert explorer.settings.controls["epochs"].value == -3


def test_the_prompt_is_changed_where_it_is_trained_and_undone(study, explorer):
    explorer.start(bits=8, epochs=1)
    explorer.wait()
    enter(explorer.template, "a painting of the {} | a view of the {}")
    explorer.wait()
    templates = ("a painting of the {}", "a view of the {}")
    assert explorer.study.concepts.templates == templates
    assert explorer.status.summary == (
        "Run 001, trained earlier, is in gray (finished, with template “a photo of the {}”). "
        "Press Start."
    )
    assert explorer.settings.values["bits"] == 8
    explorer.start(bits=16, epochs=1)
    explorer.wait()
    assert explorer.study.concepts.templates == templates
    assert names(explorer) == ["001", "002"]
    explorer.undo()  # the start
    explorer.undo()  # the bits that it took
    explorer.undo()
    explorer.wait()
    assert explorer.study.concepts == study.concepts
    assert explorer.template.value == "a photo of the {}"
    assert explorer.status.summary.startswith("Run 001 finished")
    assert explorer.study.network.bits == 8


def test_a_run_of_another_prompt_is_in_view_by_its_own_and_used_again(study, explorer):
    explorer.start(bits=8, epochs=1)
    explorer.wait()
    enter(explorer.template, "a painting of the {}")
    explorer.wait()
    explorer.start(bits=16, epochs=2)
    explorer.wait()
    assert (explorer.colour.value, explorer.grey.value) == ("002", "001")
    assert explorer.note.value.startswith("Settings as in run 002")
    explorer.colour.value = "001"
    explorer.wait()
    assert "trained with template “a photo of the {}”" in explorer.status.summary
    assert explorer.note.value.endswith("; that one was trained with template “a photo of the {}”")
    assert explorer.study.concepts == study.concepts
    assert explorer._study.concepts.templates == ("a painting of the {}",)
    explorer.views.run_table.choose("001")
    explorer.views.run_table.editor.buttons["use"].click()
    explorer.wait()
    assert explorer.template.value == "a photo of the {}"
    assert explorer._study.concepts == study.concepts
    wanted = explorer.settings.values
    assert (wanted["bits"], wanted["epochs"]) == (8, 1)
    assert explorer.note.value.startswith("Fork of 001: change one setting")
    explorer.start()
    explorer.wait()
    assert names(explorer) == ["001", "002", "003"]
    assert explorer.study.concepts == study.concepts


@pytest.mark.usefixtures("as_users_run_it")
def test_a_prompt_without_a_place_for_the_concept_changes_nothing(study, explorer):
    enter(explorer.template, "a photo")
    explorer.wait()
    assert "exactly one {}" in explorer.template.error
    assert explorer._study is study


def test_a_closed_explorer_leaves_its_run_alone_and_no_widget(study, home):
    from ipywidgets.widgets.widget import _instances

    before = set(_instances)
    made = TrainingExplorer(study)
    made.start(bits=8, epochs=300)
    trainer = made.trainer
    until(lambda: trainer.steps)
    made.close()
    assert set(_instances) == before
    assert trainer.active
    trainer.stop()
    trainer.wait()


def test_the_quantization_axis_ends_at_the_largest_value_and_that_of_map_at_one(study, explorer):
    for recipe, bits, most in (("uhscm", 16, 16.0), ("uhscm", 32, 32.0), ("adaptive", 32, 1.0)):
        explorer.start(recipe=recipe, bits=bits, epochs=1)
        explorer.wait()
        tops = {panel["name"]: panel["top"] for panel in explorer.curves.panels}
        assert (tops["quantization"], tops["mAP by concepts"], tops["total"]) == (most, 1.0, 0.0)
