"""What stands above the tabs of a workbench: undo, exports, the file of a view, what is in view."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from widgets.background.worker import Worker
from widgets.explorers.desk import Desk
from widgets.explorers.exports import Exports
from widgets.kit.download import Download
from widgets.kit.layout import brief
from widgets.kit.stage import Stage
from widgets.kit.status import Status
from widgets.kit.words import counted
from widgets.panels.steps import Steps

__all__ = ["WorkbenchBar"]


class WorkbenchBar(ipw.VBox):
    """A row of buttons with the status line, and below it the exports while they are wanted.

    Args:
        status: the line.
        undo, redo: called when a button is pressed.
        desk: returns what the tabs share; it raises a RuntimeError while there is none.
        view: returns the name and the content of the file of the view.
        worker: makes that file.
    """

    def __init__(
        self,
        status: Status,
        undo: Callable[[], object],
        redo: Callable[[], object],
        desk: Callable[[], Desk],
        view: Callable[[], tuple[str, bytes]],
        worker: Worker,
    ) -> None:
        self.status = status
        self.steps = Steps(undo, redo, "76px")
        self.exports: Exports | None = None
        """Those in view."""
        self.export = ipw.ToggleButton(
            description="Exports", icon="download", tooltip="", layout={"width": "90px"}
        )
        self.save = Download("Save this view", view, worker)
        self.save.icon = "save"
        brief(self.export, self.save)
        self._desk = desk
        self._below = ipw.VBox([])
        self.export.observe(self._show_exports, "value")
        row = ipw.HBox(
            [self.steps.undo, self.steps.redo, self.export, self.save, Stage(), status],
            layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 4px"},
        )
        super().__init__([row, self._below])
        self.add_class("uhscm-bench-bar")

    def say(self, desk: Desk | None, reading: str = "", far: str = "") -> None:
        """Say what is in view, and what can be undone.

        Args:
            desk: with the study in view; None where there is none yet.
            reading: the folder that is being read meanwhile; empty for none.
            far: how far that is.
        """
        self.steps.show(None if desk is None else desk.history)
        said = "" if desk is None else self._in_view(desk)
        if reading:
            before = f". Still in view: {said}" if said else ""
            self.status.say(f"Reading {reading}: {far}{before}", spoken=f"Reading {reading}")
        else:
            self.status.say(said or "No study yet: read a folder in Photos")

    @staticmethod
    def _in_view(desk: Desk) -> str:
        study = desk.study
        codes = "no codes yet" if study.network is None else f"codes of {study.network.bits} bits"
        if study.network is not None and desk.now.network:
            codes += f" ({textwrap.shorten(desk.now.network, 60, placeholder=' …')})"
        images, concepts = counted(len(study.dataset), "image"), len(study.concepts)
        return f"{images}, {counted(concepts, 'concept')}, {codes}"

    def _show_exports(self, change: dict[str, Any]) -> None:
        if self.exports is not None:
            self.exports.close()
            self.exports = None
        try:
            if change["new"]:
                self.exports = Exports(self._desk().study)
        except RuntimeError as error:
            self.status.fail(str(error))
        self._below.children = [] if self.exports is None else [self.exports]
