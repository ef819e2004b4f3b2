"""Find the concepts that the images show, and drop the words that they do not.

Without options it mines with the settings of the study; an option changes them.
If that changes what was mined, a trained network is dropped: train again.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from uhscm_cli.saying import table


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder, see encode")
    parser.add_argument(
        "--concepts",
        metavar="LIST",
        help="nuswide81, coco80, common, several joined by +, or a text file with one per line",
    )
    parser.add_argument(
        "--template",
        action="append",
        metavar="TEXT",
        help="the template, such as 'a photo of the {}'; several are averaged "
        "(default: the study's)",
    )
    parser.add_argument(
        "--tau", type=float, metavar="X", help="sharpness of the softmax, τ (default: 3)"
    )
    parser.add_argument(
        "--min-share",
        type=float,
        metavar="X",
        help="a concept is kept with more votes than this share of an even split (default: 0.5)",
    )
    parser.add_argument(
        "--max-share",
        type=float,
        metavar="X",
        help="and with the votes of at most this share of the images (default: no bound)",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Mine, and save the study."""
    from uhscm_cli import studies
    from uhscm_core.support.notices import say

    before = studies.load(options)
    names = ("concepts", "template", "tau", "min_share", "max_share")
    changes = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    study = before.with_(**changes)
    mined = study.mined
    if before.network is not None and study.network is None:
        say("the trained network was of other concepts and is dropped: train again")
    studies.save(study, options)
    votes = sorted(
        zip(study.concepts.names, mined.wins.tolist(), mined.kept.tolist(), strict=True),
        key=lambda row: -row[1],
    )
    return {
        "study": options.study,
        "candidates": len(votes),
        "kept": [{"concept": name, "votes": n} for name, n, kept in votes if kept],
        "dropped": [{"concept": name, "votes": n} for name, n, kept in votes if not kept],
        "min_votes": mined.min_votes,
        "explained": study.explained,
        "health": [finding.message for finding in study.health()],
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    kept = answer["kept"]
    yield (
        f"{answer['candidates']} concepts, {len(kept)} kept (more than {answer['min_votes']:.1f} "
        f"votes), {len(answer['dropped'])} dropped"
    )
    yield from table([(row["concept"], row["votes"]) for row in kept], ("concept", "votes"))
    for message in answer["health"]:
        yield f"Note: {message}"
