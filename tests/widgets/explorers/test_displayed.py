"""What every explorer leaves in a saved notebook, and in a page made of it."""

from __future__ import annotations

import dataclasses

import nbformat
import pytest
from nbconvert import HTMLExporter

import widgets as w
from tests.browser.test_access import VIEWS
from widgets.explorers import displayed
from widgets.explorers.explorer import Explorer
from widgets.kit.bars import Bars
from widgets.kit.gallery import Gallery
from widgets.kit.still import MOST_BYTES, still_of

VIEW = "application/vnd.jupyter.widget-view+json"
HOSTILE = "<img src=x onerror=alert(1)>"
MADE = {
    "CompareExplorer": lambda study: w.CompareExplorer(study),
    "DenoisingExplorer": lambda study: w.DenoisingExplorer(study),
    "DistributionExplorer": lambda study: w.DistributionExplorer(study),
    "Exports": lambda study: w.Exports(study),
    "MapExplorer": lambda study: w.MapExplorer(study),
    "PhotosExplorer": lambda study: photos(study),
    "RetrievalExplorer": lambda study: w.RetrievalExplorer(study),
    "TidyExplorer": lambda study: w.TidyExplorer(study),
    "TrainingExplorer": lambda study: w.TrainingExplorer(study),
    "Workbench": lambda study: w.Workbench(study),
}
PICTURED = set(MADE) - {"Exports", "TrainingExplorer"}  # these show numbers and sentences alone

TABLED = {"Exports": ("codes.npz", "run.zip"), "TrainingExplorer": ("bits", "64")}


def photos(study):
    made = w.PhotosExplorer()
    made.show_study(study)
    return made


@pytest.fixture
def outputs(monkeypatch):
    """What a notebook keeps of what is displayed, by its id, an update in its place."""
    kept = {}

    def display(what, *, raw=False, display_id=None):
        data = what if raw else {"text/html": what.data}
        kept[display_id] = nbformat.v4.new_output("display_data", data=data)

    monkeypatch.setattr(displayed, "display", display)
    monkeypatch.setattr(displayed, "update_display", display)
    monkeypatch.setattr(displayed, "import_soon", lambda: None)
    return kept


def exported(outputs):
    cell = nbformat.v4.new_code_cell("explorer", outputs=list(outputs.values()))
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    return page[page.index("<main") :]


def test_every_class_that_is_displayed_is_tried():
    explorers = {name for name in w.__all__ if name.endswith("Explorer")}
    assert explorers | {"Exports", "Workbench"} == set(MADE)
    assert issubclass(Explorer, displayed.Displayed)
    assert set(VIEWS) == set(MADE)  # of the tests that look for what axe finds, in a browser


@pytest.mark.parametrize("name", MADE)
def test_a_page_shows_what_the_explorer_showed_last(trained, outputs, name):
    explorer = MADE[name](trained)
    explorer.wait()
    explorer._ipython_display_()
    widget, again = outputs.values()
    assert widget.data[VIEW]["model_id"] == explorer.model_id
    said = f"{name}: {explorer.status.summary}"
    assert widget.data["text/plain"][:60] == said[:60]  # ipywidgets cuts what is longer
    assert "run the cells above" in again.data["text/html"]
    assert len(again.data["text/html"]) < MOST_BYTES + 2000
    page = exported(outputs)
    assert explorer.status.summary[:20] in page
    assert ('src="data:image' in page) == (name in PICTURED)
    for cell in TABLED.get(name, ()):
        assert f"<td>{cell}</td>" in page
    assert "In the\nnotebook, once its cells are run" in page
    explorer.close()


def test_the_picture_is_taken_again_when_something_else_is_shown(trained, outputs, monkeypatch):
    monkeypatch.setattr(displayed, "_REST", 0.01)
    explorer = w.DenoisingExplorer(trained)
    explorer.wait()
    explorer._ipython_display_()
    explorer.status.say("something else")
    explorer._timer.join()
    assert len(outputs) == 2
    assert "something else" in exported(outputs)
    before = explorer._timer
    explorer.close()
    explorer.status.summary = "gone"
    if explorer._timer is not before:
        explorer._timer.join()
    assert "gone" not in exported(outputs)


def test_what_gestures_need_is_imported_once_an_explorer_is_there(study, outputs, monkeypatch):
    shown_before = []
    monkeypatch.setattr(displayed, "import_soon", lambda: shown_before.append(len(outputs)))
    explorer = w.DenoisingExplorer(study)
    explorer.wait()
    assert shown_before == []
    explorer._ipython_display_()
    assert shown_before == [2]
    explorer.close()


def test_names_from_users_stay_texts(study):
    named = dataclasses.replace(study.dataset, names=(HOSTILE,) * len(study.dataset))
    gallery = Gallery(named.images, range(3), edge=48)
    gallery.show(range(3), captions=[HOSTILE] * 3, summary=HOSTILE)
    bars = Bars()
    bars.show([HOSTILE], [1.0], summary=HOSTILE)
    for view in (gallery, bars):
        assert HOSTILE not in still_of(view)
        assert "&lt;img" in still_of(view)


def test_what_takes_too_much_room_is_a_sentence(study, monkeypatch):
    monkeypatch.setattr("widgets.kit.still.MOST_BYTES", 500)
    still = still_of(Gallery(study.dataset.images, range(3)))
    assert still == "<p>More was shown than a saved notebook keeps.</p>"
