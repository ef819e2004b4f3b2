"""The bench without a browser: choosing, running, comparing two settings, closing."""

from __future__ import annotations

import dataclasses
import io
import threading
from xml.etree import ElementTree

import ipywidgets as ipw
import pandas as pd
import pytest
from ipywidgets.widgets import widget

from uhscm_core import Experiment
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.numbers import difference
from widgets import CompareExplorer, Selection
from widgets.background.bench_plan import PlanError, bench_folder
from widgets.background.bench_runner import runner_of
from widgets.panels.bench import Bench
from widgets.panels.bench_form import BenchForm
from widgets.states.bench import Plan

FAST = {"recipes": ("uhscm",), "bits": "8, 16", "epochs": "1", "seeds": "2"}


def opened(study, **choices) -> Bench:
    bench = Bench(study, StudyImages(study), Selection(), (ipw.Button(), ipw.Button()))
    bench.reveal()
    bench.choices.set(**{**FAST, **choices})
    bench.wait()
    return bench


@pytest.fixture
def bench(study):
    made = opened(study)
    yield made
    made.close()


def bare(study):
    return study.with_(dataset=dataclasses.replace(study.dataset, labels=None, label_names=()))


def test_it_says_how_many_trainings_and_how_long_before_it_starts(bench):
    assert bench.estimate.value.startswith("4 trainings, about ")
    bench.choices.set(methods=("ITQ",), seeds="3")
    bench.wait()
    assert bench.estimate.value.startswith("6 trainings and 6 runs of baselines, about ")
    assert bench.results.to_frame()["seeds"].tolist() == [0] * 4
    assert not bench.buttons["start"].disabled
    assert runner_of(bench_folder(bench._study)) is None


def test_codes_are_as_long_at_first_as_those_of_the_study(study, trained):
    made = Bench(study, StudyImages(study), Selection(), (ipw.Button(), ipw.Button()))
    made.reveal()
    assert made.choices.plan.bits == "64"
    before = len(widget._instances)
    made.adopt(trained, StudyImages(trained))
    assert len(widget._instances) == before
    assert made.choices.plan.bits == str(trained.network.bits) != "64"
    made.wait()
    made.close()


def test_what_is_typed_stays_while_another_study_comes_into_view(study, trained):
    taken = []
    form = BenchForm(study, lambda: None, taken.append)
    form.fill(None)
    form.set(bits="8, 16")
    form.begin(trained)
    form.fill(None)
    form.show_plan(Plan())
    assert form.plan.bits == "8, 16"
    assert form.taken().bits == "8, 16"
    form.show_plan(Plan())  # of an undo
    assert form.plan == Plan()
    assert taken == [True]


def test_a_recipe_that_is_ticked_right_before_start_is_in_its_plan(bench):
    bench.choices.ticks["recipes"]._boxes["tuned"].set_state({"value": True})
    bench.buttons["start"].click()
    runner = runner_of(bench_folder(bench._study))
    assert runner.plan.recipes == ("uhscm", "tuned")
    assert len(runner.experiment.to_frame()) == 4
    runner.stop()
    bench.wait()


def test_two_settings_are_compared_in_the_sentence_of_the_experiment(bench, study):
    bench.start()
    assert bench.choices.texts["bits"].disabled
    bench.wait()
    assert bench.status.summary == "Bench: 4 of 4 runs done"
    assert not bench.choices.texts["bits"].disabled
    assert bench.estimate.value == "Nothing is left to compute, 4 runs found on disk"
    assert bench.buttons["start"].disabled
    vary = {"recipe": ["uhscm"], "epochs": [1], "bits": [8, 16]}
    experiment = Experiment(study, vary, seeds=2, folder=bench_folder(study))
    frame = experiment.to_frame()
    dots = bench.results.dots.to_frame()
    assert dots["name"].tolist() == ["8 bits", "16 bits"]
    assert bench.results.dots.titles == list(experiment.names) == ["bits=8", "bits=16"]
    assert [*bench.results.a.options] == [("8 bits", "bits=8"), ("16 bits", "bits=16")]
    assert dots["value"].tolist() == pytest.approx(frame["mAP"].tolist(), abs=1e-6)
    assert dots["low"].tolist() == pytest.approx(frame["low"].tolist(), abs=1e-6)
    bench.results.compare("bits=8", "bits=16")
    bench.wait()
    called = "A (8 bits)", "B (16 bits)"
    said = experiment.compare({"bits": 8}, {"bits": 16}, called=called).sentence
    assert "A (8 bits)" in said
    assert bench.results.sentence.summary == said
    assert (bench.results.a.tooltip, bench.results.b.tooltip) == ("bits=8", "bits=16")
    order = bench.results.children
    assert order.index(bench.results.sentence) < order.index(bench.results.dots)
    assert bench.results.dots.marks == ["A", "B"]
    with pytest.raises(ValueError, match=r"a must be one of the settings with results \(bits=8, "):
        bench.results.compare("bits=9", "bits=16")


def test_the_only_setting_with_a_result_can_be_asked_with(bench):
    results = bench.results
    two, ask = results._pair.children[-2:]
    assert results._pair.layout.display == "none"
    bench.choices.texts["bits"].value = "8"
    bench.start()
    bench.wait()
    assert [part.layout.display for part in (results._pair, results.a, two)] == ["", "none", "none"]
    assert (ask.description, results.a.value) == ("Ask with it", *results.runs)
    bench.choices.texts["bits"].value = "8, 16"
    bench.start()
    bench.wait()
    assert [part.layout.display for part in (results._pair, results.a, two)] == ["", "", ""]
    assert ask.description == "Ask with A"


def test_the_queries_that_moved_most_are_one_click_away(bench, study):
    bench.start()
    bench.wait()
    gallery = bench.results.queries
    assert gallery.layout.display == "none"
    bench.results.compare("bits=8", "bits=16")
    bench.results.moved.value = True
    bench.wait()
    assert gallery.layout.display == ""
    vary = {"recipe": ["uhscm"], "epochs": [1], "bits": [8, 16]}
    experiment = Experiment(study, vary, seeds=2, folder=bench_folder(study))
    moved = experiment.queries({"bits": 8}, {"bits": 16})
    moved = moved[moved["difference"] != 0]
    assert gallery.ids.tolist() == moved["query"].tolist()
    a, b = moved["a"].iloc[0], moved["b"].iloc[0]
    said = f"A {a:.2f}, B {b:.2f}\naverage precision, a difference of {difference(a, b, 2)}\n"
    assert gallery.to_frame()["caption"][0].startswith(said)


def test_a_click_on_a_dot_compares_it_with_what_was_first(bench):
    bench.start()
    bench.wait()
    results = bench.results
    results.compare("bits=8", "bits=16")
    results.dots._receive(None, {"type": "choose", "row": 1}, [])
    bench.wait()
    assert (results.a.value, results.b.value) == ("bits=16", "bits=8")
    assert results.dots.marks == ["B", "A"]
    results.dots._receive(None, {"type": "choose", "row": 7}, [])
    assert (results.a.value, results.b.value) == ("bits=16", "bits=8")


def test_results_are_saved_with_where_they_come_from(bench, study):
    assert bench.export.layout.display == "none"
    bench.start()
    bench.wait()
    assert bench.export.layout.display == ""
    name, content = bench.export.csv._content()
    lines = content.decode().splitlines()
    said = [line for line in lines if line.startswith("# ")]
    assert name == "bench.csv"
    assert any(study.dataset.digest in line for line in said)
    assert any("mAP by labels" in line for line in said)
    assert any("a photo of the {}" in line for line in said)
    read = pd.read_csv(io.BytesIO(content), comment="#")
    assert read["setting"].tolist() == ["bits=8", "bits=16"]
    assert read["mAP"].tolist() == pytest.approx(bench.to_frame()["mAP"].tolist())
    assert read["seeds"].tolist() == [2, 2]
    name, content = bench.export.plot._content()
    svg = ElementTree.fromstring(content.decode())  # noqa: S314  (our own)
    space = {"s": "http://www.w3.org/2000/svg"}
    assert name == "bench.svg"
    assert len(svg.findall("s:circle", space)) == 2
    assert "16 bits" in "".join(svg.itertext())
    assert study.dataset.digest in svg.find("s:desc", space).text


def test_one_seed_has_no_interval(study):
    bench = opened(study, seeds="1")
    bench.start()
    bench.wait()
    assert bench.results.dots.to_frame()[["low", "high"]].isna().all(axis=None)
    assert "Nothing can be said" in bench.results.sentence.summary
    bench.close()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"bits": "many"}, "bits"),
        ({"lam": "nan"}, "lam"),
        ({"templates": "no braces"}, "templates"),
        ({"lists": ()}, "lists"),
        ({"recipes": ()}, "recipes"),
        ({"methods": ("CIBHash",), "views": ()}, "views"),
    ],
)
def test_an_error_stands_at_its_control_until_a_value_works(bench, changes, where):
    bench.choices.set(**changes)
    bench.wait()
    controls = bench.choices.ticks | bench.choices.texts
    assert [name for name, control in controls.items() if control.error] == [where]
    assert getattr(bench.choices.plan, where) == changes[where]  # what was typed stays
    assert bench.buttons["start"].disabled
    # The control may lie below the window, so that the line of the buttons says all of it.
    assert bench.estimate.value == f"Not yet. {controls[where].label}: {controls[where].error}"
    with pytest.raises(PlanError):
        bench.start()
    assert bench.status.errors == []
    bench.choices.set(**FAST, lam="", templates="", lists=("this study's own",), methods=())
    bench.wait()
    assert not any(control.error for control in controls.values())
    assert not bench.buttons["start"].disabled


def test_views_are_a_choice_where_a_method_takes_them(bench):
    views = bench.choices.ticks["views"]
    assert views.layout.display == "none"
    bench.choices.ticks["methods"]._boxes["CIBHash"].set_state({"value": True})
    assert views.layout.display == ""
    assert views.ticked == ("noised",)
    views._boxes["auto"].set_state({"value": True})
    bench.wait()
    assert bench.estimate.value.startswith("4 trainings and 8 runs of baselines, about ")
    bench.choices.set(methods=("ITQ",))
    assert views.layout.display == "none"
    bench.wait()
    assert bench.estimate.value.startswith("4 trainings and 4 runs of baselines, about ")


def test_without_labels_it_says_what_is_shown_instead(study):
    bench = opened(bare(study))
    assert "have no labels" in bench.status.notes[0]
    bench.start()
    bench.wait()
    assert bench.status.summary == "Bench: 4 of 4 runs done"
    assert "mAP by the study's own concepts" in bench.results.dots.summary
    bench.close()


def test_a_panel_made_later_takes_over_what_runs(bench, study):
    bench.choices.set(epochs="100000")  # more than the test takes
    bench.start()
    later = Bench(study, StudyImages(study), Selection(), (ipw.Button(), ipw.Button()))
    later.reveal()
    assert later.choices.plan == bench.choices.plan
    assert not later.buttons["stop"].disabled
    bench.close()
    runner = runner_of(bench_folder(study))
    assert runner.active  # the later one shows it
    later.stop()
    later.wait()
    assert "stopped: Start continues where it was" in later.status.summary
    later.close()


def test_closing_the_explorer_stops_the_bench_and_leaves_no_widget(trained):
    before = set(widget._instances)
    explorer = CompareExplorer(trained)
    explorer.wait()
    explorer.tabs.selected_index = 1
    explorer.bench.choices.set(**{**FAST, "epochs": "100000"})
    explorer.bench._worker.wait()
    explorer.bench.start()
    runner = runner_of(bench_folder(trained))
    explorer.close()
    runner.wait(30)
    assert not runner.active
    explorer.bench._follower.wait()
    assert set(widget._instances) == before
    assert not [t for t in threading.enumerate() if t.name == "bench"]


def test_the_bench_computes_nothing_before_its_tab_is_opened(trained):
    explorer = CompareExplorer(trained)
    explorer.wait()
    assert explorer.bench.estimate.value == ""
    assert not bench_folder(trained).exists()
    explorer.tabs.selected_index = 1
    explorer.bench.wait()
    assert "3 trainings" in explorer.bench.estimate.value
    explorer.close()


def test_another_study_has_another_bench(trained):
    explorer = CompareExplorer(trained)
    explorer.wait()
    explorer.tabs.selected_index = 1
    explorer.bench.wait()
    other = trained.with_(tau=1.0)
    explorer.study = other
    explorer.wait()
    explorer.bench.choices.set(**FAST)
    explorer.bench.start()
    explorer.bench.wait()
    assert runner_of(bench_folder(other)).done == 4
    assert runner_of(bench_folder(trained)) is None
    explorer.close()
