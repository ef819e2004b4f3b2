r"""Whether the kept concepts cover a text: a softmax over them always answers, also to "zebra".

All texts of a model lie close together, so a cosine alone says little: on the postcards, a word
that the world lacks has a cosine of 0.75 with its nearest concept, as high as a true one may be.
What tells them apart is the direction from the mean of the M candidates: a text is covered if one
of the K kept concepts lies in its direction,

$$\max_{c\ \mathrm{kept}} \cos(t - \bar t, t_c - \bar t) \ge 0.25.$$

The bound is the middle between the words that the postcards show (0.62 at least) and those that
they lack (-0.11 at most).

Symbols: M candidate concepts, K kept concepts, D embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

__all__ = ["LEAST_COVERAGE", "coverage", "uncovered_note"]

LEAST_COVERAGE = 0.25


def coverage(
    text: Float[Tensor, " d"], candidates: Float[Tensor, "m d"], kept: Bool[Tensor, " m"]
) -> float:
    """Return the cosine of a text (D,) with its nearest kept concept, from the candidates' mean.

    A text is always covered where there is one candidate alone, which has no direction.
    """
    if len(candidates) == 1:
        return 1.0
    mean = candidates.mean(0)
    return float(cosine_similarity((text - mean)[None], candidates[kept] - mean).max())


def uncovered_note(
    shown: str,
    text: Float[Tensor, " d"],
    candidates: Float[Tensor, "m d"],
    kept: Bool[Tensor, " m"],
    names: Sequence[str],
    image_features: Float[Tensor, "n d"],
) -> tuple[str, ...]:
    """Return a sentence with the raw cosines if no kept concept covers a text.

    Args:
        shown: the text in quotes, or what it is, for the sentence.
        text: (D,) its features.
        candidates: (M, D).
        kept: (M,).
        names: the M candidates.
        image_features: (N, D), to say how near the nearest image is.
    """
    if coverage(text, candidates, kept) >= LEAST_COVERAGE:
        return ()
    cosines = candidates @ text
    of_kept = cosines.masked_fill(~kept, -2)
    nearest = of_kept.argsort(descending=True, stable=True)[: min(3, int(kept.sum()))].tolist()
    scores = ", ".join(f"{names[c]!r} {cosines[c]:.2f}" for c in nearest)
    best = int(cosines.argmax())
    dropped = "" if kept[best] else f"; nearer is {names[best]!r} {cosines[best]:.2f}, dropped"
    return (
        f"no kept concept covers {shown}, so the order of the images says nothing about it; raw "
        f"cosines of the text: {scores}{dropped}; the nearest image "
        f"{(image_features @ text).max():.2f}",
    )
