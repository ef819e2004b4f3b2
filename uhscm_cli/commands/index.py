"""Put the codes of the database into an index that search reads at once.

The index is one file in the study folder. Build it again after a new training.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from uhscm_cli.saying import printable, tell


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder with a trained network")


def run(options: Namespace) -> dict[str, Any]:
    """Compute the codes of the database and write them."""
    from uhscm_cli import studies
    from uhscm_cli.stored_index import StoredIndex

    study = studies.load(options)
    digest = studies.network_digest(study)
    file = studies.index_file(options)
    database = study.dataset.splits["database"].tolist()
    tell(options, f"computing the codes of {len(database):,} images")
    places = tuple(studies.place_of(study, image) for image in database)
    stored = StoredIndex(study.index, places, digest)
    stored.save(file)
    return {
        "study": options.study,
        "file": file,
        "images": len(stored.places),
        "bits": stored.index.bits,
        "bytes": file.stat().st_size,
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    size = answer["bytes"] / 1e6
    yield (
        f"{answer['images']:,} codes of {answer['bits']} bits in "
        f"{printable(str(answer['file']))} ({size:.1f} MB)"
    )
