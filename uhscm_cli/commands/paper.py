"""Compute the paper's table: CIFAR-10, MIRFlickr-25K and NUS-WIDE by its protocol.

  uhscm paper results --root data

A row per method, with the mean and the deviation over seeds, written to FOLDER
as table.md, table.tex and table.csv. What is computed is kept there: interrupted
or killed, the same command continues. Of a dataset or a model that is missing
it is said where to get it; a folder of photos or postcards run as well. The
exit status is 1 if nothing could be computed.
"""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from uhscm_cli.saying import as_options, tell
from uhscm_cli.values import names_of

_GIVEN = (
    *("datasets", "methods", "bits", "seeds", "concepts", "model", "pretrained"),
    *("n_train", "n_database", "n_query", "workers", "published"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("folder", metavar="FOLDER", help="keeps the runs and the table")
    parser.add_argument(
        "--datasets",
        type=names_of,
        metavar="A,B",
        help="of cifar10, flickr25k, nuswide, postcards, and folders of photos "
        "(default: the first three)",
    )
    parser.add_argument(
        "--root",
        default="data",
        metavar="FOLDER",
        help="the folder with the folders cifar10, flickr25k and nuswide (default: data)",
    )
    parser.add_argument(
        "--methods", type=names_of, metavar="A,B", help="rows of the table (default: all)"
    )
    parser.add_argument(
        "--bits", type=_numbers, metavar="N,N", help="lengths of codes (default: 32,64,96,128)"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="how many seeds (default: 3)")
    parser.add_argument("--concepts", metavar="LIST", help="as in encode (default: nuswide81)")
    parser.add_argument(
        "--model", metavar="NAME", help="as in encode (default: the paper's ViT-B-16)"
    )
    parser.add_argument("--pretrained", metavar="TAG", help="its weights (default: openai)")
    parser.add_argument(
        "--n-train",
        type=int,
        metavar="N",
        help="how many images to train on (default: as in the paper)",
    )
    parser.add_argument("--n-database", type=int, metavar="N", help="how many images to find")
    parser.add_argument("--n-query", type=int, metavar="N", help="how many images to ask by")
    parser.add_argument("--workers", type=int, metavar="N", help="how many processes (default: 1)")
    parser.add_argument(
        "--pixels-on-cpu",
        action="store_true",
        help="compute rows on pixels without a GPU too, in hours or days",
    )
    parser.add_argument("--download", action="store_true", help="download CIFAR-10 if missing")
    parser.add_argument("--published", metavar="FILE", help="a CSV file of published figures")


def run(options: Namespace) -> dict[str, Any]:
    """Compute what is missing of the table."""
    from uhscm_core import run_paper

    def report(line: str) -> None:
        tell(options, as_options(line, options.called))

    given = {n: getattr(options, n) for n in _GIVEN if getattr(options, n) is not None}
    table = run_paper(
        options.folder,
        root=options.root,
        pixels_on_cpu=options.pixels_on_cpu,
        download=options.download,
        command=shlex.join(["uhscm", *sys.argv[1:]]),
        report=report,
        progress=options.bars,
        **given,
    )
    return {
        "folder": options.folder,
        "rows": table.to_frame().to_dict("records"),
        "notes": list(table.notes),
        "markdown": as_options(table.to_markdown(), options.called),
        "exit status": int(not table.rows),
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    yield answer["markdown"]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
