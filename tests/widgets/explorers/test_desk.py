"""Explorers that share a desk: one undo, one line of work, one selection, another study."""

from __future__ import annotations

import dataclasses
import functools

import ipywidgets as ipw
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

from uhscm_core import ImageDataset, Study, TrainingConfig
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.analysis.validation import Validation
from uhscm_core.datasets.images import ArrayImages
from widgets import (
    CompareExplorer,
    DenoisingExplorer,
    DistributionExplorer,
    MapExplorer,
    RetrievalExplorer,
    Selection,
    TidyExplorer,
)
from widgets.background import history
from widgets.background import trainer as trainers
from widgets.background.worker import Line, Worker
from widgets.explorers.desk import Desk

EXPLORERS = (
    DenoisingExplorer,
    DistributionExplorer,
    RetrievalExplorer,
    CompareExplorer,
    MapExplorer,
    TidyExplorer,
)


def others_of(study: Study, n: int = 40) -> Study:
    """A study of other images, trained with the same network."""
    pixels = np.stack([np.asarray(study.dataset.images[i])[::-1] for i in range(n)])
    images, ids = ArrayImages(pixels), np.arange(n)
    splits = {"train": ids, "database": ids, "query": ids[:0]}
    dataset = ImageDataset(images, None, (), splits, images.digest, images.names)
    return study.with_(dataset=dataset, network=study.network)


def test_undo_and_redo_open_the_page_that_a_change_was_made_on(trained):
    desk = Desk(trained)
    asking, looking = RetrievalExplorer(desk), DistributionExplorer(desk)
    first, last = looking.pages, ("One image",)
    assert first == ("Heatmap",)
    looking.controls["order"].value = "clustering"
    looking.wait()
    for go in (asking.undo, looking.redo):
        looking.pages = last
        assert looking.pages == last
        go()
        asking.wait()
        assert looking.pages == first


def test_a_gesture_in_one_explorer_is_undone_in_another(trained):
    desk = Desk(trained)
    asking, looking = RetrievalExplorer(desk), DistributionExplorer(desk)
    first, pair = asking.state, looking.state
    asking.like(5)
    asking.wait()
    looking.controls["order"].value = "clustering"
    looking.wait()
    assert (asking.state.image, looking.state.image, looking.state.order) == (5, 5, "clustering")
    asking.undo()
    asking.wait()
    assert (asking.state.image, looking.state.order) == (5, pair.order)
    assert looking.controls["order"].value == pair.order
    looking.undo()
    looking.wait()
    assert (asking.state, looking.state) == (first, pair)
    assert asking._undo.disabled
    asking.redo()
    asking.wait()
    assert asking.state.image == looking.state.image == desk.selection.focus == 5


def test_a_changed_threshold_is_seen_by_all_and_asks_for_training(trained):
    desk = Desk(trained)
    denoising, asking = DenoisingExplorer(desk), RetrievalExplorer(desk)
    denoising.min_share.value = 1.0
    denoising.wait()
    assert asking.study is denoising.study is desk.study
    assert asking.study.network is None
    assert asking.status.summary == "Retrieval needs codes: train this study first"
    denoising.undo()
    denoising.wait()
    assert asking.study is trained
    assert "images on" in asking.status.summary
    assert asking.children[1] is asking._body[0]


@pytest.mark.parametrize("kind", EXPLORERS)
def test_another_study_takes_the_place_without_a_new_widget_and_can_be_undone(trained, kind):
    explorer = kind(trained)
    explorer.wait()
    said, frame = explorer.status.summary, explorer.to_frame()
    before = set(_instances)
    other = others_of(trained)
    explorer.study = other
    explorer.wait()
    assert explorer.status.errors == []
    assert explorer.study is other
    assert explorer.status.summary != said
    assert not explorer.to_frame().equals(frame)
    explorer.undo()
    explorer.wait()
    assert explorer.status.errors == []
    assert explorer.study is trained
    assert explorer.status.summary == said
    assert explorer.to_frame().equals(frame)
    assert set(_instances) == before


@pytest.mark.parametrize("kind", EXPLORERS)
def test_another_code_length_leaves_what_is_looked_at(trained, kind):
    explorer = kind(trained, selection=Selection(focus=7))
    explorer.wait()
    before = explorer.state
    explorer.study = trained.train(bits=8, epochs=1)
    explorer.wait()
    assert explorer.status.errors == []
    same = [f.name for f in dataclasses.fields(before) if f.name in ("image", "query", "pair")]
    for name in same:
        assert getattr(explorer.state, name) == getattr(before, name)


def test_a_study_that_cannot_be_shown_changes_nothing(trained):
    explorer = CompareExplorer(trained)
    explorer.wait()
    explorer.study = others_of(trained, 1)
    explorer.wait()
    assert explorer.status.errors == ["a comparison needs at least two images in the database"]
    assert explorer.study is trained
    assert explorer._undo.disabled
    with pytest.raises(TypeError, match="needs a Study, got str 'postcards'"):
        explorer.study = "postcards"


def test_uploaded_images_go_on_to_a_study_of_the_same_images_alone(trained):
    asking = RetrievalExplorer(trained)
    asking.upload._on_image(trained.dataset.images[3], "mine.png")
    asking.wait()
    own = len(trained.dataset)
    assert asking.state.image == own
    other = trained.train(bits=8, epochs=1)
    asking.study = other
    asking.wait()
    assert asking.pictures.names[asking.state.image] == "mine.png"
    assert (asking.pictures.codes[own] == other.codes[3]).all()
    asking.study = others_of(trained)
    asking.wait()
    assert asking.status.errors == []
    assert len(asking.pictures) == 40


@pytest.mark.parametrize("kind", EXPLORERS)
@pytest.mark.parametrize("offering", [False, True])
def test_a_closed_explorer_leaves_no_widget_behind(study, trained, kind, offering):
    selection = Selection(focus=2)
    before, watching = set(_instances), len(selection._trait_notifiers.get("focus", {}))
    explorer = kind(study if offering else trained, selection=selection)
    explorer.wait()
    explorer.close()
    assert set(_instances) == before
    heard = selection._trait_notifiers.get("focus", {}).get("change", [])
    assert len(heard) == watching
    selection.focus = 3  # no one listens
    explorer._worker.submit("late", lambda: pytest.fail("a closed explorer worked on"))
    explorer.wait()
    explorer.close()  # once more is no error


def test_a_closed_explorer_leaves_the_desk_to_the_others(trained):
    desk = Desk(trained)
    one, other = RetrievalExplorer(desk), RetrievalExplorer(desk)
    assert (one.name, other.name) == ("Retrieval", "Retrieval 2")
    one.close()
    other.like(4)
    other.wait()
    assert other.state.image == 4
    assert other.status.errors == []


def test_what_is_out_of_sight_is_drawn_when_it_comes_back(trained):
    desk = Desk(trained)
    asking, looking = RetrievalExplorer(desk), DistributionExplorer(desk)
    looking.hide()
    drawn = looking.concepts.summary
    asking.like(9)
    asking.wait()
    assert looking.concepts.summary == drawn
    looking.reveal()
    looking.wait()
    assert looking.state.image == 9
    assert looking.concepts.summary != drawn
    asking.undo()  # one gesture, one step
    asking.wait()
    assert not desk.history.can_undo


def test_an_offer_trains_and_the_run_is_one_of_the_study(study, home):
    asking = RetrievalExplorer(study)
    asking.wait()
    offer = asking._offer
    offer.train.click()
    asking.wait()
    asking.wait()
    assert asking.status.errors == []
    assert asking.study.network.bits == 64
    assert asking.desk.now.network == "run 001"
    assert "images on" in asking.status.summary
    asking.undo()
    asking.wait()
    assert offer.take.description == "Use run 001: 64 bits"
    offer.take.click()
    asking.wait()
    assert asking.study.network is not None
    assert asking.desk.now.network == "run 001"
    assert asking.study.history


def test_the_offer_takes_a_run_of_another_prompt_with_that_prompt(study, home):
    prompted = study.with_(template="a painting of the {}")
    config = TrainingConfig(epochs=1, workers=0)
    start = functools.partial(_started, pinned=0, bits=16, config=config)
    start(prompted)
    asking = RetrievalExplorer(study)
    asking.wait()
    offer = asking._offer
    said = "Use run 001: 16 bits, trained with template “a painting of the {}”"
    assert offer.take.description == said
    offer.take.click()
    asking.wait()
    assert asking.study.concepts == prompted.concepts
    assert asking.study.network.bits == 16
    asking.undo()
    asking.wait()
    start(study)
    start(prompted)
    offer.show(study)
    assert offer.take.description == "Use run 002: 16 bits"  # the newest with this template
    asking.wait()


def _started(study, **settings):
    trainers.start(study, runs_folder(study), Validation.of(study), **settings).wait()


def test_studies_of_the_past_are_bounded(monkeypatch):
    monkeypatch.setattr(history, "MOST_HEAVY", 4)
    past = history.History(("a", 0), heavy=lambda value: value[0])
    for step in range(9):
        past.push(("a", step))
    assert len(past) == 10
    for name in "bcdefg":
        past.push((name, 0))
        assert past.now == (name, 0)
        assert past.can_undo
    assert len({value[0] for value in past._values}) <= 4
    past.withdraw()
    assert past.now == ("f", 0)
    past.amend(("f", 1))
    assert (past.now, past.undo(), past.redo()) == (("f", 1), ("e", 0), ("f", 1))


def test_workers_on_one_line_take_turns_and_keep_their_own_errors():
    line, said = Line(), []
    one = Worker(lambda _: None, lambda text: said.append(("one", text)), line)
    other = Worker(lambda _: None, lambda text: said.append(("other", text)), line)
    one.submit("same", lambda: 1 / 0)
    other.submit("same", lambda: said.append(("other", "done")))
    one.wait()
    assert sorted(said) == [("one", "division by zero"), ("other", "done")]
    one.stop()
    one.submit("late", lambda: said.append(("one", "late")))
    other.submit("more", lambda: said.append(("other", "more")))
    other.wait()
    assert said[2:] == [("other", "more")]


def test_only_what_an_explorer_made_is_closed(trained):
    kept = ipw.Label("another's")
    explorer = RetrievalExplorer(trained)
    explorer.wait()
    explorer.close()
    assert kept.comm is not None
    kept.close()
