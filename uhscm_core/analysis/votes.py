r"""The numbers of concept denoising, as sentences and tables.

Each image of the training split votes for the concept it scores highest; a concept stays when its
votes are more than :math:`\mathrm{min\_share}\,N/M`.
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

__all__ = ["Step", "counts", "flips", "moved_to", "steps", "vote_changes", "vote_frame", "voters"]

Ids = npt.NDArray[np.int64]


def counts(study: Study) -> str:
    """How many concepts there are, stay and go, in a sentence."""
    kept = int(study.mined.kept.sum())
    m = len(study.concepts)
    return f"{m:,} concepts, {kept:,} kept, {m - kept:,} dropped"


def vote_frame(study: Study) -> pd.DataFrame:
    """A row a concept, most votes first: ``concept``, ``votes``, ``kept`` and its ``index``."""
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
    """The training images that voted for a concept, those that score it highest first."""
    train = study.dataset.splits["train"]
    ids: Ids = train[study.votes[train].numpy() == concept]
    scores = study.image_features[ids] @ study.text_features[concept]
    return np.asarray(ids[scores.argsort(descending=True, stable=True).numpy()])


def moved_to(study: Study, concept: int) -> pd.DataFrame:
    """Where the voters of a dropped concept went: their best among the kept ones.

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
    """Training images whose top concept is another one in another study of the same images.

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
    often = frame.groupby(["before", "after"])["image"].transform("size")
    return frame.loc[often.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def vote_changes(study: Study, other: Study) -> pd.DataFrame:
    """The same concepts' votes in two studies.

    Returns:
        ``concept``, ``before``, ``after`` and ``kept`` (afterwards), largest change first.
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
class Step:
    """One step of denoising, for one image.

    Attributes:
        title: its name.
        formula: in LaTeX.
        question: what to predict before one looks; empty where there is nothing to predict.
        right: which of the names are right answers; empty where the answer is no name.
        sentence: what happened, with this image's numbers.
        names: the concepts shown, best for this image first.
        values: a number for each; empty where there is none yet.
        kept: whether each is drawn as staying.
        threshold: what a value has to exceed to stay; None without one.
        digits: decimals of the values.
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


def steps(study: Study, features: Tensor, most: int = 8) -> tuple[Step, ...]:
    """The five steps from prompt to drop, with the numbers of one image.

    Args:
        study: says the concepts and the settings.
        features: (D,) of the image.
        most: concepts to show, those that score highest.
    """
    mined, names = study.mined, study.concepts.names
    scores = concept_scores(features[None], study.text_features)[0]  # (M,)
    sharpness = study.tau * len(names)
    p = torch.softmax(sharpness * scores, dim=0)
    order = scores.argsort(descending=True, stable=True)[:most]
    top, m = int(order[0]), len(names)
    shown = tuple(names[i] for i in order)
    everything = (True,) * len(shown)
    best = names[top]
    votes, kept = int(mined.wins[top]), bool(mined.kept[top])
    templates = study.concepts.templates
    stay = tuple(mined.kept[order].tolist())
    averaged = f", averaged over {len(templates)} templates" if len(templates) > 1 else ""
    second = f" against {p[order[1]]:.2f} for {names[order[1]]!r}" if m > 1 else ""
    gone = stay.count(False)
    bound = f"{mined.min_votes:,.1f}"
    upper = f" and at most {mined.max_votes:,.1f}" if mined.max_votes is not None else ""
    q = mined.apply(features[None])[0]
    main = study.kept_names[int(q.argmax())]
    return (
        Step(
            title="Prompt",
            formula=r"\mathrm{prompt}(c_j)",
            question="",
            right=(),
            sentence=f"Each of the {m:,} names is put into the template{averaged}. "
            "These prompts will fit this image best.",
            names=tuple(templates[0].replace("{}", name) for name in sorted(shown)),
            values=(),
            kept=everything,
        ),
        Step(
            title="Score",
            formula=r"s_{ij} = f(x_i) \cdot g(\mathrm{prompt}(c_j))",
            question="Which concept scores highest? Click it.",
            right=(best,),
            sentence=f"The best of {m:,} scores is {scores[top]:.3f}, for {best!r}; "
            f"the lowest is {scores.min():.3f}.",
            names=shown,
            values=tuple(scores[order].clamp(min=0).tolist()),
            kept=everything,
        ),
        Step(
            title="Softmax",
            formula=r"p_{ij} = \frac{e^{\tau M s_{ij}}}{\sum_k e^{\tau M s_{ik}}}",
            question="How much of the whole does the best concept get?",
            right=(),
            sentence=f"With τM = {sharpness:g}, {best!r} gets {p[top]:.2f}{second}. "
            f"The model itself was trained with {study.vlp.logit_scale:.0f} in place of τM.",
            names=shown,
            values=tuple(p[order].tolist()),
            kept=everything,
        ),
        Step(
            title="Vote",
            formula=r"\mathrm{vote}_i = \arg\max_j\, p_{ij}",
            question="For which concept does the image vote? Click it.",
            right=(best,),
            sentence=f"The image votes for {best!r}, as {votes:,} of the "
            f"{int(mined.wins.sum()):,} training images do.",
            names=shown,
            values=tuple(float(i == top) for i in order),
            kept=everything,
            digits=0,
        ),
        Step(
            title="Drop",
            formula=r"\text{keep } j \iff \#\{i : \mathrm{vote}_i = j\} > "
            + f"{study.min_share:g}"
            + r"\,\tfrac{N}{M}",
            question=f"A concept stays with more than {bound} votes. Click one that goes.",
            right=tuple(name for name, stays in zip(shown, stay, strict=True) if not stays),
            sentence=f"{best!r} has {votes:,} votes and is {'kept' if kept else 'dropped'}: it "
            f"takes more than {bound}{upper}. Of the {len(shown)} concepts here {gone} "
            f"{'goes' if gone == 1 else 'go'}. Over the concepts that "
            f"stay, {q.max():.0%} of this image is {main!r}.",
            names=shown,
            values=tuple(float(v) for v in mined.wins[order]),
            kept=stay,
            threshold=mined.min_votes,
            digits=0,
        ),
    )
