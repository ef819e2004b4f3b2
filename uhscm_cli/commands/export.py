"""Write codes, index, model or run as files that other programs read.

The ending of each FILE says what it is: .parquet or .npz for the codes of all
images, .faiss for an index, .onnx for the way from image to code, .zip for the
whole run, which Study.load reads in Python.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from uhscm_cli.saying import printable, size_of, tell

_ENDINGS = (".parquet", ".npz", ".faiss", ".onnx", ".zip")


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder with a trained network")
    parser.add_argument("files", nargs="+", metavar="FILE", help="such as codes.parquet")
    parser.add_argument(
        "--part",
        choices=("whole", "network"),
        default="whole",
        help="of an .onnx file: from pixels on, or the hash network alone, from features on "
        "(default: whole)",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Write each file."""
    for name in options.files:  # all, before any is written
        if Path(name).suffix.lower() not in _ENDINGS:
            raise ValueError(f"{name}: the name of a file must end in {', '.join(_ENDINGS)}")
    from functools import partial

    from uhscm_cli import studies
    from uhscm_core import export_codes, export_index, export_onnx, export_run

    writers: dict[str, Callable[..., Path]] = {
        ".faiss": export_index,
        ".zip": export_run,
        ".onnx": partial(export_onnx, part=options.part),
    }
    study = studies.load(options)
    written = []
    for name in options.files:
        tell(options, f"writing {name}")
        path = writers.get(Path(name).suffix.lower(), export_codes)(study, name)
        written.append({"file": path, "bytes": path.stat().st_size})
    return {"study": options.study, "files": written}


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    for row in answer["files"]:
        yield f"wrote {printable(str(row['file']))} ({size_of(row['bytes'])})"
