"""Build the site of README, lessons, command line and reference: build/site/index.html.

The pages are written to build/docs, and mkdocs makes them a site. It is read offline: what a page
would load from elsewhere ends the build, and so does a link that leads nowhere.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat

from scripts.docs_formulas import page_formulas
from scripts.tour import as_page, run

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "docs/command-line.md": "command-line.md",
    "docs/design.md": "design.md",
    "docs/style.md": "style.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
PACKAGES = ("uhscm_core", "widgets")
_LINK = re.compile(r"(?<!!)\[([^]]+)\]\(([^)#\s]+)(#[^)]*)?\)")
_PICTURE = re.compile(r"""((?:src|srcset)=["']|!\[[^]]*\]\()(docs/)""")
_BACK = (
    '<p class="about jp-RenderedHTMLCommon"><a href="../index.html">UHSCM explorer</a> / '
    '<a href="index.html">Lessons</a></p>'
)
# What a browser fetches by itself when it shows a page.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc(?:set)?=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|<link\b(?![^>]*rel=["']?(?:canonical|next|prev))[^>]*?\bhref=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|(?:@import\s+(?:url\()?|\burl\()\s*["']?(?:https?:)?//[^\s"')]+""",
    re.IGNORECASE,
)


def modules_of(package: str) -> dict[str, list[str]]:
    """Return the public names of a package by the module that defines them, in its order."""
    found: dict[str, list[str]] = {}
    public = importlib.import_module(package)
    text = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    for module, names in re.findall(r"^from ([\w.]+) import (\([^)]*\)|.+)$", text, re.MULTILINE):
        own = [name for name in re.findall(r"\w+", names) if name in public.__all__]
        if own:
            found[module] = sorted(own, key=str.lower)
    return found


def site_path(repository_path: str) -> str | None:
    """Return where the site has a file of the repository; None if it has none."""
    if repository_path in PAGES:
        return PAGES[repository_path]
    if repository_path.startswith("notebooks/") and repository_path.endswith(".ipynb"):
        return f"lessons/{Path(repository_path).stem}.html"
    if repository_path in ("notebooks", "docs"):
        return {"notebooks": "lessons/index.md", "docs": "index.md"}[repository_path]
    module = repository_path.removesuffix(".py").replace("/", ".")
    documented = any(module in modules_of(package) for package in PACKAGES)
    return f"api/{module}.md" if documented else None


def with_links(page: str, text: str) -> str:
    """Let the links of a page of the repository lead into the site; others become their text."""

    def led(match: re.Match[str]) -> str:
        label, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = os.path.normpath(Path(page).parent / target)
        place = site_path(path)
        return label if place is None else f"[{label}]({place}{anchor})"

    return _PICTURE.sub(r"\1", _LINK.sub(led, text))


def fetched_from_elsewhere(site: Path) -> list[str]:
    """Return what the pages and styles of a site would load from another host."""
    files = [path for kind in ("html", "css") for path in sorted(site.rglob(f"*.{kind}"))]
    return [
        f"{path.relative_to(site)}: {found[0][:120]}"
        for path in files
        for found in _FETCHED.finditer(path.read_text(encoding="utf-8"))
    ]


def write_pages(folder: Path) -> None:
    """Write README, guides, pictures, and what their search needs where there is no server."""
    for source, target in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        (folder / target).write_text(page_formulas(with_links(source, text)), encoding="utf-8")
    for file in (*(ROOT / "docs").glob("*.webp"), ROOT / "scripts" / "iframe-worker.js"):
        shutil.copy(file, folder)


def write_reference(folder: Path) -> None:
    """Write a page for each module with public names, and the list of all."""
    folder.mkdir()
    lines = ["# Reference", "", "The public names, by the module that defines them."]
    for package in PACKAGES:
        lines += ["", f"## {package}", "", "| module | names |", "|---|---|"]
        for module, names in modules_of(package).items():
            links = ", ".join(f"[`{n}`]({module}.md#{module}.{n})" for n in names)
            # The heading has the package; the whole name would be broken within a word.
            lines.append(f"| [`{module.removeprefix(f'{package}.')}`]({module}.md) | {links} |")
            members = ", ".join(names)
            page = f"# {module}\n\n::: {module}\n    options:\n      members: [{members}]\n"
            (folder / f"{module}.md").write_text(page, encoding="utf-8")
    (folder / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_lessons(folder: Path, *, executed: bool) -> None:
    """Write each notebook, with what its cells put out, and the list of all."""
    folder.mkdir()
    lines = ["# Lessons", "", "As they were run; `make explore` opens them to change everything."]
    for source in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = run(source) if executed else nbformat.read(source, as_version=4)
        title = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE)
        name = title[1] if title else source.stem
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = cell.source.replace(".ipynb)", ".html)")
        page = as_page(notebook, f"UHSCM: {name}", source.name)
        page = page.replace("<main>", f"<main>{_BACK}", 1)
        (folder / f"{source.stem}.html").write_text(page, encoding="utf-8")
        lines.append(f"\n- [{name}]({source.stem}.html)")
    (folder / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(folder: Path, *, executed: bool = True) -> Path:
    """Write the pages below a folder and build the site there; return its folder."""
    pages, site = folder / "docs", folder / "site"
    for place in (pages, site):
        shutil.rmtree(place, ignore_errors=True)
    pages.mkdir(parents=True)
    write_pages(pages)
    write_reference(pages / "api")
    write_lessons(pages / "lessons", executed=executed)
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for name, place in (("docs_dir", pages), ("site_dir", site)):
        config = re.sub(rf"^{name}: .+$", f"{name}: {place}", config, flags=re.MULTILINE)
    config = config.replace('paths: ["."]', f'paths: ["{ROOT}"]')
    config = config.replace("[scripts/", f"[{ROOT}/scripts/")
    (folder / "mkdocs.yml").write_text(config, encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [*command, "--config-file", str(folder / "mkdocs.yml")], env=environment, check=False
    )
    if done.returncode:
        raise SystemExit("the site was not built: see above")
    if elsewhere := fetched_from_elsewhere(site):
        raise SystemExit("these would be loaded from elsewhere:\n" + "\n".join(elsewhere))
    return site


def main() -> None:
    """Build the site in build/, and say how large it is."""
    parser = argparse.ArgumentParser(description="Build the site of the documentation.")
    parser.add_argument("--not-run", action="store_true", help="show lessons without running them")
    options = parser.parse_args()
    started = time.monotonic()
    site = build(ROOT / "build", executed=not options.not_run)
    files = [path for path in site.rglob("*") if path.is_file()]
    pages = sum(path.suffix == ".html" for path in files)
    size = sum(path.stat().st_size for path in files) / 1e6
    print(
        f"{(site / 'index.html').relative_to(ROOT)}: {pages} pages, {size:.1f} MB, nothing from "
        f"elsewhere, built in {time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
