"""A folder of one's own: read it, see what was skipped and why, and work with its study."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from os import PathLike

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study
from uhscm_core.support.notices import printable
from widgets.background import photo_reader as readers
from widgets.background.long_running import Follower
from widgets.background.photo_reader import PhotoReader, PhotoSource
from widgets.explorers.displayed import Displayed
from widgets.kit.gestures import Gestures
from widgets.kit.progress import Progress
from widgets.kit.stage import framed
from widgets.kit.status import Status
from widgets.panels.lead import LED_BY_ANOTHER, Lead
from widgets.panels.photo_form import PhotoForm
from widgets.panels.photo_result import PhotoResult, in_view, not_read

__all__ = ["PhotosExplorer"]


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
        self._key = PhotoSource.given(folder, model, concepts)
        self._on_read = on_read
        self._lock = threading.RLock()
        self._lead = Lead(self._retire)
        self._ended: PhotoReader | None = None  # whose end is shown
        self.status = Status()
        self.progress = Progress()
        self._follower = Follower[PhotoReader](self._draw, self._draw, self.status.fail)
        gestures = Gestures(self.status.fail)
        self.form = form = PhotoForm(lambda: gestures.do(self.read), self._say_whether_read)
        self.folder, self.model, self.other = form.folder, form.model, form.other
        self.concepts, self.names, self.note = form.concepts, form.names, form.note
        self.result = PhotoResult()
        self.gallery, self.skipped = self.result.gallery, self.result.skipped
        self.buttons = {
            "read": gestures.button("Read", "play", self.read, "primary"),
            "stop": gestures.button("Stop", "stop", self.stop),
        }
        buttons = ipw.HBox([*self.buttons.values(), self.result.csv])
        super().__init__([framed(self.status), form, buttons, self.progress, self.result])
        self.add_class("uhscm-explorer")
        self._take_over()

    # -- what a person does, and what a notebook calls -------------------------------------------

    @property
    def study(self) -> Study:
        """The study whose images are in view, or else of the folder that was read.

        Raises:
            RuntimeError: none was read, or not yet.
        """
        return readers.study_read(self._key, self.result.study)

    def read(self) -> None:
        """Read the folder in view in the background; nothing new while one is being read."""
        self._lead.insist()
        with self._lock:
            reader = readers.start_reader(self._key, self.form.source)
            if reader is None:
                return
            self.status.settle()
            self.form.clear()
        self._follow(reader)

    def stop(self) -> None:
        """End the reading after the current batch; what is encoded stays so."""
        if self.reader is not None:
            self.reader.stop()

    def wait(self) -> None:
        """Until the reading has ended and is shown; for notebooks without a front end."""
        self._follower.wait()

    def _leave(self) -> None:
        self._follower.leave()
        self._lead.leave()

    def to_frame(self) -> pd.DataFrame:
        """The files that were skipped: ``file`` and ``reason``."""
        return self.result.to_frame()

    def show_study(self, study: Study) -> None:
        """Show the images of a study that comes from elsewhere, such as one that undo leads to.

        Where they were read here, the form shows how, too.
        """
        with self._lock:
            if (self.reader and self.reader.active) or study is self.result.study:
                return
            self.form.show_study(study)
            self.result.show(study, study.dataset.skipped, in_view(study))
            self.status.say(*self.result.said)

    # -- one reading, whichever cell looks at it -------------------------------------------------

    @property
    def reader(self) -> PhotoReader | None:
        """The reading that was started last; None for none."""
        return readers.reader_of(self._key)

    def _take_over(self) -> None:
        """Continue the reading that an earlier run of the cell has started."""
        self._lead.take(self._key)
        reader = self.reader
        self.form.show(self._key if reader is None else reader.source)
        if reader is None:
            self._draw_buttons()
            self.status.say("Give a folder and press Read.")
        else:
            self._follow(reader)

    def _retire(self) -> None:
        with self._lock:
            self._follower.leave()
            self._draw_buttons()
            self.progress.show()
            self.status.say(LED_BY_ANOTHER)

    def _follow(self, reader: PhotoReader) -> None:
        self._draw(reader)
        self._follower.follow(reader)

    # -- what is shown ---------------------------------------------------------------------------

    def _draw(self, reader: PhotoReader) -> None:
        with self._lock:
            if not self._lead.held:
                return
            self._draw_buttons()
            if reader.active:
                step = reader.doing
                self.progress.show(step.what, step.done, step.total, step.seconds_left)
                self.status.say(f"Reading {printable(reader.source.folder)}")
            elif self._ended is not reader:
                self._ended = reader
                self._draw_end(reader)

    def _draw_buttons(self) -> None:
        reader, held = self.reader, self._lead.held
        active = reader is not None and reader.active
        self.buttons["read"].disabled = active or not held
        self.buttons["stop"].disabled = not active or not held
        self.form.lock(active or not held)

    def _draw_end(self, reader: PhotoReader) -> None:
        self.progress.show()
        self.result.show_end(reader)
        if reader.study is not None:
            self.form.remember(reader.study, reader.source)
            if self._on_read is not None:
                self._on_read(reader.study)
        if reader.state == "failed":
            message = printable(reader.message)
            self.form.fail(reader.about, message)
            self.status.record(message)
        self.status.say(*self.result.said)  # last: what it says is on the screen

    def _say_whether_read(self) -> None:
        """Say that the form asks for something else than what is in view, as long as it does."""
        with self._lock:
            study, reader = self.result.study, self.reader
            if study is not None and reader and not reader.active and self._lead.held:
                source = self.form.unread(study.dataset)
                self.status.say(*(self.result.said if source is None else (not_read(source),)))
