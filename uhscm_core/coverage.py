r"""Whether the kept concepts cover a text: a softmax over them always answers, also to "zebra".

All texts of a model lie close together, so a cosine alone says little: on the postcards, a word
that the world lacks has a cosine of 0.75 with its nearest concept, as high as a true one may be.
What tells them apart is the direction from the mean of the M candidates. A kept concept has to lie
in the direction of a covered text,

$$\max_{c\ \mathrm{kept}} \cos(t - \bar t, t_c - \bar t) \ge 0.4.$$

A word that is on the images and not in the list ("rainbow") has a neighbor there as well ("sky").
The images tell: those nearest to the text by their features have to come early in the order by
concepts. Unless the cosine above is 0.9 or more, their mean similarity to the text's distribution
has to exceed that of all images by a standard deviation of it.

An order by concepts knows single kept concepts: of "boats and castle" it sees one. So it is used
where a kept concept says the same as the text, with a cosine as above of 0.97 or more; for any
other text the order by the cosine of features, without hashing, is used. It is better, but for
sentences where the model knows single words alone: there both find little. Mean average precision
of label names, each with four lists, from `benchmarks/results/texts-2026-11-28.md`:

| | words below 0.97 | two words | words from 0.97 |
|---|---|---|---|
| postcards | concepts .29, features .98 | .14, .88 | .96, .98 |
| Corel-5k | .14, .44 | .08, .13 | .55, .59 |
| CIFAR-10 | | | .45, .32 |

Measured on the databases of postcards, Corel-5k and CIFAR-10, with seven lists each: of the label
names whose order by concepts has less than .3 of the average precision that the order by features
has, 78 % are not covered (postcards: 28 of 28); of those with more than .7, 8 %; of kept concepts
none; of words that are on no image 91 %.

Symbols: N images, M candidate concepts, K kept concepts, D embedding width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from uhscm_core.mining import MinedConcepts, semantic_similarity
from uhscm_core.support.notices import listed

__all__ = ["Coverage", "names"]

_LEAST_COSINE, _SURE_COSINE, _SAME_COSINE = 0.4, 0.9, 0.97
_LEAST_LIFT = 1.0  # standard deviations
_NEAREST = 40  # one image in 40
_FEWEST, _MOST = 40, 4000  # images that are looked at


@dataclass(frozen=True, eq=False)
class Coverage:
    """What decides whether concepts cover a text.

    Attributes:
        names: the M candidates.
        text_features: (M, D), theirs.
        mined: the kept ones.
        image_features: (N, D).
        distribution: (N, K).
        database: (n,) rows of the images that are ranked.
    """

    names: Sequence[str]
    text_features: Float[Tensor, "m d"]
    mined: MinedConcepts
    image_features: Float[Tensor, "n d"]
    distribution: Float[Tensor, "n k"]
    database: npt.NDArray[np.int64]

    def covers(self, text: Float[Tensor, " d"]) -> bool:
        """Return whether the order by concepts says something about a text (D,)."""
        cosine = self.cosine(text)
        if cosine < _LEAST_COSINE:
            return False
        return cosine >= _SURE_COSINE or self.lift(text) >= _LEAST_LIFT

    def has(self, text: Float[Tensor, " d"]) -> bool:
        """Return whether a kept concept says the same as a text (D,), up to its spelling."""
        return self.cosine(text) >= _SAME_COSINE

    def cosine(self, text: Float[Tensor, " d"]) -> float:
        """Return that of a text (D,) with its nearest kept concept, from the candidates' mean.

        It is 1 where there is one candidate alone, which has no direction.
        """
        if len(self.text_features) == 1:
            return 1.0
        mean = self.text_features.mean(0)
        kept = self.text_features[self.mined.kept] - mean
        return float(cosine_similarity((text - mean)[None], kept).max())

    def lift(self, text: Float[Tensor, " d"]) -> float:
        """Return how far the images nearest to a text (D,) lead by concepts.

        That is the mean similarity of the nearest of N / 40 images (at least 5) to the text's
        distribution, less that of all images, in standard deviations; at most 4,000 images count.
        It is infinite for fewer than 40 images, or where all are equally similar.
        """
        rows = torch.from_numpy(self.database[:: -(-len(self.database) // _MOST)])
        if len(rows) < _FEWEST:
            return float("inf")
        similarity = semantic_similarity(self.mined.apply(text[None]), self.distribution[rows])[0]
        count = max(_FEWEST // 8, len(rows) // _NEAREST)
        nearest = (self.image_features[rows] @ text).topk(count).indices
        spread = float(similarity.std())
        if spread == 0:
            return float("inf")
        return float(similarity[nearest].mean() - similarity.mean()) / spread

    def notes(self, shown: str, text: Float[Tensor, " d"]) -> tuple[str, ...]:
        """Return a sentence with the raw cosines if no kept concept covers a text.

        Args:
            shown: the text in quotes, or what it is, for the sentence.
            text: (D,) its features.
        """
        if self.covers(text):
            return ()
        kept = self.mined.kept
        cosines = self.text_features @ text
        of_kept = cosines.masked_fill(~kept, -2)
        nearest = of_kept.argsort(descending=True, stable=True)[: min(3, int(kept.sum()))].tolist()
        scores = ", ".join(f"{self.names[c]!r} {cosines[c]:.2f}" for c in nearest)
        best = int(cosines.argmax())
        nearer = f"; nearer is {self.names[best]!r} {cosines[best]:.2f}, dropped"
        dropped = "" if kept[best] else nearer
        named = [n for n, is_kept in zip(self.names, kept.tolist(), strict=True) if is_kept]
        named = [name for name in named if names(shown, name)]
        said = (
            f"no kept concept covers {shown}, so an order by concepts says little about it"
            if not named
            else f"{shown} names {listed(named)}, which {'is' if len(named) == 1 else 'are'} kept, "
            f"but {self._doubt(text)}"
        )
        return (
            f"{said}; raw cosines of the text: {scores}{dropped}; the nearest image "
            f"{(self.image_features @ text).max():.2f}",
        )

    def _doubt(self, text: Float[Tensor, " d"]) -> str:
        """Say why concepts that a text names do not cover all of it."""
        if self.lift(text) >= _LEAST_LIFT:
            return "as a whole it is far from all kept concepts"
        return "the orders by concepts and by features hardly agree on it, so compare both"


def names(text: str, concept: str) -> bool:
    """Return whether a text has the word of a concept or label, in the singular or plural."""
    return bool(re.search(rf"(?<!\w){re.escape(concept)}s?(?!\w)", text, re.IGNORECASE))
