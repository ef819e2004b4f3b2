"""A search for near-duplicates that is followed, stopped and continued."""

from __future__ import annotations

import threading

import pytest

from uhscm_core.analysis.duplicates import NOTHING_FOUND
from uhscm_core.analysis.oddities import Oddities
from uhscm_core.support.progress import progress_bar
from widgets.panels.search_bar import SearchBar

SETTINGS = (6, 0.5, False)


@pytest.fixture
def steps(trained, monkeypatch):
    """A search in two steps, the second of which waits."""
    may_end = threading.Event()
    less, found = (Oddities(trained).pairs(radius, 0.5, False) for radius in (0, 6))

    def search(self, *settings):
        with progress_bar("reading images", 10, shown=False) as bar:
            bar.update(4)
            yield less
            for _ in range(1000):  # not for ever, should nothing end it
                bar._report("reading images", 4, 10)
                if may_end.wait(0.01):
                    break
            yield found

    monkeypatch.setattr(Oddities, "search", search)
    return may_end, found


def test_it_shows_what_is_found_so_far_and_at_last_all(trained, steps):
    may_end, found = steps
    shown, failed, seen = [], [], threading.Event()
    bar = SearchBar(NOTHING_FOUND, lambda: (shown.append(bar.running), seen.set()), failed.append)
    assert bar.layout.display == "none"
    oddities = Oddities(trained)
    assert len(bar.so_far(oddities.search, *SETTINGS).pairs) < len(found.pairs)
    assert seen.wait(20)
    assert bar.running
    assert bar.layout.display is None
    assert bar.progress.summary.startswith("Reading images: 4 of 10")
    assert bar.more.layout.display == "none"
    may_end.set()
    bar.wait()
    assert bar.so_far(oddities.search, *SETTINGS) is found
    assert not bar.running
    assert bar.layout.display == "none"
    assert shown[-1] is False
    assert failed == []


def test_a_stopped_search_continues_only_when_asked(trained, steps):
    may_end, found = steps
    bar = SearchBar(NOTHING_FOUND, lambda: None, lambda _: None)
    oddities = Oddities(trained)
    bar.so_far(oddities.search, *SETTINGS)
    bar.stop.click()
    bar.wait()
    assert bar.progress.summary.startswith("Stopped: 4 of 10")
    assert (bar.stop.layout.display, bar.more.layout.display) == ("none", None)
    may_end.set()
    assert bar.so_far(oddities.search, *SETTINGS) is not found
    assert not bar.running
    bar.more.click()
    bar.wait()
    assert bar.so_far(oddities.search, *SETTINGS) is found


def test_other_settings_end_a_search_and_an_error_is_said(trained, steps, monkeypatch):
    failed = []
    bar = SearchBar(NOTHING_FOUND, lambda: None, failed.append)
    bar.so_far(Oddities(trained).search, *SETTINGS)
    before = bar._search

    def broken(self, *settings):
        raise OSError("a.jpg cannot be read any more")
        yield

    monkeypatch.setattr(Oddities, "search", broken)
    bar.so_far(Oddities(trained).search, 7, 0.5, False)
    bar.wait()
    assert before.state == "stopped"
    assert failed == ["a.jpg cannot be read any more"]
    assert bar.more.layout.display is None


def test_a_search_that_was_not_needed_any_more_begins_again(trained, steps):
    may_end, found = steps
    bar = SearchBar(NOTHING_FOUND, lambda: None, lambda _: None)
    oddities = Oddities(trained)
    bar.so_far(oddities.search, *SETTINGS)
    before = bar._search
    bar.hide()
    before.wait(20)
    assert (before.state, bar.running, bar.layout.display) == ("stopped", False, "none")
    may_end.set()
    bar.so_far(oddities.search, *SETTINGS)
    bar.wait()
    assert bar.so_far(oddities.search, *SETTINGS) is found
