"""A folder of photos that is being read: one thread that reads, and a flag that ends it.

There is no widget in here. A view asks for `step` and `state` as often as it likes. Whatever was
encoded before a stop, an error or a kill is in the cache, so the next reading goes on from there.
"""

from __future__ import annotations

import errno
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from uhscm_core import VLP, ImageDataset, Study, load_concepts, load_dataset, load_vlp
from uhscm_core.concepts import VOCABULARIES, ConceptSet
from uhscm_core.support.progress import report_progress_to
from widgets.background.paths import pasted_folder, pasted_path

__all__ = ["PhotoReader", "Step", "Wanted", "in_words"]


@dataclass(frozen=True)
class Wanted:
    """What is to be read, as a person gave it.

    Attributes:
        folder: as typed or pasted.
        model: as typed: ``"postcards"``, an open_clip name and tag with a blank between them, or
            the path of a configuration ``.json``.
        concepts: a list's name, the path of a text file, or names.
    """

    folder: str
    model: str = "postcards"
    concepts: str | tuple[str, ...] = "common"


@dataclass(frozen=True)
class Step:
    """How far the reading is.

    Attributes:
        what: is done.
        done, total: images; 0 of 0 where nothing is counted.
        seconds_left: of this step at its pace so far; None before there is one.
    """

    what: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


class _Stopped(Exception):  # noqa: N818  # not an error: somebody asked for it
    pass


class PhotoReader:
    """Reads one folder in a thread of its own.

    Args:
        wanted: folder, model and concepts.
        before: an earlier reading, whose model is used again where the same is wanted.
    """

    def __init__(self, wanted: Wanted, before: PhotoReader | None = None) -> None:
        self.wanted = wanted
        self.step = Step("beginning")
        self.state = "reading"  # then done, stopped or failed
        self.message = ""
        self.dataset: ImageDataset | None = None
        self.study: Study | None = None
        self._model: tuple[str, VLP] | None = before._model if before is not None else None
        self._end = threading.Event()
        self._first = (0.0, 0)
        self._thread = threading.Thread(target=self._work, name="read photos", daemon=True)

    def start(self) -> None:
        """Begin, beside the caller."""
        self._thread.start()

    def stop(self) -> None:
        """End after the image or the batch under way."""
        self._end.set()

    def wait(self, seconds: float | None = None) -> None:
        """Until the reading has ended, or for so long."""
        self._thread.join(seconds)

    @property
    def active(self) -> bool:
        """Whether it still reads."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._end.is_set()

    # -- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with report_progress_to(self._hear):
                self._read()
            self.state = "done"
        except _Stopped:
            self.state = "stopped"
        except Exception as error:  # a thread's exceptions are seen by nobody
            self.message = self._told(error)
            self.state = "failed"

    def _read(self) -> None:
        # What fails at once comes first.
        folder = pasted_folder(self.wanted.folder)
        concepts = _concepts(self.wanted.concepts)
        self._begin("loading the model, which is fetched the first time")
        vlp = self._load_model()
        self._begin("listing the folder")
        self.dataset = load_dataset(folder, progress=False, warn=False)
        self._begin("encoding images")
        study = Study(self.dataset, vlp, concepts, progress=False)
        _ = study.image_features
        self._begin("mining concepts")
        _ = study.mined, study.distribution
        self.study = study

    def _load_model(self) -> VLP:
        text = self.wanted.model.strip()
        if self._model is not None and self._model[0] == text and not text.endswith(".json"):
            return self._model[1]
        name, _, tag = text.partition(" ")
        if text.strip("\"'").endswith(".json"):
            vlp = load_vlp(pasted_path(text))
        elif not text:
            raise ValueError("no model given: an open_clip name and tag, or a .json configuration")
        else:
            vlp = load_vlp(name, tag.strip() or None)
        self._model = (text, vlp)
        return vlp

    def _begin(self, what: str) -> None:
        if self._end.is_set():
            raise _Stopped
        self.step = Step(what)

    def _hear(self, what: str, done: int, total: int) -> None:
        """The core tells after each image that is checked and each batch that is encoded."""
        now = time.monotonic()
        if self.step.what != what or not self.step.total:
            self._first = (now, done)
        began, before = self._first
        left = None
        if done > before and now - began > 1:
            left = (now - began) / (done - before) * (total - done)
        self.step = Step(what, done, total, left)
        if self._end.is_set():
            raise _Stopped

    def _told(self, error: Exception) -> str:
        said = in_words(error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return (
                f"{said}. Make room, or set UHSCM_HOME to a folder on another disk, and press "
                f"Read: what is encoded stays so."
            )
        try:
            gone = not pasted_folder(self.wanted.folder).is_dir()
        except (OSError, ValueError):
            gone = True
        if gone and self.dataset is not None:
            return (
                f"The folder has gone while it was read: {said}. Bring it back and press Read: "
                f"what is encoded stays so."
            )
        if isinstance(error, OSError) and self.step.what == "encoding images":
            return f"{said}. The folder has changed since it was checked: press Read again."
        return said


def in_words(error: Exception) -> str:
    """An error as a sentence for people, without numbers of the operating system."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    return str(error) or type(error).__name__


def _concepts(source: str | tuple[str, ...]) -> ConceptSet:
    if not isinstance(source, str):
        if not source:
            raise ValueError("no concept given: type some names, one a line")
        return load_concepts(source)
    if all(part.strip() in VOCABULARIES for part in source.split("+")):
        return load_concepts(source)
    path = Path(pasted_path(source))
    if not path.is_file():
        raise FileNotFoundError(f"no such text file of concepts: {path}")
    return load_concepts(path)
