"""Put the codes of the database into an index that search reads at once.

The index is one file in the study folder. Build it again after a new training.
With --add, the photos of another folder are put into it as well, without
training again; it is said if they are unlike those that were trained on.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uhscm_cli.saying import printable, size_of, tell

if TYPE_CHECKING:
    from uhscm_cli.stored_index import StoredIndex
    from uhscm_core import ImageDataset, Study


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder with a trained network")
    parser.add_argument(
        "--add", metavar="FOLDER", help="add the photos of this folder to the index that is there"
    )


def run(options: Namespace) -> dict[str, Any]:
    """Compute codes and write them."""
    from uhscm_cli import studies
    from uhscm_cli.stored_index import StoredIndex
    from uhscm_core.support.notices import say

    study = studies.load(options)
    file = studies.index_file(options)
    before = StoredIndex.load(file) if file.exists() else None
    if before is not None and before.network != studies.network_digest(study):
        before = None
    n_database = len(study.dataset.splits["database"])
    if options.add is None and before is not None and len(before.places) > n_database:
        more = len(before.places) - n_database
        say(f"{more:,} added images are not in the new index; add them again with --add")
    if options.add is None:
        before = None
    stored = before or _of_database(study, options)
    first = len(stored.places)
    if options.add is not None:
        stored = _with_folder(stored, study, options)
    stored.save(file)
    return {
        "study": options.study,
        "file": file,
        "images": len(stored.places),
        "added": len(stored.places) - first,
        "bits": stored.index.bits,
        "bytes": file.stat().st_size,
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    added = f", of which {answer['added']:,} were added now" if answer["added"] else ""
    yield (
        f"{answer['images']:,} codes of {answer['bits']} bits in "
        f"{printable(str(answer['file']))} ({size_of(answer['bytes'])}){added}"
    )


def _of_database(study: Study, options: Namespace) -> StoredIndex:
    from uhscm_cli import studies
    from uhscm_cli.stored_index import StoredIndex

    database = study.dataset.splits["database"].tolist()
    digest = studies.network_digest(study)
    tell(options, f"computing the codes of {len(database):,} images")
    places = tuple(studies.place_of(study.dataset, image) for image in database)
    return StoredIndex(study.index, places, digest)


def _with_folder(stored: StoredIndex, study: Study, options: Namespace) -> StoredIndex:
    """Add the photos of a folder that are not in the index yet."""
    import dataclasses

    from uhscm_cli import studies
    from uhscm_core import add_images, load_dataset
    from uhscm_core.support.notices import say

    tell(options, f"reading {options.add}")
    photos = load_dataset(options.add, labels=None, n_query=0, progress=options.bars)
    places = [studies.place_of(photos, image) for image in range(len(photos))]
    known = set(stored.places)
    new = [image for image, place in enumerate(places) if place not in known]
    if len(new) < len(places):
        say(f"{len(places) - len(new):,} of {len(places):,} images are in the index already")
    if not new:
        return stored
    tell(options, f"adding {len(new):,} images")
    index = add_images(study, _only(photos, new), stored.index)
    return dataclasses.replace(
        stored, index=index, places=(*stored.places, *(places[image] for image in new))
    )


def _only(photos: ImageDataset, ids: list[int]) -> ImageDataset:
    import dataclasses

    import numpy as np

    splits = {"train": [], "database": ids, "query": []}
    wanted = {name: np.array(of, dtype=np.int64) for name, of in splits.items()}
    return dataclasses.replace(photos, splits=wanted).without_unused()
