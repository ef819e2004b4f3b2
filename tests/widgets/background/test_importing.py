"""Imports in the background: in order, once, and none when Python ends."""

from __future__ import annotations

import sys
import threading

import pytest

from widgets.background import importing

NAMES = ("first_of_ours", "broken_of_ours", "last_of_ours")


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Three packages, of which one cannot be imported."""
    for name in NAMES:
        text = "raise OSError('no library')" if name.startswith("broken") else ""
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importing, "LATE", NAMES)
    monkeypatch.setattr(importing, "_AFTER", 0)
    monkeypatch.setattr(importing, "_begun", threading.Lock())
    monkeypatch.setattr(importing, "_ending", threading.Event())
    ends = []
    monkeypatch.setattr(importing.atexit, "register", lambda *call: ends.append(call))
    yield ends
    for name in NAMES:
        sys.modules.pop(name, None)


def test_each_package_is_imported_once_and_a_broken_one_left_to_who_needs_it(packages):
    importing.import_soon()
    importing.import_soon()
    ((_, thread),) = packages
    thread.join(60)
    assert {name for name in NAMES if name in sys.modules} == {NAMES[0], NAMES[2]}


def test_python_ends_without_the_packages_that_are_left(packages, monkeypatch):
    monkeypatch.setattr(importing, "_AFTER", 3)
    importing.import_soon()
    ((end, thread),) = packages
    end(thread)
    assert not thread.is_alive()
    assert [name for name in NAMES if name in sys.modules] == []
