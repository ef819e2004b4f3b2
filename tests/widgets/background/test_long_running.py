"""Long work that is stopped, paused and followed; each wait is for a state."""

from __future__ import annotations

import threading

import pytest

from widgets.background.long_running import Follower, LongRunning, Pausable, Stopped

SOON = 20  # seconds that a busy machine may take


class Counting(Pausable):
    """Counts one further each time it is let."""

    def __init__(self):
        super().__init__("counting")
        self.done, self.let, self.counted = 0, threading.Semaphore(0), threading.Event()

    def _work(self):
        try:
            while self.done < 3:
                assert self.let.acquire(timeout=SOON)
                self._may_run.wait()
                if self.stopping:
                    raise Stopped
                self.done += 1
                self.counted.set()
        except Stopped:
            pass


def until_counted(work):
    assert work.counted.wait(SOON)
    work.counted.clear()


def test_work_begins_at_once_and_ends_by_itself():
    work = Counting()
    assert not work.active
    work.let.release(3)
    work.start()
    work.wait()
    assert (work.done, work.active, work.stopping) == (3, False, False)


def test_a_pause_holds_the_work_and_resume_lets_it_go_on():
    work = Counting()
    work.pause()
    work.let.release(3)
    work.start()
    assert work.pausing
    assert (work.active, work.done) == (True, 0)
    work.resume()
    work.wait()
    assert (work.pausing, work.done) == (False, 3)


def test_a_stop_ends_a_pause_too():
    work = Counting()
    work.let.release()
    work.start()
    until_counted(work)
    work.pause()
    work.let.release()
    work.stop()
    work.wait(SOON)
    assert (work.active, work.done, work.stopping) == (False, 1, True)


def test_work_that_says_nothing_of_what_it_does_is_none():
    with pytest.raises(NotImplementedError):
        LongRunning("nothing")._work()


def test_the_end_is_shown_and_then_told_of():
    seen = []
    work = Counting()
    follower = Follower(
        lambda of: seen.append(of.done), lambda _: seen.append("end"), seen.append, seconds=0.001
    )
    work.let.release(3)
    work.start()
    follower.follow(work)
    follower.wait()
    assert seen[-2:] == [3, "end"]


def test_another_state_and_the_end_are_shown_at_once():
    seen = []
    shown = threading.Event()

    def show(of):
        seen.append(of.state)
        shown.set()

    work = Counting()
    work.let.release(2)
    work.start()
    follower = Follower(show, lambda _: seen.append("end"), seen.append, seconds=10 * SOON)
    follower.follow(work)
    for state in ("half", "more"):
        assert shown.wait(SOON)
        shown.clear()
        work.state = state
    assert shown.wait(SOON)
    work.let.release()
    follower._thread.join(SOON)
    assert seen == ["", "half", "more", "more", "end"]


def test_another_state_is_told_ahead_of_what_is_shown():
    seen = []
    told = threading.Event()

    def tell(of):
        seen.append(("told", of.state))
        told.set()

    work = Counting()
    work.let.release(2)
    work.start()
    follower = Follower(
        lambda of: seen.append(("shown", of.state)),
        lambda _: seen.append("end"),
        seen.append,
        tell=tell,
    )
    follower.follow(work)
    assert told.wait(SOON)
    told.clear()
    work.state = "half"
    assert told.wait(SOON)
    work.let.release()
    follower.wait()
    assert ("told", "half") in seen
    shown = [index for index, what in enumerate(seen) if what[0] == "shown"]
    assert shown
    assert all(seen[index - 1] == ("told", seen[index][1]) for index in shown)
    assert seen[-3:] == [("told", "half"), ("shown", "half"), "end"]


def test_an_error_in_a_view_is_said_and_the_end_still_told():
    said, told = [], []

    def show(_):
        raise OSError(2, "No such file or directory", "a file")

    work = Counting()
    work.let.release(3)
    work.start()
    work.wait()
    follower = Follower(show, told.append, said.append)
    follower.follow(work)
    follower.wait()
    assert said == ["a file: no such file or directory"]
    assert told == [work]


@pytest.mark.parametrize("other", [True, False])
def test_what_is_left_for_another_is_neither_shown_nor_told_of_any_more(other):
    seen, told = [], []
    shown = threading.Event()

    def show(of):
        seen.append(of)
        shown.set()

    first, second = Counting(), Counting()
    follower = Follower(show, told.append, seen.append, seconds=0.001)
    first.start()
    follower.follow(first)
    assert shown.wait(SOON)
    thread = follower._thread
    second.let.release(3)
    second.start()
    second.wait()
    if other:
        follower.follow(second)
    else:
        follower.leave()
    thread.join(SOON)
    assert not thread.is_alive()  # although the first still runs
    follower.wait()
    assert told == ([second] if other else [])
    first.stop()
    first.let.release()
    first.wait(SOON)
    assert first not in told
