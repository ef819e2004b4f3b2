r"""The numbers of one query: the database by Hamming distance, and how good the ranking is.

An image query ranks the database by the Hamming distance of codes. A text has no code, because the
network has no text branch: it ranks the database by its concept distribution,
:math:`S = 2\cos(q, q_i) - 1`, in steps of a tenth, or by the cosine of features, without hashing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.codes import unpack_codes
from uhscm_core.coverage import names as is_named
from uhscm_core.index import HammingIndex
from uhscm_core.metrics import average_precisions
from uhscm_core.results import TextOrder
from uhscm_core.study import Study
from uhscm_core.support.numbers import real, signed

__all__ = [
    "Answer",
    "Within",
    "answer_to_code",
    "answer_to_text",
    "average_precision_bounds",
    "bit_words",
    "bits_of",
    "concepts_in_words",
    "flip",
    "labels_named",
]

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_HARDLY = 0.05  # the share of a distribution below which a concept does not change an answer
STEPS = 20  # levels of a text's answer by concepts, a tenth of S each
_COSINES = (0.01, 0.02, 0.05, 0.1)  # steps of one by features, of which the first is taken that
_MOST_STEPS = 25  # makes no more levels than these


class Within(NamedTuple):
    """What is within each distance; all (levels,). Matches, precision and recall may be None.

    Precision is NaN while nothing is found; recall is 0 if nothing in the database matches.
    """

    found: Ids
    matches: Ids | None
    precision: npt.NDArray[np.float64] | None
    recall: npt.NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Answer:
    """The ranked database, nearest first.

    Attributes:
        ids: (n,) images; equal levels are ordered by id.
        level: (n,) level of each: a Hamming distance in bits, tenths of S below 1, or the place of
            the last of `cosines` that its own reaches.
        levels: number of possible levels.
        by_text: whether the query is a text.
        match: (n,) whether each shares a label with the query; None if that is unknown.
        notes: what there is to say of a text, such as that no kept concept covers it.
        cosines: the least cosine of each level, falling, of a text that is answered by features.
    """

    ids: Ids
    level: Ids
    levels: int
    by_text: bool
    match: Flags | None = None
    notes: tuple[str, ...] = ()
    cosines: tuple[float, ...] = ()

    def shelves(self) -> list[tuple[int, int, int]]:
        """Return level, start and stop in ``ids`` of each level that has an image."""
        present, starts = np.unique(self.level, return_index=True)
        edges = itertools.pairwise([*starts.tolist(), len(self.ids)])
        return [(level, a, b) for level, (a, b) in zip(present.tolist(), edges, strict=True)]

    def named(self, level: int) -> str:
        """Put a level into words: ``"3 bits"``, ``"S ≥ 0.9"`` or ``"cosine ≥ 0.31"``."""
        if self.cosines:
            return f"cosine ≥ {real(self.cosines[level], 2)}"
        if self.by_text:
            return f"S ≥ {real(1 - (level + 1) / 10, 1)}"
        return f"{level} bit{'' if level == 1 else 's'}"

    def within(self) -> Within:
        """Count what is within each level."""
        found = np.bincount(self.level, minlength=self.levels).cumsum()
        if self.match is None:
            return Within(found, None, None, None)
        matches = np.bincount(self.level[self.match], minlength=self.levels).cumsum()
        with np.errstate(invalid="ignore"):
            precision = matches / found
        return Within(found, matches, precision, matches / max(int(matches[-1]), 1))


def answer_to_code(
    pictures: StudyImages, code: Tensor, image: int | None, match: Flags | None = None
) -> Answer:
    """Rank the database by Hamming distance.

    Args:
        pictures: the images of the study, with their codes.
        code: (⌈L/8⌉,) packed code of the query.
        image: the query image, which is left out of the answer; None if it is no image.
        match: (N,) from `labels_named` or from an image's labels; None without labels.
    """
    index: HammingIndex = pictures.study.index
    database: Ids = pictures.study.dataset.splits["database"]
    found = index.search(code[None], len(index))
    ids, distances = database[found.ids[0].numpy()], found.distances[0].numpy().astype(np.int64)
    others = ids != (-1 if image is None else image)
    ids, distances = ids[others], distances[others]
    return Answer(ids, distances, index.bits + 1, False, None if match is None else match[ids])


def answer_to_text(
    study: Study, text: str, match: Flags | None = None, by: TextOrder | None = None
) -> Answer:
    """Rank the database by the similarity of its concepts, or its features, to those of a text.

    Args:
        study: with the database.
        text: the query.
        match: (N,) from `labels_named`; None without labels.
        by: which of the two; None for the better one, see `uhscm_core.coverage`.

    Raises:
        ValueError: the text is empty.
    """
    reading, n = study.read_text(text), len(study.dataset.splits["database"])
    if (by or reading.order) == "features":
        ranked = study.rank_by_features(reading.features, n)
        ids, cosines = ranked.ids.numpy(), 1 - ranked.distances.double().numpy()
        steps, cosine_level = _in_steps(cosines)
        match = None if match is None else match[ids]
        return Answer(ids, cosine_level, len(steps), True, match, reading.notes, steps)
    found = study.rank_by_concepts(reading.distribution, n)
    # The search's distance is (1 - S)/2; the small offset keeps S = 0.9 within 0.9.
    level = np.floor(np.clip(found.distances.double().numpy() * STEPS - 1e-6, 0, STEPS - 1))
    ids = found.ids.numpy()
    match = None if match is None else match[ids]
    notes = (*reading.notes, *_not_heard(study, text, reading.distribution))
    return Answer(ids, level.astype(np.int64), STEPS, True, match, notes)


def _in_steps(cosines: npt.NDArray[np.float64]) -> tuple[tuple[float, ...], Ids]:
    """Return the least cosine of each level, and the level of each of some falling cosines."""
    highest, lowest = float(cosines[0]), float(cosines[-1])
    for step in _COSINES:
        # The small offset keeps a cosine of 0.3 within 0.3.
        first, last = (math.floor(value / step + 1e-6) for value in (highest, lowest))
        if first - last < _MOST_STEPS:
            break
    level = first - np.floor(cosines / step + 1e-6).astype(np.int64)
    return tuple(step * place for place in range(first, last - 1, -1)), level


def _not_heard(study: Study, text: str, distribution: Tensor) -> tuple[str, ...]:
    """Say which kept concepts a text names that hardly count next to another one."""
    names, shares = study.kept_names, distribution.flatten().tolist()
    main = int(np.argmax(shares))
    lost = [
        name
        for name, share in zip(names, shares, strict=True)
        if share < _HARDLY and name != names[main] and is_named(text, name)
    ]
    if not lost:
        return ()
    heard = " and ".join(f"{name!r}" for name in lost)
    return (
        f"{heard} hardly count{'s' * (len(lost) == 1)}: the text is read as {names[main]!r} at "
        f"{shares[main]:.0%}, so ask for one concept at a time",
    )


def labels_named(study: Study, text: str) -> tuple[tuple[str, ...], Flags | None]:
    """Find the labels that a text names, and which of the N images have one of them.

    Returns:
        Their names, and (N,) flags; the flags are None if no label is named.
    """
    labels = study.dataset.labels
    names = tuple(name for name in study.dataset.label_names if is_named(text, name))
    if labels is None or not names:
        return (), None
    columns = [study.dataset.label_names.index(name) for name in names]
    return names, labels[:, columns].bool().any(1).numpy()


def average_precision_bounds(answer: Answer, code: Tensor, codes: Tensor) -> dict[str, float]:
    """Return the average precision of one answer over the database: worst, expected and best.

    Args:
        answer: the answer to a code, with matches.
        code: (⌈L/8⌉,) packed code of the query.
        codes: (N, ⌈L/8⌉) packed codes of all images.

    Raises:
        ValueError: the matches are unknown.
    """
    if answer.match is None:
        raise ValueError("average precision needs matches, but the query has no label to match by")
    match = torch.from_numpy(answer.match)[:, None].to(torch.uint8)
    arrays = (code[None], codes[answer.ids], torch.ones(1, 1, dtype=torch.uint8), match)
    return {
        ties: float(average_precisions(*arrays, ties=ties)[0])
        for ties in ("worst", "expected", "best")
    }


def flip(code: Tensor, bits: Sequence[int]) -> Tensor:
    """Return a packed code (⌈L/8⌉,) with some bits flipped."""
    flipped = code.clone()
    for bit in bits:
        flipped[bit // 8] ^= 128 >> bit % 8
    return flipped


def bits_of(code: Tensor, bits: int) -> list[int]:
    """Unpack a code (⌈L/8⌉,) to a list of L zeros and ones."""
    values: list[int] = (unpack_codes(code[None], bits)[0] > 0).int().tolist()
    return values


def bit_words(meaning: Tensor, names: Sequence[str], limit: int = 3) -> list[str]:
    """Say what each bit stands for, such as ``"ocean (+0.62), boats (+0.40), castle (−0.31)"``.

    Args:
        meaning: (L, K) correlations from `bit_concepts`.
        names: the K concepts.
        limit: number of concepts named per bit.

    Returns:
        A text per bit, empty for one that goes with no concept, as those do which are the same for
        all images.
    """
    texts = []
    for row in meaning:
        strongest = row.abs().argsort(descending=True, stable=True)[:limit].tolist()
        parts = [f"{names[c]} ({signed(float(row[c]), 2)})" for c in strongest if row[c] != 0]
        texts.append(", ".join(parts))
    return texts


def concepts_in_words(weights: Tensor, names: Sequence[str], limit: int = 3) -> str:
    """Name the largest weights of a distribution (K,), such as ``"62% castle, 20% ocean"``."""
    largest = weights.argsort(descending=True, stable=True)[:limit].tolist()
    return ", ".join(f"{weights[c]:.0%} {names[c]}" for c in largest if weights[c] >= 0.005)
