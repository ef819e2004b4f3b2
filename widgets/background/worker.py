"""Work in the background: a cell returns at once, and a gesture never waits for an older one."""

from __future__ import annotations

import threading
from collections.abc import Callable

from uhscm_core.support.notices import telling

__all__ = ["Worker"]


class Worker:
    """One thread that runs jobs in order.

    Args:
        busy: called with the name of the job that starts, and with "" when it ends.
        fail: called with the message of a job that raised an error, and with what a job says.
    """

    def __init__(self, busy: Callable[[str], None], fail: Callable[[str], None]) -> None:
        self._busy = busy
        self._fail = fail
        self._jobs: list[tuple[str, Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, name: str, job: Callable[[], None], *, each: bool = False) -> None:
        """Run a job after those that are waiting.

        Args:
            name: shown while the job runs.
            job: what to run.
            each: whether to keep a waiting job of the same name; by default it is replaced.
        """
        with self._lock:
            if not each:
                self._jobs = [waiting for waiting in self._jobs if waiting[0] != name]
            self._jobs.append((name, job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Block until no job is left."""
        while True:
            with self._lock:  # a thread started under the lock has then started
                thread = self._thread
            if thread is None:
                return
            thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                name, job = self._jobs.pop(0)
            self._busy(name)
            try:
                with telling(self._fail):
                    job()
            except Exception as error:  # no one sees a thread's exceptions
                self._fail(str(error) or type(error).__name__)
            finally:
                self._busy("")
