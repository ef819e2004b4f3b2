"""Print a script that completes commands and options in the shell.

For bash, add this line to ~/.bashrc: eval "$(uhscm completion bash)"
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

import shtab


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="whose script")


def run(options: Namespace) -> dict[str, Any]:
    """Return the script."""
    return {"script": shtab.complete(options.whole, options.shell)}


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    yield answer["script"]
