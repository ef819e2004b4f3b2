"""Work that continues where nothing can be kept: no writable home, or a full disk."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from uhscm_core.support import store
from uhscm_core.support.notices import say

__all__ = ["keeping", "say_once"]


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """Continue without what the block writes to the home folder if that fails, and say so once.

    What is kept there saves time only. A process whose home cannot be written computes everything
    itself.
    """
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        reason = getattr(error, "strerror", None) or error
        say_once(
            f"results are not kept, because {store.home()} cannot be written ({reason}): make "
            f"room, or set UHSCM_HOME to a folder that can be written"
        )


@functools.cache
def say_once(sentence: str) -> None:
    """Warn with a sentence the first time that this process says it."""
    say(sentence)
