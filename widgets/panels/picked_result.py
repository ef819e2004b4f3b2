"""The result of two rankings that is pointed at: its ranks, and why it is near the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as ipw

from uhscm_core.analysis.two_rankings import TwoRankings
from widgets.kit.selection import Selection
from widgets.panels.gains import GainsPanel
from widgets.panels.ranking_numbers import RankingNumbers
from widgets.panels.why import WhyPanel

__all__ = ["PickedResult"]


class PickedResult(ipw.VBox):
    """Why it is near. `numbers`, with its ranks, and `ask`, a button, stand elsewhere.

    Args:
        picked: its focus is the result.
        gains: knows how all queries are evaluated.
        ask_with: called with the result when it is to be the query.
        leave_out: called with the names of all concepts that are to be left out.
    """

    def __init__(
        self,
        picked: Selection,
        gains: GainsPanel,
        ask_with: Callable[[int], object],
        leave_out: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._picked, self._gains, self._ask_with = picked, gains, ask_with
        self._drawn: tuple[object, ...] = ()
        self.ask = ipw.Button(description="Make the picked one the query", layout={"width": "auto"})
        self.ask.on_click(lambda _: self._ask())
        self.numbers = RankingNumbers(
            layout={"flex": "1 1 300px", "min_width": "0", "padding": "0 0 0 12px"}
        )
        self.numbers.add_class("uhscm-numbers")
        self.why = WhyPanel(leave_out)
        super().__init__([self.why])

    def show(self, both: TwoRankings, without: Sequence[str]) -> None:
        """Show the picked result of two rankings.

        Args:
            both: the query and its rankings.
            without: concepts that are left out of why it is near.
        """
        self.show_numbers(both)
        picked, kept = self._picked.focus, both.pictures.study.kept_names
        left_out = tuple(name for name in without if name in kept)
        drawn = (both.pictures, both.query, picked, left_out)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        if picked is None:
            self.why.clear("Click a result to see why it is near the query")
        else:
            self.why.show(both.pictures, both.query, picked, without=left_out)

    def show_numbers(self, both: TwoRankings) -> None:
        """Show its ranks, and what is known by now of all queries."""
        picked, gains = self._picked.focus, self._gains
        self.ask.disabled = picked is None or picked == both.query
        self.numbers.show_numbers(both, gains.evaluated, gains.why_not, picked)

    def _ask(self) -> None:
        if self._picked.focus is not None:
            self._ask_with(int(self._picked.focus))
