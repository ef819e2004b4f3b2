"""From photos to answers in one cell: all explorers as tabs over one state."""

from __future__ import annotations

import os
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

import ipywidgets as ipw

from uhscm_core import ImageDataset, Study
from uhscm_core.support.checks import instance
from uhscm_core.support.paths import as_path
from widgets.background.view_file import (
    View,
    read_view,
    state_from,
    state_values,
    study_of,
    write_view,
)
from widgets.background.worker import Line, Worker
from widgets.explorers.compare import CompareExplorer
from widgets.explorers.denoising import DenoisingExplorer
from widgets.explorers.desk import Desk, Moment
from widgets.explorers.displayed import Displayed
from widgets.explorers.distribution import DistributionExplorer
from widgets.explorers.explorer import Explorer
from widgets.explorers.exports import Exports
from widgets.explorers.map import MapExplorer
from widgets.explorers.photos import PhotosExplorer
from widgets.explorers.retrieval import RetrievalExplorer
from widgets.explorers.sources import study_of_source
from widgets.explorers.tabs import Tabs
from widgets.explorers.tidy import TidyExplorer
from widgets.explorers.training import TrainingExplorer
from widgets.kit.download import Download
from widgets.kit.selection import Selection
from widgets.kit.stage import Stage
from widgets.kit.status import Status
from widgets.panels.steps import Steps

__all__ = ["Workbench"]

_PHOTOS = "Photos"
_KINDS: dict[str, type[Explorer[Any]]] = {
    "Concepts": DenoisingExplorer,
    "Similarity": DistributionExplorer,
    "Train": TrainingExplorer,
    "Retrieve": RetrievalExplorer,
    "Compare": CompareExplorer,
    "Map": MapExplorer,
    "Duplicates": TidyExplorer,
}
_TABS = (_PHOTOS, *_KINDS)
_STATES = {kind.__name__.removesuffix("Explorer"): kind.state_type for kind in _KINDS.values()}


class Workbench(Displayed):
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
        self.selection = Selection()
        self.status = Status()
        self._desk: Desk | None = None
        self._line = Line()
        self._worker = Worker(self.status.set_busy, self.status.fail, self._line)
        self._exports: Exports | None = None
        self._steps = Steps(self.undo, self.redo, "90px")
        self._undo, self._redo = self._steps.undo, self._steps.redo
        self._export = ipw.ToggleButton(
            description="Exports", icon="download", tooltip="", layout={"width": "100px"}
        )
        self._save = Download("Save this view", self._view_as_file, self._worker)
        self._export_box = ipw.VBox([])
        self.tabs = Tabs(
            _PHOTOS,
            _KINDS,
            self._worker,
            self._has_desk,
            lambda explorer: self._follow_display(explorer.status),
            self._show_photos,
        )
        self._export.observe(self._show_exports, "value")
        bar = ipw.HBox(
            [self._undo, self._redo, self._export, self._save, Stage(), self.status],
            layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 6px"},
        )
        super().__init__([bar, self._export_box, self.tabs])
        self.add_class("uhscm-workbench")
        # A folder that an earlier cell has read is not what this one was given.
        listening = given is None

        def read(study: Study) -> None:
            if listening:
                self._read(study)

        self.photos = PhotosExplorer(folder, on_read=read)
        self._follow_display(self.photos.status)
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
        self._read(instance("study", study, Study, "to work on"))

    @property
    def tab(self) -> str:
        """The name of the tab in view; another one can be put in its place."""
        return self.tabs.tab

    @tab.setter
    def tab(self, name: str) -> None:
        self.tabs.tab = name

    @property
    def explorers(self) -> dict[str, Explorer[Any]]:
        """Those of the tabs that were opened, by the tab's name."""
        return self.tabs.explorers

    def undo(self) -> None:
        """Go back to what was in view before the last change, in the tab that made it."""
        self._go("undo")

    def redo(self) -> None:
        """Go forward to the change that was undone."""
        self._go("redo")

    def wait(self) -> None:
        """Until what was asked for is shown; for notebooks without a front end, and for tests."""
        self.photos.wait()
        self._line.wait()
        for explorer in list(self.explorers.values()):
            explorer.wait()
        self._line.wait()

    def _leave(self) -> None:
        self._worker.stop()

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
        desk = self._has_desk()
        states = {
            name: state_values(state)
            for name, state in desk.now.states.items()
            if _STATES.get(name) is not None
        }
        selection = self.selection
        view = View(states, selection.focus, tuple(selection.ids), self.tab)
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
        saved, view = read_view(file)
        if view.tab not in _TABS:
            raise ValueError(f"{file}: tab must be one of {', '.join(_TABS)}, got {view.tab!r}")
        data = source if isinstance(source, ImageDataset | Study) or source is None else None
        place = None if source is None or data is not None else as_path("source", source)
        study = study_of(file, saved, place if data is None else data)
        states = {}
        for name, values in view.states.items():
            if (kind := _STATES.get(name)) is not None:
                states[name] = state_from(kind, values, f"{file}: states: {name}")
        made = cls(study)
        made._put(Moment(study, states), view)
        return made

    # -- the tabs --------------------------------------------------------------------------------

    def _begin(self, study: Study) -> None:
        """Put the first study in view."""
        self._desk = Desk(study, self.selection, self._line)
        self._desk.go_to = self._go_to
        self._desk.changed = self._say

    def _has_desk(self) -> Desk:
        if self._desk is None:
            raise RuntimeError("no folder was read yet: choose one in Photos and press Read")
        return self._desk

    def _read(self, study: Study) -> None:
        """Put the study of a folder that was read in view."""
        if self._desk is None:
            self._begin(study)
            self._say()
            if self.tab != _PHOTOS:  # which waits for it
                self.tabs.open_tab(self.tab)
        elif study is not self._desk.study:
            desk = self._desk

            def job() -> None:
                desk.change(_PHOTOS, lambda moment: moment.with_study(study))
                desk.tell()
                self.photos.show_study(study)

            self._worker.submit("opening the study", job, each=True)

    def _put(self, moment: Moment, view: View) -> None:
        """Show what a file says."""
        self._has_desk().amend(lambda _: moment)
        n = len(moment.study.dataset)
        focus = view.focus
        self.selection.focus = focus if focus is not None and 0 <= focus < n else None
        self.selection.ids = tuple(image for image in view.ids if 0 <= image < n)
        self.tab = view.tab

    def _go_to(self, tab: str) -> None:
        self.tab = tab

    def _show_photos(self) -> None:
        if self._desk is not None:
            study = self._desk.study
            self._worker.submit("opening Photos", lambda: self.photos.show_study(study))

    def _go(self, which: str) -> None:
        def job() -> None:
            desk = self._has_desk()
            with desk.going():
                by = desk.undo() if which == "undo" else desk.redo()
                self.tab = self.tabs.tab_of(by)
                desk.tell()
            self.photos.show_study(desk.study)

        self._worker.submit("going back", job, each=True)  # each press counts

    # -- around them -----------------------------------------------------------------------------

    def _say(self) -> None:
        """Say what is in view, and what can be undone."""
        desk = self._desk
        self._steps.show(None if desk is None else desk.history)
        if desk is None:
            self.status.summary = "No study yet: read a folder in Photos"
            return
        study = desk.study
        codes = "no codes yet" if study.network is None else f"codes of {study.network.bits} bits"
        self.status.summary = (
            f"{len(study.dataset):,} images, {len(study.concepts):,} concepts, {codes}"
        )

    def _show_exports(self, change: dict[str, Any]) -> None:
        if self._exports is not None:
            self._exports.close()
            self._exports = None
        try:
            if change["new"]:
                self._exports = Exports(self._has_desk().study)
        except RuntimeError as error:
            self.status.fail(str(error))
        self._export_box.children = [] if self._exports is None else [self._exports]

    def _view_as_file(self) -> tuple[str, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            return "view.json", self.save_view(Path(folder, "view.json")).read_bytes()
