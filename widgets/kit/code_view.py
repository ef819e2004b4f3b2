"""A hash code as a bar of bits that can be flipped, beside another code and their XOR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import traitlets

from widgets.kit.view import View, static

__all__ = ["CodeView"]


class CodeView(View):
    """The bits of a code, eight to a group, each with what it stands for.

    A click, or Enter on the bit that the arrow keys reached, flips it.

    Args:
        on_flip: called with the bit.
    """

    _esm, _css = static("code_view")

    bits = traitlets.List(traitlets.Int()).tag(sync=True)
    """The L bits, 0 or 1, flips included."""

    flipped = traitlets.List(traitlets.Int()).tag(sync=True)
    """Positions of the bits that were flipped."""

    other = traitlets.List(traitlets.Int()).tag(sync=True)
    """The bits of another code, shown below with what differs; empty for none."""

    names = traitlets.List(traitlets.Unicode(), ["this", "other"]).tag(sync=True)
    """Of the two codes."""

    meanings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """What each bit stands for, a text a bit."""

    shares = traitlets.List(traitlets.Float()).tag(sync=True)
    """The share of the database images where each bit is 1."""

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
        """Show another code.

        Args:
            bits: L of 0 and 1, flips included.
            flipped: positions of those that were flipped.
            other: L of another code.
            meanings: what each bit stands for.
            shares: of the database images where each bit is 1.
            summary: one sentence.
            traits: any other trait to change in the same message.

        Raises:
            ValueError: an other code, meanings or shares of another length, or a flipped bit that
                there is not.
        """
        for name, values in (("other", other), ("meanings", meanings), ("shares", shares)):
            if len(values) not in (0, len(bits)):
                raise ValueError(f"a code of {len(bits)} bits, and {name} for {len(values)}")
        if wrong := [bit for bit in flipped if not 0 <= bit < len(bits)]:
            raise ValueError(f"no bit {wrong[0]} in a code of {len(bits)}")
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
        """A row a bit: its value, whether it was flipped, the other code's, share and meaning."""
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
