"""The worker that explorers share, waited for by one thread while another gives it work."""

from __future__ import annotations

import threading
import time

import pytest

from uhscm_core.support.notices import UHSCMWarning, say
from uhscm_core.support.progress import progress_bar
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
    worker = Worker(said.append, said.append)

    def job():
        for _ in progress_bar("encoding images", 3, shown=False, items=range(3)):
            pass

    worker.submit("opening Concepts", job)
    worker.wait()
    assert said[0] == "opening Concepts"
    assert "opening Concepts, 2 of 3" in said
    assert said[-1] == ""
