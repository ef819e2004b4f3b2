r"""The numbers of concept denoising, as sentences and tables.

Each image of the training split votes for the concept it scores highest; a concept is kept when it
has more votes than :math:`\mathrm{min\_share}\,N/M`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from uhscm_core.mining import concept_scores, top_concepts
from uhscm_core.study import Study

__all__ = [
    "DenoisingStep",
    "counts",
    "flips",
    "moved_to",
    "steps",
    "vote_changes",
    "vote_frame",
    "voters",
]

Ids = npt.NDArray[np.int64]


def counts(study: Study) -> str:
    """Return how many concepts there are, are kept and are dropped, in a sentence."""
    kept = int(study.mined.kept.sum())
    m = len(study.concepts)
    return f"{m:,} concepts, {kept:,} kept, {m - kept:,} dropped"


def vote_frame(study: Study) -> pd.DataFrame:
    """Return a row per concept, most votes first: ``concept``, ``votes``, ``kept``, ``index``."""
    frame = pd.DataFrame(
        {
            "concept": study.concepts.names,
            "votes": study.mined.wins.numpy(),
            "kept": study.mined.kept.numpy(),
            "index": range(len(study.concepts)),
        }
    )
    return frame.sort_values("votes", ascending=False, kind="stable", ignore_index=True)


def voters(study: Study, concept: int) -> Ids:
    """Return the training images that voted for a concept, highest score first."""
    train = study.dataset.splits["train"]
    ids: Ids = train[study.votes[train].numpy() == concept]
    scores = study.image_features[ids] @ study.text_features[concept]
    return np.asarray(ids[scores.argsort(descending=True, stable=True).numpy()])


def moved_to(study: Study, concept: int) -> pd.DataFrame:
    """Count which kept concept scores highest for each voter of a dropped concept.

    Returns:
        ``concept`` and ``images``, most images first.
    """
    ids = voters(study, concept)
    if not len(ids):
        return pd.DataFrame({"concept": [], "images": np.zeros(0, np.int64)})
    best = top_concepts(study.image_features[ids], study.text_features[study.mined.kept])
    images = torch.bincount(best, minlength=len(study.kept_names)).numpy()
    frame = pd.DataFrame({"concept": study.kept_names, "images": images})
    frame = frame.sort_values("images", ascending=False, kind="stable", ignore_index=True)
    return frame[frame["images"] > 0]


def flips(study: Study, other: Study) -> pd.DataFrame:
    """List the training images whose top concept differs in another study of the same images.

    Returns:
        ``image``, ``before`` and ``after``, the most frequent flip first.
    """
    train = study.dataset.splits["train"]
    names, other_names = np.array(study.concepts.names), np.array(other.concepts.names)
    frame = pd.DataFrame(
        {
            "image": train,
            "before": names[study.votes[train].numpy()],
            "after": other_names[other.votes[train].numpy()],
        }
    )
    frame = frame[frame["before"] != frame["after"]]
    frequency = frame.groupby(["before", "after"])["image"].transform("size")
    return frame.loc[frequency.sort_values(ascending=False, kind="stable").index].reset_index(
        drop=True
    )


def vote_changes(study: Study, other: Study) -> pd.DataFrame:
    """Compare the same concepts' votes in two studies.

    Returns:
        ``concept``, ``before``, ``after`` and ``kept`` (in `other`), largest change first.
    """
    frame = pd.DataFrame(
        {
            "concept": study.concepts.names,
            "before": study.mined.wins.numpy(),
            "after": other.mined.wins.numpy(),
            "kept": other.mined.kept.numpy(),
        }
    )
    change = (frame["after"] - frame["before"]).abs()
    order = change.sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


@dataclass(frozen=True)
class DenoisingStep:
    """One step of denoising, for one image.

    Attributes:
        title: name of the step.
        formula: its formula in LaTeX.
        question: what to predict before looking; empty if there is nothing to predict.
        right: the names that are right answers; empty if the answer is not a name.
        sentence: what happened, with this image's numbers.
        names: the concepts shown, best for this image first.
        values: one number per name; empty if there is none yet.
        kept: whether each name is drawn as kept.
        threshold: a concept is kept if its value exceeds this; None without a threshold.
        digits: number of decimals of the values.
    """

    title: str
    formula: str
    question: str
    right: tuple[str, ...]
    sentence: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    kept: tuple[bool, ...]
    threshold: float | None = None
    digits: int = 3


def steps(study: Study, features: Tensor, limit: int = 8) -> tuple[DenoisingStep, ...]:
    """Describe the five steps from prompt to drop with the numbers of one image.

    Args:
        study: the concepts and the settings.
        features: (D,) features of the image.
        limit: number of concepts to show, highest score first.
    """
    mined, names = study.mined, study.concepts.names
    scores = concept_scores(features[None], study.text_features)[0]  # (M,)
    sharpness = study.tau * len(names)
    p = torch.softmax(sharpness * scores, dim=0)
    order = scores.argsort(descending=True, stable=True)[:limit]
    top, m = int(order[0]), len(names)
    shown = tuple(names[i] for i in order)
    all_kept = (True,) * len(shown)
    best = names[top]
    votes, kept = int(mined.wins[top]), bool(mined.kept[top])
    templates = study.concepts.templates
    kept_flags = tuple(mined.kept[order].tolist())
    averaged = f", averaged over {len(templates)} templates" if len(templates) > 1 else ""
    second = f" against {p[order[1]]:.2f} for {names[order[1]]!r}" if m > 1 else ""
    n_dropped = kept_flags.count(False)
    bound = f"{mined.min_votes:,.1f}"
    upper = f" and at most {mined.max_votes:,.1f}" if mined.max_votes is not None else ""
    q = mined.apply(features[None])[0]
    main = study.kept_names[int(q.argmax())]
    return (
        DenoisingStep(
            title="Prompt",
            formula=r"\mathrm{prompt}(c_j)",
            question="",
            right=(),
            sentence=f"Each of the {m:,} names is put into the template{averaged}. "
            "These prompts will fit this image best.",
            names=tuple(templates[0].replace("{}", name) for name in sorted(shown)),
            values=(),
            kept=all_kept,
        ),
        DenoisingStep(
            title="Score",
            formula=r"s_{ij} = f(x_i) \cdot g(\mathrm{prompt}(c_j))",
            question="Which concept scores highest? Click it.",
            right=(best,),
            sentence=f"The best of {m:,} scores is {scores[top]:.3f}, for {best!r}; "
            f"the lowest is {scores.min():.3f}.",
            names=shown,
            values=tuple(scores[order].clamp(min=0).tolist()),
            kept=all_kept,
        ),
        DenoisingStep(
            title="Softmax",
            formula=r"p_{ij} = \frac{e^{\tau M s_{ij}}}{\sum_k e^{\tau M s_{ik}}}",
            question="How much of the whole does the best concept get?",
            right=(),
            sentence=f"With τM = {sharpness:g}, {best!r} gets {p[top]:.2f}{second}. "
            f"The model itself was trained with {study.vlp.logit_scale:.0f} in place of τM.",
            names=shown,
            values=tuple(p[order].tolist()),
            kept=all_kept,
        ),
        DenoisingStep(
            title="Vote",
            formula=r"\mathrm{vote}_i = \arg\max_j\, p_{ij}",
            question="For which concept does the image vote? Click it.",
            right=(best,),
            sentence=f"The image votes for {best!r}, like {votes:,} of the "
            f"{int(mined.wins.sum()):,} training images.",
            names=shown,
            values=tuple(float(i == top) for i in order),
            kept=all_kept,
            digits=0,
        ),
        DenoisingStep(
            title="Drop",
            formula=r"\text{keep } j \iff \#\{i : \mathrm{vote}_i = j\} > "
            + f"{study.min_share:g}"
            + r"\,\tfrac{N}{M}",
            question=f"A concept is kept with more than {bound} votes. Click one that is dropped.",
            right=tuple(
                name for name, is_kept in zip(shown, kept_flags, strict=True) if not is_kept
            ),
            sentence=f"{best!r} has {votes:,} votes and is {'kept' if kept else 'dropped'}: each "
            f"concept needs more than {bound}{upper}. Of the {len(shown)} concepts here "
            f"{n_dropped} {'is' if n_dropped == 1 else 'are'} dropped. Over the kept concepts, "
            f"{q.max():.0%} of this image is {main!r}.",
            names=shown,
            values=tuple(float(v) for v in mined.wins[order]),
            kept=kept_flags,
            threshold=mined.min_votes,
            digits=0,
        ),
    )
