"""Bars, the status line, history and the worker, without a browser."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from widgets.background.history import History
from widgets.background.worker import Worker
from widgets.kit.bars import Bars
from widgets.kit.download import Download
from widgets.kit.status import Status


def test_bars_hold_their_numbers():
    bars = Bars()
    bars.show(["a", "b"], [3, 1.5], [0, 2], names=("before", "after"), kept=[True, False])
    assert np.frombuffer(bars._values, np.float32).tolist() == [3, 1.5, 0, 2]
    assert np.frombuffer(bars._kept, np.uint8).tolist() == [1, 0]
    expected = {"name": ["a", "b"], "before": [3, 1.5], "after": [0, 2], "kept": [True, False]}
    pd.testing.assert_frame_equal(bars.to_frame(), pd.DataFrame(expected), check_dtype=False)


def test_a_threshold_says_what_is_kept_between_the_bounds():
    bars = Bars()
    bars.show(["a", "b", "c"], [9, 3, 1], threshold=1.0, ceiling=5.0)
    assert bars.to_frame()["kept"].tolist() == [False, True, False]


def test_names_alone_and_nothing_at_all():
    bars = Bars()
    bars.show(["a", "b"])
    assert bars.to_frame().columns.tolist() == ["name", "kept"]
    bars.show([], [])
    assert bars.to_frame().empty


def test_new_bars_forget_what_was_chosen_and_tell_it_once():
    bars = Bars()
    bars.show(["a", "b"], [1, 2], chosen=1)
    heard = []
    bars.observe(lambda change: heard.append((change["name"], change["new"])), ["chosen"])
    bars.show(["c"], [1])
    assert bars.chosen is None
    bars.show(["d", "e"], [1, 2], chosen=0)
    assert heard == [("chosen", None), ("chosen", 0)]


def test_an_unknown_keyword_is_named():
    with pytest.raises(TypeError, match="Bars has no colour"):
        Bars(colour="red")


def test_an_error_is_in_view_until_it_is_dismissed_or_something_works():
    status = Status()
    for message in ("one", "two", "one"):
        status.fail(message)
    assert status.errors == ["two", "one"]
    status._receive(None, {"type": "dismiss", "error": "two"}, [])
    assert status.errors == ["one"]
    status.record("three")  # which is shown at its control
    status.settle()
    assert status.errors == []
    assert status.to_frame()["error"].tolist() == ["two", "one", "three"]


def test_what_is_running_is_counted_and_can_be_canceled():
    status, presses = Status(), []
    status.set_busy("encoding", 40, 2300, 12.0, lambda: presses.append(status.busy))
    assert (status.busy, status.can_cancel) == ("encoding", True)
    assert status.far == "40 of 2,300, about 12 s left"
    for _ in range(2):
        status._receive(None, {"type": "cancel"}, [])
    assert presses == ["canceling"]
    assert not status.can_cancel
    status.set_busy("drawing")
    assert (status.busy, status.far, status.can_cancel) == ("drawing", "", False)


def test_what_runs_next_to_all_else_is_in_view_while_nothing_else_runs():
    status, presses = Status(), []
    lane = status.lane()
    lane("evaluating", 3, 9, None, lambda: presses.append("evaluating"))
    assert (status.busy, status.far, status.can_cancel) == ("evaluating", "3 of 9", True)
    status.set_busy("drawing", 1, 2, None, lambda: presses.append("drawing"))
    lane("evaluating", 4, 9, None, lambda: presses.append("evaluating"))
    assert (status.busy, status.far) == ("drawing", "1 of 2")
    status._receive(None, {"type": "cancel"}, [])
    assert presses == ["drawing"]
    status.set_busy("")
    assert (status.busy, status.far, status.can_cancel) == ("evaluating", "4 of 9", True)
    status._receive(None, {"type": "cancel"}, [])
    assert presses == ["drawing", "evaluating"]
    assert (status.busy, status.can_cancel) == ("canceling", False)
    lane("")
    assert (status.busy, status.far, status.can_cancel) == ("", "", False)


def test_a_headline_has_its_notes_and_the_next_one_has_others():
    status = Status()
    status.say("Read.", ("labels are folders", "val/ joins"))
    assert (status.summary, status.notes) == ("Read.", ["Labels are folders", "val/ joins"])
    status.say("Reading")
    assert (status.summary, status.notes) == ("Reading", [])


def test_a_download_is_made_when_asked_for(monkeypatch):
    sent = []
    made = Download("Save", lambda: ("table.csv", b"a,b"))
    monkeypatch.setattr(made, "send", lambda message, buffers: sent.append((message, buffers)))
    made._receive(None, {"type": "something else"}, [])
    made._receive(None, {"type": "ask"}, [])
    assert sent == [({"type": "file", "name": "table.csv"}, [b"a,b"])]
    assert made.to_frame().to_dict("list") == {"name": ["table.csv"], "bytes": [3]}


def test_history_goes_back_and_forth_and_forgets_what_was_undone():
    history = History("a")
    history.push("b")
    history.push("c")
    assert (history.undo(), history.undo(), history.undo()) == ("b", "a", "a")
    assert (history.can_undo, history.can_redo) == (False, True)
    assert history.redo() == "b"
    history.push("d")
    assert (history.now, history.can_redo, history.redo()) == ("d", False, "d")
    assert history.undo() == "b"


def test_of_waiting_jobs_of_a_name_the_latest_alone_is_done():
    said, failed, done = [], [], []
    worker = Worker(said.append, failed.append)
    begun, free = threading.Event(), threading.Event()

    def first():
        begun.set()
        free.wait(10)
        done.append("first")

    worker.submit("draw", first)
    begun.wait(10)
    for i in range(5):
        worker.submit("draw", lambda i=i: done.append(i))
    for i in range(2):
        worker.submit("undo", lambda i=i: done.append(f"undo {i}"), each=True)
    free.set()
    worker.wait()
    assert done == ["first", 4, "undo 0", "undo 1"]
    assert said[::2] == ["draw", "draw", "undo", "undo"]
    assert said[1::2] == [""] * 4
    assert failed == []


def test_a_job_that_fails_is_told_and_the_next_is_done():
    failed, done = [], []
    worker = Worker(lambda _: None, failed.append)

    def fails():
        raise ValueError("too many zebras")

    def fails_without_words():
        raise KeyError

    for i, job in enumerate((fails, fails_without_words, lambda: done.append("next"))):
        worker.submit(f"job {i}", job)
    worker.wait()
    assert failed == ["too many zebras", "KeyError"]
    assert done == ["next"]
    worker.wait()  # nothing to wait for
