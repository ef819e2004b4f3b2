"""Repeat training over settings, methods and seeds, to tell an improvement from noise.

  uhscm experiment study --vary bits=16,32 --vary method=UHSCM,ITQ --seeds 3

Each run is kept: interrupted or killed, the same command computes what is
missing. The table has the mean mAP, its deviation from seed to seed, and a 95%
interval over seeds and queries together.

CIBHash, CroVCA, DUH-EG and k-means + OrthoHash learn from two views of each image:
  uhscm experiment study --vary method=CIBHash,CroVCA --vary views=noised,auto
"noised" features, features of "augmented" copies, which are encoded once, or
"auto": augmented copies if the model recognizes at least 30% of the images by
one, and noise otherwise.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhscm_cli.saying import table, tell
from uhscm_cli.values import assigned, listed_values

if TYPE_CHECKING:
    from uhscm_core import RunResult


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder; labels and queries needed")
    parser.add_argument(
        "--vary",
        action="append",
        required=True,
        metavar="NAME=A,B",
        help="a setting of mining or training, bits, method or views, and its values (repeatable)",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="how many seeds (default: 3)"
    )
    parser.add_argument(
        "--top-k", type=int, metavar="N", help="count the first N results only (default: all)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="how many processes (default: 1)"
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="say whether setting A is better than B, such as --compare bits=32 bits=16",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Compute the runs that are missing, and the table."""
    from uhscm_cli import studies
    from uhscm_core import Experiment
    from uhscm_core.experiments.settings import study_identity
    from uhscm_core.support.store import digest_of

    vary = listed_values(options.vary)
    pair = [assigned(text.split(",")) for text in options.compare or ()]
    study = studies.load(options)
    folder = Path(options.study).expanduser() / "experiments" / digest_of(study_identity(study))
    experiment = Experiment(
        study, vary, options.seeds, folder, options.workers, top_k=options.top_k
    )
    for wanted in pair:
        experiment.check(wanted)
    missing = len(experiment.missing)
    tell(options, f"{missing:,} run{' is' if missing == 1 else 's are'} missing")
    for number, result in enumerate(experiment, 1):
        tell(options, f"{number} of {missing}: {_done(result)}")
    answer: dict[str, Any] = {
        "study": options.study,
        "folder": folder,
        "varied": list(vary),
        "settings": experiment.to_frame().to_dict("records"),
    }
    if pair:
        compared = experiment.compare(*pair)
        answer["comparison"] = {
            "difference": compared.difference,
            "low": compared.low,
            "high": compared.high,
            "share_better": compared.share_better,
            "sentence": compared.sentence,
        }
    return answer


def _done(result: RunResult) -> str:
    """Say what a run has come to; its settings are written as they are typed."""
    settings = ", ".join(f"{name}={value}" for name, value in result.settings.items())
    seed = "" if result.seed is None else f" with seed {result.seed}"
    return f"{settings}{seed}: mAP {result.mAP:.4f}, {result.seconds:.1f} s"


def _unknown(row: dict[str, Any], name: str) -> bool:
    """Whether it is an end of an interval that says nothing: one seed does not tell."""
    return name in ("low", "high") and (row["low"], row["high"]) == (0, 1)


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    rows = answer["settings"]
    head = [*answer["varied"], "mAP", "sd", "low", "high", "seeds"]
    cells = [[None if _unknown(row, name) else row[name] for name in head] for row in rows]
    yield from table(cells, head)
    if any(_unknown(row, "low") for row in rows):
        yield "With one seed there is no interval; use --seeds 2 or more."
    if "comparison" in answer:
        yield answer["comparison"]["sentence"]
