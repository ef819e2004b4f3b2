"""Work in the background: a cell returns at once, and a gesture never waits for an older one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from uhscm_core.support.notices import telling
from uhscm_core.support.progress import Report, report_progress_to
from uhscm_core.support.ways import told
from widgets.background.counted import Pace
from widgets.background.errors import message_of
from widgets.background.long_running import Stopped

__all__ = ["Line", "Worker"]

_SECONDS = 0.5  # from one report of progress to the next


@dataclass(frozen=True)
class _Job:
    worker: Worker
    name: str
    run: Callable[[], None]


class Line:
    """One thread that runs the jobs of one worker, or of several, in order."""

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, job: _Job, *, each: bool) -> None:
        """Add a job; unless `each`, a waiting one of the same name and worker is dropped."""
        with self._lock:
            if not each:
                self._jobs = [
                    waiting
                    for waiting in self._jobs
                    if (waiting.worker, waiting.name) != (job.worker, job.name)
                ]
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="uhscm jobs", daemon=True)
                self._thread.start()

    def drop(self, worker: Worker) -> None:
        """Drop the waiting jobs of a worker."""
        with self._lock:
            self._jobs = [waiting for waiting in self._jobs if waiting.worker is not worker]

    def wait(self) -> None:
        """Block until no job is left."""
        while True:
            with self._lock:  # a thread started under the lock has then started
                thread = self._thread
            if thread is None or thread is threading.current_thread():
                return
            thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs.pop(0)
            job.worker.do(job.name, job.run)


class Worker:
    """Runs jobs in the background, in order.

    Args:
        busy: called with the name of the job that starts, and with "" when it ends. While the job
            counts images, also with how many are done and the total, the seconds left, if known,
            and a function that cancels the job at the next image or batch that is counted.
        fail: called with the message of a job that raised an error, and with what a job says.
        line: the thread that several workers share; None for one of its own.
    """

    def __init__(
        self, busy: Callable[..., None], fail: Callable[[str], None], line: Line | None = None
    ) -> None:
        self._busy = busy
        self._fail = fail
        self._line = Line() if line is None else line
        self._stopped = False

    def submit(self, name: str, job: Callable[[], None], *, each: bool = False) -> None:
        """Run a job after those that are waiting; nothing after `stop`.

        Args:
            name: shown while the job runs.
            job: what to run.
            each: whether to keep a waiting job of the same name; by default it is replaced.
        """
        if not self._stopped:
            self._line.put(_Job(self, name, job), each=each)

    def wait(self) -> None:
        """Block until no job is left on the line."""
        self._line.wait()

    def stop(self) -> None:
        """Drop the jobs that wait and take no more; one that is running ends by itself."""
        self._stopped = True
        self._line.drop(self)

    def do(self, name: str, job: Callable[[], None]) -> None:
        """Run a job now, in this thread."""
        self._busy(name)
        try:
            with telling(self._say), report_progress_to(self._counting(name)):
                job()
        except Exception as error:  # no one sees a thread's exceptions
            self._fail(message_of(error))
        finally:
            self._busy("")

    def _say(self, sentence: str) -> None:
        self._fail(told(sentence, "form"))

    def _counting(self, name: str) -> Report:
        """Return what says how far a job is, twice a second at most, and ends it when canceled."""
        last = time.monotonic()
        pace = Pace()
        canceled = threading.Event()

        def report(what: str, done: int, total: int) -> None:
            nonlocal last
            if canceled.is_set():
                canceled.clear()  # what puts the old view back may count too
                raise Stopped(f"{name} was canceled; what is shown is as it was")
            step = pace.heard(what, done, total)
            if time.monotonic() - last >= _SECONDS:
                last = time.monotonic()
                self._busy(name, done, total, step.seconds_left, canceled.set)

        return report
