"""A hash code as a bar of bits that can be flipped, with another code and their XOR below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["CodeView"]


class CodeView(View):
    """The bits of a code in groups of eight, each with what it stands for.

    A click, or Enter on the bit that the arrow keys reached, flips it.

    Args:
        on_flip: called with the position of the bit to flip.
    """

    _esm, _css = static("code_view")

    bits = traitlets.List(traitlets.Int()).tag(sync=True)
    """The L bits, 0 or 1, flips included; default none."""

    flipped = traitlets.List(traitlets.Int()).tag(sync=True)
    """Positions of the bits that were flipped; default none."""

    other = traitlets.List(traitlets.Int()).tag(sync=True)
    """The bits of another code, shown below with where it differs; empty, the default, for none."""

    names = traitlets.List(traitlets.Unicode(), ["this", "other"]).tag(sync=True)
    """Names of the two codes; default ``["this", "other"]``."""

    meanings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What each bit stands for, one text per bit; default none."""

    shares = traitlets.List(traitlets.Float()).tag(sync=True)
    """The share of the database images where each bit is 1; default none."""

    def __init__(self, on_flip: Callable[[int], None], **traits: Any) -> None:
        super().__init__(**traits)
        self._on_flip = on_flip

    def show(
        self,
        bits: Sequence[int],
        *,
        flipped: Sequence[int] = (),
        other: Sequence[int] = (),
        meanings: Sequence[str] = (),
        shares: Sequence[float] = (),
        summary: str = "",
        **traits: Any,
    ) -> None:
        """Replace the code.

        Args:
            bits: L times 0 or 1, flips included.
            flipped: positions of the bits that were flipped.
            other: the L bits of another code; empty for none.
            meanings: what each bit stands for, L texts; empty for none.
            shares: the share of the database images where each bit is 1; empty for none.
            summary: one sentence about the code.
            traits: any other trait to change in the same message.

        Raises:
            ValueError: another code, meanings or shares of a different length, or a flipped bit
                that the code does not have.
        """
        for name, values in (("other", other), ("meanings", meanings), ("shares", shares)):
            if len(values) not in (0, len(bits)):
                raise ValueError(
                    f"{name} must have {len(bits)} entries, one per bit, got {len(values)}"
                )
        if wrong := [bit for bit in flipped if not 0 <= bit < len(bits)]:
            raise ValueError(f"flipped must lie between 0 and {len(bits) - 1}, got {wrong[0]}")
        shown = {
            "bits": list(bits),
            "flipped": list(flipped),
            "other": list(other),
            "meanings": list(meanings),
            "shares": list(shares),
        }
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in {**shown, "summary": summary, **traits}.items():
                self.set_trait(name, value)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per bit: value, whether it was flipped, the other code's, share, meaning."""
        frame = pd.DataFrame({"bit": range(len(self.bits)), "value": self.bits})
        frame["flipped"] = frame["bit"].isin(self.flipped)
        if self.other:
            frame["other"] = self.other
            frame["differs"] = frame["value"] != frame["other"]
        if self.shares:
            frame["share of ones"] = self.shares
        if self.meanings:
            frame["meaning"] = self.meanings
        return frame

    def _receive(self, _: Any, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        match content:
            case {"type": "flip", "bit": int(bit)} if 0 <= bit < len(self.bits):
                self._on_flip(bit)
