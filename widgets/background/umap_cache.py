"""UMAP layouts, fitted in the background one at a time and cached on disk."""

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

__all__ = ["UmapCache"]

_SEED = 0
_TICK_SECONDS = 1.0


class UmapCache:
    """The UMAP layouts of several sources, each fitted on its first request.

    A fit runs in its own thread, so no gesture waits for it. It cannot be cancelled, but its result
    is cached even if no longer requested, so no computed layout is lost. Files live under
    ``<home>/layouts``, named by a digest of the vectors and the settings. UMAP's numbers differ
    between machines even with a seed.

    Args:
        vectors: maps a source's name to its (n, d) unit vectors.
        tell: called every second while a fit is running, see `state`.
        done: called when a layout is ready.
        fail: called with the message of an error.
    """

    def __init__(
        self,
        vectors: Callable[[str], Vectors],
        tell: Callable[[], None],
        done: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self._vectors, self._tell, self._done, self._fail = vectors, tell, done, fail
        self._layouts: dict[str, Points] = {}
        self._refused: dict[str, str] = {}
        self._current: tuple[str, int, float] | None = None  # source, images, start time
        self._next: str | None = None
        self._worker = Worker(lambda *_: None, fail)

    def get(self, source: str) -> Points | None:
        """Return (n, 2), or None if there is no layout, or not yet."""
        return self._layouts.get(source)

    def request(self, source: str) -> None:
        """Fit this source next, unless it is ready, running, waiting or known to fail."""
        running = self._current is not None and self._current[0] == source
        if source in self._layouts or source in self._refused or running or self._next == source:
            return
        self._next = source
        self._worker.submit("UMAP", lambda: self._fit(source))

    def state(self, source: str) -> str:
        """Return a sentence about a layout that is not ready; empty if it is."""
        current = self._current
        if source in self._refused:
            return f"No UMAP of the {source}, so this is PCA. {self._refused[source]}."
        if current is not None and current[0] == source:
            seconds = time.monotonic() - current[2]
            return f"UMAP: fitting on {current[1]:,} images, {seconds:.0f} s so far"
        if self._next == source:
            return f"UMAP: waiting for that of the {current[0]}" if current else "UMAP: starting"
        return ""

    def wait(self) -> None:
        """Block until nothing is being fitted."""
        self._worker.wait()

    def _fit(self, source: str) -> None:
        vectors = self._vectors(source)
        self._current, self._next = (source, len(vectors), time.monotonic()), None
        ended = threading.Event()
        threading.Thread(target=self._tick, args=(ended,), daemon=True).start()
        try:
            self._layouts[source] = self._load_or_fit(vectors)
        except ValueError as error:  # too few images: not a bug
            self._refused[source] = str(error)
        except Exception as error:
            self._refused[source] = f"it failed: {str(error) or type(error).__name__}"
            raise  # to the status line
        finally:
            ended.set()
            self._current = None
            self._done()

    def _tick(self, ended: threading.Event) -> None:
        self._tell()
        while not ended.wait(_TICK_SECONDS):
            self._tell()

    def _load_or_fit(self, vectors: Vectors) -> Points:
        path = _path(vectors)
        try:
            return _load(path, len(vectors))
        except FileNotFoundError:
            pass
        except (OSError, store.DamagedFileError) as error:
            store.set_aside(path, error)
        points = umap_layout(vectors, _SEED)
        try:
            store.save_tensors(path, {"points": torch.from_numpy(points)}, {"key": path.stem})
            store.sweep(path.parent)
        except OSError as error:
            self._fail(f"the map's layout is shown, but could not be cached: {error}")
        return points


def _load(path: Path, n: int) -> Points:
    tensors, about = store.load_tensors(path)
    points = tensors.get("points", torch.empty(0)).numpy()
    # Layouts of versions before 0.3 do not name the vectors that they are of.
    sound = points.shape == (n, 2) and points.dtype == np.float32 and np.isfinite(points).all()
    if not sound or about.get("key", path.stem) != path.stem:
        raise store.DamagedFileError(f"{path}: damaged, not the layout of these {n} vectors")
    return np.asarray(points, np.float32)


def _path(vectors: Vectors) -> Path:
    content = hashlib.sha256(np.ascontiguousarray(vectors).tobytes()).hexdigest()
    version = importlib.metadata.version("umap-learn")
    key = store.digest_of("umap", version, vectors.shape, content, _SEED, NEIGHBOURS, MOST)
    return store.home() / "layouts" / f"{key}.safetensors"
