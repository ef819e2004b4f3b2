"""A folder of one's own: read it, see what was skipped and why, and work with its study."""

from __future__ import annotations

import html
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study
from uhscm_core.support.checks import shown
from widgets.background.photo_reader import PhotoReader, PhotoSource
from widgets.explorers.displayed import Displayed
from widgets.kit.choice import Choice
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.field import Field
from widgets.kit.gallery import Gallery
from widgets.kit.progress import Progress
from widgets.kit.stage import framed, growing
from widgets.kit.status import Status
from widgets.kit.table import Table
from widgets.kit.text_box import TextBox
from widgets.kit.view import close_all
from widgets.kit.words import counted

__all__ = ["PhotosExplorer"]

_OTHER, _FILE, _TYPED = "other model", "text file", "typed names"
_MODELS = {
    "postcards: the example world's own": "postcards",
    "CLIP ViT-B-32 (OpenAI)": "ViT-B-32 openai",
    "CLIP ViT-B-16 (OpenAI), the paper's": "ViT-B-16 openai",
    "OpenCLIP ViT-B-32 (LAION-2B)": "ViT-B-32 laion2b_s34b_b79k",
    "another one, or a file of my own": _OTHER,
}
_NOTES = {
    "postcards": "This model needs no download and has only ever seen painted postcards: with "
    "photos it shows how things work, and what it says of them means little.",
    _OTHER: "A name and a tag of open_clip, such as ViT-L-14 openai, or the path of a "
    "configuration .json with its .safetensors next to it.",
}
_FETCHED = (
    "The weights are fetched the first time. Without a network you are told which file to bring "
    "and where to put it."
)
_CONCEPTS = {
    "common: some 500 everyday nouns": "common",
    "nuswide81: 81 names of NUS-WIDE": "nuswide81",
    "coco80: 80 objects of MS COCO": "coco80",
    "nuswide81 and coco80": "nuswide81+coco80",
    "a text file, one name per line": _FILE,
    "names that I type": _TYPED,
}
_ROWS = 500  # of the table; all of them are in `to_frame` and in the CSV
_PUMP_SECONDS = 0.25
_READERS: dict[
    PhotoSource, PhotoReader
] = {}  # the reading started last, by what the cell asked for
_PANELS: weakref.WeakValueDictionary[PhotoSource, PhotosExplorer] = weakref.WeakValueDictionary()


class PhotosExplorer(Displayed):
    """Read a folder of photos; `study` is what the other explorers take.

        from widgets import DenoisingExplorer, PhotosExplorer
        photos = PhotosExplorer("~/Pictures")
        photos

    Give a folder, a model and concepts, and press Read. The files are checked and encoded in the
    background; Stop keeps what is encoded, and Read continues from there. Files that cannot be
    read are listed with the reason. No file of yours is ever changed. A cell that is run again
    finds the reading that is running.

    Args:
        folder: to begin with; None for ``$UHSCM_PHOTOS``.
        model: ``"postcards"``, an open_clip name and tag with a blank between them, or a
            configuration ``.json``; None for ``$UHSCM_VLP`` or the postcards'.
        concepts: a list's name, the path of a text file, or names.
        on_read: called with the study of each folder that was read.
    """

    def __init__(
        self,
        folder: str | PathLike[str] | None = None,
        model: str | PathLike[str] | None = None,
        concepts: str | PathLike[str] | Sequence[str] = "common",
        on_read: Callable[[Study], None] | None = None,
    ) -> None:
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
        self._key = PhotoSource(
            os.fspath(folder) if folder is not None else os.environ.get("UHSCM_PHOTOS", ""),
            os.fspath(model) if model is not None else os.environ.get("UHSCM_VLP", "postcards"),
            os.fspath(concepts) if named else tuple(concepts),  # type: ignore[arg-type]
        )
        self._on_read = on_read
        self._newest = True
        self._lock = threading.RLock()
        self._pump_thread: threading.Thread | None = None
        self._shown: PhotoReader | None = None
        self.status = Status()
        self.progress = Progress()
        left: dict[str, Any] = {"label_width": "70px"}
        wide = {"layout": {"width": "98%", "max_width": "900px"}, **left}
        half = {"layout": {"width": "440px"}, **left}
        self.folder = TextBox(
            "folder",
            placeholder="paste a path, such as ~/Pictures (a browser does not tell the path of "
            "what is dragged here)",
            **wide,
        )
        self.model = Choice("model", _MODELS, **half)
        self.other = TextBox("other", placeholder="ViT-L-14 openai, or /path/to/model.json", **wide)
        self.concepts = Choice("concepts", _CONCEPTS, **half)
        self.names = TextBox("names", placeholder="one name per line", rows=5, **wide)
        self.note = ipw.HTML()
        self.buttons = {
            "read": self._button("Read", "play", self.read, "primary"),
            "stop": self._button("Stop", "stop", self.stop),
        }
        self.gallery = Gallery([], [], height=300)
        self.gallery.layout.display = "none"
        growing(self.gallery)
        self.skipped = Table()
        self._csv = Download("Skipped files as CSV", self._as_csv)
        self._csv.layout.display = "none"
        for box in (self.folder, self.other):
            box.on_submit(lambda _: self._safely(self.read))
        self.model.observe(self._drew_model, "value")
        self.concepts.observe(self._drew_concepts, "value")
        super().__init__(
            [
                framed(self.status),
                self.folder,
                ipw.HBox([self.model, self.concepts], layout={"flex_flow": "row wrap"}),
                self.note,
                self.other,
                self.names,
                ipw.HBox([self.buttons["read"], self.buttons["stop"], self._csv]),
                self.progress,
                self.gallery,
                self.skipped,
            ]
        )
        self.add_class("uhscm-explorer")
        self._take_over()

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.status.summary}"

    # -- what a person does, and what a notebook calls -------------------------------------------

    @property
    def study(self) -> Study:
        """The study of the folder that was read.

        Raises:
            RuntimeError: none was read, or not yet.
        """
        reader = self._reader
        if reader is None:
            raise RuntimeError("no folder was read yet: press Read")
        if reader.study is None:
            reasons = {
                "reading": "the folder is still being read: photos.wait() waits for it",
                "stopped": "the reading was stopped: press Read, and it continues from there",
            }
            raise RuntimeError(
                reasons.get(reader.state, f"the folder was not read: {reader.message}")
            )
        return reader.study

    def read(self) -> None:
        """Read the folder in view in the background; nothing new while one is being read."""
        if not self._newest:
            raise RuntimeError("this panel is shown by the cell that was run last")
        with self._lock:
            before = self._reader
            if before is not None and before.active:
                return
            self.status.settle()
            for control in self._controls:
                control.error = ""
            reader = PhotoReader(self._source(), before)
            _READERS[self._key] = reader
            reader.start()
        self._follow(reader)

    def stop(self) -> None:
        """End the reading after the current batch; what is encoded stays so."""
        if self._reader is not None:
            self._reader.stop()

    def wait(self) -> None:
        """Until the reading has ended and is shown; for notebooks without a front end."""
        while (pump := self._pump_thread) is not None and pump.is_alive():
            pump.join(0.2)

    def close(self) -> None:
        """Close the explorer; a running reading continues, and is kept."""
        if self.comm is not None:
            self._newest = False
            close_all(self)

    def to_frame(self) -> pd.DataFrame:
        """The files that were skipped: ``file`` and ``reason``."""
        reader = self._reader
        skipped = reader.dataset.skipped if reader is not None and reader.dataset else {}
        return pd.DataFrame(sorted(skipped.items()), columns=["file", "reason"])

    # -- one reading, whichever cell looks at it -------------------------------------------------

    @property
    def _reader(self) -> PhotoReader | None:
        return _READERS.get(self._key)

    def _take_over(self) -> None:
        """Continue the reading that an earlier run of the cell has started."""
        earlier = _PANELS.get(self._key)
        if earlier is not None:
            earlier._retire()
        _PANELS[self._key] = self
        reader = self._reader
        self._put(self._key if reader is None else reader.source)
        if reader is None:
            self._draw_buttons()
            self.status.say("Give a folder and press Read.")
        else:
            self._follow(reader)

    def _retire(self) -> None:
        self._newest = False
        for control in (*self.buttons.values(), *self._controls):
            control.disabled = True
        self.progress.show()
        self.status.say("This panel is shown by the cell that was run last.")

    def _follow(self, reader: PhotoReader) -> None:
        self._draw(reader)
        self._pump_thread = threading.Thread(target=self._pump, args=(reader,), daemon=True)
        self._pump_thread.start()

    def _pump(self, reader: PhotoReader) -> None:
        """Show how far it is about four times a second, until it has ended."""
        while self._newest:
            active = reader.active  # asked first, so that the end is shown too
            try:
                self._draw(reader)
            except Exception as error:  # a thread's exceptions are not seen
                self.status.fail(str(error) or type(error).__name__)
            if not active:
                return
            reader.wait(_PUMP_SECONDS)

    # -- what is typed ---------------------------------------------------------------------------

    @property
    def _controls(self) -> tuple[Field, ...]:
        return self.folder, self.model, self.other, self.concepts, self.names

    def _put(self, source: PhotoSource) -> None:
        self.folder.value = source.folder
        known = source.model in _MODELS.values()
        self.model.value = source.model if known else _OTHER
        self.other.value = "" if known else source.model
        if isinstance(source.concepts, str):
            known = source.concepts in _CONCEPTS.values()
            self.concepts.value = source.concepts if known else _FILE
            self.names.value = "" if known else source.concepts
        else:
            self.concepts.value = _TYPED
            self.names.value = "\n".join(source.concepts)
        self._drew_model()
        self._drew_concepts()

    def _source(self) -> PhotoSource:
        concepts: str | tuple[str, ...] = self.concepts.value
        if concepts == _FILE:
            concepts = self.names.value
        elif concepts == _TYPED:
            lines = self.names.value.replace(",", "\n").splitlines()
            concepts = tuple(line.strip() for line in lines if line.strip())
        model = self.model.value
        return PhotoSource(
            self.folder.value, self.other.value if model == _OTHER else model, concepts
        )

    def _drew_model(self, _: object = None) -> None:
        note = _NOTES.get(self.model.value, _FETCHED)
        self.note.value = (
            f'<div style="line-height:1.4;max-width:900px;padding:0 4px">{html.escape(note)}</div>'
        )
        self.other.layout.display = "" if self.model.value == _OTHER else "none"

    def _drew_concepts(self, _: object = None) -> None:
        own = self.concepts.value in (_FILE, _TYPED)
        self.names.layout.display = "" if own else "none"
        file = self.concepts.value == _FILE
        self.names.placeholder = "path of the text file" if file else "one name per line"

    # -- what is shown ---------------------------------------------------------------------------

    def _draw(self, reader: PhotoReader) -> None:
        with self._lock:
            self._draw_buttons()
            if reader.active:
                step = reader.step
                what = f"stopping after this step: {step.what}" if reader.stopping else step.what
                self.progress.show(what, step.done, step.total, step.seconds_left)
                self.status.say(f"Reading {_printable(reader.source.folder)}")
                return
            if self._shown is reader:
                return
            self._shown = reader
            self.progress.show()
            self.gallery.layout.display = "" if reader.state == "done" else "none"
            self._draw_skipped()
            headline = getattr(self, f"_draw_{reader.state}")(reader)
            self.status.say(headline, _notes(reader))  # last: what it says is on the screen

    def _draw_buttons(self) -> None:
        active = self._reader is not None and self._reader.active
        self.buttons["read"].disabled = active or not self._newest
        self.buttons["stop"].disabled = not active or not self._newest
        for control in self._controls:
            control.disabled = active or not self._newest

    def _draw_skipped(self) -> None:
        frame = self.to_frame()
        shown = frame.head(_ROWS).map(_printable)
        said = ""
        if len(frame):
            few = "" if len(frame) <= _ROWS else f"; the first {_ROWS}, all in the CSV"
            said = f"{counted(len(frame), 'file')} skipped, and why{few}"
        self.skipped.show(shown, summary=said)
        self._csv.layout.display = "" if len(frame) else "none"

    def _draw_done(self, reader: PhotoReader) -> str:
        study = reader.study
        assert study is not None  # noqa: S101  # done means that there is one
        if self._on_read is not None:
            self._on_read(study)
        kept, all_ = len(study.kept_names), len(study.concepts)
        return (
            f"{self._draw_images(study)}; {kept:,} of {counted(all_, 'concept')} kept with "
            f"{study.vlp.name}{_labels(study)}"
        )

    def show_study(self, study: Study) -> None:
        """Show the images of a study that comes from elsewhere, unless it was read here last."""
        reader = self._reader
        if reader is not None and (reader.active or reader.study is study):
            return
        with self._lock:
            with_ = f"{counted(len(study.concepts), 'concept')} with {study.vlp.name}"
            labels = study.dataset.label_names
            said = f"; {counted(len(labels), 'label')}" if labels else ""
            read = self._draw_images(study).removesuffix(", 0 skipped")
            self.status.say(f"{read}; {with_}{said}")

    def _draw_images(self, study: Study) -> str:
        dataset = study.dataset
        self.gallery.layout.display = ""
        self.gallery.show(
            range(len(dataset)),
            images=dataset.images,
            captions=lambda image: _printable(dataset.names[image]),
            summary=f"The images in view: {counted(len(dataset), 'image')}",
        )
        return f"{counted(len(dataset), 'image')}, {len(dataset.skipped):,} skipped"

    def _draw_stopped(self, reader: PhotoReader) -> str:
        step = reader.step
        if step.what != "encoding images":
            return f"Stopped while {step.what}. Read begins with that again."
        return (
            f"Stopped: {step.done:,} of {counted(step.total, 'image')} are encoded and stay so. "
            f"Read continues from there."
        )

    def _draw_failed(self, reader: PhotoReader) -> str:
        message = _printable(reader.message)
        self._about(reader).fail(message)
        self.status.record(message)
        return "The folder was not read."

    def _about(self, reader: PhotoReader) -> Field:
        """Return the control that an error of a reading is about."""
        if reader.about == "model":
            return self.other if self.model.value == _OTHER else self.model
        if reader.about == "concepts":
            return self.names if self.concepts.value in (_FILE, _TYPED) else self.concepts
        return self.folder

    # -- gestures --------------------------------------------------------------------------------

    def _button(self, text: str, icon: str, action: Any, style: str = "") -> ipw.Button:
        button = ipw.Button(description=text, icon=icon, button_style=style)
        button.layout.width = "auto"

        button.on_click(lambda _: self._safely(action))
        return button

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # no one sees a callback's exceptions
            self.status.fail(str(error) or type(error).__name__)

    def _as_csv(self) -> tuple[str, bytes]:
        return "skipped.csv", csv_bytes(self.to_frame().map(_printable))


def _notes(reader: PhotoReader) -> list[str]:
    """How the folder was understood; the list of skipped files is shown on its own."""
    notes = () if reader.study is None else reader.study.dataset.notes
    return [_printable(note) for note in notes if "dataset.skipped" not in note]


def _labels(study: Study) -> str:
    names = study.dataset.label_names
    return f"; {counted(len(names), 'sub-folder')} taken as labels" if names else ""


def _printable(text: str) -> str:
    """A name with line breaks or bytes that are no UTF-8, in one line and as text."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
