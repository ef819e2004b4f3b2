"""The worker that explorers share, waited for by one thread while another gives it work."""

from __future__ import annotations

import threading
import time

import pytest

from uhscm_core.support.notices import UHSCMWarning, say
from uhscm_core.support.progress import progress_bar
from widgets.background.long_running import Stopped
from widgets.background.worker import Worker


def test_one_may_wait_while_another_thread_submits(monkeypatch):
    begun, start = threading.Event(), threading.Thread.start

    def slowly(thread):
        begun.set()
        time.sleep(0.2)
        start(thread)

    done = []
    worker = Worker(lambda _: None, done.append)
    other = threading.Thread(target=lambda: worker.submit("x", lambda: done.append("x")))
    monkeypatch.setattr(threading.Thread, "start", slowly)
    start(other)
    assert begun.wait(5)  # the worker's thread is there, and has not begun
    worker.wait()
    other.join()
    assert done == ["x"]


def test_what_a_job_says_is_shown_and_not_warned_of():
    shown = []
    worker = Worker(lambda _: None, shown.append)
    worker.submit("reading", lambda: say("one text is cut", "a name is unknown"))
    worker.wait()
    assert shown == ["one text is cut", "a name is unknown"]
    with pytest.warns(UHSCMWarning, match="a sentence"):
        say("a sentence")


def test_a_job_that_counts_images_says_how_far_it_is(monkeypatch):
    monkeypatch.setattr("widgets.background.worker._SECONDS", 0.0)
    said = []
    worker = Worker(lambda *doing: said.append(doing[:3]), said.append)

    def job():
        for _ in progress_bar("encoding images", 3, shown=False, items=range(3)):
            pass

    worker.submit("opening Concepts", job)
    worker.wait()
    assert said[0] == ("opening Concepts",)
    assert ("opening Concepts", 2, 3) in said
    assert said[-1] == ("",)


def test_a_job_that_counts_can_be_canceled_and_says_how_long_it_takes(monkeypatch):
    monkeypatch.setattr("widgets.background.worker._SECONDS", 0.0)
    monkeypatch.setattr("widgets.background.counted._SURE", 0.0)
    busy, wrong, done = [], [], []

    def hear(what, n=0, total=0, seconds_left=None, cancel=None):
        busy.append((what, n, seconds_left))
        if (n, total) == (2, 5):
            assert seconds_left > 0
            cancel()

    worker = Worker(hear, wrong.append)

    def job():
        try:
            for number in progress_bar("encoding images", 5, shown=False, items=range(5)):
                time.sleep(0.001)
                done.append(number)
        except Stopped:
            done.extend(progress_bar("drawing", 2, shown=False, items=["put", "back"]))
            raise

    worker.submit("opening Concepts", job)
    worker.submit("opening the Map", lambda: done.append("the next job"))
    worker.wait()
    assert done == [0, 1, 2, "put", "back", "the next job"]
    assert wrong == ["opening Concepts was canceled; what is shown is as it was"]
    assert busy[0] == ("opening Concepts", 0, None)
    assert busy[-1] == ("", 0, None)
