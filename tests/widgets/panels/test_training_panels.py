"""The panels of training, each alone: form, curves, charts, query and sentence."""

from __future__ import annotations

import dataclasses
import re
from unittest import mock

import pytest
import torch

from uhscm_core import TrainingConfig
from uhscm_core.runs import MiningSettings, new_run
from widgets.background.session_runs import SessionRuns
from widgets.background.snapshot import Snapshot, take_snapshot
from widgets.background.worker import Worker
from widgets.kit.gestures import Gestures
from widgets.panels.code_charts import CodeCharts
from widgets.panels.pinned_query import PinnedQuery
from widgets.panels.run_curves import RunCurves
from widgets.panels.run_sentence import done_sentence, run_sentence
from widgets.panels.template_box import TemplateBox
from widgets.panels.training_form import TrainingForm


@pytest.fixture
def runs(study):
    return SessionRuns(study)


@pytest.fixture
def ended(runs):
    """Return the runs of a study with one that has ended."""
    trainer = runs.start(int(runs.validation.ids[0]), bits=8, config=TrainingConfig(epochs=1))
    trainer.wait()
    runs.reread()
    return runs


class Form:
    """A form, and what it tells of."""

    def __init__(self, runs):
        self.changed, self.typed, self.said, self.colour = [], [], [], None
        self.worker = Worker(lambda _: None, self.said.append)
        self.panel = TrainingForm(
            runs,
            Gestures(self.said.append),
            self.worker,
            in_colour=lambda: self.colour,
            changed=lambda: self.changed.append(self.panel.values),
            template=TemplateBox(self.typed.append),
        )


def test_several_settings_are_one_change_and_a_wrong_one_is_none(runs):
    form = Form(runs)
    form.panel.set(recipe="uhscm", epochs=3, lam=0.5)
    assert len(form.changed) == 1
    assert dict(form.changed[0])["lam"] == 0.5
    form.panel.settings.controls["epochs"].value = -3
    form.worker.wait()
    assert len(form.changed) == 1
    assert form.panel.estimate.value.startswith("Not yet: epochs must be")


def test_a_value_that_does_not_work_stays_until_other_settings_come_into_view(runs):
    form = Form(runs)
    before = form.panel.taken()
    form.panel.settings.controls["epochs"].value = -3
    form.panel.show(before)
    assert form.panel.settings.values["epochs"] == -3
    after = tuple({**dict(before), "bits": 16}.items())
    form.panel.show(after)
    assert form.panel.values == after


def test_the_form_says_how_the_next_run_differs(runs, tmp_path):
    form = Form(runs)
    form.panel.say_difference()
    assert form.panel.note.value == ""
    form.colour = new_run(tmp_path, 32, TrainingConfig(recipe="uhscm"))
    form.panel.show_run(form.colour)
    assert form.panel.note.value == "Settings as in run 001"
    form.panel.set(bits=16)
    assert form.panel.note.value == "The next run differs from run 001 in color: bits 32 → 16"


@pytest.mark.parametrize(
    ("typed", "templates"),
    [
        ("a {}| the {}", ("a {}", "the {}")),
        (" a {} ", ("a {}",)),
        ("a | b {}", ("a | b {}",)),  # a line that separates no templates
        ("a photo of the {}", ("a photo of the {}",)),
    ],
)
def test_templates_are_separated_as_in_the_bench(study, typed, templates):
    entered = []
    prompt = TemplateBox(entered.append)
    prompt.show_study(study)
    prompt.value = typed
    others = templates != study.concepts.templates
    assert prompt.take() == others
    assert entered == [templates] * others


def test_a_prompt_that_does_not_work_is_insisted_on_in_vain(study):
    prompt = TemplateBox(lambda templates: prompt.fail(f"{templates} has no place"))
    prompt.show_study(study)
    prompt.insist(lambda: pytest.fail("nothing was typed"))
    prompt.value = "a photo"
    waited = []
    with pytest.raises(ValueError, match="has no place"):
        prompt.insist(lambda: waited.append(1))
    assert waited == [1]


def test_a_change_that_helps_sets_what_the_form_has(runs):
    form = Form(runs)
    assert form.panel.take({"bits": 16, "tau": 2.0}) == {"tau": 2.0}
    assert form.panel.settings.values["bits"] == 16


def top_of_quantization(curves):
    return {panel["name"]: panel["top"] for panel in curves.panels}["quantization"]


def test_curves_are_those_of_the_runs_in_view(ended):
    (run,) = ended.all()
    curves = RunCurves()
    curves.show_runs(ended, None, None)
    assert len(curves.curves["now"].get("total", ([],))[0]) == 0
    curves.show_runs(ended, run, None)
    assert len(curves.curves["now"]["total"][0]) > 0
    assert curves.names == ["run 001", ""]
    assert top_of_quantization(curves) == 1.0  # a mean over the bits
    x, y = curves.curves["now"]["mAP by labels"]
    assert (x[0], y[0]) == (0, pytest.approx(run.untrained["mAP by labels"]))
    curves.show_runs(ended, None, run)
    assert curves.names == ["", "run 001, in gray"]
    assert len(curves.curves["before"]["total"][0]) > 0
    curves.show_runs(ended, run, run)
    assert curves.names == ["run 001", ""]
    assert "total" not in curves.curves["before"] or not len(curves.curves["before"]["total"][0])


def test_terms_of_another_recipe_are_not_drawn_on_the_same_axes(ended):
    (run,) = ended.all()
    config = dataclasses.replace(
        run.config, recipe="uhscm" if run.config.recipe != "uhscm" else "tuned"
    )
    other = dataclasses.replace(run, folder=run.folder.with_name("002"), config=config)
    history = ended.history(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ended, "history", lambda _: history)
        curves = RunCurves()
        curves.show_runs(ended, other, run)
        assert top_of_quantization(curves) == 8.0
        curves.show_runs(ended, run, other)
        assert top_of_quantization(curves) == 1.0
    assert len(curves.curves["now"]["total"][0]) > 0
    assert {*curves.curves["before"]} == {"mAP by concepts", "mAP by labels"}


def test_of_a_run_with_another_prompt_only_what_compares_is_drawn(ended, study):
    (run,) = ended.all()
    mining = MiningSettings.of(study.with_(template="a drawing of the {}"))
    other = dataclasses.replace(run, folder=run.folder.with_name("002"), mining=mining)
    curves = RunCurves()
    with mock.patch.object(SessionRuns, "history", return_value=ended.history(run)):
        curves.show_runs(ended, run, other)
    assert {*curves.curves["before"]} == {"mAP by labels"}
    assert "only mAP by labels compares" in curves.names[1]


def test_charts_show_a_moment_and_nothing(ended):
    (run,) = ended.all()
    charts = CodeCharts()
    charts.show(ended.look(run, ended.trainer.pinned), ended.validation)
    assert charts.balance.values.shape == (1, 8)
    assert "Pairs that are similar: " in charts.distances.summary
    charts.show(None, ended.validation)
    assert charts.balance.summary == charts.outputs.summary == charts.distances.summary == ""


def test_bits_that_say_the_same_of_every_image_are_counted(runs):
    n = len(runs.validation.ids)
    outputs = torch.ones(n, 4)
    outputs[::2, 0] = -1
    charts = CodeCharts()
    ids = runs.validation.ids[:1]
    charts.show(Snapshot(0, outputs, int(ids[0]), ids, ids, 1), runs.validation)
    assert charts.balance.summary == "3 of 4 bits say nearly the same of every image"
    assert charts.outputs.summary == "100% of the outputs lie within 0.1 of ±1"


def test_what_was_out_of_view_for_a_while_comes_back(runs):
    asked = []
    panel = PinnedQuery(runs, asked.append, Gestures(asked.append))
    panel.adopt(runs)
    network = runs.study.network_for(8, TrainingConfig(recipe="uhscm"))
    snapshot = take_snapshot(runs.study, runs.validation, network, panel.image, 0)
    panel.show(snapshot, runs.study)
    found = panel.results.ids.tolist()
    assert panel.query.ids.tolist() == [panel.image]
    assert len(found) == 8
    panel.show(None, runs.study)
    assert panel.results.ids.tolist() == []
    panel.show(snapshot, runs.study)
    assert panel.results.ids.tolist() == found
    panel.results.selection.focus = found[2]
    assert asked == [found[2]]


def test_a_tie_of_all_images_is_said_next_to_the_matches(runs):
    panel = PinnedQuery(runs, lambda _: None, Gestures(lambda _: None))
    panel.adopt(runs)
    network = runs.study.network_for(8, TrainingConfig(recipe="uhscm"))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    snapshot = take_snapshot(runs.study, runs.validation, network, panel.image, 0)
    panel.show(snapshot, runs.study)
    others = len(runs.validation.ids) - 1  # one is the query
    assert f"the last 8 are of {others} at 0 bits" in panel.results.summary


def test_what_a_run_has_changed_counts_from_before_training(ended):
    (run,) = ended.all()
    before = f"mAP by labels {run.untrained['mAP by labels']:.3f}"
    assert f"{before} from ITQ, " in done_sentence(ended, run)
    random = dataclasses.replace(run, config=dataclasses.replace(run.config, start="random"))
    assert f"{before} untrained, " in done_sentence(ended, random)
    old = done_sentence(ended, dataclasses.replace(run, untrained=None))
    assert re.search(r", mAP by labels 0\.\d{3} after epoch 1$", old)


def test_a_run_is_told_in_a_sentence(ended):
    (run,) = ended.all()
    assert run_sentence(ended, None, None)[0] == "No run is in view: choose one, or press Start."
    earlier = run_sentence(ended, None, run)[0]
    assert earlier == "Run 001, trained earlier, is in gray (finished). Press Start."
    sentence, notes, spoken = run_sentence(ended, run, None)
    assert sentence.startswith("Run 001 finished; epoch 1 of 1, total ")
    assert re.search(
        r"; best mAP by concepts 0\.\d{3} after epoch 1, by labels 0\.\d{3} there", sentence
    )
    assert "best mAP by concepts" in sentence
    assert (notes, spoken) == ([], "")
    damaged = dataclasses.replace(run, status="damaged", message="a bad byte")
    assert run_sentence(ended, damaged, None)[1] == ["a bad byte"]
