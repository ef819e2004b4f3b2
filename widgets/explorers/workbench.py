"""From photos to answers in one cell: all explorers as tabs over one state."""

from __future__ import annotations

import os
import tempfile
from os import PathLike
from pathlib import Path

from uhscm_core import ImageDataset, Study
from uhscm_core.support.checks import instance
from uhscm_core.support.notices import printable
from uhscm_core.support.paths import as_path
from widgets.background.view_file import View, open_view, values_of, write_view
from widgets.explorers.desk import Moment
from widgets.explorers.kinds import KINDS, STATES
from widgets.explorers.photos import PhotosExplorer
from widgets.explorers.sources import study_of_source
from widgets.explorers.tabbed import Tabbed

__all__ = ["Workbench"]

_PHOTOS = "Photos"


class Workbench(Tabbed):
    """All explorers over one study, from photos to answers.

        from widgets import Workbench
        Workbench()

    Each tab is an explorer, which is made when the tab is first opened. They share the study in
    view, a selection, and one undo: a threshold changed in Concepts is what Train trains, and the
    run of Train is what Retrieve asks. `study` is the study in view.

    Args:
        source: a folder of photos, which is read in the background; the name of a dataset or an
            `ImageDataset`; a `Study`; None for the postcards that ship with the package.
    """

    def __init__(self, source: str | PathLike[str] | ImageDataset | Study | None = None) -> None:
        given = study_of_source(source)
        folder = None if given is not None else os.fspath(source)  # type: ignore[arg-type]
        super().__init__(_PHOTOS, self._view_as_file)
        self._reading = "", ""  # the folder, and how far that is
        # A folder that an earlier cell has read is not what this one was given.
        listening = given is None

        def read(study: Study) -> None:
            if listening:
                self._take(study)

        self.photos = PhotosExplorer(folder, on_read=read)
        self._follow_display(self.photos.status)
        self.photos.progress.observe(lambda change: self._hear(change["new"]), "summary")
        self.tabs.boxes[_PHOTOS].children = [self.photos]
        if given is not None:
            self._begin(given)
            self.photos.show_study(given)
            listening = True
        elif self._desk is None:
            self.photos.read()
        self._say()

    # -- what a person does, and what a notebook calls -------------------------------------------

    @property
    def study(self) -> Study:
        """The study in view; another one can be put in its place, which can be undone.

        Raises:
            RuntimeError: the folder is still being read, or could not be.
        """
        return self.photos.study if self._desk is None else self._desk.study

    @study.setter
    def study(self, study: Study) -> None:
        self._take(instance("study", study, Study, "to work on"))

    def wait(self) -> None:
        """Until what was asked for is shown; for notebooks without a front end, and for tests."""
        self.photos.wait()
        super().wait()

    def save_view(self, path: str | PathLike[str]) -> Path:
        """Write what is in view to a small JSON file, which `open_view` opens.

        It names the data, the model, the concepts and the run, and holds none of them; images that
        were uploaded are left out.

        Args:
            path: of the file, which is replaced if it exists.

        Returns:
            The path.

        Raises:
            RuntimeError: nothing is in view yet.
            OSError: the file cannot be written.
        """
        file = as_path("path", path)
        desk, selection = self._has_desk(), self.selection
        states = values_of(desk.now.states, STATES)
        ids = tuple(selection.ids)
        view = View(states, selection.focus, ids, self.tab, pages=self.pages)
        write_view(file, desk.study, view)
        return file

    @classmethod
    def open_view(
        cls,
        path: str | PathLike[str],
        source: str | PathLike[str] | ImageDataset | Study | None = None,
    ) -> Workbench:
        """Open what `save_view` wrote, in another kernel or on another machine.

        Args:
            path: of the file.
            source: the data, where it is not where the view says: the folder, the dataset, or the
                study; None to look there.

        Raises:
            FileNotFoundError: no such file, or its data or its run is not there.
            ValueError: not a view, of a later version, or of other data.
        """
        file = as_path("path", path)
        study, states, view = open_view(file, source, STATES, (_PHOTOS, *KINDS))
        made = cls(study)
        network = f"run {view.run}" if view.run else ""
        made._put(Moment(study, states, network=network), view)
        return made

    def _hear(self, progress: str) -> None:
        """Hear how far a reading is; empty when none is active."""
        folder = self.photos.form.source.folder if progress else ""
        step, _, count = progress.removesuffix(" …").partition(": ")
        far = count or step[:1].lower() + step[1:]
        before, self._reading = self._reading, (_named(folder), far)
        self._say()
        if self._desk is None and self.tab != _PHOTOS and bool(before[0]) != bool(folder):
            self.tabs.open_tab(self.tab)  # what it says instead of an explorer has changed

    def _waits_for(self) -> str:
        reader = self.photos.reader
        if self._desk is not None or reader is None:
            return ""
        return _named(reader.source.folder) if reader.active or reader.study is not None else ""

    def _say(self) -> None:
        self.bar.say(self._desk, *self._reading)

    def _show_first(self, study: Study) -> None:
        self.photos.show_study(study)

    def _put(self, moment: Moment, view: View) -> None:
        """Show what a file says."""
        self._has_desk().amend(lambda _: moment)
        n = len(moment.study.dataset)
        focus = view.focus
        self.selection.focus = focus if focus is not None and 0 <= focus < n else None
        self.selection.ids = tuple(image for image in view.ids if 0 <= image < n)
        self._open_pages(view.pages)
        self.tab = view.tab
        self._say()

    def _view_as_file(self) -> tuple[str, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            return "view.json", self.save_view(Path(folder, "view.json")).read_bytes()


def _named(folder: str) -> str:
    return printable(Path(folder).name or folder)
