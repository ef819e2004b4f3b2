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

from uhscm_core.analysis.projection import (
    EPOCHS,
    MOST,
    NEIGHBOURS,
    Points,
    Vectors,
    umap_layout,
)
from uhscm_core.support import store
from uhscm_core.support.progress import Report, report_progress_to
from widgets.background.counted import Pace, Progress
from widgets.background.long_running import Stopped
from widgets.background.worker import Line, Worker
from widgets.kit.words import how_far

__all__ = ["UmapCache"]

_SEED = 0
_TICK_SECONDS = 0.5
_LINE = Line()  # of all maps: they are fitted one at a time, and one may read what another cached


class UmapCache:
    """The UMAP layouts of several sources, each fitted on its first request.

    A fit runs in a thread that all maps share, so no gesture waits for it. Its result is cached
    even if no longer requested, so no computed layout is lost, unless it is canceled: it then ends
    at its next epoch. Files live under ``<home>/layouts``, named by a digest of the vectors and the
    settings. UMAP's numbers differ between machines even with a seed.

    Args:
        vectors: maps a source's name to its (n, d) unit vectors.
        tell: called twice a second while a fit is running and when one is canceled, see `state`.
        done: called when a fit has ended.
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
        self._canceled: set[str] = set()
        self._current: tuple[str, int, float] | None = None  # source, images, start time
        self._step = Progress("")
        self._next: str | None = None
        self._worker = Worker(lambda *_: None, fail, _LINE)

    def get(self, source: str) -> Points | None:
        """Return (n, 2), or None if there is no layout, or not yet."""
        return self._layouts.get(source)

    def request(self, source: str) -> None:
        """Fit this source next, unless it is ready, on its way, canceled or known to fail."""
        ended = source in self._layouts or source in self._refused
        if not (ended or source in self._canceled or self.is_on_its_way(source)):
            self._next = source
            self._worker.submit("UMAP", lambda: self._fit(source))

    def is_on_its_way(self, source: str) -> bool:
        """Return whether this source is being fitted, or waits for that, and was not canceled."""
        running = self._current is not None and self._current[0] == source
        return (running or self._next == source) and source not in self._canceled

    def is_canceled(self, source: str) -> bool:
        """Return whether this source is not fitted because it was canceled."""
        return source in self._canceled

    def cancel(self, source: str) -> None:
        """End the fit of this source at its next epoch; `allow` lets it be requested again."""
        if self.is_on_its_way(source):
            self._canceled.add(source)
            if self._next == source:
                self._next = None
            self._tell()

    def allow(self, source: str) -> None:
        """Let a source that was canceled be requested again."""
        self._canceled.discard(source)

    def leave(self) -> None:
        """Take no more requests and drop those that wait; a fit that is running is cached."""
        self._worker.stop()

    def state(self, source: str) -> str:
        """Return a sentence about a layout that is not ready; empty if it is."""
        current = self._current
        if source in self._refused:
            return f"No UMAP of the {source}, so this is PCA. {self._refused[source]}."
        if source in self._canceled:
            return f"UMAP of the {source} was canceled, so this is PCA."
        if current is not None and current[0] == source:
            return f"UMAP of the {source}: {self._how_far(current)}"
        if self._next == source:
            before = f"that of the {current[0]}" if current else "its turn"
            return f"UMAP of the {source}: waiting for {before}"
        return ""

    def _how_far(self, current: tuple[str, int, float]) -> str:
        step = self._step
        if step.done < step.total:
            what = "" if step.what == EPOCHS else f"{step.what}, "
            noun = "epochs" if step.what == EPOCHS else "images"
            return what + how_far(step.done, step.total, step.seconds_left, noun)
        seconds = time.monotonic() - current[2]
        return f"fitting on {current[1]:,} images, {seconds:.0f} s so far"

    def wait(self) -> None:
        """Block until nothing is being fitted."""
        self._worker.wait()

    def _fit(self, source: str) -> None:
        if self._next != source:
            return  # canceled while it waited
        vectors = self._vectors(source)
        self._step = Progress("")
        self._current, self._next = (source, len(vectors), time.monotonic()), None
        ended = threading.Event()
        threading.Thread(target=self._tick, args=(ended,), daemon=True).start()
        try:
            with report_progress_to(self._report_of(source)):
                points = self._load_or_fit(vectors)
            if source not in self._canceled:  # in its last moment
                self._layouts[source] = points
        except Stopped:
            pass  # `state` says it
        except ValueError as error:  # too few images: not a bug
            self._refused[source] = str(error)
        except Exception as error:
            self._refused[source] = f"it failed: {str(error) or type(error).__name__}"
            raise  # to the status line
        finally:
            ended.set()
            self._current = None
            self._done()

    def _report_of(self, source: str) -> Report:
        """Return what hears how far the fit of this source is, and ends it when canceled."""
        pace = Pace()

        def report(what: str, done: int, total: int) -> None:
            if source in self._canceled:
                raise Stopped
            self._step = pace.heard(what, done, total)

        return report

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
