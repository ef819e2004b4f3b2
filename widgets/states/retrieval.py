"""What the retrieval explorer asks, how much of the answer counts, and what is compared with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from uhscm_core import Study
from uhscm_core.analysis.answers import Answer
from uhscm_core.support.checks import one_of

__all__ = ["ORDERS", "Query", "RetrievalState"]

_AT_FIRST = 20  # results within the radius at first

Query: TypeAlias = tuple[int | None, str, tuple[int, ...], str]
"""Image, text, flipped bits and order of a `uhscm_core.analysis.questions.Question`."""

ORDERS = {"what fits the text": "", "concepts (S)": "concepts", "features (cosine)": "features"}
"""What a text can be answered by, by what it is called."""


@dataclass(frozen=True)
class RetrievalState:
    """What is asked and looked at.

    Attributes:
        image: the query; None where a text is.
        text: the query in words.
        flipped: bits of the image's code that were turned over.
        radius: what counts, in bits.
        steps: what counts for a text, in levels of its answer.
        picked: the result that is compared with the query; None for none.
        without: concepts left out of that comparison.
        by: what texts are answered by, one of `ORDERS`; by default what fits each text.
    """

    image: int | None
    radius: int
    steps: int = 0
    text: str = ""
    flipped: tuple[int, ...] = ()
    picked: int | None = None
    without: tuple[str, ...] = ()
    by: str = ""

    @property
    def query(self) -> Query:
        """What is asked."""
        return self.image, self.text, self.flipped, self.by if self.image is None else ""

    @property
    def limit(self) -> int:
        """The largest level of the answer that counts."""
        return self.steps if self.image is None else self.radius

    def asking(self, image: int | None, text: str = "") -> RetrievalState:
        """Ask another query; the radius stays."""
        return dataclasses.replace(
            self, image=image, text=text, flipped=(), picked=None, without=()
        )

    def asking_by(
        self, image: int, answer_to: Callable[[RetrievalState], Answer]
    ) -> RetrievalState:
        """Ask by an image; a radius that was moved stays, and any other is that of its answer.

        Args:
            image: the query.
            answer_to: returns the answer to what a state asks.
        """
        asked = self.asking(image)
        moved = self.opened_for(answer_to(self)) != self
        return asked if moved else asked.opened_for(answer_to(asked))

    def ranked_by(self, by: str, answer_to: Callable[[RetrievalState], Answer]) -> RetrievalState:
        """Let texts be answered by something else, and the first results of that count."""
        ranked = dataclasses.replace(self, by=by)
        return ranked.opened_for(answer_to(ranked)) if self.image is None else ranked

    def opened_for(self, answer: Answer) -> RetrievalState:
        """Let the first results of an answer count."""
        near = answer.level[:_AT_FIRST]
        limit = int(near[-1]) if len(near) else 0
        if answer.by_text:
            return dataclasses.replace(self, steps=limit)
        return dataclasses.replace(self, radius=limit)

    def flipping(self, bit: int) -> RetrievalState:
        """Turn a bit over, or back."""
        return dataclasses.replace(self, flipped=tuple(sorted(set(self.flipped) ^ {bit})))

    def in_study(self, study: Study) -> RetrievalState:
        """Keep what another study of the same images can show."""
        bits = study.index.bits
        return dataclasses.replace(
            self,
            radius=min(max(self.radius, 0), bits),
            flipped=tuple(bit for bit in self.flipped if bit < bits),
            without=tuple(name for name in self.without if name in study.kept_names),
        )

    def check(self, n_images: int) -> None:
        """Raise an IndexError for an image, a ValueError for an order that there is not."""
        one_of("by", self.by, ORDERS.values())
        for image in (self.image, self.picked):
            if image is not None and not 0 <= image < n_images:
                raise IndexError(f"no image {image}: there are {n_images:,}")
