"""Read images in worker processes where they can be started without harm, else in this one."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

__all__ = ["reading_in"]


def reading_in(workers: int) -> dict[str, Any]:
    """Return the arguments of a DataLoader that reads in `workers` processes, or in this one.

    A process that is not forked (on macOS, on Windows, or where the start method is "spawn")
    imports the user's script again, which fails if the script has no
    ``if __name__ == "__main__"``: then none is started. In a notebook there is no script.
    """
    method = multiprocessing.get_start_method()
    if method == "forkserver" and sys.platform == "linux":
        # The default since Python 3.14, so the user need not have asked for it.
        # Reading is safe in forks.
        method = "fork"
    if not workers or (method != "fork" and _runs_a_script()):
        return {"num_workers": 0}
    return {"num_workers": workers, "multiprocessing_context": method}


def _runs_a_script() -> bool:
    """Return whether a new process would import the main module again."""
    main = sys.modules["__main__"]
    return any(getattr(main, name, None) is not None for name in ("__file__", "__spec__"))
