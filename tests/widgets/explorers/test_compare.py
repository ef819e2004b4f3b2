"""Comparing two rankings without a browser: what a gesture changes, and what goes wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import threading
import time

import numpy as np
import pytest

from uhscm_core import BASELINES, Baseline, Experiment
from uhscm_core.analysis.rankers import FEATURES, Ranker, rankers_of
from uhscm_core.analysis.rankings import moves, overlap_at
from uhscm_core.support.progress import progress_bar
from widgets import CompareExplorer, Selection
from widgets.background.bench_plan import bench_folder
from widgets.background.view_file import state_from, state_values
from widgets.explorers.desk import Desk
from widgets.states.bench import Plan
from widgets.states.compare import CompareState

UHSCM, ITQ = "UHSCM, 16 bits", "ITQ, 16 bits"


@pytest.fixture
def compare(trained) -> CompareExplorer:
    made = CompareExplorer(trained)
    done(made)
    return made


def done(explorer, *errors: str) -> None:
    explorer.wait()
    assert explorer.status.busy == ""
    assert len(explorer.status.log) == len(errors)
    for said, expected in zip(explorer.status.log, errors, strict=True):
        assert expected in said


def means(explorer):
    return explorer.numbers.to_frame()["mAP of 20 queries"].tolist()


def bare(study, **changes):
    """The study without labels."""
    dataset = dataclasses.replace(study.dataset, labels=None, label_names=(), **changes)
    return study.with_(dataset=dataset, network=study.network)


def test_one_line_compares_the_study_with_itq(trained, compare):
    query = int(trained.dataset.splits["query"][0])
    left, right = (rankers_of(trained)[0][name].rank(query) for name in (UHSCM, ITQ))
    assert compare.query.ids.tolist() == [query] == [compare.selection.focus]
    assert compare.results[0].ids.tolist() == left.first(30).tolist()
    assert compare.results[1].ids.tolist() == right.first(30).tolist()
    share = overlap_at(left.ranks, right.ranks, 30)
    assert f"share {share:.0%} of their first 30" in compare.status.summary
    frame = moves(left, right, 30)
    for change, gallery in (
        ("came in", compare.came_in),
        ("went out", compare.went_out),
        ("in both", compare.in_both),
    ):
        assert gallery.ids.tolist() == frame[frame["change"] == change]["image"].tolist()
    assert compare.came_in.count == compare.went_out.count > 0
    assert compare._undo.disabled


def test_captions_say_the_rank_on_both_sides(trained, compare):
    rows = compare.results[0].to_frame()
    left, right = compare._both(compare.state).rankings
    for image, caption in zip(rows["image"], rows["caption"], strict=True):
        row = int(np.flatnonzero(left.items == image)[0])
        first, here, name = caption.split("\n")[:3]
        bits = left.distances[row]
        ranks = sorted({int(left.ranks.first[row]), int(left.ranks.last[row])})
        assert first == f"#{'–'.join(map(str, ranks))} · {bits} bit{'' if bits == 1 else 's'}"
        assert here.startswith(f"on the right #{right.ranks.first[row]}")
        assert name == trained.dataset.names[image]
    marks = compare.results[0]._shown.marks
    labels = trained.dataset.labels_of(compare.state.query)
    assert marks == [
        bool(set(labels) & set(trained.dataset.labels_of(int(i)))) for i in rows["image"]
    ]


def test_average_precision_of_the_query_and_of_all(trained, compare):
    numbers = compare.numbers.to_frame()
    methods = trained.compare(references=False).set_index("method")["mAP"]
    assert numbers[""].tolist() == [UHSCM, ITQ]
    assert numbers["mAP of 20 queries"].tolist() == [
        f"{methods['UHSCM']:.3f}",
        f"{methods['ITQ']:.3f}",
    ]
    values = numbers[["worst", "AP of this query", "best"]].astype(float).to_numpy()
    assert (np.diff(values) > 0).all()


def test_queries_that_gain_and_lose_become_the_query(trained, compare):
    left, right = (compare.rankers[name].average_precisions() for name in (UHSCM, ITQ))
    queries = trained.dataset.splits["query"]
    for side, gain in ((0, left - right), (1, right - left)):
        order = [int(queries[i]) for i in np.argsort(-gain, kind="stable") if gain[i] > 0]
        assert compare.better[side].ids.tolist() == order
        assert f"{len(order)} of 20 queries" in compare.better[side].summary
        row = trained.dataset.splits["query"].tolist().index(order[0]) if order else None
        for caption in compare.better[side].to_frame()["caption"][:1]:  # which side each is of
            assert caption.startswith(f"L {left[row]:.2f}, R {right[row]:.2f}\n")
    ahead = compare.better[1]  # after two epochs, no query is better by UHSCM
    place = int(ahead.ids[0] == queries[0])
    worst = int(ahead.ids[place])
    ahead._choose(place, worst)
    done(compare)
    assert (compare.state.query, compare.selection.focus) == (worst, worst)
    compare.undo()
    done(compare)
    assert compare.state.query == int(queries[0])
    ahead._choose(place, worst)  # the same one again
    done(compare)
    assert compare.state.query == worst


def test_other_sides_other_k_undo_and_redo(compare):
    compare.right.value = FEATURES
    compare.wait()
    compare.k.value = 12
    done(compare)
    assert [gallery.count for gallery in compare.results] == [12, 12]
    assert "cos 0." in compare.results[1].to_frame()["caption"][0]
    values = compare.numbers.to_frame()[["worst", "AP of this query", "best"]].loc[1]
    assert len(set(values)) == 1  # by cosine nothing ties
    compare.swap.click()
    done(compare)
    assert (compare.state.left, compare.state.right) == (FEATURES, UHSCM)
    for _ in range(3):
        compare.undo()
    done(compare)
    assert (compare.state.left, compare.state.right, compare.state.k) == (UHSCM, ITQ, 30)
    assert (compare.left.value, compare.right.value, compare.k.value) == (UHSCM, ITQ, 30)
    for _ in range(3):
        compare.redo()
    done(compare)
    assert (compare.state.left, compare.state.k) == (FEATURES, 12)


def test_the_picked_image_is_explained_and_a_tick_is_undone(compare):
    assert compare.why.why is None
    assert compare.why.card.summary == "Click a result to see why it is near the query"
    image = int(compare.results[0].ids[2])
    compare.picked.focus = image
    done(compare)
    query, found = compare.state.query, compare.why.why
    exact = compare.study.explain(query, image)
    assert found.measured.similarity == pytest.approx(exact.similarity, abs=1e-5)
    before = compare.results[0].generation
    gone = exact.to_frame()["concept"][0]
    compare.why.card._receive(None, {"type": "tick", "key": gone, "ticked": False}, [])
    done(compare)
    assert compare.state.without == compare.why.why.without == (gone,)
    assert compare.results[0].generation == before  # the results stay where they are
    compare.undo()
    done(compare)
    assert compare.why.why.without == ()
    compare.redo()
    done(compare)
    assert compare.why.why.without == (gone,)
    compare.picked.focus = int(compare.results[0].ids[3])  # another pair, with all concepts
    done(compare)
    assert compare.state.without == compare.why.why.without == ()
    compare.random.click()
    done(compare)
    assert compare.why.why is None


def test_a_picked_image_is_told_on_both_sides_and_may_be_asked_with(compare):
    assert compare.ask.disabled
    image = int(compare.came_in.ids[0])
    compare.came_in._choose(0, image)
    done(compare)
    assert image in compare.results[1].ids
    assert compare.results[1].chosen == compare.results[1].ids.tolist().index(image)
    assert compare.results[0].chosen == -1
    left, right = compare.numbers.to_frame()[f"picked: {compare.pictures.names[image]}"]
    assert left.startswith("#")
    assert right.startswith("#")
    assert compare.state.query != image
    compare.ask.click()
    done(compare)
    assert compare.state.query == image
    assert image not in compare.results[0].ids  # not among its own results
    assert compare.ask.disabled
    assert compare.picked.focus is None


def test_the_button_on_an_image_makes_it_the_query(compare):
    gallery, image = compare.results[1], int(compare.results[1].ids[3])
    content = {"type": "act", "generation": gallery.generation, "position": 3}
    gallery._receive(None, content, [])
    done(compare)
    assert compare.state.query == image


def test_the_query_follows_the_selection_of_other_views(trained):
    selection = Selection(focus=7)
    compare = CompareExplorer(trained, selection=selection)
    done(compare)
    assert compare.state.query == 7
    selection.focus = 11
    done(compare)
    assert compare.state.query == 11
    selection.focus = len(trained.dataset) + 2  # an image of one's own in another view
    done(compare)
    assert compare.state.query == 11
    compare.random.click()
    done(compare)
    assert selection.focus == compare.state.query in trained.dataset.splits["query"]


def test_the_pictures_are_those_of_the_study_in_view(trained, compare):
    names = tuple(f"{name}, again" for name in trained.dataset.names)
    dataset = dataclasses.replace(trained.dataset, names=names)
    compare.study = trained.with_(dataset=dataset, network=trained.network)
    done(compare)
    moved = (compare.came_in, compare.went_out, compare.in_both)
    for gallery in (compare.query, *compare.results, *moved, *compare.better):
        assert gallery._shown.thumbnails.images is compare.pictures


def test_a_choice_that_cannot_be_had_stays_with_its_reason(study):
    wide = study.train(bits=200, epochs=1)
    compare = CompareExplorer(wide)
    done(compare)
    assert (compare.state.left, compare.state.right) == ("UHSCM, 200 bits", "ITQ, 200 bits")
    before = compare.status.summary
    compare.right.value = "PCA sign, 200 bits"
    done(compare, "PCA sign on 120 rows")
    assert compare.right.value == "PCA sign, 200 bits"
    assert "PCA sign on 120 rows" in compare.right.error
    assert compare.state.right == "ITQ, 200 bits"
    assert compare.status.summary == before
    assert compare._undo.disabled
    compare.k.value = 5  # what works elsewhere leaves the choice and its reason
    done(compare, "PCA sign on 120 rows")
    assert (compare.right.value, compare.state.k) == ("PCA sign, 200 bits", 5)
    assert "PCA sign on 120 rows" in compare.right.error
    compare.undo()
    done(compare, "PCA sign on 120 rows")
    assert (compare.right.value, compare.right.error) == ("ITQ, 200 bits", "")


def test_a_registered_baseline_can_be_chosen(trained, monkeypatch):
    def fit(x, bits, _seed):
        return lambda rows: np.repeat(rows[:, :1] - np.median(x[:, 0]), bits, axis=1)

    monkeypatch.setitem(BASELINES, "mine", Baseline(fit, "concepts", max_bits=lambda *_: 64))
    compare = CompareExplorer(trained)
    done(compare)
    assert "mine, 16 bits" in compare.right.options
    compare.right.value = "mine, 16 bits"
    done(compare)
    value = trained.compare(references=False).set_index("method")["mAP"]["mine"]
    assert means(compare)[1] == f"{value:.3f}"


def test_one_ranker_on_both_sides_is_refused(compare):
    compare.right.value = UHSCM
    done(compare, "UHSCM, 16 bits on both sides moves nothing: choose two of them")
    assert (compare.right.value, compare.state.right) == (UHSCM, ITQ)
    assert "choose two of them" in compare.right.error
    compare.left.value = ITQ  # now there are two
    done(compare, "UHSCM, 16 bits on both sides moves nothing: choose two of them")
    assert (compare.state.left, compare.state.right) == (ITQ, UHSCM)
    assert (compare.left.error, compare.right.error) == ("", "")


def test_without_labels_nothing_is_evaluated_and_it_says_so(trained):
    compare = CompareExplorer(bare(trained))
    done(compare)
    assert "needs labels, but this dataset has none" in compare.numbers.summary
    assert compare.numbers.columns == [""]
    assert set(compare.results[0]._shown.marks) == {None}
    assert [gallery.count for gallery in compare.better] == [0, 0]
    assert "matches" not in compare.to_frame()


def test_without_queries_a_database_image_asks(trained):
    splits = {**trained.dataset.splits, "query": trained.dataset.splits["query"][:0]}
    dataset = dataclasses.replace(trained.dataset, splits=splits)
    compare = CompareExplorer(trained.with_(dataset=dataset, network=trained.network))
    done(compare)
    assert compare.state.query in splits["database"]
    assert compare.numbers.columns[1:] == ["AP of this query", "worst", "best"]


def test_an_untrained_study_is_compared_by_baselines(study):
    compare = CompareExplorer(study)
    done(compare)
    assert (compare.state.left, compare.state.right) == (FEATURES, "ITQ, 64 bits")


def test_the_numbers_come_as_a_table(compare):
    frame = compare.to_frame()
    assert frame["name"].tolist() == [compare.pictures.names[i] for i in frame["image"]]
    assert {"change", "moved", "certain", "matches"} <= set(frame.columns)
    name, content = compare._as_csv()
    assert name == "compare.csv"
    assert content.decode().splitlines()[0].startswith("image,name,change,moved")


def test_names_that_are_not_utf_8_are_saved_too(trained):
    names = tuple(os.fsdecode(b"\xff%d.jpg" % i) for i in range(len(trained.dataset)))
    labels = (os.fsdecode(b"\xfe"), *trained.dataset.label_names[1:])
    dataset = dataclasses.replace(trained.dataset, names=names, label_names=labels)
    compare = CompareExplorer(trained.with_(dataset=dataset, network=trained.network))
    done(compare)
    _, content = compare._as_csv()
    assert r",\xff" in content.decode("utf-8")
    compare.status.summary.encode()
    for gallery in compare.results:
        assert not gallery.to_frame().empty
    compare.came_in._choose(0, int(compare.came_in.ids[0]))
    done(compare)
    assert r"picked: \xff" in compare.numbers.columns[-1]


def test_queries_are_answered_while_all_are_evaluated(trained, monkeypatch):
    evaluate, answered = Ranker._evaluate, threading.Event()

    def slowly(ranker, queries, items, ties):
        if len(queries) > 1:
            assert answered.wait(60)
        return evaluate(ranker, queries, items, ties)

    monkeypatch.setattr(Ranker, "_evaluate", slowly)
    compare = CompareExplorer(trained)
    assert means(compare) == ["…", "…"]
    compare._set(query=5)
    compare._worker.wait()
    assert compare.state.query == 5
    assert means(compare) == ["…", "…"]
    answered.set()
    done(compare)
    assert "…" not in means(compare)
    assert compare.better[0].count + compare.better[1].count > 0


def test_what_evaluates_all_queries_is_said_and_canceled(trained, monkeypatch):
    monkeypatch.setattr("widgets.background.worker._SECONDS", 0.0)
    evaluate, turn, slow = Ranker._evaluate, threading.Semaphore(0), [True]

    def slowly(ranker, queries, items, ties):
        if len(queries) > 1 and slow[0]:
            for _ in progress_bar("evaluating queries", 9, shown=False, items=range(9)):
                assert turn.acquire(timeout=60)
        return evaluate(ranker, queries, items, ties)

    monkeypatch.setattr(Ranker, "_evaluate", slowly)
    compare = CompareExplorer(trained)
    compare._worker.wait()
    turn.release(4)
    for _ in range(1000):
        if compare.status.far.startswith("4 of 9"):
            break
        time.sleep(0.01)
    assert (compare.status.busy, compare.status.can_cancel) == ("evaluating all queries", True)
    compare.status._receive(None, {"type": "cancel"}, [])
    assert compare.status.busy == "canceling"
    turn.release(100)
    done(compare, "evaluating all queries was canceled; what is shown is as it was")
    assert compare.better[0].summary.startswith("Evaluating the queries was canceled: choose")
    compare._set(query=5)  # does not begin it again
    compare.wait()
    assert means(compare) == ["…", "…"]
    slow[0] = False
    left = compare.left.value
    compare.left.value = next(name for name in compare.rankers if name.startswith("LSH"))
    compare.wait()
    assert "…" not in means(compare)
    compare.left.value = left  # as choosing it again does
    compare.wait()
    assert "…" not in means(compare)
    assert "canceled" not in compare.better[0].summary


@pytest.mark.usefixtures("as_users_run_it")
def test_others_that_are_no_dict_of_studies_are_refused(trained):
    with pytest.raises(TypeError, match=r"others must be a dict of name to Study, .* got .*Study"):
        CompareExplorer(trained, trained)
    with pytest.raises(TypeError, match=r"others\['ITQ'\] must be a Study, got 16"):
        CompareExplorer(trained, {"ITQ": 16})


def test_what_is_no_study_is_refused():
    with pytest.raises(TypeError, match="an explorer needs a Study, got int 3"):
        CompareExplorer(3)


def test_queries_without_a_label_are_left_out_and_said(trained):
    labels, queries = trained.dataset.labels.clone(), trained.dataset.splits["query"]
    labels[queries[1:]] = 0
    labels[queries[3]] = trained.dataset.labels[queries[3]]
    dataset = dataclasses.replace(trained.dataset, labels=labels)
    compare = CompareExplorer(trained.with_(dataset=dataset, network=trained.network))
    done(compare)
    assert compare.numbers.columns[-1] == "mAP of 2 queries"
    assert "18 of 20 queries have no label" in compare.numbers.summary
    compare._set(query=int(queries[1]))
    done(compare)
    assert "This query has no label" in compare.numbers.summary
    assert compare.numbers.columns[1:] == ["mAP of 2 queries"]


def test_a_dataset_whose_queries_have_no_label_says_so(trained):
    labels = trained.dataset.labels.clone()
    labels[trained.dataset.splits["query"]] = 0
    dataset = dataclasses.replace(trained.dataset, labels=labels)
    compare = CompareExplorer(trained.with_(dataset=dataset, network=trained.network))
    done(compare)
    assert "none of the 20 queries has one" in compare.numbers.summary
    assert not any("mAP" in column for column in compare.numbers.columns)


def test_two_settings_of_the_bench_are_compared_query_by_query(study, compare):
    bench = compare.bench
    compare.tabs.selected_index = 1
    bench.choices.set(recipes=("uhscm",), bits="8, 16", epochs="1", seeds="2", methods=("ITQ",))
    bench.wait()
    two, ask = bench.results._pair.children[2:]
    assert ask.layout.display == "none"  # there is no tab to ask in
    bench.start()
    bench.wait()
    done(compare)
    names = ["UHSCM with bits=8", "UHSCM with bits=16", "ITQ with bits=8", "ITQ with bits=16"]
    listed = [f"bench: {name}, seed 0" for name in names]
    assert [name for name in compare.left.options if name.startswith("bench: ")] == listed
    bench.results.compare(names[1], names[2])
    two.click()
    done(compare)
    assert compare.tabs.selected_index == 0
    assert (compare.left.value, compare.right.value) == (listed[1], listed[2])
    vary = {"method": ["UHSCM", "ITQ"], "recipe": ["uhscm"], "epochs": [1], "bits": [8, 16]}
    # What the bench has shown with its seeds is not taken back by what one seed shows.
    pair = (bench.results._named(names[i]) for i in (2, 1))
    said = bench.results.experiment.compare(*pair, called=("R", "L"))
    assert compare._gains._said.value.startswith(said.sentence)
    assert compare._gains._said.value.endswith("those of the lowest seed of each.")
    assert compare._gains.bench.disabled
    one_seed = Experiment(study, vary, seeds=1, folder=bench_folder(study))
    whole, compare._experiment = compare._experiment, one_seed
    assert compare._settled(compare._both(compare.state).rankers) == ""
    compare._experiment = whole
    headline = compare.status.summary
    assert "of their first 30" in headline
    compare.tabs.selected_index = 1
    assert compare.status.summary.startswith("Train settings with several seeds")
    compare.tabs.selected_index = 0
    assert compare.status.summary == headline
    experiment = Experiment(
        study,
        {"method": ["ITQ"], "bits": [8]},
        seeds=2,
        folder=bench_folder(study),
    )
    (run,) = experiment.first_runs.values()
    query = compare.state.query
    expected = dataclasses.replace(compare.rankers[ITQ], compute=lambda: experiment.codes(run))
    assert compare.results[1].ids.tolist() == expected.rank(query).first(30).tolist()
    bench.choices.set(epochs="2")  # of other trainings, with the same names
    bench.wait()
    done(compare)
    assert [name for name in compare.rankers if name.startswith("bench: ")] == listed[2:]
    assert compare.left.value == UHSCM
    assert compare.status.errors == []


def test_what_the_bench_varies_is_undone_step_by_step(compare):
    compare.tabs.selected_index = 1
    form = compare.bench.choices
    compare.bench.wait()
    done(compare)
    assert compare.state.plan is None
    first = form.plan
    form.ticks["methods"]._boxes["LSH"].value = True
    done(compare)
    for typed in ("8", "8,", "8, 1", "8, 16"):  # a step when Enter is pressed, not by each key
        form.texts["bits"]._receive(None, {"type": "typed", "content": typed, "view": "v"}, [])
        done(compare)
    form.texts["bits"]._receive(None, {"type": "submit", "content": "8, 16", "view": "v"}, [])
    done(compare)
    assert compare.state.plan == form.plan
    compare.undo()
    done(compare)
    assert (form.plan.methods, form.plan.bits) == (("LSH",), first.bits)
    compare.undo()
    done(compare)
    assert form.plan == first
    compare.redo()
    compare.redo()
    done(compare)
    assert (form.plan.methods, form.plan.bits) == (("LSH",), "8, 16")
    assert compare.status.errors == []


def test_undo_turns_to_the_tab_in_which_something_changed(compare):
    compare.k.value = 40
    done(compare)
    compare.tabs.selected_index = 1
    compare.bench.wait()
    compare.bench.choices.set(bits="8")
    done(compare)
    compare.tabs.selected_index = 0
    compare.undo()
    done(compare)
    assert compare.tabs.selected_index == 1
    compare.undo()
    done(compare)
    assert (compare.tabs.selected_index, compare.k.value) == (0, 30)
    assert "of their first 30" in compare.status.summary
    compare.tabs.selected_index = 1
    compare.redo()
    done(compare)
    assert (compare.tabs.selected_index, compare.k.value) == (0, 40)
    compare.tabs.selected_index = 1
    compare.bench.choices.set(bits="16")  # no step back, and the tab stays
    done(compare)
    assert compare.tabs.selected_index == 1


def test_choices_made_while_an_earlier_one_is_shown_stay(compare, monkeypatch):
    compare.tabs.selected_index = 1
    form = compare.bench.choices
    compare.bench.wait()
    done(compare)
    first, shown, go_on = form.plan, threading.Event(), threading.Event()
    show = compare._show

    def slow():
        shown.set()
        go_on.wait(60)
        show()

    monkeypatch.setattr(compare, "_show", slow)
    form.set(bits="8, 16")
    assert shown.wait(60)
    form.set(epochs="1")
    form.set(seeds="1")
    go_on.set()
    done(compare)
    last = dataclasses.replace(first, bits="8, 16", epochs="1", seeds="1")
    assert form.plan == compare.state.plan == last
    compare.undo()
    done(compare)
    assert form.plan.bits == "8, 16"
    compare.undo()
    done(compare)
    assert form.plan == first


def test_a_file_holds_the_plan_of_the_bench():
    state = CompareState("a", "b", 3, plan=Plan(methods=("ITQ",), lam="0.1, 0.2"))
    held = json.loads(json.dumps(state_values(state)))
    assert state_from(CompareState, held, "file") == state
    held["plan"]["lam"] = 0.1
    with pytest.raises(ValueError, match=r"^Plan: lam cannot be '0.1'"):
        state_from(CompareState, held, "file")
    with pytest.raises(ValueError, match=r"^file: plan cannot be '3'"):
        state_from(CompareState, {**held, "plan": 3}, "file")


def test_a_bench_of_another_time_gives_its_rankings_before_its_tab_is_opened(study, compare):
    compare.tabs.selected_index = 1
    compare.bench.choices.set(recipes=(), methods=("ITQ", "LSH"), bits="8")
    compare.bench.wait()
    compare.bench.start()
    compare.bench.wait()
    compare.bench.results.compare("ITQ", "LSH")
    compare.bench.results._pair.children[2].click()
    done(compare)
    kept = compare.state

    def reopened():
        desk = Desk(study)
        desk.amend(lambda moment: moment.with_state("Compare", kept))
        return desk

    again = CompareExplorer(reopened())
    done(again)
    assert (again.left.value, again.right.value) == (compare.left.value, compare.right.value)
    assert again.left.value.startswith("bench: ")
    assert not again.bench.choices.opened
    computed = again.rankers[again.left.value]
    again._shown_study = None
    again.refresh()
    assert again.rankers[again.left.value] is computed
    shutil.rmtree(bench_folder(study))
    gone = CompareExplorer(reopened())
    done(gone)
    said = [label.value for label in gone._sides._said.children]
    assert said == [
        "'bench: ITQ, seed 0' and 'bench: LSH, seed 0' are not among the rankings of this study."
    ]
    assert gone.left.value == FEATURES
    again.close()
    gone.close()


def test_two_rankings_are_tried_with_several_seeds_in_the_bench(compare):
    compare.left.value, compare.right.value = "LSH, 16 bits", ITQ
    done(compare)
    gains = compare._gains
    assert "with one seed" in gains._said.value
    assert not gains.bench.disabled
    gains.bench.click()
    assert compare.tabs.selected_index == 1
    plan = compare.bench.choices.plan
    assert (plan.recipes, plan.methods, plan.bits) == ((), ("LSH", "ITQ"), "16")
    compare.bench.start()
    compare.bench.wait()
    assert compare.bench.to_frame()["seeds"].tolist() == [3, 3]
    assert "The Bench cannot" not in gains._said.value
    compare.left.value = UHSCM  # which settings it was trained with is not known
    done(compare)
    assert gains.bench.disabled
    assert "with one seed" in gains._said.value
    assert gains._said.value.endswith(f" {gains.bench.tooltip}")
    assert gains.bench.tooltip.startswith("The Bench cannot try both, because it varies only ")
    compare.left.value, compare.right.value = "bench: ITQ, seed 0", ITQ
    done(compare)
    assert gains.bench.tooltip == "The Bench cannot try both, because they are one setting."
