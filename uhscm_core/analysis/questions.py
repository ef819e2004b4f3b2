"""What the database is asked with, an image or a text, with the answer and what to say of it."""

from __future__ import annotations

import functools
import textwrap
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from uhscm_core.analysis.answers import (
    Answer,
    Flags,
    answer_to_code,
    answer_to_text,
    average_precision_bounds,
    concepts_in_words,
    flip,
    labels_named,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.evaluation import evaluated_images
from uhscm_core.metrics import precision_recall_curve
from uhscm_core.results import Embedding, TextOrder
from uhscm_core.study import Study
from uhscm_core.support.notices import enumerated

__all__ = ["Question", "mean_curve"]

_MOST_JUDGED = 1000  # queries whose mean curve is drawn: more would take seconds on 60,000 images


@dataclass(frozen=True, eq=False)
class Question:
    """A query to a study with a network. Nothing is computed before it is asked for.

    Attributes:
        pictures: the images of the study, with their codes.
        image: the query; None where a text is.
        text: the query in words.
        flipped: bits of the image's code that are turned over.
        by: what answers a text: its "concepts" or its "features"; empty for the better one.
    """

    pictures: StudyImages
    image: int | None
    text: str = ""
    flipped: tuple[int, ...] = ()
    by: str = ""

    @functools.cached_property
    def answer(self) -> Answer:
        """The ranked database."""
        study = self.pictures.study
        if self.image is None or self.code is None:
            match, by = labels_named(study, self.text)[1], cast("TextOrder | None", self.by or None)
            return answer_to_text(study, self.text, match, by)
        return answer_to_code(self.pictures, self.code, self.image, self._match)

    @property
    def code(self) -> Tensor | None:
        """(⌈L/8⌉,) packed, with the flipped bits; None for a text, which has no code."""
        codes = self.pictures.codes
        if self.image is None or codes is None:
            return None
        return flip(codes[self.image], self.flipped)

    @property
    def asked(self) -> int | Embedding:
        """The image, or what a text is compared by."""
        if self.image is not None:
            return self.image
        reading = self.pictures.study.read_text(self.text)
        return Embedding(reading.features, reading.distribution, None)

    @property
    def distribution(self) -> Tensor:
        """(K,) over the kept concepts."""
        if self.image is not None:
            return self.pictures.distribution[self.image]
        return self.pictures.study.text_distribution(self.text)

    @property
    def name(self) -> str:
        """The image's name, or the text, shortened, in quotes."""
        if self.image is not None:
            return self.pictures.names[self.image]
        return f"“{textwrap.shorten(self.text, 80, placeholder=' …')}”"

    @property
    def headline(self) -> str:
        """What is asked and what is nearest, in a sentence."""
        n, shelves = len(self.answer.ids), self.answer.shelves()
        if self.image is None:
            if self.answer.cosines:
                return f"{self.name}, by its features{self._why_features()}: {n:,} images"
            concepts = concepts_in_words(self.distribution, self.pictures.study.kept_names)
            return (
                f"{self.name}, answered by its concepts ({concepts}), as a text has no code: "
                f"{n:,} images by S"
            )
        labels = self.pictures.caption(self.image).partition("\n")[2]
        said = f"{self.name} ({labels})" if labels else self.name
        if self.flipped:
            said += f", {len(self.flipped):,} bit{'s' * (len(self.flipped) > 1)} flipped"
        if not shelves:
            return f"{said}: the database holds nothing else"
        level, start, stop = shelves[0]
        return (
            f"{said}: {n:,} images on {len(shelves)} shelves, "
            f"the nearest {stop - start:,} at {self.answer.named(level)}"
        )

    def _why_features(self) -> str:
        better = self.pictures.study.read_text(self.text).order
        return ", as no kept concept says the same" if better == "features" else ""

    @property
    def judgement(self) -> str:
        """Average precision of the answer, or why there is none, in a sentence."""
        study, answer = self.pictures.study, self.answer
        if answer.match is None:
            return "" if study.dataset.labels is None else "No label to evaluate this query by"
        if self.image is None:
            names = labels_named(study, self.text)[0]
            said = f"The text names {enumerated(names)}, so a match is an image labelled "
            return said + " or ".join(names)
        if not answer.match.any():
            return "Nothing in the database shares a label with this query"
        if not len(answer.ids):
            return "The database holds nothing else"
        code, codes = self.code, self.pictures.codes
        assert code is not None and codes is not None  # noqa: S101, PT018  # an image was ranked
        ap = average_precision_bounds(answer, code, codes)
        return (
            f"Average precision of this query: {ap['expected']:.3f} expected; "
            f"by the order of ties {ap['worst']:.3f} at worst, {ap['best']:.3f} at best"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the database, nearest first: rank, image, name, distance, match where known."""
        answer, names = self.answer, self.pictures.names
        frame = pd.DataFrame({"rank": np.arange(1, len(answer.ids) + 1), "image": answer.ids})
        frame["name"] = [names[image] for image in answer.ids]
        if answer.by_text:
            frame["within"] = [answer.named(level) for level in answer.level.tolist()]
        else:
            frame["distance"] = answer.level
        if answer.match is not None:
            frame["match"] = answer.match
        return frame

    @property
    def _match(self) -> Flags | None:
        """Which images share a label with this one; None where it has none to share."""
        labels, image = self.pictures.study.dataset.labels, self.image
        if labels is None or image is None or image >= len(labels) or not labels[image].any():
            return None
        flags: Flags = (labels & labels[image]).bool().any(1).numpy()
        return flags


def mean_curve(study: Study) -> tuple[npt.NDArray[np.float64], str]:
    """Return the mean precision and recall of a study's queries at each distance.

    Returns:
        (2, L + 1), and the words ``"mean of 1,000 queries"``.

    Raises:
        ValueError: no query has a label.
    """
    on = evaluated_images(study.dataset)
    codes, queries = study.codes, on.queries[:_MOST_JUDGED]
    curve = precision_recall_curve(
        codes[queries], codes[on.database], on.labels[queries], on.labels[on.database]
    )
    mean = np.stack([curve.precision, curve.recall])[:, : study.index.bits + 1]
    return mean, f"mean of {len(queries):,} queries"
