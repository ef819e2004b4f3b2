"""Python, the packages that pyproject.toml requires, and whether they can be imported."""

from __future__ import annotations

import importlib
import platform
import re
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from uhscm_doctor.finding import BAD, WARN, Finding

__all__ = [
    "LAB_SETTINGS",
    "explore",
    "imports",
    "in_clone",
    "installed",
    "python",
    "requirements",
    "restore",
]

ROOT = Path(__file__).resolve().parents[1]
LAB_SETTINGS = ROOT / "scripts" / "lab_settings"  # of a clone
_NAME = "uhscm-explorer"
_LEAST = (3, 11)
# What the core imports no sooner than it needs it.
_LATE = ("torchvision", "timm", "open_clip", "scipy.stats", "lightning_fabric")


def in_clone() -> bool:
    """Return whether this is a copy of the repository: an installed wheel has no `make`."""
    return (ROOT / "Makefile").is_file()


def explore(settings: str = "") -> str:
    """Return the command that starts JupyterLab, for here; `settings` precede it."""
    return f"{settings}{'make explore' if in_clone() else 'jupyter lab'}"


def python() -> Iterator[Finding]:
    """Check Python's version, and which environment it belongs to."""
    found = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info[:2] < _LEAST:
        again = "make clean; make explore PYTHON=python3.12"
        fix = f"install Python 3.11 or later, then: {again if in_clone() else restore()}"
        yield Finding("Python", found, BAD, fix)
        return
    yield Finding("Python", found)
    venv = ROOT / ".venv"
    if venv.is_dir() and Path(sys.prefix).resolve() != venv.resolve():
        fix = "to use this copy's own environment: make explore, or make doctor"
        yield Finding("environment", f"{sys.prefix}, not this copy's {venv}", WARN, fix)


def requirements() -> list[str]:
    """Return the requirements, such as ``"numpy>=2.0"``, from pyproject.toml if it is here."""
    listed = ROOT / "pyproject.toml"
    if listed.is_file():
        import tomllib

        project = tomllib.loads(listed.read_text(encoding="utf-8"))["project"]
        if project["name"] == _NAME:
            return list(project["dependencies"])
    return [text for text in metadata.requires(_NAME) or () if "extra ==" not in text]


def restore() -> str:
    """Say how to put the package's own files back."""
    if in_clone():
        return f"git -C {ROOT} checkout -- uhscm_core uhscm_postcards"
    return f"install {_NAME} again from where you have it, with pip install --force-reinstall"


def installed() -> Iterator[Finding]:
    """Check each package's version against its requirement, and torchvision's against torch's."""
    asked = {_name(text): text for text in requirements()}
    versions = {name: _version(name) for name in asked}
    missing = [text for name, text in asked.items() if versions[name] is None]
    if missing:
        found = f"{len(missing)} of {len(asked)} are missing: {', '.join(missing)}"
        whole = [f"--editable {ROOT}"] if in_clone() else missing
        yield Finding("packages", found, BAD, _pip(whole))
        return
    from packaging.requirements import Requirement  # JupyterLab depends on it

    wrong = []
    for name, text in asked.items():
        if not Requirement(text).specifier.contains(str(versions[name]), prereleases=True):
            wrong.append(text)
            yield Finding(name, f"{versions[name]}, but {text} is needed", BAD, _pip([text]))
    for text in metadata.requires("torchvision") or ():
        needs = Requirement(text)
        if needs.name == "torch" and not needs.specifier.contains(
            str(versions["torch"]), prereleases=True
        ):
            wrong.append(text)
            found = f"{versions['torchvision']} is built for {needs}, not for {versions['torch']}"
            yield Finding("torchvision", found, BAD, _pip(["torch", "torchvision"]))
    if not wrong:
        shown = ", ".join(f"{n} {versions[n]}" for n in ("torch", "jupyterlab", "anywidget"))
        yield Finding(
            "packages", f"all {len(asked)} are installed and recent enough ({shown}, ...)"
        )


def imports() -> Iterator[Finding]:
    """Check that the installed packages can be imported."""
    began = time.monotonic()
    try:
        import uhscm_core

        for name in _LATE:
            importlib.import_module(name)
    except Exception as error:  # broken binary packages raise errors of all kinds
        said = (str(error).splitlines() or [""])[0]
        # The package itself is missing unless `pip install --editable` has been run.
        lost = isinstance(error, ModuleNotFoundError) and error.name == "uhscm_core"
        fix = _pip([f"--editable {ROOT}"] if lost else ["torch", "torchvision"])
        if lost and not in_clone():
            fix = restore()
        yield Finding("imports", f"{type(error).__name__}: {said}", BAD, fix)
        return
    where = Path(uhscm_core.__file__).parent
    yield Finding("imports", f"{time.monotonic() - began:.1f} s, from {where}")


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return found[0] if found else requirement


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _pip(wanted: list[str]) -> str:
    """Return the command that installs packages, or `make` while this copy has no `.venv`."""
    what = " ".join(w if w.startswith("-") else f"'{w}'" for w in wanted)
    command = f"{sys.executable} -m pip install --upgrade {what}"
    if in_clone() and not (ROOT / ".venv").exists():
        return f"make explore; or, in an environment of your own: {command}"
    return command
