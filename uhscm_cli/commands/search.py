"""Find the images nearest to a photo, or to words.

QUERY is an image file, answered by the Hamming distance of codes, or words,
which have no code and need no training. Words that say the same as a kept
concept are answered by the concepts that they share with the images, other
words by the cosine of the model's features, without hashing; --by chooses.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhscm_cli.saying import table, tell

if TYPE_CHECKING:
    from uhscm_core import Study

_OF_WORDS = {"features": "cosine of features", "concepts": "S of concepts"}  # what ranks words


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder")
    parser.add_argument("query", metavar="QUERY", help="an image file, or words")
    parser.add_argument(
        "-k", type=int, default=10, metavar="N", help="how many to find (default: 10)"
    )
    parser.add_argument(
        "--text", action="store_true", help="read QUERY as words, even if it looks like a file"
    )
    parser.add_argument(
        "--by",
        choices=("better", "concepts", "features"),
        default="better",
        help="what answers words: concepts, features, or what is better for these "
        "(default: better)",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Ask by an image or by words."""
    from uhscm_cli import studies
    from uhscm_core.support.notices import say

    query = None if options.text else _image(options.query)
    study = studies.load(options)
    if query is None and not options.text and os.path.isdir(options.query):  # noqa: PTH112  # long texts
        say(f"{options.query!r} is also a folder here, and is read as words; name a file in it")
    if query is None:
        found = study.search(options.query, options.k, by=options.by)
        places = [studies.place_of(study.dataset, image) for image in found.ids.tolist()]
        kind: str = found.kind
        if kind == "features" and options.by == "better":
            tell(
                options,
                f"answered by the cosine of features, without hashing, as no kept concept says the "
                f"same as {options.query!r}; to ask the concepts, use --by concepts",
            )
        distances: list[Any] = found.distances.tolist()
    else:
        kind = "hamming"
        distances, places = _by_code(options, study, query)
    results = [
        {"rank": rank, "distance": distance, "image": place}
        for rank, (distance, place) in enumerate(zip(distances, places, strict=True), 1)
    ]
    return {
        "study": options.study,
        "query": options.query,
        "kind": kind,
        "bits": study.trained_network().bits if kind == "hamming" else None,
        "results": results,
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    head = _OF_WORDS.get(answer["kind"], f"distance of {answer['bits']} bits")
    rows = [
        (row["rank"], _shown(row["distance"], answer["kind"]), row["image"])
        for row in answer["results"]
    ]
    yield from table(rows, ("rank", head, "image"))


def _shown(distance: float, kind: str) -> float:
    """Return the bits that differ, or what ranks words: 1 minus the cosine is their distance."""
    if kind == "hamming":
        return distance
    return 1 - distance if kind == "features" else 1 - 2 * distance


def _image(query: str) -> Path | None:
    """Return the file that a query is, None for words.

    Raises:
        FileNotFoundError: it looks like a file, and there is none.
    """
    from uhscm_core.support.paths import as_path, path_notes

    file = as_path("QUERY", query)
    try:
        if file.is_file():
            return file
    except OSError:  # a text too long to be a name
        return None
    if path_notes(query):
        raise FileNotFoundError(f"{query}: no such file; to ask by these words, use --text")
    return None


def _by_code(options: Namespace, study: Study, query: Path) -> tuple[list[int], list[str]]:
    """Answer from the stored index if it is of this network, else from the study's own codes."""
    from uhscm_cli import studies
    from uhscm_cli.stored_index import StoredIndex
    from uhscm_core.support.notices import say

    file = studies.index_file(options)
    stored = StoredIndex.load(file) if file.exists() else None
    if stored is not None and stored.network != studies.network_digest(study):
        say("the index is of an earlier training and is not used; make it again: uhscm index")
        stored = None
    if stored is None:
        answer = study.search(query, options.k)
        places = [studies.place_of(study.dataset, image) for image in answer.ids.tolist()]
        return answer.distances.tolist(), places
    study.trained_network()
    code = study.embed(query).code
    assert code is not None  # noqa: S101  # there is a network
    found = stored.index.search(code[None], options.k)
    return found.distances[0].tolist(), [stored.places[i] for i in found.ids[0].tolist()]
