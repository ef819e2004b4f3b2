"""What the README and the other pages for readers show, name and promise is true."""

from __future__ import annotations

import operator
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
import yaml
from PIL import Image

import uhscm_core
from scripts import screenshots

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/design.md", "docs/style.md"]
PAGES += ["docs/command-line.md"]
each_page = pytest.mark.parametrize("page", PAGES)

PICTURES = set(re.findall(r'(?:src|srcset)="([^"]+)"|!\[[^]]*\]\(([^)]+)\)', README))
SHOWN = {ROOT / (source or target) for source, target in PICTURES}
LIMIT = 200_000  # bytes of one picture; all of them are loaded with the page

TOP = "uhscm_cli|uhscm_core|uhscm_postcards|uhscm_doctor|widgets|notebooks|tests|benchmarks|scripts"
TOP += "|docs"


def links(page: str) -> set[str]:
    """Targets of the links of a page, without those to other sites and within the page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    return {target for target in targets if "://" not in target}


def test_every_picture_is_there_and_docs_holds_nothing_but_what_is_shown_or_linked():
    linked = {
        (ROOT / page).parent.joinpath(target).resolve() for page in PAGES for target in links(page)
    }
    files = {path for path in (ROOT / "docs").iterdir() if path.is_file()}
    texts = {path for path in files if path.suffix == ".md"}
    assert files - texts == SHOWN
    assert texts - linked == set()
    sizes = [path.stat().st_size for path in SHOWN]
    assert max(sizes) < LIMIT
    assert sum(sizes) < 8 * LIMIT
    for path in SHOWN:
        with Image.open(path) as picture:
            assert min(picture.size) > 300


def test_what_is_taken_is_shown_in_light_and_dark_and_described():
    taken = {
        ROOT / "docs" / f"{s.name}_{t}.webp" for s in screenshots.SHOTS for t in ("light", "dark")
    }
    assert taken <= SHOWN
    blocks = re.findall(r"<picture>(.+?)</picture>", README, re.DOTALL)
    assert len(blocks) == len(screenshots.SHOTS)
    for block in blocks:
        dark, light = re.findall(r'(?:src|srcset)="([^"]+)"', block)
        assert dark == light.replace("_light.", "_dark.")
        assert 'media="(prefers-color-scheme: dark)"' in block
        assert len(re.search(r'alt="([^"]+)"', block)[1]) > 40


@each_page
def test_every_link_into_the_repository_leads_somewhere(page):
    missing = {t for t in links(page) if not (ROOT / page).parent.joinpath(t).exists()}
    assert missing == set()


@each_page
def test_every_path_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(rf"`((?:{TOP})/[\w./-]*)`", text))
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_tree_in_the_design_is_the_tree():
    lines = re.search(r"## The tree\n+```\n(.+?)```", DESIGN, re.DOTALL)[1].splitlines()
    drawn: dict[str, set[str]] = {}
    for line in lines:
        indent, name = re.match(r"( *)(\S+)", line).groups()
        if not indent:
            folder = name
            drawn[folder] = set()
        else:
            drawn[folder].add(name)
    for folder in drawn:
        assert (ROOT / folder).exists(), folder
    core = ROOT / "uhscm_core"
    modules = {path.name for path in core.glob("*.py")} - {"__init__.py"}
    folders = {f"{p.name}/" for p in core.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert drawn["uhscm_core/"] == modules | folders
    rooms = {f"{p.parent.name}/" for p in (ROOT / "widgets").glob("*/__init__.py")}
    assert drawn["widgets/"] == rooms


def test_the_contracts_name_what_exists():
    table = re.search(r"## Public names\n(.+?)\n## ", DESIGN, re.DOTALL)[1]
    first = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    names = [name for cell in first for name in re.findall(r"`([\w.]+)[(`]", cell)]
    assert len(names) > 25
    for name in names:
        assert name.partition(".")[0] in uhscm_core.__all__, name
        operator.attrgetter(name)(uhscm_core)


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 160


def test_every_notebook_stands_in_the_table():
    stems = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {stem for stem in stems if f"`{stem}`" not in README} == set()


def test_features_of_every_format_become_a_study_as_the_readme_says(tmp_path, monkeypatch):
    lines = re.findall(r"^  - [\w ]+: `(.+\bfeatures\..+)`$", README, re.MULTILINE)
    assert len(lines) == 4
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 8)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    monkeypatch.chdir(tmp_path)
    np.save("features.npy", features)
    np.savez("features.npz", features=features)
    pd.DataFrame({"features": list(features)}).to_parquet("features.parquet")
    safetensors.numpy.save_file({"features": features}, "features.safetensors")
    names = {"np": np, "pd": pd, "safetensors": safetensors}
    for line in lines:
        loaded = eval(line, dict(names))  # noqa: S307  # the line a reader would paste
        assert loaded.dtype == np.float32
        assert np.array_equal(loaded, features)
        study = uhscm_core.Study.from_features(loaded, ["beach", "castle", "horse"], features[:3])
        assert torch.equal(study.image_features, torch.from_numpy(features))
        assert int(study.mined.wins.sum()) == len(study.dataset.splits["train"])


def test_the_figures_are_those_that_the_command_printed():
    section = re.search(r"## Figures\n(.+?)\n## ", README, re.DOTALL)[1]
    (file,) = set(re.findall(r"\((benchmarks/results/accuracy-[\w-]+\.md)\)", section))
    printed = (ROOT / file).read_text(encoding="utf-8")
    command = re.search(r"`(python -m benchmarks\.accuracy .+?)`", section)[1]
    assert f"`{command}`" in printed
    figures = re.findall(r"\d\.\d{3}(?: ± \d\.\d{3})?", section)
    assert len(figures) > 10
    assert {figure for figure in figures if figure not in printed} == set()
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert set(rows) <= set(printed.splitlines())


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)
    assert (VERSION, str(citation["date-released"])) == released[0]
    assert str(citation["version"]) == VERSION
    dates = [date for _, date in released]
    assert sorted(dates, reverse=True) == dates


def test_the_citation_names_the_authors_of_the_license():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (author,) = citation["authors"]
    assert author["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert citation["license"] == "MIT"
