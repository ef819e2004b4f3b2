"""The site of `make docs`: links into it, formulas without a script, and nothing from elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re

import pytest

from scripts import docs
from scripts.docs_formulas import docstring_formulas, page_formulas


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("README.md", "[a](docs/design.md#the-tree)", "[a](design.md#the-tree)"),
        ("README.md", "[a](notebooks/00_tour.ipynb)", "[a](lessons/00_tour.html)"),
        ("README.md", "[`m`](uhscm_core/mining.py)", "[`m`](api/uhscm_core.mining.md)"),
        ("README.md", "[a](benchmarks/results/x.md)", "a"),
        ("README.md", "[a](https://example.org/x)", "[a](https://example.org/x)"),
        ("README.md", "[a](#here)", "[a](#here)"),
        ("docs/design.md", "[a](../CONTRIBUTING.md)", "[a](contributing.md)"),
        ("docs/design.md", "[a](style.md)", "[a](style.md)"),
        ("README.md", '<img src="docs/map_light.webp">', '<img src="map_light.webp">'),
        ("README.md", "![many](docs/postcards.webp)", "![many](postcards.webp)"),
    ],
)
def test_links_of_the_repository_lead_into_the_site(page, text, expected):
    assert docs.with_links(page, text) == expected


@pytest.mark.parametrize("package", docs.PACKAGES)
def test_the_reference_has_every_public_name_once(package):
    listed = docs.modules_of(package)
    names = [name for own in listed.values() for name in own]
    assert sorted(names) == sorted(importlib.import_module(package).__all__)
    for module, own in listed.items():
        assert all(hasattr(importlib.import_module(module), name) for name in own)


def test_formulas_of_a_page_become_mathml_and_code_stays():
    text = "$x_i$ and `$HOME` and\n```sh\necho $A $B\n```\n$$|z|^2$$"
    page = page_formulas(text)
    assert page.count("<math") == 2
    assert 'display="block"' in page
    assert "`$HOME`" in page
    assert "echo $A $B" in page
    assert "|" not in page  # which would end the cell of a table


def test_formulas_of_a_docstring_become_mathml():
    text = "Let :math:`x = 1`.\n\n.. math:: v = [a,\n    b], \\qquad\n    c = d\n\nAfter $y$."
    said = docstring_formulas(text)
    assert said.count("<math") == 3
    assert said.count('display="block"') == 1
    assert ":math:" not in said
    assert ".. math" not in said
    assert said.endswith(".")
    assert "After" in said


FETCHED = [
    '<script src="https://cdn.example.org/a.js"></script>',
    "<script defer src=//cdn.example.org/a.js></script>",
    '<link rel="stylesheet" href="https://fonts.example.org/css?family=Roboto">',
    '<link href="https://fonts.example.org" rel="preconnect">',
    '<img alt="x" src="http://example.org/a.png">',
    '<source srcset="https://example.org/a.webp">',
    '<iframe src="https://example.org"></iframe>',
    "<style>@import 'https://example.org/a.css';</style>",
    "<style>a { background: url(https://example.org/a.png) }</style>",
]
HARMLESS = [
    '<a href="https://arxiv.org/abs/2209.11475">the paper</a>',
    '<link rel="canonical" href="https://example.org/page">',
    '<img src="map_light.webp">',
    '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    '<script src="assets/bundle.js"></script>',
]


@pytest.mark.parametrize("text", FETCHED)
def test_what_a_page_would_fetch_is_found(text, tmp_path):
    (tmp_path / "a.html").write_text(text)
    assert len(docs.fetched_from_elsewhere(tmp_path)) == 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_a_page_fetches_only_when_asked_is_left_alone(text, tmp_path):
    (tmp_path / "a.html").write_text(text)
    assert docs.fetched_from_elsewhere(tmp_path) == []


def test_each_lesson_leads_back_to_the_list(tmp_path):
    docs.write_lessons(tmp_path / "lessons", executed=False)
    pages = list((tmp_path / "lessons").glob("*.html"))
    assert len(pages) > 5
    for page in pages:
        body = page.read_text(encoding="utf-8").split("<main>")[1]
        assert 'href="../index.html"' in body[:300]
        assert 'href="index.html"' in body[:300]


def test_the_list_of_modules_names_each_below_its_package(tmp_path):
    docs.write_reference(tmp_path / "api")
    text = (tmp_path / "api" / "index.md").read_text(encoding="utf-8")
    assert "| [`mining`](uhscm_core.mining.md) | [`" in text
    assert "| [`kit.gallery`](widgets.kit.gallery.md) | [`" in text


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mkdocs", "material", "mkdocstrings"))),
    reason="the extra docs is not installed: pip install -e '.[docs]'",
)
def test_the_site_is_built_with_every_page_and_link(tmp_path):
    site = docs.build(tmp_path, executed=False)  # which checks links and what is fetched
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    expected = {target.replace(".md", ".html") for target in docs.PAGES.values()}
    expected |= {f"lessons/{path.stem}.html" for path in docs.ROOT.glob("notebooks/*.ipynb")}
    expected |= {f"api/{module}.html" for p in docs.PACKAGES for module in docs.modules_of(p)}
    assert expected <= pages
    assert (site / "search" / "search_index.js").exists()  # pages that are files can be searched
    page = (site / "api" / "index.html").read_text(encoding="utf-8")
    assert '<script src="../iframe-worker.js"></script>' in page
    study = (site / "api" / "uhscm_core.study.html").read_text(encoding="utf-8")
    assert "from_features" in study
    mining = (site / "api" / "uhscm_core.mining.html").read_text(encoding="utf-8")
    assert "<math" in mining
    assert not re.search(r":math:|\.\. math::", mining)
