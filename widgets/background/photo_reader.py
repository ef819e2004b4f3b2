"""Read a folder of photos in a thread that can be stopped.

There is no widget in here: a view polls `step` and `state`. Images that were encoded before a stop,
an error or a kill are cached, so the next reading continues from there.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from uhscm_core import VLP, ImageDataset, Study, load_concepts, load_dataset, load_vlp
from uhscm_core.concepts import VOCABULARIES, ConceptSet
from uhscm_core.support.checks import shown
from uhscm_core.support.progress import report_progress_to
from widgets.background.counted import Counted, Progress
from widgets.background.errors import message_of
from widgets.background.long_running import Stopped
from widgets.background.paths import folder_from_text, path_from_text

__all__ = ["PhotoReader", "PhotoSource", "Progress", "reader_of", "start_reader", "study_read"]


@dataclass(frozen=True)
class PhotoSource:
    """What to read, as the user gave it.

    Attributes:
        folder: a path, as typed or pasted.
        model: ``"postcards"``, an open_clip name and tag separated by a space, or the path of a
            configuration ``.json``.
        concepts: a list's name, the path of a text file, or names.
    """

    folder: str
    model: str = "postcards"
    concepts: str | tuple[str, ...] = "common"

    @classmethod
    def given(
        cls,
        folder: str | PathLike[str] | None,
        model: str | PathLike[str] | None,
        concepts: str | PathLike[str] | Sequence[str],
    ) -> PhotoSource:
        """Return what arguments say, and the environment where folder or model is None.

        Raises:
            TypeError, ValueError: an argument of another type, or no concept.
        """
        for argument, value in (("folder", folder), ("model", model)):
            if value is not None and not isinstance(value, str | PathLike):
                raise TypeError(f"{argument} must be a path or a name, got {shown(value)}")
        named = isinstance(concepts, str | PathLike)
        if not named and not (
            isinstance(concepts, Sequence) and all(isinstance(name, str) for name in concepts)
        ):
            raise TypeError(
                f"concepts must be a list's name, a path or a sequence of names, got "
                f"{shown(concepts)}"
            )
        if not concepts:
            raise ValueError("concepts is empty: give at least one name, or a list's name")
        return cls(
            os.fspath(folder) if folder is not None else os.environ.get("UHSCM_PHOTOS", ""),
            os.fspath(model) if model is not None else os.environ.get("UHSCM_VLP", "postcards"),
            os.fspath(concepts) if named else tuple(concepts),  # type: ignore[arg-type]
        )

    def of_study(self, study: Study, unread: bool = False) -> PhotoSource:
        """Return the folder and the model of a study that was made elsewhere, where it has them.

        A folder that is not known stays; a model that cannot be named is empty.

        Args:
            study: in view.
            unread: whether this source is yet to be read: where its folder stays, its model does.
        """
        folder = str((study.dataset.source or {}).get("source", ""))
        if not Path(folder).is_absolute():
            if unread and self.folder:
                return self
            folder = self.folder
        named = getattr(study.vlp, "source", None) or {}
        model = " ".join(part for part in (named.get("name"), named.get("pretrained")) if part)
        return dataclasses.replace(self, folder=folder, model=model)


class PhotoReader(Counted):
    """Reads one folder in its own thread.

    Args:
        source: folder, model and concepts.
        previous: an earlier reading; its model is reused if it is the same.
    """

    def __init__(self, source: PhotoSource, previous: PhotoReader | None = None) -> None:
        self.source = source
        self.message = ""
        self.about = "folder"  # what the message is about: folder, model or concepts
        self.dataset: ImageDataset | None = None
        self.study: Study | None = None
        self._model: tuple[str, VLP] | None = previous._model if previous is not None else None
        super().__init__("read photos", "reading")  # then done, stopped or failed

    def _work(self) -> None:
        try:
            with report_progress_to(self._hear):
                self._read()
            self.state = "done"
        except Stopped:
            self.state = "stopped"
        except Exception as error:  # no one sees a thread's exceptions
            self.message = self._explanation(error)
            self.state = "failed"

    def _read(self) -> None:
        # What may fail at once comes first.
        folder = folder_from_text(self.source.folder)
        self.about = "concepts"
        concepts = _concepts(self.source.concepts)
        self.about = "model"
        self._begin("loading the model, which is downloaded the first time")
        vlp = self._load_model()
        self.about = "folder"
        self._begin("listing the folder")
        self.dataset = load_dataset(folder, progress=False, warn=False)
        self._begin("encoding images")
        study = Study(self.dataset, vlp, concepts, progress=False)
        _ = study.image_features
        self._begin("mining concepts")
        _ = study.mined, study.distribution
        self.study = study

    def _load_model(self) -> VLP:
        text = self.source.model.strip()
        if self._model is not None and self._model[0] == text and not text.endswith(".json"):
            return self._model[1]
        name, _, tag = text.partition(" ")
        if text.strip("\"'").endswith(".json"):
            vlp = load_vlp(path_from_text(text))
        elif not text:
            raise ValueError(
                "no model given: expected an open_clip name and tag, or a .json configuration"
            )
        else:
            vlp = load_vlp(name, tag.strip() or None)
        self._model = (text, vlp)
        return vlp

    def _explanation(self, error: Exception) -> str:
        reason = message_of(error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return (
                f"{reason}. Free some disk space, or set UHSCM_HOME to a folder on another disk, "
                f"and press Read: encoded images are cached."
            )
        try:
            gone = not folder_from_text(self.source.folder).is_dir()
        except (OSError, ValueError):
            gone = True
        if gone and self.dataset is not None:
            return (
                f"The folder disappeared while it was read: {reason}. Restore it and press Read: "
                f"encoded images are cached."
            )
        if isinstance(error, OSError) and self.step.what == "encoding images":
            return f"{reason}. The folder has changed since it was checked: press Read again."
        return reason


def _concepts(source: str | tuple[str, ...]) -> ConceptSet:
    if not isinstance(source, str):
        if not source:
            raise ValueError("no concept given: type some names, one per line")
        return load_concepts(source)
    if all(part.strip() in VOCABULARIES for part in source.split("+")):
        return load_concepts(source)
    path = Path(path_from_text(source))
    if not path.is_file():
        raise FileNotFoundError(f"no such text file of concepts: {path}")
    return load_concepts(path)


_READERS: dict[PhotoSource, PhotoReader] = {}  # by what the cell asked for
_STARTING = threading.Lock()


def reader_of(asked: PhotoSource) -> PhotoReader | None:
    """Return the reading that this session started last for a cell that asks for this."""
    return _READERS.get(asked)


def start_reader(asked: PhotoSource, source: PhotoSource) -> PhotoReader | None:
    """Start to read a source for a cell; None while a reading of the cell is active."""
    with _STARTING:
        before = _READERS.get(asked)
        if before is not None and before.active:
            return None
        reader = _READERS[asked] = PhotoReader(source, before)
        reader.start()
        return reader


def study_read(asked: PhotoSource, before: Study | None = None) -> Study:
    """Return the study of what a cell asked for.

    Args:
        asked: what it is.
        before: returned if the last reading failed or was stopped; None for an error then.

    Raises:
        RuntimeError: it was not read, or not yet.
    """
    reader = reader_of(asked)
    if reader is None:
        raise RuntimeError("no folder was read yet: press Read")
    if reader.study is None:
        if before is not None and not reader.active:
            return before
        reasons = {
            "reading": "the folder is still being read: photos.wait() waits for it",
            "stopped": "the reading was stopped: press Read, and it continues from there",
        }
        raise RuntimeError(reasons.get(reader.state, f"the folder was not read: {reader.message}"))
    return reader.study
