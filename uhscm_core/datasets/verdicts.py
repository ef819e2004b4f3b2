"""Which files can be read as images, decided once per content and kept.

A verdict is kept only if it depends on nothing but a file's bytes and on what names the folder
that it is kept in. Too many open files, a missing permission, or too little memory may be gone
tomorrow: such a file is left out today and tried again next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import PIL
import torch
from PIL import Image, ImageFile
from torch import Tensor

from uhscm_core.datasets.content import content_key, file_key, read_regular
from uhscm_core.datasets.images import HASHED_TOGETHER, ImageFiles, in_threads
from uhscm_core.datasets.reading import (
    READER_VERSION,
    PixelLimitError,
    is_lasting,
    most_bytes,
    read_image,
    reason_of,
)
from uhscm_core.support import store
from uhscm_core.support.keeping import keeping
from uhscm_core.support.progress import progress_bar
from uhscm_core.support.shards import SHARD, Shards

__all__ = ["readable"]


class _Verdict(NamedTuple):
    """Whether a file can be read.

    Attributes:
        key: the content key of its bytes; empty if they could not be read.
        reason: why it cannot be read as an image; empty if it can.
        lasts: whether the same bytes will always get it.
    """

    key: str
    reason: str
    lasts: bool


def readable(files: ImageFiles, progress: bool) -> tuple[ImageFiles, dict[str, str]]:
    """Decode every file whose content was not decoded before.

    Args:
        files: regular files.
        progress: show a bar while images are decoded.

    Returns:
        The files that can be read, and for each other name the reason why not.
    """
    paths = [files.path(row) for row in range(len(files))]
    verdicts = list(in_threads(_hashed, paths, together=HASHED_TOGETHER))
    shards = Shards(_folder(), "reasons")
    known = _known(shards, [verdict.key for verdict in verdicts if verdict.lasts])
    new = [row for row, (key, _, lasts) in enumerate(verdicts) if lasts and key not in known]
    verdicts = [
        verdict._replace(reason=known.get(verdict.key, verdict.reason)) for verdict in verdicts
    ]
    decoded = in_threads(_decoded, (paths[row] for row in new))
    unsaved: list[_Verdict] = []
    try:
        for row, verdict in zip(
            new,
            progress_bar("checking images", len(new), progress and bool(new), decoded),
            strict=True,
        ):
            verdicts[row] = verdict
            unsaved.append(verdict)
            if len(unsaved) == SHARD:
                _keep(shards, unsaved)
                unsaved = []
    finally:
        _keep(shards, unsaved)
    if new:
        with keeping():
            shards.merge()
    named = list(zip(files.names, verdicts, strict=True))
    good = [(name, verdict.key) for name, verdict in named if not verdict.reason]
    kept = ImageFiles(files.root, (name for name, _ in good), (key for _, key in good))
    return kept, {name: verdict.reason for name, verdict in named if verdict.reason}


def _folder() -> Path:
    settings = (PIL.__version__, Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    return store.home() / "checked" / store.digest_of(READER_VERSION, *settings)


def _hashed(path: Path) -> _Verdict:
    try:
        return _Verdict(file_key(path), "", lasts=True)
    except OSError as error:
        return _Verdict("", reason_of(error), lasts=False)


def _decoded(path: Path) -> _Verdict:
    try:
        most = most_bytes()
        too_large = most is not None and path.stat().st_size > most  # refused, and never in memory
        content = None if too_large else read_regular(path)
        key = file_key(path) if content is None else content_key(content)
    except (OSError, MemoryError) as error:
        return _Verdict("", reason_of(error), lasts=False)
    try:
        read_image(path, content)
    except (OSError, PixelLimitError, MemoryError) as error:
        reason = str(error).removeprefix(f"{path}: ") or type(error).__name__
        return _Verdict(key, reason, is_lasting(error))
    return _Verdict(key, "", lasts=True)


def _known(shards: Shards, keys: Sequence[str]) -> dict[str, str]:
    """Return the reasons by key that are kept, "" for an image that can be read."""
    known = {}
    for numbers, rows in shards.find({key: number for number, key in enumerate(keys)}):
        bad = rows.any(1).tolist()
        for row, number in enumerate(numbers):
            known[keys[number]] = _text(rows[row]) if bad[row] else ""
    return known


def _keep(shards: Shards, verdicts: Sequence[_Verdict]) -> None:
    lasting = {verdict.key: verdict.reason.encode() for verdict in verdicts if verdict.lasts}
    if lasting:
        width = max(1, *map(len, lasting.values()))
        padded = b"".join(reason.ljust(width, b"\0") for reason in lasting.values())
        rows = torch.frombuffer(bytearray(padded), dtype=torch.uint8).view(-1, width)
        with keeping():
            shards.add(lasting, rows)


def _text(row: Tensor) -> str:
    return row.numpy().tobytes().rstrip(b"\0").decode()
