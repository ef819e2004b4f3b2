"""The code of a query bit by bit, next to that of a result."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw
import numpy as np

from uhscm_core import Study
from uhscm_core.analysis.answers import bit_words, bits_of
from uhscm_core.analysis.questions import Question
from widgets.kit.code_view import CodeView

__all__ = ["CodePanel"]


class CodePanel(ipw.VBox):
    """Bits that can be flipped, with what each stands for.

    Args:
        flip: called with the number of the bit that was pressed.
        flip_back: called to undo all flips.
        like_result: called to ask with the result.
    """

    def __init__(
        self,
        flip: Callable[[int], None],
        flip_back: Callable[[], object],
        like_result: Callable[[], object],
    ) -> None:
        self.view = CodeView(flip, names=["query", "result"])
        self.unflip = ipw.Button(description="Flip back", icon="undo", layout={"width": "110px"})
        self.likewise = ipw.Button(
            description="More like the result", icon="search", layout={"width": "190px"}
        )
        self.unflip.on_click(lambda _: flip_back())
        self.likewise.on_click(lambda _: like_result())
        self._none = ipw.Label("A text has no code, so there are no bits to compare or to flip")
        self._none.add_class("uhscm-note")
        super().__init__([self._none, self.view, ipw.HBox([self.unflip, self.likewise])])

    def adopt(self, study: Study) -> None:
        """Show the codes of another study from now on."""
        self._bits = study.index.bits
        ones = np.unpackbits(study.index.codes.numpy(), axis=1, count=self._bits)
        self._shares: list[float] = ones.mean(0).tolist()
        self._meanings = bit_words(study.bit_concepts, study.kept_names)

    def show(self, asked: Question, picked: int | None) -> None:
        """Show the code of a query, and where that of a result differs.

        Args:
            asked: the query; a text has no code.
            picked: the result; None where there is none.
        """
        code, codes = asked.code, asked.pictures.codes
        for shown in (self.view, self.unflip):
            shown.layout.display = "none" if code is None else ""
        self._none.layout.display = "" if code is None else "none"
        self.likewise.layout.display = "none" if code is None and picked is None else ""
        self.unflip.disabled, self.likewise.disabled = not asked.flipped, picked is None
        if code is None or codes is None:
            return
        bits = bits_of(code, self._bits)
        other = [] if picked is None else bits_of(codes[picked], self._bits)
        said = f"{asked.name}: {sum(bits)} of {len(bits)} bits are 1"
        if other:
            apart = sum(a != b for a, b in zip(bits, other, strict=True))
            said = f"The codes differ in {apart} of {len(bits)} bits (XOR)"
        if asked.flipped:
            said += f"; flipped: {', '.join(map(str, asked.flipped))}"
        self.view.show(
            bits,
            flipped=asked.flipped,
            other=other,
            meanings=self._meanings,
            shares=self._shares,
            summary=said,
        )
