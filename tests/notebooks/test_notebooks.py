"""Every notebook is stored clean and runs whole."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import uhscm_core
import widgets

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def test_a_notebook_is_stored_without_outputs_and_small(notebook):
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    assert notebook.stat().st_size < 100_000
    assert "widgets" not in content.metadata
    for cell in content.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_cells_are_short_and_define_nothing_long(notebook):
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert 1 <= len(lines) <= 12, cell.source
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.lineno <= 4


def test_lessons_use_public_names_alone(notebook):
    public = {"uhscm": uhscm_core.__all__, "w": widgets.__all__}
    for cell in nbformat.read(notebook, as_version=4).cells:
        for node in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                ours = module.split(".")[0].startswith(("uhscm_", "widgets"))
                assert not ours or module in ("uhscm_core", "uhscm_doctor", "widgets"), module
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.attr in public.get(node.value.id, [node.attr]), node.attr


@pytest.mark.slow
def test_a_notebook_runs_whole_on_what_ships(notebook, monkeypatch, home):
    monkeypatch.delenv("UHSCM_PHOTOS", raising=False)
    run_whole(notebook, monkeypatch)
    assert list(home.iterdir())  # and it left the home of the person who tests alone


# Of labeled photos, the lessons that use labels for evaluation.
SETS = {"40 unlabelled": (1, 40), "8 unlabelled": (1, 8), "240 labelled": (4, 60)}
RUNS = [
    pytest.param(path, name, id=f"{path.stem} on {name}")
    for name in SETS
    for path in NOTEBOOKS
    if name != "240 labelled" or path.stem[:2] in ("00", "04")
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "name"), RUNS)
def test_a_notebook_runs_whole_on_photos_of_ones_own(path, name, monkeypatch, tmp_path):
    labels, each = SETS[name]
    generator = np.random.default_rng(0)
    for label in range(labels):
        folder = tmp_path / "photos" / (f"label {label}" if labels > 1 else ".")
        folder.mkdir(parents=True)
        for i in range(each):
            blocks = Image.fromarray(generator.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            blocks.resize((64, 64), Image.Resampling.NEAREST).save(folder / f"{i:03d}.png")
    monkeypatch.setenv("UHSCM_PHOTOS", str(tmp_path / "photos"))
    cells = run_whole(path, monkeypatch)
    if path.stem[:2] in ("00", "03", "04"):
        said = "\n".join(out.get("text", "") for cell in cells for out in cell.get("outputs", ()))
        assert ("needs labels and queries" in said) == (labels == 1)


def run_whole(path, monkeypatch):
    monkeypatch.delenv("UHSCM_VLP", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    content = nbformat.read(path, as_version=4)
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
