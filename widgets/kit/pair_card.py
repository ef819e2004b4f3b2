"""A card about two images: a sentence, parts to untick, bits by concept, a scale, numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["BitsOf", "PairCard", "Part", "Scale"]


@dataclasses.dataclass(frozen=True)
class Part:
    """One row of the parts.

    Attributes:
        key: says which row it is to `on_tick`.
        name: what people read.
        value: the part, 0 or more.
        ticked: whether it counts.
    """

    key: str
    name: str
    value: float
    ticked: bool = True


@dataclasses.dataclass(frozen=True)
class BitsOf:
    """How many bits of one kind differ, and how many agree."""

    name: str
    differ: int
    agree: int


@dataclasses.dataclass(frozen=True)
class Scale:
    """A number of bits among those to expect.

    Attributes:
        bits: the length of the scale.
        actual: the number of bits that differ.
        expected: the number to expect.
        low, high: the range to expect.
        changed: the number of bits after a change; None for none.
    """

    bits: int
    actual: int
    expected: float
    low: int
    high: int
    changed: int | None = None


class PairCard(View):
    """The card of a pair. A box that is ticked or unticked, by pointer or by Space, is told.

    Args:
        on_tick: called with the key of a part, and whether it counts from now on.
    """

    _esm, _css = static("pair_card")

    _card: traitlets.Dict[str, Any] = traitlets.Dict(
        {"parts": [], "groups": [], "rows": [], "notes": []}
    ).tag(sync=True)

    error = traitlets.Unicode("").tag(sync=True)
    """Why the last tick could not be done, shown at the boxes; default empty."""

    def __init__(self, on_tick: Callable[[str, bool], None], **traits: Any) -> None:
        super().__init__(**traits)
        self._on_tick = on_tick

    def show(
        self,
        sentence: str,
        *,
        heading: str = "",
        parts: Sequence[Part] = (),
        total: str = "",
        bits: str = "",
        groups: Sequence[BitsOf] = (),
        scale: Scale | None = None,
        columns: Sequence[str] = (),
        rows: Sequence[Sequence[str]] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Replace the card.

        Args:
            sentence: the answer.
            heading: a line above the parts.
            parts: with their boxes; those of a single part cannot be unticked. All cards have one
                scale of bars, so that a pair with hardly anything in common has hardly any bars.
            total: a line below the parts.
            bits: a sentence about the bits, which screen readers say.
            groups: the bits by what they stand for.
            scale: the actual among the expected; None for none.
            columns: what the columns of the numbers are.
            rows: of numbers, each with its name and a text per column.
            notes: sentences at the end.
        """
        card = {
            "heading": heading,
            "parts": [dataclasses.asdict(part) for part in parts],
            "total": total,
            "bits": bits,
            "groups": [dataclasses.asdict(group) for group in groups],
            "scale": None if scale is None else dataclasses.asdict(scale),
            "columns": list(columns),
            "rows": [list(row) for row in rows],
            "notes": list(notes),
        }
        with self.hold_sync():  # one message
            self.summary, self._card, self.error = sentence, card, ""

    def refuse(self, reason: str) -> None:
        """Say at the boxes why the last tick cannot be done, and take it back."""
        self.error = ""  # so that the same reason is told again
        self.error = reason

    def to_frame(self) -> pd.DataFrame:
        """Return the parts: ``name``, ``value``, and whether each is ``ticked``."""
        return pd.DataFrame(self._card["parts"], columns=["name", "value", "ticked"])

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        match content:
            case {"type": "tick", "key": str(key), "ticked": bool(ticked)} if any(
                part["key"] == key for part in self._card["parts"]
            ):
                self._on_tick(key, ticked)
