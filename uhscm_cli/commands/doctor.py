"""Check this installation and say how to fix what is wrong.

The exit status is 1 if something is bad. "python -m uhscm_doctor" does the same
where even this command does not start, and also makes the cache smaller.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any


def add_arguments(parser: ArgumentParser) -> None:
    """Add nothing: there is nothing to choose."""


def run(_: Namespace) -> dict[str, Any]:
    """Run all checks."""
    import dataclasses

    from uhscm_doctor import doctor

    report = doctor()
    return {
        "healthy": report.healthy,
        "summary": report.summary,
        "findings": [dataclasses.asdict(finding) for finding in report],
        "exit status": int(not report.healthy),
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    from uhscm_doctor.finding import Finding, Report

    yield repr(Report(Finding(**finding) for finding in answer["findings"]))
