"""The card that says why two images are near or far, the same wherever a pair is in view."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Embedding, Study
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.why import CodeStatistics, Measures, Rank, Why, why
from uhscm_core.support.numbers import real
from widgets.kit.pair_card import BitsOf, PairCard, Part, Scale
from widgets.kit.words import counted

__all__ = ["WhyPanel"]

_PARTS = 6  # concepts with a row of their own
_GROUPS = 5  # concepts whose differing bits have a row of their own
_OTHERS = ""  # the key of the row of all other concepts


class WhyPanel(ipw.VBox):
    """Shows `uhscm_core.analysis.why` of a pair; its boxes leave concepts out.

    Args:
        on_leave_out: called with the names of all concepts that are to be left out.
    """

    def __init__(self, on_leave_out: Callable[[tuple[str, ...]], None]) -> None:
        self.card = PairCard(self._tick)
        self.why: Why | None = None
        """What is shown; None while there is no pair."""
        self._on_leave_out = on_leave_out
        self._statistics: CodeStatistics | None = None
        self._rows: dict[str, tuple[str, ...]] = {}  # the concepts of each row
        self._wanted: set[str] = set()  # left out by ticks, which may be faster than the answers
        super().__init__([self.card])
        self.add_class("uhscm-why")

    def show(
        self,
        pictures: StudyImages,
        i: int | Embedding,
        j: int,
        *,
        without: Collection[str] = (),
        flipped: Sequence[int] = (),
        by_features: bool = False,
    ) -> Why:
        """Show a pair; the arguments are those of `why`."""
        found = why(
            pictures,
            i,
            j,
            without=without,
            flipped=flipped,
            by_features=by_features,
            statistics=self._statistics_of(pictures.study),
        )
        self.why, self._wanted = found, set(found.without)
        parts = self._parts(found)
        before, after = found.measured, found.changed
        without = f"without {_short(found.without)}"
        said = f"The parts add up to S + 1 = {(after or before).similarity + 1:.2f}"
        self.card.show(
            found.sentence,
            heading="What the concepts would say:" if by_features else "",
            parts=parts,
            total=said if after is None else f"{said}, {without}",
            bits=found.bits_sentence,
            groups=_groups(found),
            scale=_scale(found),
            columns=["now"] if after is None else ["with all", without],
            rows=_rows(before, after, found.bits),
            notes=found.notes,
        )
        return found

    def clear(self, sentence: str) -> None:
        """Show that there is no pair to explain, and why."""
        self.why, self._rows = None, {}
        self.card.show(sentence)

    def to_frame(self) -> pd.DataFrame:
        """Return the parts and bits of each concept, as `Why.to_frame`."""
        return pd.DataFrame() if self.why is None else self.why.to_frame()

    def _statistics_of(self, study: Study) -> CodeStatistics:
        if self._statistics is None or self._statistics.study is not study:
            self._statistics = CodeStatistics(study)
        return self._statistics

    def _parts(self, found: Why) -> list[Part]:
        """The largest parts with all concepts, so that a tick moves no row, and the others."""
        frame = found.to_frame().sort_values("part", ascending=False, kind="stable")
        names = frame["concept"].tolist()
        first = _PARTS if len(names) > _PARTS + 1 else len(names)
        self._rows = {name: (name,) for name in names[:first]}
        if others := tuple(names[first:]):
            self._rows[_OTHERS] = others
        value = "part" if found.changed is None else "part_without"
        values = dict(zip(names, frame[value], strict=True))
        return [
            Part(
                key,
                key or f"{len(members)} others",
                float(sum(values[name] for name in members)),
                not set(members) & set(found.without),
            )
            for key, members in self._rows.items()
        ]

    def _tick(self, key: str, ticked: bool) -> None:
        if self.why is None:
            return
        members = set(self._rows[key])
        left_out = self._wanted - members if ticked else self._wanted | members
        if len(left_out) == len(self.why.concepts):
            self.card.refuse("One concept has to stay: S compares concepts")
            return
        self._wanted = left_out
        self._on_leave_out(tuple(name for name in self.why.concepts if name in left_out))


def _groups(found: Why) -> list[BitsOf]:
    """The groups as rows: concepts with differing bits first, then the others together."""
    named = [group for group in found.groups if group.concept]
    few = min(sum(bool(group.differ) for group in named), _GROUPS)
    rows = [BitsOf(g.name, len(g.differ), len(g.bits) - len(g.differ)) for g in named[:few]]
    if rest := named[few:]:
        differ = sum(len(group.differ) for group in rest)
        total = sum(len(group.bits) for group in rest)
        rows.append(BitsOf(counted(len(rest), "other"), differ, total - differ))
    return rows + [
        BitsOf(group.name, len(group.differ), len(group.bits) - len(group.differ))
        for group in found.groups
        if not group.concept
    ]


def _scale(found: Why) -> Scale | None:
    distance = found.measured.distance
    if found.expected is None or found.bits is None or distance is None:
        return None
    changed = found.changed.distance if found.changed is not None and found.follows else None
    return Scale(found.bits, distance, *found.expected, changed)


def _rows(before: Measures, after: Measures | None, bits: int | None) -> list[list[str]]:
    """The numbers in words, before and after concepts were left out."""
    both = [before] if after is None else [before, after]
    rows = [["S, by concepts", *(real(m.similarity, 2) for m in both)]]
    if before.rank_by_concepts:
        rows.append(["rank by S", *_ranks(m.rank_by_concepts for m in both)])
    if bits is not None:
        rows.append(["differing bits", *(f"{m.distance} of {bits}" for m in both)])
    if before.rank_by_code:
        rows.append(["rank by code", *_ranks(m.rank_by_code for m in both)])
    return rows


def _ranks(ranks: Iterable[Rank | None]) -> list[str]:
    """Such as "3 to 9 of 9,999": the ranks of a tie."""
    return ["" if rank is None else str(rank) for rank in ranks]


def _short(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 3 else f"{len(names)} concepts"
