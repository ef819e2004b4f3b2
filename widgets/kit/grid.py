"""A number for every pair of images, as a heatmap with the images along its sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets
from PIL import Image

from widgets.kit.pictures import PictureView, Shown
from widgets.kit.selection import Selection
from widgets.kit.thumbnails import Thumbnails, checked_ids
from widgets.kit.view import static

__all__ = ["Grid", "pack_values"]

MAX_IMAGES = 1000  # along a side
_NAN, _INFINITE, _FINITE = -32768, 32767, 32766


def pack_values(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int16], float, float]:
    """Return numbers as two bytes each, and the least and the greatest of them.

    -32766 to 32766 stand evenly for least to greatest, -32768 for NaN and ±32767 for ±infinity.
    """
    finite = np.isfinite(values)
    least = float(values[finite].min()) if finite.any() else 0.0
    greatest = float(values[finite].max()) if finite.any() else 0.0
    # Halved before they are subtracted: the range of two huge numbers is none.
    half = (greatest / 2 - least / 2) or 1.0
    parts = (values[finite] / 2 - (least / 4 + greatest / 4)) / half * 2
    packed = np.full(values.shape, _NAN, dtype=np.int16)
    packed[finite] = np.rint(np.clip(parts, -1, 1) * _FINITE).astype(np.int16)
    packed[values == np.inf] = _INFINITE
    packed[values == -np.inf] = -_INFINITE
    return packed, least, greatest


@dataclasses.dataclass(frozen=True)
class _Shown(Shown):
    values: npt.NDArray[np.float64]
    groups: tuple[str, ...] = ()


class Grid(PictureView):
    """A heatmap of pairs; a click, or Enter on the cell that the arrow keys reached, picks a pair.

    The pair becomes `selection.ids`; a pair of these images picked in another view moves the mark
    here.

    Args:
        selection: shared with other views; None for a new one.
        edge: edge of the square in CSS pixels; it shrinks where there is less room.
    """

    _esm, _css = static("canvas", "pictures", "grid_drawing", "grid")

    _shown: _Shown

    cell: Any = traitlets.Tuple(default_value=None, allow_none=True).tag(sync=True)
    """The picked pair as (row, column), positions from 0; None, the default, for none."""

    edge = traitlets.Int(440, min=60).tag(sync=True)
    """Edge of the square in CSS pixels; default 440."""

    ids: traitlets.List[int] = traitlets.List().tag(sync=True)
    """Ids of the images along both sides; default none."""

    groups: traitlets.List[str] = traitlets.List().tag(sync=True)
    """The group of each image, such as its label; empty, the default, for none."""

    pictured = traitlets.Bool(False).tag(sync=True)
    """Whether there are thumbnails; default False."""

    values = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    """The numbers row by row as int16, see `pack_values`; default none."""

    least = traitlets.Float(0.0).tag(sync=True)
    """What -32766 stands for in `values`; default 0."""

    greatest = traitlets.Float(0.0).tag(sync=True)
    """What 32766 stands for in `values`; default 0."""

    low = traitlets.Float(-1.0).tag(sync=True)
    """The number of the first color, which all lower ones have too; default -1."""

    high = traitlets.Float(1.0).tag(sync=True)
    """The number of the last color, which all higher ones have too; default 1."""

    diverging = traitlets.Bool(False).tag(sync=True)
    """Whether colors diverge from a neutral middle, for differences; default False."""

    label = traitlets.Unicode("S").tag(sync=True)
    """What the numbers are called; default S."""

    reading = traitlets.Unicode("").tag(sync=True)
    """A sentence with the picked pair and its number in full; default empty."""

    def __init__(
        self, *, selection: Selection | None = None, edge: int = 440, **unknown: Any
    ) -> None:
        self._shown = _Shown(0, checked_ids([], 0), None, 0, np.zeros((0, 0)))
        self.selection = Selection() if selection is None else selection
        super().__init__(edge=edge, **unknown)
        self.observe(self._picked, "cell")
        self.selection.observe(self._follow, "ids")

    def show(
        self,
        values: npt.ArrayLike,
        ids: Sequence[int] | npt.ArrayLike,
        *,
        images: Sequence[Image.Image] | None = None,
        groups: Sequence[str] | None = None,
        low: float = -1.0,
        high: float = 1.0,
        diverging: bool = False,
        label: str = "S",
        summary: str = "",
    ) -> None:
        """Replace what is shown; no cell is picked afterwards.

        Args:
            values: (n, n) real numbers; NaN is drawn hatched.
            ids: the n images, as positions in `images`.
            images: all images, for the thumbnails; None to keep those given before, if any.
            groups: the group of each image, those of a group together: lines separate the groups.
            low, high: the numbers of the first and the last color.
            diverging: blue below the middle of `low` and `high`, orange above it.
            label: what the numbers are called.
            summary: one sentence about what is shown.

        Raises:
            ValueError: shapes that do not match, more than 1,000 images, or `low` not below `high`.
        """
        numbers = np.array(np.asarray(values), dtype=np.float64)  # (n, n), a copy
        thumbnails = self._shown.thumbnails
        if images is not None and (thumbnails is None or images is not thumbnails.images):
            thumbnails = Thumbnails(images, 96)  # at most 48 CSS pixels, on dense screens too
        known = len(thumbnails) if thumbnails is not None else np.iinfo(np.int64).max
        wanted = checked_ids(ids, known)
        n = len(wanted)
        if numbers.shape != (n, n) and not numbers.size == n == 0:
            raise ValueError(f"values must have shape ({n}, {n}), got {numbers.shape}")
        if n > MAX_IMAGES:
            raise ValueError(f"expected at most {MAX_IMAGES:,} images along a side, got {n:,}")
        names = () if groups is None else tuple(str(group) for group in groups)
        if groups is not None and len(names) != n:
            raise ValueError(f"expected {n} groups, got {len(names)}")
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"low must be below high, got {low} and {high}")
        packed, least, greatest = pack_values(numbers)
        generation = self._shown.generation + 1
        with self.hold_sync():  # one message: the browser never sees half of a change
            self.cell = None
            square = numbers.reshape(n, n)
            self._shown = _Shown(generation, wanted, thumbnails, self.paged, square, names)
            self.ids, self.groups = wanted.tolist(), list(names)
            self.pictured = thumbnails is not None
            self.values = packed.astype("<i2").tobytes()
            self.least, self.greatest = least, greatest
            self.low, self.high, self.diverging = float(low), float(high), diverging
            self.label, self.summary = label, summary
            self.generation = generation

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers, with image ids as row and column names."""
        shown = self._shown
        return pd.DataFrame(shown.values, index=shown.ids, columns=shown.ids)

    @traitlets.validate("cell")
    def _is_inside(self, proposal: Any) -> tuple[int, int] | None:
        cell, n = proposal["value"], len(self._shown.ids)
        if cell is None:
            return None
        if len(cell) != 2 or not all(isinstance(p, (int, np.integer)) and 0 <= p < n for p in cell):
            raise traitlets.TraitError(f"cell must be two positions below {n}, got {cell}")
        return int(cell[0]), int(cell[1])

    def _picked(self, change: Any) -> None:
        cell = change["new"]
        if cell is None:
            self.reading = ""
            return
        shown = self._shown
        (row, column), (first, second) = cell, (int(shown.ids[position]) for position in cell)
        value = shown.values[row, column]
        number = "no number" if np.isnan(value) else f"{value:.6g}".replace("-", "−")
        self.reading = f"Images {first} and {second}: {self.label} = {number}"
        self.selection.unobserve(self._follow, "ids")
        try:
            self.selection.ids = (first, second)
        finally:
            self.selection.observe(self._follow, "ids")

    def _follow(self, change: Any) -> None:
        positions = {int(image): i for i, image in reversed(list(enumerate(self._shown.ids)))}
        pair = change["new"]
        if len(pair) == 2 and all(image in positions for image in pair):
            first, second = pair
            self.cell = (positions[first], positions[second])

    def _on_gesture(
        self, shown: _Shown, content: dict[str, Any], _buffers: list[memoryview]
    ) -> None:
        n = len(shown)
        match content:
            case {"type": "choose", "cell": [int(row), int(column)]} if (
                0 <= row < n and 0 <= column < n
            ):
                self.cell = (row, column)
