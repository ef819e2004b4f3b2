"""Versions: too old a Python, packages that are missing, too old, or built for another torch."""

from __future__ import annotations

import builtins
import sys
from importlib import metadata

import pytest

from uhscm_doctor import packages


@pytest.fixture
def versions(monkeypatch):
    """Versions that are there in place of the true ones; None for a package that is not there."""
    changed = {}
    true = metadata.version

    def version(name):
        if name in changed:
            if changed[name] is None:
                raise metadata.PackageNotFoundError(name)
            return changed[name]
        return true(name)

    monkeypatch.setattr(metadata, "version", version)
    return changed


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """A copy of the code with an environment of its own, as `make` leaves it."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / "Makefile").touch()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "uhscm-explorer"\ndependencies = ["torch>=2.6", "anywidget"]'
    )
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    return tmp_path / ".venv"


def one(check):
    (finding,) = check()
    return finding


def test_an_old_python_is_bad(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    finding = one(packages.python)
    assert finding.verdict == "bad"
    assert "Python 3.11 or later" in finding.fix


def test_another_environment_than_this_copys_is_said(monkeypatch, environment):
    assert [finding.verdict for finding in packages.python()] == ["ok", "warn"]
    monkeypatch.setattr(sys, "prefix", str(environment))
    assert [finding.verdict for finding in packages.python()] == ["ok"]


def test_what_is_asked_for_comes_from_pyproject_or_from_the_installed_package(
    monkeypatch, tmp_path
):
    listed = packages.requirements()
    assert "torch>=2.6" in listed
    assert not any("pytest" in text for text in listed)
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    both = (listed, packages.requirements())
    names = [{packages._name(text).replace("_", "-") for text in texts} for texts in both]
    assert names[0] == names[1]


def test_all_packages_that_are_missing_are_named_at_once(versions, environment):
    versions.update(torch=None, anywidget=None)
    finding = one(packages.installed)
    assert finding.verdict == "bad"
    assert finding.found == "2 of 2 are missing: torch>=2.6, anywidget"
    install = f"{sys.executable} -m pip install --upgrade --editable {environment.parent}"
    assert finding.fix == install
    environment.rmdir()
    assert one(packages.installed).fix.startswith("make explore; or")
    assert one(packages.installed).fix.endswith(install)


@pytest.mark.parametrize("old", ["8.1.4", "7.8", "8.1.5rc1"])
def test_a_package_that_is_too_old_is_bad(versions, old):
    versions["ipywidgets"] = old
    finding = one(packages.installed)
    assert (finding.what, finding.verdict) == ("ipywidgets", "bad")
    assert finding.found == f"{old}, but ipywidgets>=8.1.5 is needed"


def test_a_newer_package_is_well(versions):
    versions["ipywidgets"] = "8.10"  # later than 8.1.5, though not as text
    assert one(packages.installed).verdict == "ok"


def test_a_torch_that_torchvision_was_not_made_for_is_bad(versions, monkeypatch):
    requires = metadata.requires
    fixed = {"torchvision": ["numpy", "torch (==2.9.0)"]}
    monkeypatch.setattr(metadata, "requires", lambda name: fixed.get(name) or requires(name))
    versions["torch"] = "2.9.0+cu128"  # a build is no other version
    assert one(packages.installed).verdict == "ok"
    versions["torch"] = "2.8.1"
    finding = one(packages.installed)
    assert (finding.what, finding.verdict) == ("torchvision", "bad")
    assert "'torch' 'torchvision'" in finding.fix


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (RuntimeError("operator torchvision::nms does not exist\nmore"), "'torch' 'torchvision'"),
        (ModuleNotFoundError("No module named 'uhscm_core'", name="uhscm_core"), "--editable"),
    ],
)
def test_what_cannot_be_imported_is_bad(monkeypatch, error, fix):
    real = builtins.__import__

    def broken(name, *arguments, **keywords):
        if name in ("torchvision", "uhscm_core"):
            raise error
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", broken)
    finding = one(packages.imports)
    assert finding.verdict == "bad"
    assert str(error).splitlines()[0] in finding.found
    assert "more" not in finding.found
    assert fix in finding.fix


def test_what_the_core_imports_late_is_looked_at_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    finding = one(packages.imports)
    assert finding.verdict == "bad"
    assert "open_clip" in finding.found
