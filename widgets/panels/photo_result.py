"""The images of a folder that was read, and the files that were skipped with the reason."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as ipw
import pandas as pd

from uhscm_core import ImageDataset, Study
from uhscm_core.support.notices import printable
from uhscm_core.support.ways import LISTED, told
from widgets.background.photo_reader import PhotoReader, PhotoSource
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.kit.gallery import Gallery
from widgets.kit.stage import growing
from widgets.kit.table import Table
from widgets.kit.words import counted

__all__ = ["PhotoResult", "headline", "in_view", "not_read", "notes"]

_ROWS = 500  # of the table; all of them are in the CSV


class PhotoResult(ipw.VBox):
    """A gallery and a table. `csv`, a button for the whole table, stands elsewhere."""

    def __init__(self) -> None:
        self.study: Study | None = None
        """Whose images are in view; None for none."""
        self.said: tuple[str, list[str]] = ("", [])
        """What the status line says of what is in view: a headline and notes."""
        self._skipped = _frame({})
        self.gallery = Gallery([], [], height=300)
        growing(self.gallery)
        self.skipped = Table()
        self.csv = Download("Skipped files as CSV", self._as_csv)
        super().__init__([self.gallery, self.skipped])
        self.add_class("uhscm-photos")
        self.show(None, {})

    def show(self, study: Study | None, skipped: Mapping[str, str], said: str = "") -> None:
        """Show the images of a study, None for none, and the files that were skipped."""
        self.said = (said, [])
        self.show_skipped(skipped)
        self.show_study(study)

    def show_end(self, reader: PhotoReader) -> None:
        """Show what was read; if nothing was, what is in view stays."""
        said = headline(reader)
        if reader.study is None and self.study is not None:
            said += " The images in view are those of before."
        else:
            self.show(reader.study, {} if reader.dataset is None else reader.dataset.skipped)
        self.said = (said, notes(reader))

    def show_study(self, study: Study | None) -> None:
        """Show the images of a study; None for none."""
        self.study = study
        self.gallery.layout.display = "none" if study is None else ""
        if study is not None:
            dataset = study.dataset
            self.gallery.show(
                range(len(dataset)),
                images=dataset.images,
                captions=lambda image: printable(dataset.names[image]),
                summary=f"The images in view: {counted(len(dataset), 'image')}",
            )

    def show_skipped(self, skipped: Mapping[str, str]) -> None:
        """Show the reason by file."""
        self._skipped = frame = _frame(skipped)
        said = ""
        if len(frame):
            few = "" if len(frame) <= _ROWS else f"; the first {_ROWS}, all in the CSV"
            said = f"{counted(len(frame), 'file')} skipped, and why{few}"
        self.skipped.show(frame.head(_ROWS).map(printable), summary=said)
        self.csv.layout.display = "" if len(frame) else "none"

    def to_frame(self) -> pd.DataFrame:
        """Return the files that were skipped: ``file`` and ``reason``."""
        return self._skipped

    def _as_csv(self) -> tuple[str, bytes]:
        return "skipped.csv", csv_bytes(self._skipped.map(printable))


def _frame(skipped: Mapping[str, str]) -> pd.DataFrame:
    rows = [(file, told(reason, "form")) for file, reason in sorted(skipped.items())]
    return pd.DataFrame(rows, columns=["file", "reason"])


def headline(reader: PhotoReader) -> str:
    """Return how a reading has ended."""
    study, step = reader.study, reader.step
    if study is not None:
        names = study.dataset.label_names
        labels = f"; {counted(len(names), 'sub-folder')} taken as labels" if names else ""
        kept, all_ = len(study.kept_names), counted(len(study.concepts), "concept")
        read = _counted_images(study.dataset)
        return f"{read}; {kept:,} of {all_} kept with {study.vlp.name}{labels}"
    if reader.state == "failed":
        return "The folder was not read."
    if step.what != "encoding images":
        return f"Stopped while {step.what}. Read begins with that again."
    return (
        f"Stopped: {step.done:,} of {counted(step.total, 'image')} are encoded and stay so. "
        f"Read continues from there."
    )


def in_view(study: Study) -> str:
    """Return what a study from elsewhere is."""
    labels = study.dataset.label_names
    said = f"; {counted(len(labels), 'label')}" if labels else ""
    read = _counted_images(study.dataset).removesuffix(", 0 skipped")
    return f"{read}; {counted(len(study.concepts), 'concept')}; model {study.vlp.name}{said}"


def not_read(source: PhotoSource) -> str:
    """Return what to do where the form asks for something else than this, which is in view."""
    folder, model = printable(source.folder), printable(source.model)
    return f"Press Read for these settings: the images in view are of {folder}, with {model}."


def _counted_images(dataset: ImageDataset) -> str:
    """Return how many images there are, and how many files were skipped."""
    return f"{counted(len(dataset), 'image')}, {len(dataset.skipped):,} skipped"


def notes(reader: PhotoReader) -> list[str]:
    """Return how the folder was understood; the list of skipped files is shown on its own."""
    if reader.study is None:
        return []
    dataset = reader.study.dataset
    said = [printable(told(note, "form")) for note in dataset.notes if LISTED not in note]
    if queries := len(dataset.splits["query"]):
        of_all = f"{queries:,} of {counted(len(dataset), 'image')}"
        said.append(f"Kept as queries, so no search finds them: {of_all}")
    return said
