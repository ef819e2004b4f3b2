"""Progress is reported to one function, from the thread that asked, and can be ended there."""

from __future__ import annotations

import threading

import pytest

from uhscm_core.support.progress import progress_bar, report_progress_to


class StopIt(Exception):  # noqa: N818  # not an error
    pass


@pytest.mark.parametrize("shown", [True, False])
def test_each_item_and_each_update_is_reported(shown, capsys):
    reports = []
    with report_progress_to(lambda *report: reports.append(report)):
        assert list(progress_bar("counting", 3, shown, "abc")) == ["a", "b", "c"]
        with progress_bar("jumping", 9, shown) as bar:
            for n in (4, 0, 5):
                bar.update(n)
    assert reports == [
        *(("counting", done, 3) for done in (1, 2, 3)),
        ("jumping", 4, 9),
        ("jumping", 9, 9),
    ]
    assert ("counting: 100%" in "".join(capsys.readouterr())) == shown


def test_nothing_is_reported_outside_the_block_or_from_another_thread():
    reports = []

    def work():
        list(progress_bar("working", 2, False, "ab"))

    with report_progress_to(lambda *report: reports.append(report)):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    work()
    assert reports == []


def test_what_the_function_raises_ends_the_work():
    done = []

    def stop(_what, n, _of):
        if n == 2:
            raise StopIt

    with report_progress_to(stop), pytest.raises(StopIt):
        list(map(done.append, progress_bar("working", 5, False, range(5))))
    assert done == [0, 1]
    with report_progress_to(lambda *_: None):
        assert list(progress_bar("again", 2, False, "ab")) == ["a", "b"]
