"""The map's explorer without a browser: layouts that come, picks, and what goes wrong."""

from __future__ import annotations

import re
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch

from tests.widgets.explorers.test_explorers import HOSTILE, done, only
from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES, sample, similarities
from uhscm_core.analysis.projection import EPOCHS, aligned, pca, spread_overlaps, unit_vectors
from uhscm_core.support import store
from uhscm_core.support.notices import UHSCMWarning
from uhscm_core.support.progress import progress_bar
from widgets import MapExplorer, Selection
from widgets.background import counted as counted_work
from widgets.background import umap_cache

SOURCES = (CODES, FEATURES)


@pytest.fixture
def quick(monkeypatch):
    """UMAP that takes no time, counts what it fits, and gives a known picture."""
    fitted = []

    def layout(vectors, seed):
        fitted.append(vectors.shape)
        generator = np.random.default_rng(len(fitted))
        return generator.normal(size=(len(vectors), 2)).astype(np.float32)

    monkeypatch.setattr(umap_cache, "umap_layout", layout)
    return fitted


@pytest.fixture
def slow(monkeypatch):
    """UMAP that takes until it is let go."""
    held = threading.Event()

    def layout(vectors, seed):
        assert held.wait(20)
        places = np.arange(len(vectors), dtype=np.float32)
        return np.stack([places, places], axis=1)

    monkeypatch.setattr(umap_cache, "umap_layout", layout)
    monkeypatch.setattr(umap_cache, "_TICK_SECONDS", 0.01)
    yield held
    held.set()


@pytest.fixture
def explorer(trained) -> MapExplorer:
    return MapExplorer(trained)


def pick(explorer, images):
    explorer.selection.ids = tuple(images)
    explorer._worker.wait()


# -- at first glance -----------------------------------------------------------------------------


def test_pca_of_the_database_is_there_at_once(trained, explorer):
    database = trained.dataset.splits["database"]
    np.testing.assert_array_equal(explorer.map.ids, database)
    expected = pca(unit_vectors(explorer.pictures, database, FEATURES))
    np.testing.assert_array_equal(explorer.map.coordinates, spread_overlaps(expected))
    assert explorer.status.summary == "240 images by features (PCA), none picked"
    assert explorer.map.summary.startswith("240 images by features. PCA, the two directions")
    assert explorer.map.progress == ""  # nothing is fitted before a browser shows it
    assert explorer.gallery.summary.startswith("Draw a lasso around some of the 240 images: ")
    assert sorted(explorer.grid.ids) == sorted(sample(explorer.pictures, "concepts"))
    assert explorer.controls["source"].options == (FEATURES, CONCEPTS, CODES)
    assert explorer._undo.disabled


def test_groups_are_the_dominant_concepts_or_the_first_labels(trained, explorer):
    frame = explorer.to_frame()
    names = np.array(trained.kept_names)
    database = trained.dataset.splits["database"]
    dominant = names[trained.distribution[database].argmax(1)]
    assert frame["group"].tolist() == dominant.tolist()
    assert explorer.map.legend[0] == pd.Series(dominant).value_counts().index[0]
    assert len(explorer.map.legend) <= 9
    places = explorer.map.points
    explorer.controls["colour"].value = "first label"
    done(explorer)
    first = [trained.dataset.labels_of(int(image))[0] for image in frame["image"]]
    assert explorer.to_frame()["group"].tolist() == first
    assert explorer.map.points == places
    assert explorer.grid.groups == sorted(explorer.grid.groups)


# -- UMAP ----------------------------------------------------------------------------------------


def test_umap_takes_the_place_of_pca_turned_onto_it(explorer, quick):
    before = explorer.map.coordinates
    explorer.map.shown = True  # a browser shows it
    done(explorer)
    assert explorer.status.summary == "240 images by features (UMAP), none picked"
    assert "distances between groups mean little" in explorer.map.summary
    raw = explorer.umap_cache.get(FEATURES)
    np.testing.assert_allclose(explorer.map.coordinates, aligned(raw, before), atol=1e-4)
    assert explorer.map.progress == ""


def test_its_state_is_told_until_it_is_there(explorer, slow):
    told = []
    explorer.map.observe(lambda change: told.append(change["new"]), "progress")
    explorer.start()
    explorer._worker.wait()
    for _ in range(500):
        if told and "fitting" in told[-1]:
            break
        threading.Event().wait(0.01)
    assert told[-1] == "UMAP of the features: fitting on 240 images, 0 s so far"
    assert explorer.status.summary.startswith("240 images by features (PCA)")
    pick(explorer, [3, 4])  # no gesture waits for it
    assert explorer.gallery.count == 2
    slow.set()
    done(explorer)
    assert told[-1] == ""
    assert "(UMAP)" in explorer.status.summary


def test_what_is_no_longer_wanted_does_not_come_into_view(explorer, slow):
    explorer.start()
    explorer._worker.wait()
    explorer.controls["layout"].value = "PCA"
    explorer._worker.wait()
    assert explorer.map.progress == ""
    slow.set()
    done(explorer)
    assert "(PCA)" in explorer.status.summary
    assert explorer.umap_cache.get(FEATURES) is not None  # but it isn't lost
    explorer.controls["layout"].value = "UMAP"
    done(explorer)
    assert "(UMAP)" in explorer.status.summary


def test_the_source_in_view_is_shown_whatever_was_fitted_first(explorer, slow):
    explorer.start()
    explorer._worker.wait()
    while "fitting" not in explorer.umap_cache.state(FEATURES):  # in a thread of its own
        time.sleep(0.01)
    explorer.controls["source"].value = CONCEPTS
    explorer._worker.wait()
    assert explorer.map.progress == "UMAP of the concepts: waiting for that of the features"
    explorer.controls["source"].value = CODES
    explorer._worker.wait()
    slow.set()
    done(explorer)
    assert explorer.status.summary.startswith("240 images by codes (UMAP)")
    assert explorer.umap_cache.get(FEATURES) is not None
    assert explorer.umap_cache.get(CONCEPTS) is None  # it is no longer requested
    explorer.controls["source"].value = FEATURES
    done(explorer)
    assert explorer.status.summary.startswith("240 images by features (UMAP)")


@pytest.fixture
def counted(monkeypatch):
    """UMAP of 200 epochs, of which each has to be let go; those that began are counted."""
    turn, epochs = threading.Semaphore(0), []

    def layout(vectors, seed):
        epochs.append([])
        for epoch in progress_bar(EPOCHS, 200, shown=False, items=range(200)):
            assert turn.acquire(timeout=20)
            epochs[-1].append(epoch)
        return np.random.default_rng(seed).normal(size=(len(vectors), 2)).astype(np.float32)

    monkeypatch.setattr(umap_cache, "umap_layout", layout)
    monkeypatch.setattr(umap_cache, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(counted_work, "_SURE", 0.0)
    yield turn, epochs
    turn.release(1000)


def until(is_so):
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("not in 10 seconds")


def press(explorer, offer):
    assert explorer.map.offer == offer
    generation = explorer.map.generation
    message = {"type": "take", "offer": offer, "generation": generation}
    explorer.map._handle_custom_msg(message, [])


def test_a_fit_says_its_epochs_and_the_time_left_and_is_canceled(explorer, counted, home):
    turn, epochs = counted
    explorer.start()
    turn.release(120)
    said = r"UMAP of the features: 120 of 200 epochs, about \S+ s left"
    until(lambda: re.fullmatch(said, explorer.map.progress))
    before = explorer.map.points
    press(explorer, "Cancel")
    assert explorer.map.progress == "UMAP of the features was canceled, so this is PCA."
    turn.release(5)
    done(explorer)
    [epochs_of_it] = epochs
    assert len(epochs_of_it) == 121  # the one that was running is the last
    assert explorer.status.summary == "240 images by features (PCA), none picked"
    assert explorer.map.progress == "UMAP of the features was canceled, so this is PCA."
    assert explorer.map.points == before
    assert not list(home.glob("layouts/*.safetensors"))
    pick(explorer, [3, 4])  # a gesture does not begin it again
    done(explorer)
    assert len(epochs) == 1
    turn.release(1000)
    press(explorer, "Fit UMAP")
    done(explorer)
    assert explorer.status.summary.startswith("240 images by features (UMAP)")
    assert (explorer.map.progress, explorer.map.offer) == ("", "")
    assert [len(fit) for fit in epochs] == [121, 200]
    assert len(list(home.glob("layouts/*.safetensors"))) == 1


@pytest.mark.parametrize(
    ("name", "away", "back"), [("layout", "PCA", "UMAP"), ("source", *SOURCES)]
)
def test_coming_back_to_what_was_canceled_fits_it(explorer, counted, name, away, back):
    turn, _ = counted
    explorer.start()
    until(lambda: explorer.map.offer == "Cancel")
    press(explorer, "Cancel")
    turn.release(1000)
    done(explorer)
    assert "features (PCA)" in explorer.status.summary
    explorer.controls[name].value = away
    done(explorer)
    explorer.controls[name].value = back
    done(explorer)
    assert "features (UMAP)" in explorer.status.summary


def test_a_fit_that_waits_is_canceled_before_it_begins(trained, explorer, counted):
    turn, epochs = counted
    explorer.start()
    until(lambda: explorer.map.offer == "Cancel" and epochs)
    other = MapExplorer(trained)  # of all maps, one is fitted at a time
    other.controls["source"].value = CONCEPTS
    other.start()
    until(lambda: other.map.progress == "UMAP of the concepts: waiting for its turn")
    press(other, "Cancel")
    assert other.map.progress == "UMAP of the concepts was canceled, so this is PCA."
    turn.release(1000)
    done(explorer)
    done(other)
    assert "(UMAP)" in explorer.status.summary
    assert "(PCA)" in other.status.summary
    assert len(epochs) == 1


def test_a_fit_that_ended_as_it_was_canceled_stays_out_of_view(explorer, slow):
    explorer.start()
    until(lambda: explorer.map.offer == "Cancel")
    press(explorer, "Cancel")
    slow.set()  # this version of UMAP says nothing, so that its end is the first that is heard
    done(explorer)
    assert "(PCA)" in explorer.status.summary
    assert explorer.map.offer == "Fit UMAP"
    press(explorer, "Fit UMAP")
    done(explorer)
    assert "(UMAP)" in explorer.status.summary


def test_closing_does_not_wait_for_a_fit(explorer, counted):
    _, epochs = counted
    explorer.start()
    until(lambda: epochs)
    explorer.close()
    assert epochs == [[]]


def test_a_closed_map_stays_as_it_is(explorer, slow):
    explorer.start()
    explorer._worker.wait()
    before = explorer.map.points
    explorer.close()
    slow.set()
    explorer.wait()
    assert explorer.map.points == before
    assert explorer.umap_cache.get(FEATURES) is not None


def test_back_and_forth_shows_the_same_picture(explorer, quick):
    explorer.start()
    done(explorer)
    pictures = {}
    for source in (FEATURES, CONCEPTS, FEATURES, CODES, CONCEPTS):
        explorer.controls["source"].value = source
        done(explorer)
        assert f"by {source} (UMAP)" in explorer.status.summary
        assert pictures.setdefault(source, explorer.map.points) == explorer.map.points
    assert len(quick) == 3
    assert len(set(pictures.values())) == 3


def started(explorer):
    explorer.start()
    done(explorer)


def test_a_layout_is_kept_on_disk(trained, quick, home):
    for _ in range(2):
        explorer = MapExplorer(trained)
        explorer.start()
        done(explorer)
        points = explorer.umap_cache.get(FEATURES)
    assert len(quick) == 1
    [path] = (home / "layouts").iterdir()
    np.testing.assert_array_equal(store.load_tensors(path)[0]["points"].numpy(), points)
    path.write_bytes(b"torn")
    explorer = MapExplorer(trained)
    with pytest.warns(UHSCMWarning, match=r"not a readable safetensors.*; its content is computed"):
        started(explorer)
    assert len(quick) == 2
    assert store.load_tensors(path)[0]["points"].shape == (240, 2)


def test_a_layout_of_other_vectors_is_put_aside_and_made_again(trained, quick, home):
    explorer = MapExplorer(trained)
    explorer.start()
    done(explorer)
    [path] = (home / "layouts").iterdir()
    points = store.load_tensors(path)[0]
    for other in (
        {"points": points["points"].flip(0)},
        {"points": points["points"] * float("nan")},
        {"points": points["points"][1:]},
        {},
    ):
        whole = len(other) and len(other["points"]) == 240 and other["points"].isfinite().all()
        store.save_tensors(path, other, {"key": "of other vectors" if whole else path.stem})
        planted = path.read_bytes()
        again = MapExplorer(trained)
        with pytest.warns(UHSCMWarning, match="damaged, not the layout of these 240 vectors"):
            started(again)
        assert store.load_tensors(path)[1] == {"key": path.stem}
        assert path.with_name(f"{path.name}.damaged").read_bytes() == planted
    assert len(quick) == 5


def test_a_full_disk_loses_nothing(trained, quick, monkeypatch):
    def full(*_):
        raise OSError(28, "could not write (No space left on device); nothing was changed", "x")

    monkeypatch.setattr(store, "save_tensors", full)
    explorer = MapExplorer(trained)
    explorer.start()
    done(explorer, "could not be cached")
    assert "(UMAP)" in explorer.status.summary


def test_a_umap_that_fails_leaves_pca_and_says_why(trained, monkeypatch):
    def broken(vectors, seed):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(umap_cache, "umap_layout", broken)
    explorer = MapExplorer(trained)
    explorer.start()
    done(explorer, "out of memory")
    assert "(PCA)" in explorer.status.summary
    assert explorer.map.progress == (
        "No UMAP of the features, so this is PCA. it failed: out of memory."
    )


@pytest.mark.slow
def test_the_real_umap_of_the_codes(explorer):
    explorer.controls["source"].value = CODES
    explorer.start()
    done(explorer)
    assert explorer.status.summary.startswith("240 images by codes (UMAP)")
    codes = explorer.pictures.codes[explorer.map.ids.copy()]
    frame = explorer.to_frame().assign(code=[bytes(code.tolist()) for code in codes])
    equal = frame.groupby("code").filter(lambda group: len(group) > 1)
    assert f"{len(equal) - equal['code'].nunique()} lie in a spiral" in explorer.map.summary
    reach = frame[["x", "y"]].max().sub(frame[["x", "y"]].min()).max()
    for _, group in equal.groupby("code"):  # near each other, none upon another
        assert group[["x", "y"]].std().max() < 0.05 * reach
        assert len(group[["x", "y"]].drop_duplicates()) == len(group)


# -- picks ---------------------------------------------------------------------------------------


def test_a_lasso_shows_its_images_what_they_are_and_how_alike(trained, explorer):
    buffer = memoryview(np.arange(20, 50, dtype="<i4").tobytes())
    explorer.map._handle_custom_msg(
        {"type": "pick", "generation": explorer.map.generation}, [buffer]
    )
    done(explorer)
    ids = explorer.map.ids[20:50].copy()
    assert explorer.selection.ids == tuple(ids.tolist())
    np.testing.assert_array_equal(explorer.gallery.ids, ids)
    groups = explorer.to_frame().set_index("image")["group"]
    here = groups.loc[ids].value_counts(normalize=True)
    top, share = here.index[0], here.iloc[0]
    everywhere = (groups == top).mean()
    said = f"{share:.0%} mostly {top} ({everywhere:.0%} of all)"
    assert explorer.gallery.summary.startswith(f"30 images: {said}")
    assert explorer.status.summary == f"240 images by features (PCA), 30 picked: {said}"
    assert explorer.grid.summary == "Picked in pairs, by features"
    assert sorted(explorer.grid.ids) == sorted(ids.tolist())
    shown = explorer.grid.to_frame().loc[ids, ids].to_numpy()
    expected = similarities(explorer.pictures, ids, FEATURES)
    np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_of_many_picked_the_heatmap_shows_an_even_part(explorer):
    pick(explorer, explorer.map.ids[:200].tolist())
    done(explorer)
    assert explorer.gallery.count == 200
    assert explorer.grid.summary == "96 of the picked images in pairs, by features"
    assert len(set(explorer.grid.ids)) == 96
    assert {int(explorer.map.ids[0]), int(explorer.map.ids[199])} <= set(explorer.grid.ids)


def test_undo_and_redo_go_through_picks_sources_and_colours(explorer):
    pick(explorer, [int(explorer.map.ids[5])])
    explorer.controls["source"].value = CONCEPTS
    done(explorer)
    pick(explorer, [])
    done(explorer)
    assert explorer.gallery.count == 240
    for expected, source in ((1, CONCEPTS), (1, FEATURES), (0, FEATURES)):
        explorer.undo()
        done(explorer)
        assert len(explorer.selection.ids) == expected
        assert len(np.frombuffer(explorer.map.picked, "<i4")) == expected
        assert explorer.controls["source"].value == source
    for _ in range(3):
        explorer.redo()
    done(explorer)
    assert (explorer.selection.ids, explorer.state.source) == ((), CONCEPTS)


def test_a_selection_shared_with_others_is_followed_and_left_alone(trained):
    query = int(trained.dataset.splits["query"][0])
    first = int(trained.dataset.splits["database"][0])
    selection = Selection(ids=(query, first, 10**6), focus=first)
    explorer = MapExplorer(trained, selection)
    assert selection.ids == (query, first, 10**6)
    assert explorer.state.picked == (first,)
    assert explorer.map.chosen == 0
    selection.ids = (query,)
    done(explorer)
    assert (explorer.state.picked, selection.ids) == ((), (query,))


def test_what_did_not_change_stays(explorer):
    pick(explorer, explorer.map.ids[:9].tolist())
    generation, grid = explorer.gallery.generation, explorer.grid.generation
    explorer.controls["layout"].value = "PCA"
    done(explorer)
    assert (explorer.gallery.generation, explorer.grid.generation) == (generation, grid)
    explorer.controls["source"].value = CONCEPTS
    done(explorer)
    assert (explorer.gallery.generation, explorer.grid.generation) == (generation, grid + 1)


def test_a_cell_of_the_heatmap_is_found_on_the_map(explorer):
    explorer.grid.cell = (4, 9)
    assert explorer.selection.focus == explorer.grid.ids[4]
    assert explorer.map.ids[explorer.map.chosen] == explorer.grid.ids[4]


def test_the_csv_is_the_table(explorer):
    name, content = explorer._as_csv()
    assert name == "map.csv"
    assert content.decode().splitlines()[0] == "image,name,x,y,group,picked"
    assert len(content.decode().splitlines()) == 241


# -- what may be given ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, pytest.param(16, marks=pytest.mark.slow)])
def test_so_few_images_without_labels(study, n):
    explorer = MapExplorer(only(study, n))
    assert explorer.controls["colour"].options == ("dominant concept",)
    assert explorer.controls["source"].options == (FEATURES, CONCEPTS)
    explorer.start()
    pick(explorer, [0])
    explorer.controls["source"].value = CONCEPTS
    done(explorer)
    if n < 16:
        assert explorer.map.progress == (
            "No UMAP of the concepts, so this is PCA. "
            f"UMAP needs more than 15 images that differ, got {n}."
        )
    assert len(explorer.map.ids) == n
    assert explorer.gallery.summary.startswith("1 image: 100% mostly ")


def test_images_that_are_all_the_same(study):
    few = only(study, 30)
    features = few.image_features[:1].repeat(30, 1)
    same = few.with_()
    same._cache["image_features"] = [features]
    for name in ("votes", "mined", "distribution"):
        same._cache[name] = []
    explorer = MapExplorer(same)
    explorer.start()
    done(explorer)
    assert "29 lie in a spiral around another" in explorer.map.summary
    assert len(np.unique(explorer.map.coordinates, axis=0)) == 30
    assert "got 1." in explorer.map.progress


def test_features_that_are_no_numbers_are_named(study):
    assert len(study.distribution) == 260  # so that mining does not stumble first
    broken = study.with_()
    features = study.image_features.clone()
    features[int(study.dataset.splits["database"][7]), 3] = torch.nan
    broken._cache["image_features"] = [features]
    with pytest.raises(ValueError, match="row 7 contains NaN"):
        MapExplorer(broken)


def test_hostile_names_stay_text(study):
    concepts = [HOSTILE, "tree", "snow"]
    with pytest.warns(UHSCMWarning, match="longer than the 16 tokens that postcards reads"):
        study = study.with_(concepts=concepts, min_share=0.0)
    explorer = MapExplorer(study)
    done(explorer)
    assert set(explorer.map.legend) <= set(concepts)


def test_no_study_is_named():
    with pytest.raises(TypeError, match="needs a Study, got str 'postcards'"):
        MapExplorer("postcards")
