"""Every notebook is stored clean, runs whole, and says what its output says."""

from __future__ import annotations

import ast
import json

import nbformat
import pytest

import uhscm_core
import widgets
from tests.notebooks.bound_numbers import BOUND, disagreements, question, unbound
from tests.notebooks.running import NOTEBOOKS, run_whole


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
    # Experiments have a folder of their own, and a workbench keeps nothing before it is used.
    if notebook.stem not in ("06_does_it_help", "07_paper_benchmarks", "workbench"):
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
