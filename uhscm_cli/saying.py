"""Say things at a terminal: an error in one sentence, a name on one line, values as JSON has them.

Nothing here imports torch: wrong usage is said at once.
"""

from __future__ import annotations

import math
import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = [
    "as_options",
    "plain",
    "printable",
    "sentence_of",
    "shows_bars",
    "size_of",
    "table",
    "tell",
]

# What the library raises on purpose; anything else is a fault of ours.
_EXPECTED = (
    ValueError,
    TypeError,
    IndexError,
    OSError,
    MemoryError,
    ImportError,
    FloatingPointError,
)


def printable(text: str) -> str:
    """Return a text as one line without control characters, which could drive the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def sentence_of(error: BaseException, called: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what an error says, as one line; `called` as in `as_options`."""
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror
        if error.filename is not None:
            said = f"{error.filename}: {said}"
    else:
        silent = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
        said = str(error) or silent
    lines = [*said.splitlines(), *getattr(error, "__notes__", ())]
    said = as_options("; ".join(printable(line.strip()) for line in lines if line.strip()), called)
    if not isinstance(error, _EXPECTED):
        said = f"unexpected {type(error).__name__}: {said}; use --debug to see where"
    return said


def as_options(said: str, called: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what the library says with options in place of its arguments.

    Args:
        said: a sentence that names arguments of Python, such as ``n_train must be ...``.
        called: what the command calls each argument, such as ``--n-train``.
    """
    if "uhscm_core" not in sys.modules:  # it has said nothing, and importing it takes seconds
        return said
    from uhscm_core.support.ways import told

    said = told(said, "command line")
    for name, option in called.items():
        # "name=True" and "name=..." anywhere; a bare name where it can be no other word.
        said = re.sub(rf"(?<![\w.=/-]){name}=True\b", option, said)
        said = re.sub(rf"(?<![\w.=/-]){name}=(?=\.\.\.|')", f"{option} ", said)
        bare = "" if "_" in name else r"(?= (?:must|is only for)\b)"
        said = re.sub(rf"(?<![\w.=/'\"-]){name}(?![\w=./'\"]){bare}", option, said)
    return re.sub(r" \((?:int|float|str)\)(?=[\s,;]|$)", "", said)


def tell(options: Namespace, what: str) -> None:
    """Say on standard error what is being done, unless --quiet was given."""
    if not options.quiet:
        print(printable(what), file=sys.stderr, flush=True)


def shows_bars(options: Namespace) -> bool:
    """Whether to show progress as bars: in a log they would be thousands of lines."""
    return not options.quiet and sys.stderr.isatty()


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a number that is none or infinite becomes null."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # of numpy or torch
        return plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def size_of(number: int) -> str:
    """Return a size in a unit in which it is at least 1: ``840 bytes``, ``2.4 kB``, ``1.3 MB``."""
    if number < 1000:
        return f"{number} byte{'' if number == 1 else 's'}"
    power = min((len(str(number)) - 1) // 3, 3)
    return f"{number / 1000**power:.1f} {('kB', 'MB', 'GB')[power - 1]}"


def table(rows: Sequence[Sequence[Any]], head: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table: numbers to the right, text to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    texts = [any(isinstance(row[i], str) for row in rows) for i in range(len(head))]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for line in (head, *cells):
        parts = (
            part.ljust(width) if is_text else part.rjust(width)
            for part, width, is_text in zip(line, widths, texts, strict=True)
        )
        yield "  ".join(parts).rstrip()


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"
    return printable(str(value))
