"""Work beside the notebook: a cell returns at once, and a gesture never waits for an older one."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Worker"]


class Worker:
    """One thread that does what it is given, in order.

    Args:
        busy: called with what is being done, and with "" when nothing is.
        fail: called with the message of a job that raised.
    """

    def __init__(self, busy: Callable[[str], None], fail: Callable[[str], None]) -> None:
        self._busy = busy
        self._fail = fail
        self._jobs: list[tuple[str, Callable[[], None]]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, name: str, job: Callable[[], None], *, each: bool = False) -> None:
        """Do this after what waits already.

        Args:
            name: shown while it is done.
            job: what to do.
            each: do it also when the same is waiting; otherwise the latest replaces that one.
        """
        with self._lock:
            if not each:
                self._jobs = [waiting for waiting in self._jobs if waiting[0] != name]
            self._jobs.append((name, job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Until nothing is left to do."""
        while True:
            with self._lock:  # so that a thread that another one begins has begun
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
                job()
            except Exception as error:  # a thread's exceptions are seen by nobody
                self._fail(str(error) or type(error).__name__)
            finally:
                self._busy("")
