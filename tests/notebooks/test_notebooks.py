"""Every notebook is stored clean, runs whole, and says what its output says."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import uhscm_core
import widgets
from tests.notebooks.bound_numbers import BOUND, disagreements, question, unbound

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


def test_each_number_in_a_text_is_bound_to_the_output_or_has_a_reason(notebook):
    wrong = [
        f"{cell.id}: {fault}"
        for cell in texts_of(nbformat.read(notebook, as_version=4))
        for fault in unbound(cell.source, cell.metadata)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_a_notebook_runs_whole_on_what_ships_and_says_what_it_measures(notebook, monkeypatch, home):
    monkeypatch.delenv("UHSCM_PHOTOS", raising=False)
    content = nbformat.read(notebook, as_version=4)
    claims = [
        (cell, key, piece, expression)
        for cell in texts_of(content)
        for key in BOUND
        for piece, expression in cell.metadata.get(key, {}).items()
    ]
    statements = [line for cell in texts_of(content) for line in cell.metadata.get("compute", [])]
    asked = question(statements, [expression for *_, expression in claims])
    cells = run_whole(notebook, monkeypatch, nbformat.v4.new_code_cell(asked))
    if notebook.stem != "06_does_it_help":  # whose experiments have a folder of their own
        assert list(home.iterdir())  # and it left the home of the person who tests alone
    answers = json.loads(printed(cells[-1]).strip().splitlines()[-1])
    wrong = []
    for (cell, key, piece, expression), (error, value) in zip(claims, answers, strict=True):
        faults = [error] if error else disagreements(cell.source, piece, value, key == "trained")
        wrong += [f"{cell.id}: {fault} ({expression})" for fault in faults]
    assert not wrong, "\n".join(wrong)


def texts_of(content):
    return [cell for cell in content.cells if cell.cell_type == "markdown"]


def printed(cell):
    return "".join(out.text for out in cell.outputs if out.get("name") == "stdout")


# Of labeled photos, the lessons that use labels for evaluation.
SETS = {"40 unlabelled": (1, 40), "8 unlabelled": (1, 8), "240 labelled": (4, 60)}
RUNS = [
    pytest.param(path, name, id=f"{path.stem} on {name}")
    for name in SETS
    for path in NOTEBOOKS
    if name != "240 labelled" or path.stem[:2] in ("00", "04", "06")
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
