"""The tabs of a workbench, which are made when they are opened."""

from __future__ import annotations

import pytest

from widgets.background.long_running import Stopped
from widgets.background.worker import Worker
from widgets.explorers.desk import Desk
from widgets.explorers.distribution import DistributionExplorer
from widgets.explorers.map import MapExplorer
from widgets.explorers.tabs import Tabs


@pytest.fixture
def said():
    return []


@pytest.fixture
def worker(said):
    return Worker(lambda *_: None, said.append)


@pytest.fixture
def tabs(study, worker, said):
    desk = Desk(study)
    kinds = {"Similarity": DistributionExplorer, "Map": MapExplorer}
    made = Tabs(
        "Photos", kinds, worker, lambda: desk, str, said.append, lambda: said.append("Photos")
    )
    yield made
    worker.wait()


def test_an_explorer_is_made_when_its_tab_is_opened(tabs, worker, said):
    assert tabs.explorers == {}
    tabs.tab = "Map"
    worker.wait()
    (explorer,) = tabs.boxes["Map"].children
    assert tabs.explorers == {"Map": explorer}
    assert said == [explorer]
    tabs.tab = "Similarity"
    worker.wait()
    assert (explorer.live, tabs.explorers["Similarity"].live) == (False, True)
    tabs.tab = "Map"
    explorer.wait()
    assert (explorer.live, tabs.explorers["Similarity"].live) == (True, False)
    tabs.tab = "Photos"
    assert said[-1] == "Photos"


def test_a_tab_is_found_by_its_explorer(tabs, worker):
    tabs.tab = "Map"
    worker.wait()
    assert tabs.tab_of(tabs.explorers["Map"].name) == "Map"
    assert tabs.tab_of("Photos") == "Photos"
    assert tabs.tab_of("none of them") == "Map"  # the one in view


def test_why_there_is_no_explorer_is_said_in_its_place(worker, said):
    def no_desk():
        raise RuntimeError("no folder was read yet")

    tabs = Tabs("Photos", {"Map": MapExplorer}, worker, no_desk, str, said.append, lambda: None)
    tabs.tab = "Map"
    worker.wait()
    assert tabs.boxes["Map"].children[0].value == "no folder was read yet"
    assert said == ["no folder was read yet"]


def test_a_tab_says_which_folder_it_waits_for_and_that_is_no_error(tabs, worker, said):
    tabs._waits_for = lambda: "my holiday"
    tabs.tab = "Map"
    worker.wait()
    (label,) = tabs.boxes["Map"].children
    assert label.value == "Reading my holiday. This tab opens when that is done."
    assert (said, tabs.explorers) == ([], {})
    tabs._waits_for = str
    tabs.open_tab("Map")
    worker.wait()
    assert tabs.boxes["Map"].children == (tabs.explorers["Map"],)


def test_a_tab_whose_opening_was_canceled_opens_when_one_comes_back(tabs, worker, said):
    tabs._kinds = {**tabs._kinds, "Similarity": Canceled}
    tabs.tab = "Similarity"
    worker.wait()
    assert "begins again when you come back" in tabs.boxes["Similarity"].children[0].value
    assert said == []
    tabs._kinds["Similarity"] = DistributionExplorer
    tabs.tab = "Photos"
    tabs.tab = "Similarity"
    worker.wait()
    assert tabs.boxes["Similarity"].children == (tabs.explorers["Similarity"],)


class Canceled(DistributionExplorer):
    def __init__(self, _desk):
        raise Stopped("opening was canceled")


def test_a_tab_that_is_not_there_is_refused(tabs):
    with pytest.raises(ValueError, match="tab must be one of Photos, Similarity, Map, got 'Maps'"):
        tabs.tab = "Maps"
