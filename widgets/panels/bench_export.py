"""What a bench has found, as files: a table with its provenance, and the plot."""

from __future__ import annotations

import platform
from importlib.metadata import version

import ipywidgets as ipw

from uhscm_core import Study
from widgets.background.worker import Worker
from widgets.figures.dot_plot import dot_plot
from widgets.kit.csv_file import csv_bytes
from widgets.kit.download import Download
from widgets.panels.bench_results import BenchResults

__all__ = ["BenchExport", "provenance_of"]

_PACKAGES = ("uhscm-explorer", "torch", "numpy")


class BenchExport(ipw.HBox):
    """Two buttons, out of sight while there is no result.

    Args:
        results: in view.
        worker: writes the files.
    """

    def __init__(self, results: BenchResults, worker: Worker) -> None:
        self._results = results
        self._provenance: dict[str, str] = {}
        self.csv = Download("Save as CSV", self._as_csv, worker)
        self.plot = Download("Save the plot", self._as_svg, worker)
        super().__init__([self.csv, self.plot])
        self.layout.display = "none"

    def show(self, study: Study, yardstick: str) -> None:
        """Save from now on what was found for a study, if there is a result.

        Args:
            study: of the bench.
            yardstick: what its results are evaluated by.
        """
        self.layout.display = "" if self._results.runs else "none"
        self._provenance = provenance_of(study, yardstick)

    def _as_csv(self) -> tuple[str, bytes]:
        lines = "".join(f"# {n}: {' '.join(v.split())}\n" for n, v in self._provenance.items())
        frame = self._results.to_frame()
        frame.insert(0, "setting", list(self._results.dots.titles))
        # A sign that would begin a comment in the middle of a line must not occur.
        return "bench.csv", lines.encode() + csv_bytes(frame.replace("#", "no.", regex=True))

    def _as_svg(self) -> tuple[str, bytes]:
        dots = self._results.dots
        numbers = dots.to_frame()[["value", "low", "high"]].to_numpy().T
        svg = dot_plot(dots.labels, numbers, dots.notes, dots.summary, dots.unit, self._provenance)
        return "bench.svg", svg.encode()


def provenance_of(study: Study, yardstick: str) -> dict[str, str]:
    """Return where the figures of a bench come from: versions, images, model and concepts."""
    dataset, concepts = study.dataset, study.concepts
    source = str((dataset.source or {}).get("source", "images of your own"))
    sizes = ", ".join(f"{len(ids):,} {name}" for name, ids in dataset.splits.items())
    return {
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        + f", Python {platform.python_version()}",
        "images": f"{source}, {sizes}, digest {dataset.digest}",
        "model": f"{study.vlp.name}, digest {study.vlp.digest}",
        "concepts where none are varied": f"{len(concepts)} names, template "
        f"{'; '.join(concepts.templates)}, tau {study.tau:g}, min_share {study.min_share:g}",
        "evaluation": f"mAP by {yardstick}, expected over ties; low and high are the ends of a 95% "
        f"interval over seeds and queries together",
    }
