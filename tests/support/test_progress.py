"""Progress is reported to one function, from the thread that asked, and can be ended there."""

from __future__ import annotations

import threading

import nbformat
import pytest
from nbclient import NotebookClient

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


COUNTING = """
import time
from uhscm_core.support.progress import progress_bar
for what in ("reading", "counting"):
    for item in progress_bar(what, 5, True, range(5)):
        time.sleep(0.6)  # longer than the bar waits until it writes again
"""


def test_a_bar_is_one_line_of_a_saved_notebook():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(COUNTING)])
    NotebookClient(notebook, timeout=120).execute()
    lines = [output.data["text/plain"] for output in notebook.cells[0].outputs]
    assert [line.partition("|")[0] for line in lines] == ["reading: 100%", "counting: 100%"]
    assert all("5/5" in line for line in lines)
