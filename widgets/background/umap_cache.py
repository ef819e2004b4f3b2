"""UMAP layouts made beside the notebook, one at a time, and kept on disk."""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from uhscm_core.analysis.projection import MOST, NEIGHBOURS, Points, Vectors, umap_layout
from uhscm_core.support import store
from widgets.background.worker import Worker

__all__ = ["Layouts"]

_SEED = 0
_TICK_SECONDS = 1.0


class Layouts:
    """The UMAP layouts of several sources, each fitted when it is first wanted.

    A fit has a thread of its own, so that no gesture waits for it. It can't be broken off, but
    what it finds is kept whether or not it is still wanted then, so nothing that was computed is
    lost, and nothing is shown that was not asked for. Files lie under ``<home>/layouts``, named by
    what is laid out and how: UMAP's numbers differ between machines even with a seed.

    Args:
        vectors: from a source's name to its (n, d) unit vectors.
        tell: called every second while there is something new to say, see `state`.
        done: called when a layout is there.
        fail: called with what went wrong.
    """

    def __init__(
        self,
        vectors: Callable[[str], Vectors],
        tell: Callable[[], None],
        done: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self._vectors, self._tell, self._done, self._fail = vectors, tell, done, fail
        self._made: dict[str, Points] = {}
        self._refused: dict[str, str] = {}
        self._now: tuple[str, int, float] | None = None  # source, images, since when
        self._next: str | None = None
        self._worker = Worker(lambda _: None, fail)

    def get(self, source: str) -> Points | None:
        """(n, 2), or None where it isn't there yet or won't be."""
        return self._made.get(source)

    def want(self, source: str) -> None:
        """Fit this one next, unless it is there, under way, or known to fail."""
        under_way = self._now is not None and self._now[0] == source
        if source in self._made or source in self._refused or under_way or self._next == source:
            return
        self._next = source
        self._worker.submit("UMAP", lambda: self._make(source))

    def state(self, source: str) -> str:
        """What is to be said about a layout that isn't there, in a sentence; else empty."""
        now = self._now
        if source in self._refused:
            return f"No UMAP of the {source}, so this is PCA. {self._refused[source]}."
        if now is not None and now[0] == source:
            seconds = time.monotonic() - now[2]
            return f"UMAP: fitting on {now[1]:,} images, {seconds:.0f} s so far"
        if self._next == source:
            return f"UMAP: waits until that of the {now[0]} is done" if now else "UMAP: begins"
        return ""

    def wait(self) -> None:
        """Until nothing is being fitted."""
        self._worker.wait()

    def _make(self, source: str) -> None:
        vectors = self._vectors(source)
        self._now, self._next = (source, len(vectors), time.monotonic()), None
        ended = threading.Event()
        threading.Thread(target=self._tick, args=(ended,), daemon=True).start()
        try:
            self._made[source] = self._found(vectors)
        except ValueError as error:  # too few images: no fault of the program
            self._refused[source] = str(error)
        except Exception as error:
            self._refused[source] = f"it failed: {str(error) or type(error).__name__}"
            raise  # to the status line
        finally:
            ended.set()
            self._now = None
            self._done()

    def _tick(self, ended: threading.Event) -> None:
        self._tell()
        while not ended.wait(_TICK_SECONDS):
            self._tell()

    def _found(self, vectors: Vectors) -> Points:
        path = _path(vectors)
        try:
            points = store.load_tensors(path)[0]["points"].numpy()
            if points.shape == (len(vectors), 2) and np.isfinite(points).all():
                return points
        except (FileNotFoundError, ValueError, KeyError):
            pass  # not kept yet, or torn: made anew and written over
        points = umap_layout(vectors, _SEED)
        try:
            store.save_tensors(path, {"points": torch.from_numpy(points)})
        except OSError as error:
            self._fail(f"the map's layout is shown, but can't be kept for next time: {error}")
        return points


def _path(vectors: Vectors) -> Path:
    content = hashlib.sha256(np.ascontiguousarray(vectors).tobytes()).hexdigest()
    version = importlib.metadata.version("umap-learn")
    key = store.digest_of("umap", version, vectors.shape, content, _SEED, NEIGHBOURS, MOST)
    return store.home() / "layouts" / f"{key}.safetensors"
