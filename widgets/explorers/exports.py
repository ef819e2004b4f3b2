"""Buttons that save a study's codes, index, run and results for other programs and people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study, export_codes, export_index, export_run
from uhscm_core.support import store
from uhscm_core.support.checks import whole_number
from uhscm_core.support.progress import progress_bar
from widgets.background.worker import Worker
from widgets.explorers.arguments import checked
from widgets.explorers.displayed import Displayed
from widgets.kit.download import Download
from widgets.kit.status import Status
from widgets.kit.words import file_size
from widgets.results_page import checked_queries, results_page

__all__ = ["Exports"]

# What each file is for, by its name.
_PURPOSES = {
    "codes.parquet": "a row per image: id, name, split, packed code; for pandas, Polars, DuckDB",
    "codes.npz": "the same as arrays; numpy reads it",
    "index.faiss": "the database's codes; faiss.read_index_binary searches them",
    "run.zip": "settings, network and history; unzipped, Study.load reads them",
    "results.html": "some queries and their results as a page to open or print; takes seconds",
}


class Exports(Displayed):
    """Save a study for other programs: codes, index, run, and a page of results.

        from widgets import Exports
        Exports(study)

    Each file is made when its button is pressed, in the background, and goes where the browser
    saves its downloads. From a notebook, `uhscm_core.export_codes` and its neighbours write the
    same files to any path.

    Args:
        study: with a trained network, but for the run, which any study has.
        queries: of the page of results, by image; None for a dozen.
        k: results a query on that page.
    """

    def __init__(self, study: Study, queries: Iterable[int] | None = None, k: int = 24) -> None:
        self.study = checked(study)
        self._queries = None if queries is None else checked_queries(study, queries)
        self._k = whole_number("k", k, 1)
        self._sizes: dict[str, int] = {}
        self.status = Status()
        self._worker = Worker(self.status.set_busy, self.status.fail)
        self.buttons: dict[str, Download] = {}
        self._notes: dict[str, ipw.Label] = {}
        self._rows: dict[str, ipw.Widget] = {}
        for name, purpose in _PURPOSES.items():
            button = Download(f"Save {name}", self._maker(name), self._worker)
            self.buttons[name], self._notes[name] = button, ipw.Label(purpose)
            holder = ipw.Box([button], layout={"width": "170px"})
            note = ipw.Box([self._notes[name]], layout={"flex": "1 1 240px"})
            self._rows[name] = ipw.HBox([holder, note], layout={"flex_flow": "row wrap"})
        if study.network is None:  # but for the run, there is nothing to save
            for name, row in self._rows.items():
                row.layout.display = None if name == "run.zip" else "none"
        super().__init__([self.status, *self._rows.values()])
        self.add_class("uhscm-exports")
        network = study.network
        if network is None:
            self.status.summary = "No network is trained yet, so there are no codes to save"
            return
        n = len(study.dataset)
        self.status.summary = f"Save the {network.bits}-bit codes of {n:,} images, or their results"
        if not network.on_pixels:  # which would read every image again, before anyone asked
            self._worker.submit("measuring the files", self._measure)

    def _leave(self) -> None:
        self._worker.stop()

    def wait(self) -> None:
        """Until what was asked for is done; for notebooks without a front end, and for tests."""
        self._worker.wait()

    def to_frame(self) -> pd.DataFrame:
        """A row per file: its ``name``, what it is ``for``, and its ``bytes`` where they are known.

        The size of the page of results is known once it was made.
        """
        names = list(_PURPOSES)
        sizes = pd.array([self._sizes.get(name) for name in names], dtype="Int64")
        return pd.DataFrame({"name": names, "for": list(_PURPOSES.values()), "bytes": sizes})

    def page_frame(self) -> pd.DataFrame:
        """Return the files that can be saved; a page that needs no kernel has it as a table."""
        frame = self.to_frame()
        return frame[[self._rows[name].layout.display != "none" for name in frame["name"]]]

    def _maker(self, name: str) -> Callable[[], tuple[str, bytes]]:
        def make() -> tuple[str, bytes]:
            content = self._make(name)
            self._say_size(name, len(content))
            bits = "" if self.study.network is None else f"-{self.study.network.bits}bits"
            stem, suffix = name.split(".")
            return f"{stem}{bits}.{suffix}", content

        return make

    def _make(self, name: str) -> bytes:
        if name == "results.html":
            return results_page(self.study, self._queries, self._k).encode()
        write = {"codes": export_codes, "index": export_index, "run": export_run}[Path(name).stem]
        with store.temporary_folder() as folder:
            return write(self.study, folder / name).read_bytes()

    def _measure(self) -> None:
        """The files that take no time; a run is one where the study can be saved."""
        names = ["codes.parquet", "codes.npz", "index.faiss"]
        if self.study.can_be_saved:
            names.append("run.zip")
        for name in progress_bar("measuring the files", len(names), shown=False, items=names):
            self._say_size(name, len(self._make(name)))

    def _say_size(self, name: str, size: int) -> None:
        self._sizes[name] = size
        self._notes[name].value = f"{file_size(size)}: {_PURPOSES[name]}"
