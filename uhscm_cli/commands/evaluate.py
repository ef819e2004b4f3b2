"""Measure how well the codes find images that share a label with the query.

It needs labels and queries, which no training sees. The figure is the mean
average precision, the mean over all orders of tied images.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from uhscm_cli.saying import table, tell
from uhscm_cli.values import names_of


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder with a trained network")
    parser.add_argument(
        "--top-k", type=int, metavar="N", help="count the first N results only (default: all)"
    )
    parser.add_argument(
        "--ties",
        choices=("expected", "index", "best", "worst"),
        default="expected",
        help="how images at one distance are ordered (default: expected)",
    )
    parser.add_argument(
        "--compare", action="store_true", help="also the baselines and rankings without hashing"
    )
    parser.add_argument(
        "--methods",
        metavar="A,B",
        help="baselines to compare, such as CIBHash (default: those that answer in a moment)",
    )
    parser.add_argument(
        "--views",
        choices=("noised", "augmented", "auto"),
        help="what methods that take views of images are given, see experiment (default: noised)",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Evaluate the codes, and the other methods if asked."""
    from uhscm_cli import studies

    study = studies.load(options)
    if not options.compare and (options.methods or options.views):
        raise ValueError("--methods and --views are of the comparison; add --compare")
    bits = study.trained_network().bits
    tell(options, "evaluating")
    answer: dict[str, Any] = {
        "study": options.study,
        "bits": bits,
        "top_k": options.top_k,
        "ties": options.ties,
        "queries": len(study.dataset.splits["query"]),
        "database": len(study.dataset.splits["database"]),
    }
    if options.compare:
        methods = None if options.methods is None else names_of(options.methods)
        views: Any = options.views or "noised"
        frame = study.compare(options.top_k, options.ties, methods=methods, views=views)
        answer["methods"] = frame.to_dict("records")
        answer["mAP"] = float(frame["mAP"].iloc[0])
    else:
        answer["mAP"] = study.evaluate(options.top_k, options.ties)
    return answer


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    at = "" if answer["top_k"] is None else f"@{answer['top_k']}"
    yield (
        f"mAP{at} {answer['mAP']:.4f} of {answer['bits']} bits: {answer['queries']:,} queries, "
        f"{answer['database']:,} images"
    )
    if "methods" in answer:
        rows = [(row["method"], row["bits"] or None, row["mAP"]) for row in answer["methods"]]
        yield from table(rows, ("method", "bits", f"mAP{at}"))
