"""Labels that may not be what is meant, in sentences; they are taken as they are."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Sequence

from uhscm_core.support.notices import listed

__all__ = ["doubts", "loosely"]

_MISSING = ("nan", "na", "n/a", "<na>", "none", "null", "-")


def doubts(labels: Sequence[Sequence[str]]) -> list[str]:
    """Say which of the labels of all images may not be what is meant."""
    counts = Counter(label for row in labels for label in row)
    notes = []
    spellings: dict[str, list[str]] = {}
    for label in sorted(counts):
        spellings.setdefault(loosely(label), []).append(label)
    similar = [same for same in spellings.values() if len(same) > 1]
    if similar:
        more = f" (and {len(similar) - 1:,} more of this kind)" if len(similar) > 1 else ""
        notes.append(
            f"{listed(similar[0])} are different labels, although their spelling is similar{more}"
        )
    several = [label for label in sorted(counts) if _is_several(label, counts)]
    if several:
        notes.append(
            f"{listed(several, 2)} {_is_taken(several)}; in a table, ; stands between several "
            f"labels of one image"
        )
    missing = [label for label in sorted(counts) if label.casefold() in _MISSING]
    if missing:
        notes.append(
            f"{listed(missing)} {_is_taken(missing)}; in a table, the cell of an image without a "
            f"label is empty"
        )
    return notes


def loosely(label: str) -> str:
    """Return a label without what people see as the same: case, spaces, the zeros of numbers."""
    text = unicodedata.normalize("NFKC", label)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # invisible
    text = re.sub(r"[\s_-]+", " ", text).strip().casefold()
    return str(float(text)) if re.fullmatch(r"\d+(?:\.\d+)?", text) else text


def _is_several(label: str, known: Container[str]) -> bool:
    """Whether a label is other labels, or numbers, with something between them."""
    parts = re.split(r"[\s,/+&]+", label)
    return len(parts) > 1 and (
        all(part in known for part in parts) or all(part.isdigit() for part in parts)
    )


def _is_taken(labels: Sequence[str]) -> str:
    return "is taken as one label" if len(labels) == 1 else "are taken as one label each"
