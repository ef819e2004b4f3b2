"""Progress reaches whoever listens, in the listener's thread alone, and can be ended there."""

from __future__ import annotations

import threading

import pytest

from uhscm_core.support.progress import heard_by, progress_bar


class StopIt(Exception):  # noqa: N818  # not an error
    pass


@pytest.mark.parametrize("shown", [True, False])
def test_a_listener_hears_each_item_and_each_update(shown, capsys):
    heard = []
    with heard_by(lambda *report: heard.append(report)):
        assert list(progress_bar("counting", 3, shown, "abc")) == ["a", "b", "c"]
        with progress_bar("jumping", 9, shown) as bar:
            for n in (4, 0, 5):
                bar.update(n)
    assert heard == [
        *(("counting", done, 3) for done in (1, 2, 3)),
        ("jumping", 4, 9),
        ("jumping", 9, 9),
    ]
    assert ("counting: 100%" in "".join(capsys.readouterr())) == shown


def test_nobody_hears_outside_the_block_or_in_another_thread():
    heard = []

    def work():
        list(progress_bar("working", 2, False, "ab"))

    with heard_by(lambda *report: heard.append(report)):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    work()
    assert heard == []


def test_what_a_listener_raises_ends_the_work():
    done = []

    def stop(_what, n, _of):
        if n == 2:
            raise StopIt

    with heard_by(stop), pytest.raises(StopIt):
        list(map(done.append, progress_bar("working", 5, False, range(5))))
    assert done == [0, 1]
    with heard_by(lambda *_: None):
        assert list(progress_bar("again", 2, False, "ab")) == ["a", "b"]
