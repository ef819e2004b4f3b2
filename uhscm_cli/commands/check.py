"""Check that exported files are as they were written; other programs may not notice damage."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from uhscm_cli.saying import printable


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="written by uhscm export")


def run(options: Namespace) -> dict[str, Any]:
    """Check each file; the first that is damaged is an error."""
    from uhscm_core.export import check_export

    for name in options.files:
        check_export(name)
    return {"whole": options.files}


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    for name in answer["whole"]:
        yield f"{printable(name)} is as it was written"
