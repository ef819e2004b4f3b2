"""The doctor as a whole: it never raises, says what it finds in text and HTML, and exits with 1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from uhscm_doctor import Finding, Report, doctor
from uhscm_doctor.finding import BAD, WARN
from uhscm_doctor.report import CHECKS

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, python=(), **environment):
    return subprocess.run(
        [sys.executable, *python, "-m", "uhscm_doctor", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
    )


def test_a_check_that_fails_is_a_finding_and_the_others_are_made():
    def breaks():
        yield Finding("before", "all right")
        raise RuntimeError("first line\nsecond line")

    def works():
        yield Finding("after", "all right")

    report = doctor([breaks, works])
    assert [finding.what for finding in report] == ["before", "breaks", "after"]
    assert report[1].verdict == WARN
    assert report[1].found == "could not be checked (RuntimeError: first line)"
    assert report.healthy


def test_a_report_says_each_verdict_in_a_word_beside_its_icon():
    report = Report(
        [
            Finding("a", "fine"),
            Finding("b", "slow", WARN, "wait"),
            Finding("<script>", "<b>gone</b>", BAD, "bring '<i>' back"),
        ]
    )
    text, page = repr(report), report._repr_html_()
    for words in ("✓ ok", "! warn", "✗ bad"):
        assert words in text
        assert words in page
    assert "→ wait" in text
    assert "<script>" not in page
    assert "<b>gone" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    assert not report.healthy
    assert report.summary == "3 checks: 1 bad, 1 with a warning."
    assert Report([Finding("a", "fine")]).summary == "All 1 checks passed."
    assert report.to_frame()["verdict"].tolist() == ["ok", "warn", "bad"]


@pytest.fixture(scope="module")
def leftover(tmp_path_factory):
    """A file in a cache folder, left by a write that was killed long ago."""
    part = tmp_path_factory.mktemp("home") / f".codes.safetensors.{'0' * 32}.part"
    part.write_bytes(bytes(4096))
    os.utime(part, (0, 0))
    return part


@pytest.fixture(scope="module")
def healthy(leftover):
    """The one run in which everything is well but for a leftover; importing torch takes long."""
    done = run(UHSCM_HOME=str(leftover.parent))
    assert leftover.exists()
    return done


@pytest.fixture(scope="module")
def cleaned(healthy, leftover):
    """The one run that cleans, after the healthy one; there are no photos where it looks."""
    nowhere = str(leftover.parent / "nowhere")
    done = run("--clean", UHSCM_HOME=str(leftover.parent), UHSCM_PHOTOS=nowhere)
    assert not leftover.exists()
    return done


@pytest.mark.slow
def test_a_healthy_installation_gets_no_bad_finding(healthy):
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    assert "could not be checked" not in healthy.stdout
    assert "✗ bad" not in healthy.stdout
    for what in ("Python", "packages", "imports", "device", "cache folder", "postcards", "server"):
        assert f"  {what} " in healthy.stdout


def test_it_starts_where_nothing_is_installed():
    done = run(python=("-S",), PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert done.stderr == ""
    assert " are missing: " in done.stdout
    assert "pip install" in done.stdout
    assert "other checks" in done.stdout
    assert "could not be checked" not in done.stdout


@pytest.mark.slow
def test_a_bad_finding_is_the_exit_status(cleaned):
    assert cleaned.returncode == 1
    assert "✗ bad   UHSCM_PHOTOS" in cleaned.stdout
    assert "1 bad" in cleaned.stdout


@pytest.mark.slow
def test_leftovers_are_named_and_cleaned(healthy, cleaned, leftover):
    assert re.search(rf"\d+ unfinished or damaged files.*{leftover.name}", healthy.stdout)
    assert re.match(r"Removed [1-9]\d* unfinished or damaged files", cleaned.stdout)


def test_every_check_is_documented():
    assert all(check.__doc__ for check in CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_check_finds_something_here(check, drawn_up):
    found = list(check())
    assert found or check.__name__ in ("python", "private", "outdated")  # these report faults alone
    assert all(isinstance(finding, Finding) for finding in found)
    assert all(finding.fix for finding in found if finding.verdict != "ok")
