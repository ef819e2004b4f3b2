"""The workbench: tabs over one study, and a view that is saved and opened again."""

from __future__ import annotations

import json
import shutil
import threading

import pytest
import torch
from ipywidgets.widgets.widget import _instances

import widgets
from uhscm_core import load_dataset
from uhscm_core.analysis.rankers import CONCEPTS, FEATURES
from uhscm_core.support import store
from widgets import Workbench
from widgets.background import photo_reader
from widgets.explorers import sources

TABS = ("Photos", "Concepts", "Similarity", "Train", "Retrieve", "Compare", "Map", "Duplicates")
TIDY = widgets.TidyExplorer.__name__.removesuffix("Explorer")


@pytest.fixture
def bench(study, home):
    made = Workbench(study)
    yield made
    if "Train" in made.explorers and made.explorers["Train"].comm is not None:
        made.explorers["Train"].stop()
    made.wait()
    made.close()


def go(bench, tab):
    bench.tab = tab
    bench.wait()
    assert bench.status.errors == []
    return bench.explorers.get(tab)


def test_a_tab_is_made_when_it_is_first_opened(study, bench):
    assert bench.study is study
    assert bench.tabs.titles == TABS
    assert bench.explorers == {}
    assert bench.photos.gallery.count == len(study.dataset)
    assert bench.status.summary == "260 images, 81 concepts, no codes yet"
    made = [go(bench, tab) for tab in TABS[1:]]
    assert list(bench.explorers) == list(TABS[1:])
    assert [go(bench, tab) for tab in TABS[1:]] == made
    live = [tab for tab, explorer in bench.explorers.items() if explorer.live]
    assert live == ["Duplicates"]


def test_untrained_tabs_offer_to_train(bench):
    for tab in ("Retrieve", "Duplicates"):
        explorer = go(bench, tab)
        assert "train this study first" in explorer.status.summary
        assert explorer._offer.time.value.startswith("It takes about")


def test_from_a_threshold_to_an_answer_and_back(study, bench):
    concepts = go(bench, "Concepts")
    concepts.min_share.value = 1.0
    bench.wait()
    changed = bench.study
    assert changed is concepts.study is not study
    concepts._train.click()
    bench.wait()
    assert bench.tab == "Train"
    train = bench.explorers["Train"]
    train.start(bits=16, epochs=2)
    bench.wait()
    assert bench.tab == "Train"
    assert bench.study.network.bits == 16
    assert bench.status.summary.endswith("codes of 16 bits (run 001)")
    answering, made = bench.study, len(bench._desk.history)
    train._ask.click()
    bench.wait()
    assert bench.tab == "Retrieve"
    assert bench.study is answering
    assert len(bench._desk.history) == made  # it was in view
    assert bench.study.min_share == 1.0
    assert "images on" in bench.explorers["Retrieve"].status.summary
    assert bench.status.summary.endswith("codes of 16 bits (run 001)")
    steps = []
    while not bench._undo.disabled:
        bench.undo()
        bench.wait()
        steps.append((bench.tab, bench.study))
    assert [tab for tab, _ in steps] == ["Train"] * (len(steps) - 1) + ["Concepts"]
    assert steps[0][1] is changed
    assert steps[-1][1] is study
    assert concepts.min_share.value == study.min_share
    while not bench._redo.disabled:
        bench.redo()
        bench.wait()
    assert bench.study.network.bits == 16
    assert bench.status.errors == []


def test_a_run_and_its_codes_are_one_step_to_undo(bench):
    retrieve, train = go(bench, "Retrieve"), go(bench, "Train")
    assert retrieve._offering
    train.form.set(bits=8, epochs=1)
    bench.wait()
    before = len(bench._desk.history)
    train.start()
    bench.wait()
    assert len(bench._desk.history) == before + 1
    go(bench, "Retrieve")
    assert "images on" in retrieve.status.summary
    bench.undo()
    bench.wait()
    assert bench.tab == "Train"
    assert bench.study.network is None
    assert bench.status.summary.endswith("no codes yet")
    bench.redo()
    bench.wait()
    assert bench.status.summary.endswith("codes of 8 bits (run 001)")


def test_codes_are_a_step_of_their_own_where_something_was_done_meanwhile(bench):
    similarity, train = go(bench, "Similarity"), go(bench, "Train")
    train.start(bits=8, epochs=100_000)
    bench.tab = "Similarity"
    similarity._worker.wait()
    go_on = similarity.state.image + 1
    bench.selection.focus = go_on
    similarity._worker.wait()
    assert bench.study.network is None
    train.stop()
    bench.wait()
    assert bench.study.network.bits == 8
    bench.undo()
    bench.wait()
    assert bench.study.network is None
    assert similarity.state.image == go_on


def test_a_run_that_is_no_longer_looked_at_does_not_answer(bench):
    train = go(bench, "Train")
    train.start(bits=8, epochs=100_000)
    bench.undo()
    train._worker.wait()
    assert train.views.pair.names[0] == ""
    train.stop()
    bench.wait()
    assert bench.study.network is None
    assert train.status.errors == []
    train.start(bits=8, epochs=0)  # no step tells it from another one
    bench.wait()
    assert bench.status.summary.endswith("codes of 8 bits (run 002)")


def test_an_image_chosen_in_one_tab_is_looked_at_in_the_next_and_is_one_step(trained):
    bench = Workbench(trained)
    asking = go(bench, "Retrieve")
    first = asking.state.image
    asking.like(7)
    bench.wait()
    assert go(bench, "Similarity").state.image == 7
    assert go(bench, "Compare").state.query == 7
    bench.undo()
    bench.wait()
    assert bench.tab == "Retrieve"
    assert asking.state.image == first
    assert bench._undo.disabled
    bench.close()


def test_a_run_of_the_train_tab_is_there_in_the_compare_tab(bench):
    compare, train = go(bench, "Compare"), go(bench, "Train")
    assert not [name for name in compare.rankers if name.startswith("run 001")]
    train.start(bits=8, epochs=1)
    bench.wait()
    go(bench, "Compare")
    assert [name for name in compare.rankers if name.startswith("run 001")]


def test_two_rankings_that_no_one_chose_follow_the_network_in_view(bench):
    compare, train = go(bench, "Compare"), go(bench, "Train")
    assert (compare.left.value, compare.right.value) == (FEATURES, "ITQ, 64 bits")
    for bits in (64, 16):
        train.start(bits=bits, epochs=1)
        bench.wait()
        go(bench, "Compare")
        sides = compare.left.value, compare.right.value
        assert sides == (f"UHSCM, {bits} bits", f"ITQ, {bits} bits")
        bench.tab = "Train"
    go(bench, "Compare")
    compare.right.value = "LSH, 16 bits"
    bench.wait()
    train.start(bits=16, epochs=2)
    bench.wait()
    go(bench, "Compare")
    assert (compare.left.value, compare.right.value) == ("UHSCM, 16 bits", "LSH, 16 bits")


def test_without_a_network_in_view_the_run_of_the_train_tab_is_compared(study, home):
    first = Workbench(study)
    for _ in range(2):
        go(first, "Train").start(bits=8, epochs=1)
        first.wait()
    first.close()
    bench = Workbench(study)
    train = go(bench, "Train")
    assert bench.study.network is None  # no one has trained here
    train.views.pair.colour.value = "001"
    bench.wait()
    assert go(bench, "Compare").left.value.startswith("run 001, 8 bits")
    bench.close()


def test_what_a_tab_cannot_show_is_said_in_its_place(trained):
    from tests.widgets.explorers.test_desk import others_of

    bench = Workbench(others_of(trained, 1))
    bench.tab = "Compare"
    bench.wait()
    said = "a comparison needs at least two images in the database"
    assert bench.tabs.boxes["Compare"].children[0].value == said
    assert "Compare" not in bench.explorers
    bench.study = trained
    bench.wait()
    bench.tab = "Photos"
    bench.tab = "Compare"
    bench.wait()
    assert bench.explorers["Compare"].status.errors == []
    bench.close()


def test_exports_are_at_hand_in_every_tab(trained):
    bench = Workbench(trained)
    bench.bar.export.value = True
    bench.bar.exports.wait()
    assert bench.bar.exports.status.summary.startswith("Save the 16-bit codes")
    bench.bar.export.value = False
    assert bench.bar.exports is None
    bench.close()


def test_a_closed_workbench_leaves_no_widget_behind(study, trained):
    before = set(_instances)
    for source in (study, trained):
        bench = Workbench(source)
        for tab in TABS:
            go(bench, tab)
        bench.bar.export.value = True
        bench.close()
        bench.close()
        assert set(_instances) == before


def test_a_folder_is_read_in_the_background(study, tmp_path, home):
    for i in range(6):
        study.dataset.images[i].save(tmp_path / f"{i}.png")
    bench = Workbench(str(tmp_path))
    bench.wait()
    assert len(bench.study.dataset) == 6
    assert bench.status.summary.startswith("6 images, ")
    assert go(bench, "Concepts").study is bench.study
    (tmp_path / "more").mkdir()
    study.dataset.images[7].save(tmp_path / "more" / "7.png")
    first = bench.study
    bench.tab = "Photos"
    bench.photos.read()
    bench.wait()
    bench.wait()
    assert len(bench.study.dataset) == 7
    bench.undo()
    bench.wait()
    assert bench.study is first
    assert bench.photos.gallery.count == 6
    bench.close()
    again = Workbench(tmp_path)  # the cell is run again
    again.wait()
    assert len(again.study.dataset) == 7
    again.close()


def test_while_a_folder_is_read_the_bar_says_so_in_all_tabs(bench, tmp_path, monkeypatch):
    folder = tmp_path / "my holiday"
    folder.mkdir()
    bench.study.dataset.images[0].save(folder / "0.png")
    go(bench, "Retrieve")
    asked, may_go = threading.Event(), threading.Event()
    load = photo_reader.load_dataset

    def slowly(*args, **more):
        asked.set()
        assert may_go.wait(20)
        return load(*args, **more)

    monkeypatch.setattr(photo_reader, "load_dataset", slowly)
    before = bench.status.summary
    bench.photos.folder.value = str(folder)
    bench.photos.read()
    assert asked.wait(20)
    bench.photos._draw(bench.photos.reader)
    reading = "Reading my holiday: listing the folder. Still in view: "
    assert bench.status.summary == reading + before
    assert bench.status.spoken == "Reading my holiday"
    bench._take(bench.study.with_(tau=2.0))
    bench._line.wait()
    assert bench.status.summary.startswith(f"{reading}260 images")
    may_go.set()
    bench.wait()
    bench.wait()
    assert bench.status.summary.startswith("1 image, ")
    assert bench.status.spoken == ""


@pytest.mark.parametrize("end", ["read", "stopped", "failed"])
def test_a_tab_waits_for_the_first_folder_and_follows_how_its_reading_ends(
    study, tmp_path, home, monkeypatch, end
):
    folder = tmp_path / "my holiday"
    folder.mkdir()
    study.dataset.images[0].save(folder / "0.png")
    asked, may_go = threading.Event(), threading.Event()
    load = photo_reader.load_dataset

    def slowly(*args, **more):
        asked.set()
        assert may_go.wait(20)
        if end == "failed":
            raise OSError("the disk is gone")
        return load(*args, **more)

    monkeypatch.setattr(photo_reader, "load_dataset", slowly)
    bench = Workbench(folder)
    assert asked.wait(20)
    for tab in ("Concepts", "Map"):
        bench.tab = tab
        bench._line.wait()
        (label,) = bench.tabs.boxes[tab].children
        assert label.value == "Reading my holiday. This tab opens when that is done."
    assert bench.status.errors == []
    with pytest.raises(RuntimeError, match="my holiday is still being read: wait until"):
        bench.save_view(tmp_path / "view.json")
    if end == "stopped":
        bench.photos.stop()
    may_go.set()
    bench.wait()
    bench.wait()
    (shown,) = bench.tabs.boxes["Map"].children
    if end == "read":
        assert shown is bench.explorers["Map"]
        assert bench.status.errors == []
    else:
        assert shown.value == "no folder was read yet: choose one in Photos and press Read"
    bench.close()


def test_how_far_a_reading_is_stands_in_the_bar(bench):
    before = bench.status.summary
    bench.photos.folder.value = "/home/me/my holiday"
    bench.photos.progress.show("encoding images", 1, 5, 12)
    far = "Reading my holiday: 1 of 5, about 12 s left"
    assert bench.status.summary == f"{far}. Still in view: {before}"
    bench.bar.say(None, "my holiday", "1 of 5, about 12 s left")
    assert bench.status.summary == far
    bench.photos.progress.show()
    assert bench.status.summary == before


def test_a_folder_that_is_not_there_is_said(tmp_path, home):
    bench = Workbench(tmp_path / "nowhere")
    bench.wait()
    with pytest.raises(RuntimeError, match="the folder was not read: no such folder"):
        _ = bench.study
    bench.tab = "Concepts"
    bench.wait()
    assert "no folder was read yet" in bench.tabs.boxes["Concepts"].children[0].value
    bench.close()


@pytest.mark.usefixtures("as_users_run_it")
def test_what_is_no_source_and_no_tab_is_refused(bench):
    with pytest.raises(TypeError, match="source must be a folder, an ImageDataset, a Study"):
        Workbench(3)
    with pytest.raises(ValueError, match=r"tab must be one of Photos, .* got 'Nowhere'"):
        bench.tab = "Nowhere"
    with pytest.raises(TypeError, match="study must be a Study"):
        bench.study = "postcards"


def test_nothing_and_a_dataset_are_opened_with_defaults(study, monkeypatch):
    asked = []

    def load(name, **_):
        asked.append(name)
        return study.dataset

    monkeypatch.setattr(sources, "load_dataset", load)
    for source in (None, "postcards", study.dataset):
        bench = Workbench(source)
        assert bench.study.dataset is study.dataset
        assert bench.study.vlp.name == "postcards"
        bench.close()
    assert asked == ["postcards", "postcards"]


# -- views ---------------------------------------------------------------------------------------


@pytest.fixture
def saved(study, home, tmp_path):
    """A view of a run, in the Retrieve tab; and its file."""
    bench = Workbench(study.with_(min_share=1.0))
    train = go(bench, "Train")
    train.start(bits=16, epochs=1)
    bench.wait()
    train._ask.click()
    bench.wait()
    bench.explorers["Retrieve"].like(7)
    bench.wait()
    go(bench, "Map")
    bench.selection.ids = (3, 5, 8)
    bench.wait()
    bench.tab = "Retrieve"
    bench.wait()
    path = bench.save_view(tmp_path / "view.json")
    yield bench, path
    bench.close()


def test_a_view_opens_as_it_was_saved(study, saved):
    bench, path = saved
    assert path.stat().st_size < 20_000
    again = Workbench.open_view(path)
    again.wait()
    assert again.tab == "Retrieve"
    assert again.study.min_share == 1.0
    assert again.status.summary.endswith("codes of 16 bits (run 001)")
    assert again.study.dataset.digest == study.dataset.digest
    asking = again.explorers["Retrieve"]
    assert asking.state == bench.explorers["Retrieve"].state
    assert asking.to_frame().equals(bench.explorers["Retrieve"].to_frame())
    assert go(again, "Map").state == bench.explorers["Map"].state
    assert again.selection.ids == (3, 5, 8)
    assert go(again, "Train").state.settings == bench.explorers["Train"].state.settings
    assert again._undo.disabled
    assert b"pickle" not in path.read_bytes()
    again.close()


def test_a_view_opens_the_pages_that_were_open(saved, tmp_path):
    bench, path = saved
    go(bench, "Compare").tabs.selected_index = 1
    train = bench.explorers["Train"]
    train.views.selected_index, train.settings.more.value = 2, True
    concepts = go(bench, "Concepts")
    concepts.bars.chosen, chosen = 70, concepts.bars.labels[70]
    bench.bar.export.value = True
    bench.bar.exports.wait()
    again = Workbench.open_view(bench.save_view(path))
    again.wait()
    assert go(again, "Compare").tabs.selected_index == 1
    bars = go(again, "Concepts").bars
    assert bars.labels[bars.chosen] == chosen
    assert chosen in again.explorers["Concepts"].gallery.summary
    twice = Workbench.open_view(again.save_view(path))  # where Train was not opened
    shown = go(twice, "Train")
    assert (shown.views.selected_index, shown.settings.more.value) == (2, True)
    assert twice.bar.exports is not None
    twice.close()
    again.close()
    gone = rewritten(path, pages={"Compare": ["a page that is gone", True]})
    other = Workbench.open_view(gone)
    assert go(other, "Compare").tabs.selected_index == 0
    other.close()
    values = store.load_json(path)
    del values["pages"]  # as earlier versions wrote it
    store.save_json(path, values)
    Workbench.open_view(path).close()


def test_a_view_finds_its_run_under_another_number(saved, home):
    bench, path = saved
    folder = bench.explorers["Train"]._runs.folder
    (folder / "001").rename(folder / "007")
    again = Workbench.open_view(path)
    assert again.study.network.bits == 16
    again.close()
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match=r"run 001 of 16 bits, .* not among the runs"):
        Workbench.open_view(path)
    other = Workbench.open_view(path, source=bench.study)
    assert other.study.network.bits == 16
    other.close()


def test_a_folder_that_was_moved_is_said_where(study, tmp_path, home):
    here = tmp_path / "here"
    here.mkdir()
    for i in range(6):
        study.dataset.images[i].save(here / f"{i}.png")
    dataset = load_dataset(here, progress=False)
    bench = Workbench(dataset)
    path = bench.save_view(tmp_path / "view.json")
    bench.close()
    there = here.rename(tmp_path / "there")
    with pytest.raises(FileNotFoundError, match=r"open_view\(path, source=folder\)"):
        Workbench.open_view(path)
    again = Workbench.open_view(path, source=there)
    assert again.study.dataset.digest == dataset.digest
    again.close()
    study.dataset.images[9].save(there / "9.png")
    with pytest.raises(ValueError, match="this data is not the one that the view was saved with"):
        Workbench.open_view(path, source=there)


def rewritten(path, **changes):
    values = json.loads(path.read_text())
    values = {name: changes.get(name, value) for name, value in values.items()}
    path.write_text(json.dumps({**values, **changes, "digest": None}))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view": 2}, "written by a later version"),
        ({"tab": "Nowhere"}, "tab must be one of Photos"),
        ({"tau": "3"}, "tau must be int or float"),
        ({"tau": -1.0}, "tau"),
        ({"more": 1}, "unknown 'more'"),
        ({"concepts": {"names": [3], "templates": ["a {}"]}}, "concepts"),
        ({"concepts": {"names": ["cat"]}}, "without templates"),
        ({"states": {"Retrieval": {"image": "7", "radius": 3}}}, "Retrieval: image cannot be '7'"),
        ({"states": {"Retrieval": {"image": 7}}}, "Retrieval: .*radius"),
        ({"states": {"Retrieval": {"image": 7, "radius": 3, "x": 1}}}, "unknown x"),
        ({"states": {"Retrieval": 3}}, "Retrieval must be a dict"),
        ({"selection": {"focus": None, "ids": ["a"]}}, "ids must be whole numbers"),
        ({"pages": {"Map": [3]}}, "pages: Map must be a list of titles"),
        ({"data": {"source": {"source": "postcards"}, "digest": "0"}}, "this data is not the one"),
        ({"data": {"source": {"source": "postcards", "odd": 1}, "digest": "0"}}, "data: .*odd"),
    ],
)
def test_a_file_that_is_no_view_of_this_data_is_refused_with_its_place(saved, changes, message):
    _, path = saved
    with pytest.raises(ValueError, match=message) as error:
        Workbench.open_view(rewritten(path, **changes))
    assert str(path) in str(error.value)


def test_files_that_are_no_views_are_refused(tmp_path):
    path = tmp_path / "view.json"
    with pytest.raises(FileNotFoundError, match="no such file"):
        Workbench.open_view(path)
    for content, message in {"{": "not readable JSON", "[]": "not a view", "{}": "a view"}.items():
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            Workbench.open_view(path)
    store.save_json(path, {"view": 1, "tab": "Map"})
    path.write_text(path.read_text().replace("Map", "Compare"))
    with pytest.raises(ValueError, match="damaged"):
        Workbench.open_view(path)


def test_a_setting_of_the_bench_is_asked(study):
    bench = Workbench(study)
    bench.tab = "Compare"
    bench.wait()
    compare = bench.explorers["Compare"]
    compare.tabs.selected_index = 1
    compare.bench.choices.set(recipes=("uhscm",), bits="8", epochs="1", seeds="2")
    compare.bench.choices.set(templates="a photo of the {}\na {}")
    compare.bench.start()
    compare.bench.wait()
    bench.wait()
    results = compare.bench.results
    results.compare("template='a {}'", "template='a photo of the {}'")
    experiment, run = results.experiment, results.runs["template='a {}'"]
    ask = results._pair.children[3]
    assert ask.layout.display is None
    ask.click()
    bench.wait()
    assert bench.tab == "Retrieve"
    assert bench.study.concepts.templates == ("a {}",)
    assert torch.equal(bench.study.codes, experiment.codes(run))
    bench.wait()
    assert "images on" in bench.explorers["Retrieve"].status.summary
    said = "codes of 8 bits (bench: template='a {}', seed 0)"
    assert bench.status.summary.endswith(said)
    bench.undo()
    bench.wait()
    assert bench.study.network is None
    go(bench, "Compare")
    compare.bench.wait()
    bench.wait()
    assert compare.bench.choices.plan.templates == "a photo of the {}\na {}"
    assert len(results.runs) == 2
    bench.close()


@pytest.mark.parametrize(
    ("name", "tab", "state"),
    [
        ("Retrieval", "Retrieve", {"image": 10**6, "radius": 3}),
        ("Retrieval", "Retrieve", {"image": -1, "radius": -3}),
        ("Distribution", "Similarity", {"image": 4, "pair": [4, 10**6]}),
        ("Distribution", "Similarity", {"image": 4, "pair": [4, 5], "sample": "all"}),
        ("Compare", "Compare", {"left": "ITQ", "right": "LSH", "query": 10**6}),
        (
            "Compare",
            "Compare",
            {"left": FEATURES, "right": CONCEPTS, "query": 10**6},
        ),
        ("Map", "Map", {"source": "features", "layout": "t-SNE"}),
        (TIDY, "Duplicates", {"radius": 3, "far": "nothing"}),
        ("Training", "Train", {"runs": "x", "settings": [["bits", "many"]]}),
    ],
)
def test_a_state_that_asks_for_what_is_not_there_begins_afresh(saved, name, tab, state):
    _, path = saved
    bench = Workbench.open_view(rewritten(path, states={name: state}, tab=tab))
    bench.wait()
    assert bench.explorers[tab].status.summary
    assert bench.explorers[tab].state != state
    assert all("cannot be shown" in said for said in bench.explorers[tab].status.errors)
    bench.close()


def test_a_view_of_data_that_was_handed_over_needs_it_again(trained, tmp_path):
    from tests.widgets.explorers.test_desk import others_of

    other = others_of(trained)
    bench = Workbench(other)
    path = bench.save_view(tmp_path / "view.json")
    bench.close()
    with pytest.raises(ValueError, match=r"open_view\(path, source=study\)"):
        Workbench.open_view(path)
    again = Workbench.open_view(path, source=other)
    assert again.study.network is not None
    again.close()


def test_the_view_can_be_downloaded(trained):
    bench = Workbench(trained)
    name, content = bench._view_as_file()
    assert name == "view.json"
    assert json.loads(content)["tab"] == "Photos"
    bench.close()


def test_it_is_exported():
    assert widgets.Workbench is Workbench
