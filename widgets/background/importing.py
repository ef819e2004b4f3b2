"""Import in the background what a first gesture would otherwise have to wait for.

`uhscm_core` imports its largest packages where they are used, so that an explorer is shown sooner.
No import of these packages leads back to another of them, so a thread that imports one waits for
another thread that does, and never the other way around as well.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import threading

__all__ = ["LATE", "import_soon"]

# Ordered by what is asked for first: a training, a pair or a clustering, a text or a folder.
LATE = ("lightning_fabric", "scipy.stats", "scipy.cluster.hierarchy", "open_clip")

_AFTER = 1.0  # second, in which the browser asks for the first pictures
_log = logging.getLogger(__name__)
_ending = threading.Event()
_begun = threading.Lock()  # taken by the first call, for good


def import_soon() -> None:
    """Begin to import `LATE` in a thread; only the first call does anything."""
    if _begun.acquire(blocking=False):
        thread = threading.Thread(target=_import, name="uhscm imports", daemon=True)
        thread.start()
        # Python must not end in the middle of an import.
        atexit.register(_end, thread)


def _import() -> None:
    for name in LATE:
        if _ending.wait(_AFTER if name == LATE[0] else 0):
            return
        try:
            importlib.import_module(name)
        except Exception as error:  # who needs it will be told
            _log.debug("could not import %s: %s", name, error)


def _end(thread: threading.Thread) -> None:
    _ending.set()
    thread.join()
