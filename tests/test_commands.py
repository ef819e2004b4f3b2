"""The commands that people type."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("test", "test-fast")


@pytest.fixture
def explore():
    return script("explore")


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(*arguments):
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_command_that_the_readme_names_is_a_target():
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"explore", "test", "check", "tour", "bench", "help", "doctor", "screenshots"} <= named
    listed = make("help").stdout
    for target in named:
        assert f"make {target} " in listed
        assert make("--dry-run", target).returncode == 0


def test_the_fast_tests_leave_out_what_is_slow_and_nothing_else():
    everything, fast = (make("--dry-run", word).stdout for word in TESTS)
    chosen = re.findall(r'pytest .*?-m ("[^"]+"|\S+)', everything)
    assert chosen == ['"not browser"', "browser"]  # which leave nothing out
    assert '-m "not browser and not slow"' in fast
    listed = make("help").stdout
    assert all(f"  make {word} " in listed for word in TESTS)


def test_the_lowest_release_of_each_dependency_is_what_test_lowest_installs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = script("lowest").lowest(project["dependencies"])
    assert len(pinned) == len(project["dependencies"])  # each has a lower bound
    assert "torch==2.6" in pinned
    docs = script("lowest").lowest(project["optional-dependencies"]["docs"])
    assert len(docs) == len(project["optional-dependencies"]["docs"])
    named = ["pandas-stubs", "a.b_c>=1.2.3", "d[e]>=4"]
    assert script("lowest").lowest(named) == ["a.b_c==1.2.3", "d==4"]
    assert "constraints.txt" in make("--dry-run", "--always-make", "build/lowest/dev").stdout


def test_an_old_python_is_refused_with_what_to_do(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("--always-make", f"PYTHON={old}", ".venv/python")
    assert done.returncode != 0
    assert "Python 3.11 or later is needed" in done.stdout


def test_a_port_in_use_is_passed_over(explore):
    first = explore.free_port(20_000)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", first))
        assert explore.free_port(first) > first


def test_a_python_that_is_not_there_is_named():
    done = make("--always-make", "PYTHON=python3.99", ".venv/python")
    assert done.returncode != 0
    assert "There is no python3.99 here" in done.stdout
    assert "older" not in done.stdout


def test_a_port_that_was_asked_for_and_is_in_use_is_refused(explore, monkeypatch, capsys):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        port = busy.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["explore.py", "--port", str(port)])
        with pytest.raises(SystemExit, match=f"port {port} is in use"):
            explore.main()
    assert capsys.readouterr().out == ""


def test_a_browser_is_opened_only_where_there_is_a_screen(explore, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    assert not explore.has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert explore.has_screen()
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert not explore.has_screen()


def test_ci_runs_the_readmes_commands():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^make test$", script, re.MULTILINE)
    assert re.search(r"^make check$", script, re.MULTILINE)
