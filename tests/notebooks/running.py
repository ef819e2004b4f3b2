"""Run a notebook whole, in a kernel."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run_whole(path, monkeypatch, *more):
    monkeypatch.delenv("UHSCM_VLP", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    content = nbformat.read(path, as_version=4)
    content.cells.extend(more)
    NotebookClient(
        content,
        timeout=600,
        kernel_name="python3",
        store_widget_state=False,
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    ).execute()
    assert all(c.execution_count for c in content.cells if c.cell_type == "code")
    return content.cells
