"""What holds for the house as a whole: the core stands without the widgets, one list of needs."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]

# Public names: code outside this repository imports them. They may grow; none may leave.
CORE_NAMES = """
    BASELINES Baseline Comparison ConceptSet Experiment HammingIndex HashNetwork HealthFinding
    ImageDataset LossTerms MinedConcepts NearDuplicates Outliers PaperTable RunResult Study
    TrainingConfig TrainingStep VLP
    add_images average_precisions bit_concepts
    concept_scores cosine_average_precisions cosine_mean_average_precision explain_similarity
    export_codes export_index export_onnx export_run fit_baseline hamming_distance load_concepts
    load_dataset load_vlp mean_average_precision mine_concepts ndcg_at near_duplicates pack_codes
    precision_at precision_recall_curve rank_outliers rank_outliers_by_features run_paper
    semantic_similarity sketch top_concepts train uhscm_loss unpack_codes
"""
WIDGET_NAMES = """
    Bars CompareExplorer DenoisingExplorer DistributionExplorer Exports Gallery Grid MapExplorer
    MapView PhotosExplorer RetrievalExplorer Selection TidyExplorer TrainingExplorer
    Workbench
    code_bars_figure comparison_figure concept_bars_figure image_row image_row_html loss_figure
    plane_figure results_page similarity_figure votes_figure
"""

IMPORT_THE_CORE = """
import importlib, importlib.abc, pkgutil, sys

BLOCKED = {"IPython", "anywidget", "ipywidgets", "plotly", "widgets"}
asked = set()

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            asked.add(name)
            raise ModuleNotFoundError(f"blocked by the test: {name}", name=name)

sys.meta_path.insert(0, Block())
try:
    import plotly
except ModuleNotFoundError:
    print("the block works")
import uhscm_core
for module in pkgutil.walk_packages(uhscm_core.__path__, "uhscm_core."):
    importlib.import_module(module.name)
    print(module.name)
"""


def printed(code):
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_core_imports_without_the_widgets():
    imported = printed(IMPORT_THE_CORE).split("\n")
    assert imported[0] == "the block works"
    files = (ROOT / "uhscm_core").rglob("*.py")
    modules = {".".join(f.relative_to(ROOT).with_suffix("").parts) for f in files}
    assert {m.removesuffix(".__init__") for m in modules} - {"uhscm_core"} == set(imported[1:-1])


# Packages that take 0.2 to 2 s to import, each where it is used.
LARGE = {"lightning_fabric", "open_clip", "scipy", "timm", "torch._dynamo", "torchvision", "umap"}


@pytest.mark.slow
def test_no_package_is_imported_before_it_is_used_that_takes_long():
    code = """
import sys, uhscm_core, widgets
uhscm_core.load_concepts("nuswide81+coco80")
print(*sys.modules)
"""
    imported = printed(code).split()
    assert "torch" in imported
    assert LARGE & set(imported) == set()


@pytest.mark.parametrize(
    ("package", "names"), [("uhscm_core", CORE_NAMES), ("widgets", WIDGET_NAMES)]
)
def test_no_public_name_leaves(package, names):
    module = importlib.import_module(package)
    assert set(names.split()) - set(module.__all__) == set()
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


# What each package may import of ours, anywhere in its files.
ARROWS = {
    "uhscm_postcards": set(),
    "uhscm_core": {"uhscm_postcards"},
    "widgets": {"uhscm_core"},
    "uhscm_cli": {"uhscm_core", "uhscm_doctor"},
    "uhscm_doctor": {"uhscm_core"},  # inside functions alone: it has to start on bare Python
    "scripts": {"uhscm_core", "uhscm_postcards", "widgets"},
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ARROWS
    for path in (ROOT / package).rglob("*.py")
}


def imports(name: str, *, inside_functions: bool) -> set[str]:
    """The modules of ours that a module imports; imports for the type checker alone don't count."""
    found = set()
    todo = list(ast.parse(MODULES[name].read_text(encoding="utf-8")).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & MODULES.keys() or {node.module}
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found & MODULES.keys()


@pytest.mark.parametrize("package", ARROWS)
def test_imports_point_one_way(package):
    allowed = ARROWS[package] | {package}
    wrong = {
        f"{name} imports {other}"
        for name in MODULES
        if name.split(".")[0] == package
        for other in imports(name, inside_functions=True)
        if other.split(".")[0] not in allowed
    }
    assert wrong == set()


def test_states_need_no_widget():
    states = [name for name in MODULES if name.startswith("widgets.states")]
    assert len(states) > 1
    ours = {other for name in states for other in imports(name, inside_functions=True)}
    assert {o for o in ours if not o.startswith(("uhscm_core", "widgets.states"))} == set()
    text = "".join(MODULES[name].read_text(encoding="utf-8") for name in states)
    assert not re.search(r"import (ipywidgets|anywidget|traitlets|IPython)", text)


def test_explorers_and_panels_stay_short():
    files = [f for part in ("explorers", "panels") for f in (ROOT / "widgets" / part).glob("*.py")]
    assert len(files) > 50
    lines = {str(f): len(f.read_text(encoding="utf-8").splitlines()) for f in files}
    assert {name: n for name, n in lines.items() if n > 200} == {}


def test_no_box_of_ipywidgets_takes_a_text():
    """What is typed has to travel in the message that submits it, as in `Field`."""
    boxes = re.compile(r"\b(ipw|ipywidgets)\.(Bounded)?(Text|Textarea|IntText|FloatText)\b")
    names = [name for name in MODULES if name.startswith("widgets")]
    found = [n for n in names if boxes.search(MODULES[n].read_text(encoding="utf-8"))]
    assert found == []


def test_the_doctor_starts_without_the_core():
    doctors = [name for name in MODULES if name.startswith("uhscm_doctor")]
    outside = {o for name in doctors for o in imports(name, inside_functions=False)}
    assert {o for o in outside if not o.startswith("uhscm_doctor")} == set()


def test_the_command_line_parses_without_the_core():
    commands = [n for n in MODULES if n.startswith(("uhscm_cli.commands", "uhscm_cli.main"))]
    assert len(commands) > 10
    outside = {o for name in commands for o in imports(name, inside_functions=False)}
    assert {o for o in outside if not o.startswith("uhscm_cli")} == set()


def test_no_module_imports_itself_in_a_circle():
    arrows = {name: imports(name, inside_functions=False) - {name} for name in MODULES}
    # A package's __init__ re-exports: that it imports its modules, and they it, is a circle too.
    while free := {name for name, others in arrows.items() if not others & arrows.keys()}:
        arrows = {name: others - free for name, others in arrows.items() if name not in free}
    assert arrows == {}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def package(requirement: str) -> str:
    """The normalised name of the package that a requirement asks for."""
    name = re.match(r"[\w.-]+", requirement)
    assert name, f"not a requirement: {requirement!r}"
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_environment_yml_agrees_with_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    by_pip = [d for d in environment["dependencies"] if not isinstance(d, str)]
    project = pyproject()["project"]
    assert environment["name"] == project["name"]
    assert plain == [f"python{project['requires-python']}", "pip"]
    assert by_pip == [{"pip": ["--editable .[dev]"]}]
    assert "dev" in project["optional-dependencies"]


def test_no_dependency_is_listed_twice():
    project = pyproject()["project"]
    listed = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = [package(requirement) for requirement in listed]
    assert sorted(names) == sorted(set(names))
