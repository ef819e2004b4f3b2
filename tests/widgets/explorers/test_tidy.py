"""Near-duplicates and outliers as lists to look at, which change no file."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from PIL import ImageOps

from uhscm_core import ImageDataset, Study, near_duplicates
from uhscm_core.analysis.oddities import Oddities
from uhscm_core.datasets import ArrayImages
from uhscm_core.support.progress import progress_bar
from widgets import MapExplorer, TidyExplorer
from widgets.explorers import tidy as module
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer
from widgets.kit.download import Download


@pytest.fixture(scope="module")
def with_copies(study, tmp_path_factory) -> Iterator[Study]:
    """Forty postcards, eight mirrored copies of them, and codes."""
    cards = [study.dataset.images[i] for i in range(40)]
    images = [*cards, *(ImageOps.mirror(card) for card in cards[:8])]
    arrays = ArrayImages(np.stack([np.asarray(image) for image in images]))
    ids = np.arange(48)
    splits = {"train": ids, "database": ids, "query": ids[:0]}
    names = tuple(f"card {i}" for i in range(40)) + tuple(f"<b>copy {i}\n" for i in range(8))
    dataset = ImageDataset(arrays, None, (), splits, arrays.digest, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        yield Study(dataset, study.vlp, "nuswide81", progress=False).train(32, epochs=3)


@pytest.fixture
def duplicates(with_copies) -> TidyExplorer:
    made = TidyExplorer(with_copies)
    made.wait()
    return made


def put(explorer, **controls):
    for name, value in controls.items():
        getattr(explorer, name).value = value
        explorer.wait()


def test_copies_are_found_and_listed(duplicates, with_copies):
    assert duplicates.status.errors == []
    frame = duplicates.to_frame()
    assert frame.columns.tolist() == ["group", "first", "second", "bits", "cosine"]
    found = set(zip(frame["first"], frame["second"], strict=True))
    copies = {(f"card {i}", f"<b>copy {i}\n") for i in range(8)}
    assert len(found & copies) >= 6
    assert len(duplicates.pairs.ids) == len(frame)
    groups = frame["group"].nunique()
    assert duplicates.status.summary.startswith(f"{groups} groups of near-duplicates, ")
    assert "codes within 8 bits" in duplicates.status.summary
    assert duplicates.group.ids.tolist() == list(
        near_duplicates(
            with_copies.codes,
            32,
            with_copies.image_features,
            sketches=duplicates._oddities.sketches,
        ).groups[0]
    )
    name, content = duplicates._as_csv()
    assert name == "duplicates.csv"
    assert len(pd.read_csv(io.BytesIO(content))) == len(frame)


def test_each_test_can_be_moved_and_undone(duplicates):
    first, said = len(duplicates.to_frame()), duplicates.status.summary
    put(duplicates, radius=0)
    assert "within 0 bits" in duplicates.status.summary
    assert len(duplicates.to_frame()) <= first
    put(duplicates, radius=16, looks=False, cosine=0.8)
    assert len(duplicates.to_frame()) > first
    assert "similar to look at" not in duplicates.status.summary
    for _ in range(4):
        duplicates.undo()
    duplicates.wait()
    assert duplicates.status.summary == said
    put(duplicates, cosine=1.0, radius=0)
    if duplicates.to_frame().empty:
        assert duplicates.pairs.summary.startswith("No pair is so near")


def test_what_the_defaults_miss_is_said_of_them_alone(duplicates):
    note = duplicates._duplicates._note.layout
    assert note.display is None
    for changed in ({"radius": 7}, {"cosine": 0.9}, {"looks": False}):
        put(duplicates, **changed)
        assert note.display == "none"
        duplicates.undo()
        duplicates.wait()
        assert note.display is None


def test_chains_and_too_many_duplicates_are_said(duplicates):
    put(duplicates, looks=False, cosine=0.5, radius=16)
    images = {image for group in duplicates._found().groups for image in group}
    chains = duplicates._found().chains
    assert len(images) > 24
    assert chains > 0
    notes = " ".join(duplicates.status.notes)
    assert f"{len(images) / 48:.0%} of all images have a near-duplicate" in notes
    assert f"{chains} chain" in notes
    assert f", {len(images)} of 48 images: codes within 16 bits" in duplicates.status.summary
    put(duplicates, cosine=1.0, radius=0)
    assert duplicates.status.notes == []


def test_a_click_opens_the_group(duplicates):
    last = len(duplicates.pairs.ids) - 1
    duplicates.pairs._receive(
        None, {"type": "choose", "generation": duplicates.pairs.generation, "position": last}, []
    )
    duplicates.wait()
    group = duplicates.to_frame()["group"].max()
    assert duplicates.state.group == group
    assert duplicates.group.summary.startswith(f"Group {group + 1} of {group + 1}: ")
    found = duplicates.why.why
    assert found.measured.distance == duplicates.to_frame()["bits"].iloc[last]
    if len(found.concepts) > 1:
        gone = duplicates.why.to_frame().sort_values("part")["concept"].iloc[-1]
        duplicates.why.card._receive(None, {"type": "tick", "key": gone, "ticked": False}, [])
        duplicates.wait()
        assert duplicates.why.why.without == (gone,)
        duplicates.undo()
        duplicates.wait()
        assert (duplicates.state.pair, duplicates.why.why.without) == (last, ())
    put(duplicates, radius=duplicates.state.radius - 1)
    assert duplicates.state.pair is duplicates.why.why is None


def test_outliers_by_features_and_by_codes(duplicates):
    frame = duplicates.outliers_frame()
    assert frame["rank"].tolist() == list(range(1, 49))
    assert len(duplicates.outliers.ids) == 48
    assert duplicates.outliers.summary.startswith("Farthest from their neighbor 5 by features")
    assert len(duplicates.near.ids) == 6
    put(duplicates, far="codes", k=3)
    assert duplicates.outliers.summary.startswith("Farthest from their neighbor 3 by codes")
    assert duplicates.outliers_frame()["distance"].tolist() != frame["distance"].tolist()
    assert len(duplicates.near.ids) == 4
    assert duplicates.status.errors == []


def test_a_study_without_codes_is_offered_training(study):
    duplicates = TidyExplorer(study)
    duplicates.wait()
    assert duplicates.status.summary == "Near-duplicates are found by code: train this study first"
    assert duplicates.children[1].train.description == "Train 64 bits now"
    with pytest.raises(TypeError, match="needs a Study"):
        TidyExplorer("photos")


def test_one_image_is_no_error(with_copies):
    arrays = with_copies.dataset.images.take([0])
    only = np.zeros(1, np.int64)
    splits = {"train": only, "database": only, "query": only[:0]}
    dataset = ImageDataset(arrays, None, (), splits, arrays.digest, arrays.names)
    duplicates = TidyExplorer(with_copies.with_(dataset=dataset, network=with_copies.network))
    duplicates.wait()
    assert duplicates.status.errors == []
    assert duplicates.status.summary.startswith("0 groups of near-duplicates, 0 of ")


def test_a_pair_stays_in_view_while_more_are_found(with_copies, monkeypatch):
    whole = Oddities(with_copies).pairs(16, 0.5, False)
    last = len(whole.pairs) - 1
    less = dataclasses.replace(
        whole, pairs=whole.pairs[-3:], group_of=np.zeros(3, np.int64), groups=whole.groups[-1:]
    )
    go_on = [threading.Event(), threading.Event()]

    def search(self, *settings):
        yield less
        go_on[0].wait(20)
        yield dataclasses.replace(whole)
        go_on[1].wait(20)
        yield self._keep(settings, whole)

    monkeypatch.setattr(Oddities, "search", search)
    duplicates = TidyExplorer(with_copies)
    while duplicates._drawn.get("pairs") is not less:
        Explorer.wait(duplicates)
    assert "groups of near-duplicates so far" in duplicates.status.summary.replace(
        "1 group ", "groups "
    )
    duplicates._pick(2)
    Explorer.wait(duplicates)
    go_on[0].set()
    while duplicates.search._search.found is less:
        time.sleep(0.01)
    duplicates._redraw("again")
    Explorer.wait(duplicates)
    assert duplicates._drawn["pairs"] is less
    assert duplicates.state.pair == 2
    go_on[1].set()
    duplicates.wait()
    assert duplicates._drawn["pairs"] is whole
    assert duplicates.state.pair == last
    assert duplicates.state.group == whole.group_of[last]
    assert duplicates.group.ids.tolist() == list(whole.groups[duplicates.state.group])
    assert "so far" not in duplicates.status.summary


def test_advice_on_no_pair_waits_for_the_end_of_a_search(with_copies, monkeypatch):
    none, go_on = Oddities(with_copies).pairs(0, 1.0, False), threading.Event()

    def search(self, *settings):
        yield dataclasses.replace(none)
        go_on.wait(20)
        yield self._keep(settings, none)

    assert len(none.pairs) == 0
    monkeypatch.setattr(Oddities, "search", search)
    duplicates = TidyExplorer(with_copies)
    Explorer.wait(duplicates)
    assert duplicates.pairs.summary == "No pair so far"
    go_on.set()
    duplicates.wait()
    assert duplicates.pairs.summary.startswith("No pair is so near: allow")


def test_outliers_of_many_images_are_ranked_when_their_tab_is_opened(with_copies, monkeypatch):
    monkeypatch.setattr(module, "_QUICKLY_RANKED", 40)
    duplicates = TidyExplorer(with_copies)
    duplicates.wait()
    assert duplicates.outliers.count == 0
    duplicates._tabs.selected_index = 1
    duplicates.wait()
    assert duplicates.outliers.count == 48


def test_ranking_outliers_holds_up_no_other_tab_and_ends_with_the_study(with_copies, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    far = Oddities.far

    def slow(self, by, k):
        begun.set()
        with progress_bar("ranking outliers", 48, shown=False) as bar:
            for _ in range(2000):  # not for ever, should nothing end it
                bar.update()
                if go_on.wait(0.01):
                    break
        return far(self, by, k)

    monkeypatch.setattr(Oddities, "far", slow)
    desk = Desk(with_copies)
    duplicates, other = TidyExplorer(desk), MapExplorer(desk)
    assert begun.wait(20)
    other.controls["colour"].value = other.controls["colour"].options[-1]
    Explorer.wait(other)  # all jobs of the desk
    assert other.state.colour == other.controls["colour"].options[-1]
    duplicates.search.wait()
    Explorer.wait(duplicates)
    assert duplicates.status.summary
    assert "so far" not in duplicates.status.summary
    search = duplicates._outliers.search
    assert search.running
    assert duplicates.outliers.count == 0
    ranking = search._search
    duplicates.hide()
    desk.change("test", lambda moment: moment.with_study(with_copies.with_(tau=2.0)))
    desk.tell()
    ranking.wait(20)
    assert ranking.state == "stopped"
    go_on.set()
    duplicates.close()
    other.close()


def test_closing_ends_the_ranking_of_outliers(with_copies, monkeypatch):
    begun = threading.Event()

    def slow(self, by, k):
        begun.set()
        with progress_bar("ranking outliers", 48, shown=False) as bar:
            for _ in range(2000):  # not for ever, should nothing end it
                bar.update()
                time.sleep(0.01)

    monkeypatch.setattr(Oddities, "far", slow)
    duplicates = TidyExplorer(with_copies)
    assert begun.wait(20)
    ranking = duplicates._outliers.search._search
    duplicates.close()
    ranking.wait(10)
    assert ranking.state == "stopped"


# The buttons that save both lists.


def files_of(monkeypatch):
    """What the explorer's buttons give, by name."""
    given = {}

    def send(self, content, buffers=()):
        if content.get("type") == "file":
            given[content["name"]] = pd.read_csv(io.BytesIO(buffers[0]))

    monkeypatch.setattr(Download, "send", send)
    return given


def test_outliers_asked_for_while_they_are_ranked_are_saved_once_they_are(with_copies, monkeypatch):
    given, begun, go_on = files_of(monkeypatch), threading.Event(), threading.Event()
    far = Oddities.search_far

    def slow(self, by, k):
        begun.set()
        assert go_on.wait(20)
        yield from far(self, by, k)

    monkeypatch.setattr(Oddities, "search_far", slow)
    duplicates = TidyExplorer(with_copies)
    csv = duplicates._outliers.csv
    assert begun.wait(20)
    csv._receive(None, {"type": "ask"}, [])
    Explorer.wait(duplicates)
    assert csv.waiting
    assert given == {}
    assert csv.to_frame().empty
    assert duplicates.status.errors == []
    go_on.set()
    duplicates.wait()
    assert len(given["outliers.csv"]) == 48
    assert not csv.waiting
    csv._receive(None, {"type": "ask"}, [])
    duplicates.wait()
    assert not csv.waiting  # given at once


@pytest.mark.parametrize("stopped", [False, True])
def test_outliers_that_no_one_ranks_yet_are_ranked_to_be_saved(with_copies, monkeypatch, stopped):
    given, far = files_of(monkeypatch), Oddities.search_far
    if stopped:

        def endless(self, by, k):
            with progress_bar("ranking outliers", 48, shown=False) as bar:
                for _ in range(2000):
                    bar.update()
                    time.sleep(0.01)
            yield from far(self, by, k)

        monkeypatch.setattr(Oddities, "search_far", endless)
    else:
        monkeypatch.setattr(module, "_QUICKLY_RANKED", 40)  # when their tab is opened
    duplicates = TidyExplorer(with_copies)
    Explorer.wait(duplicates)
    if stopped:
        duplicates._outliers.search.stop.click()
        duplicates.wait()
        monkeypatch.setattr(Oddities, "search_far", far)
        duplicates._outliers.search._search.results = duplicates._oddities.search_far
    duplicates._outliers.csv._receive(None, {"type": "ask"}, [])
    duplicates.wait()
    duplicates.wait()
    assert len(given["outliers.csv"]) == 48
    assert duplicates._tabs.selected_index == 1


def test_a_file_asked_for_of_another_study_is_not_saved(with_copies, monkeypatch):
    given = files_of(monkeypatch)
    duplicates = TidyExplorer(with_copies)
    duplicates.wait()
    duplicates._outliers.csv.waiting = True
    duplicates.study = with_copies.with_(tau=2.0, network=with_copies.network)
    duplicates.wait()
    assert given == {}
    assert not duplicates._outliers.csv.waiting


def test_duplicates_that_are_not_all_found_are_saved_as_such(with_copies, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    search = Oddities.search

    def slow(self, *settings):
        begun.set()
        assert go_on.wait(20)
        yield from search(self, *settings)

    monkeypatch.setattr(Oddities, "search", slow)
    monkeypatch.setattr(Oddities, "known", lambda self, *settings: self._answers.get(settings))
    duplicates = TidyExplorer(with_copies)
    assert begun.wait(20)
    name, content = duplicates._as_csv()
    assert name == "duplicates so far.csv"
    assert pd.read_csv(io.BytesIO(content)).empty
    go_on.set()
    duplicates.wait()
    assert duplicates._as_csv()[0] == "duplicates.csv"
