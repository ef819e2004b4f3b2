r"""Why two images are near or far: the parts of S, the bits by concept, and what to expect.

- **Parts.** :math:`S + 1` is the sum of a part per concept, see `uhscm_core.mining`.
- **Bits.** A bit stands for the concept whose weight it correlates with most over the database, if
  that correlation is at least 0.2 either way. Bits that are the same for all images, and bits that
  go with no single concept, are counted by themselves.
- **Expected distance.** The Hamming distance that pairs of this study's database have at this S:
  an isotonic regression, never rising with S, over a seeded sample of pairs, in means of twenty.
  Its range holds nine of ten of the pairs that are nearest in S.
- **Without some concepts.** The distributions are computed again over the others, at the same
  temperature, so that what remains sums to 1. A code follows only where the network reads concepts
  (`uhscm_core.mixing`); any other network reads features alone, and its codes stay.
- **A text that features answer** is compared by the cosine that ranks its results too, next to what
  its concepts would say.

Symbols: K kept concepts, L code length in bits, n images of the database.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from uhscm_core.analysis.answers import bits_of, flip
from uhscm_core.analysis.pairs import shared_in_words
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.codes import hamming_distance, pack_codes
from uhscm_core.health import FLAT, effective_number
from uhscm_core.mining import explain_similarity
from uhscm_core.mixing import ConceptMixture
from uhscm_core.results import Embedding
from uhscm_core.study import Study
from uhscm_core.support.notices import listed
from uhscm_core.support.numbers import real

__all__ = ["BitGroup", "CodeStatistics", "Expected", "Measures", "Rank", "Why", "why"]

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

_STANDS_FOR = 0.2  # the least correlation of a bit with the concept that it stands for
_PAIRS, _BLOCK = 100_000, 10_000  # pairs of the sample, and how many are compared at a time
_POOLED = 20  # pairs next to one another in S, whose mean is one point of the curve
_FEWEST_PAIRS = 30  # from fewer, nothing is expected
_NEAREST = 400  # pairs by which the range is found
_RANGE = (0.05, 0.95)
_NAMED = 4  # groups of differing bits that a sentence names
_TIE = 1e-6  # similarities this near are one rank

# What makes S say little, of what `Study.health` finds.
_KINDS = ("flat distributions", "one-hot distributions", "one concept", "equal concepts")


class Rank(NamedTuple):
    """The ranks, from 1, that an image can have in its tie, among so many images."""

    first: int
    last: int
    among: int

    def __str__(self) -> str:
        last = f" to {self.last:,}" * (self.last > self.first)
        return f"{self.first:,}{last} of {self.among:,}"


class Expected(NamedTuple):
    """A Hamming distance to expect, in bits, and the range of nine pairs in ten."""

    mean: float
    low: int
    high: int


@dataclass(frozen=True)
class BitGroup:
    """The bits that stand for one concept.

    Attributes:
        concept: its name; empty for the bits that stand for no single concept.
        bits: their positions in the code.
        differ: those in which the two codes differ.
        constant: whether these are the bits that all images of the database share.
    """

    concept: str
    bits: tuple[int, ...]
    differ: tuple[int, ...]
    constant: bool = False

    @property
    def name(self) -> str:
        """The concept, or what the bits are instead."""
        if self.concept:
            return self.concept
        return "the same for the whole database" if self.constant else "no single concept"


@dataclass(frozen=True, eq=False)
class Measures:
    """What is measured between two images.

    Attributes:
        similarity: S, in [-1, 1].
        parts: (K,) of the concepts; they sum to ``similarity + 1``, and those left out are 0.
        distance: of the codes, in bits; None without two codes.
        rank_by_concepts: of the second image in the database as the first one ranks it by S; None
            for an image compared with itself.
        rank_by_code: the same by Hamming distance; None without codes too.
        cosine: of features; None where they do not rank.
        rank_by_features: as the cosine ranks it; None where it does not.
    """

    similarity: float
    parts: Float[Tensor, " k"]
    distance: int | None
    rank_by_concepts: Rank | None
    rank_by_code: Rank | None
    cosine: float | None = None
    rank_by_features: Rank | None = None

    @property
    def cosine_in_words(self) -> str:
        """The cosine, rounded down so that it is never beyond its shelf; empty for none."""
        return "" if self.cosine is None else real(math.floor(self.cosine * 1000 + 1e-5) / 1000, 3)


@dataclass(frozen=True, eq=False)
class CodeStatistics:
    """What is the same for all pairs of a study; each part is computed when first asked for."""

    study: Study

    @functools.cached_property
    def concept_of(self) -> tuple[tuple[str, bool], ...]:
        """For each of the L bits, the concept it stands for or "", and whether it is constant."""
        meaning = self.study.bit_concepts  # (L, K)
        strength, strongest = meaning.abs().max(1)
        database = self.study.codes[self.study.dataset.splits["database"]].numpy()
        ones = np.unpackbits(database, axis=1, count=len(meaning))
        constant = (ones == ones[:1]).all(0)
        names = self.study.kept_names
        found = zip(strength.tolist(), strongest.tolist(), constant.tolist(), strict=True)
        return tuple((names[c] if s >= _STANDS_FOR else "", same) for s, c, same in found)

    @functools.cached_property
    def _sample(self) -> tuple[Floats, Floats]:
        """(p,) similarities and (p,) distances of pairs of the database, by rising similarity."""
        database = self.study.dataset.splits["database"]
        left, right = _pairs(len(database))
        q = normalize(self.study.distribution[database].double(), dim=1)
        codes = self.study.codes[database]
        similarity, distance = np.empty(len(left)), np.empty(len(left))
        for start in range(0, len(left), _BLOCK):
            rows = slice(start, start + _BLOCK)
            similarity[rows] = (2 * (q[left[rows]] * q[right[rows]]).sum(1) - 1).numpy()
            distance[rows] = hamming_distance(
                codes[left[rows]], codes[right[rows]], paired=True
            ).numpy()
        order = np.argsort(similarity, kind="stable")
        return similarity[order].round(6), distance[order]  # rounded: S of equal images is 1

    @functools.cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        """(m,) rising similarities, and (m,) the distances expected at them."""
        from scipy.optimize import isotonic_regression

        starts = np.arange(0, len(self._sample[0]), _POOLED)
        sizes = np.diff([*starts, len(self._sample[0])])
        similarity, distance = (np.add.reduceat(x, starts) / sizes for x in self._sample)
        values, at, counts = np.unique(similarity, return_inverse=True, return_counts=True)
        means = np.bincount(at, distance) / counts
        return values, isotonic_regression(means, weights=counts, increasing=False).x

    def expected(self, similarity: float) -> Expected | None:
        """Return the distance to expect at this S; None where there are too few pairs to tell."""
        values, distance = self._sample
        if len(values) < _FEWEST_PAIRS:
            return None
        mean = float(np.interp(similarity, *self._curve))
        at = int(np.searchsorted(values, similarity))
        near = np.arange(max(at - _NEAREST, 0), min(at + _NEAREST, len(values)))
        near = near[np.argsort(np.abs(values[near] - similarity), kind="stable")[:_NEAREST]]
        beyond = distance[near] - np.interp(values[near], *self._curve)
        low, high = np.quantile(beyond, _RANGE) + mean
        bits = self.study.trained_network().bits
        return Expected(
            mean, max(int(np.floor(min(low, mean))), 0), min(int(np.ceil(max(high, mean))), bits)
        )


@dataclass(frozen=True, eq=False)
class Why:
    """Why two images are near or far.

    Attributes:
        concepts: names of the K kept concepts.
        measured: with all concepts.
        bits: L; None without two codes.
        groups: the L bits by the concept they stand for, each in one group, those with most
            differing bits first; empty without two codes.
        expected: the distance to expect at this S; None without codes or with too few pairs.
        without: the concepts left out.
        changed: what is measured without them; None where none is left out.
        follows: whether the codes were computed again without them.
        flat: whether both images weigh all concepts almost equally.
        same: whether both are one image.
        notes: sentences about what the numbers rest on.
    """

    concepts: tuple[str, ...]
    measured: Measures
    bits: int | None
    groups: tuple[BitGroup, ...]
    expected: Expected | None
    without: tuple[str, ...]
    changed: Measures | None
    follows: bool
    flat: bool
    same: bool
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        similarity, distance = self.measured.similarity, self.measured.distance
        number = f"S = {real(similarity, 2)}"
        if self.same:
            return f"Both are the same image, so {number}"
        said = f"{number} says little, because both weigh all {len(self.concepts)} concepts"
        if self.flat:
            said = f"{said} almost equally"
        elif len(self.concepts) == 1:
            said = f"{number} says nothing, because {self.concepts[0]!r} is the only concept"
        else:
            frame = self.to_frame().sort_values("part", ascending=False, kind="stable")
            words = shared_in_words(similarity, frame)
            how = "similar" if similarity >= 0.5 else "partly similar"
            said = f"The concepts are {how} ({number}: {words})"
            if similarity < 0:
                said = f"The concepts have {words} ({number})"
        if rank := self.measured.rank_by_features:
            cosine = self.measured.cosine_in_words
            return f"Rank {rank} by features (cosine {cosine}). {said}"
        if distance is None:
            return said
        differ = f"the codes differ in {distance} of {self.bits} bits"
        if self.expected is None:
            return f"{said}, and {differ}"
        _, low, high = self.expected
        usual = f"usual for this S ({low} to {high})"
        if low <= distance <= high:
            return f"{said}, and {differ}, as is {usual}"
        return f"{said}, but {differ}, {'fewer' if distance < low else 'more'} than {usual}"

    @property
    def bits_sentence(self) -> str:
        """What the differing bits stand for; empty without codes."""
        distance = self.measured.distance
        if not distance:
            return "" if distance is None else f"All {self.bits} bits are equal"
        counts = [(group.name, len(group.differ)) for group in self.groups if group.differ]
        others = sum(count for _, count in counts[_NAMED:])
        said = [f"{name} ({count})" for name, count in counts[:_NAMED]]
        said += [f"others ({others})"] * (others > 0)
        return f"{distance} of {self.bits} bits differ; they stand for {', '.join(said)}"

    def to_frame(self) -> pd.DataFrame:
        """Return a row per concept: its part, whether it is left out, the part then, its bits.

        Columns: ``concept``, ``part``, ``left_out``, ``part_without`` (NaN where none is left out),
        ``bits`` and ``differ`` (0 without codes).
        """
        groups = {group.concept: group for group in self.groups if group.concept}
        rest = self.changed.parts.numpy() if self.changed else np.full(len(self.concepts), np.nan)
        return pd.DataFrame(
            {
                "concept": self.concepts,
                "part": self.measured.parts.numpy(),
                "left_out": [name in self.without for name in self.concepts],
                "part_without": rest,
                "bits": [len(groups[c].bits) if c in groups else 0 for c in self.concepts],
                "differ": [len(groups[c].differ) if c in groups else 0 for c in self.concepts],
            }
        )


def why(
    pictures: StudyImages,
    i: int | Embedding,
    j: int,
    *,
    without: Collection[str] = (),
    flipped: Sequence[int] = (),
    by_features: bool = False,
    statistics: CodeStatistics | None = None,
) -> Why:
    """Explain why image j is near to or far from i.

    Args:
        pictures: the images of the study, and uploaded ones.
        i: an image, or the embedding of something else, such as a text, which has no code.
        j: an image.
        without: names of kept concepts to leave out, not all of them.
        flipped: bits of the first code that were flipped.
        by_features: whether the cosine of features ranks, as it does for some texts.
        statistics: of the study, to compute them once for many pairs.

    Raises:
        IndexError: no such image.
        ValueError: a concept that is not kept, or all of them left out.
    """
    study = pictures.study
    names = study.kept_names
    rest = _remaining(names, without)
    statistics = statistics or CodeStatistics(study)
    image = None if isinstance(i, Embedding) else i
    same = image == j
    first = i if isinstance(i, Embedding) else pictures.embedding(i)
    second = pictures.embedding(j)
    if first.code is not None:
        first = replace(first, code=flip(first.code, flipped))
    database = study.dataset.splits["database"]
    others = database[(database != j) & (database != (-1 if image is None else image))]
    coded = first.code is not None and second.code is not None
    codes = study.codes[others] if coded else None
    measured = _measured(first, second, study.distribution[others], codes, same)
    changed, mixture = None, _mixture(study) if coded else None
    if not rest.all():
        features = torch.stack([first.features, second.features])
        q = _distribution(study, features, rest)
        one, other = replace(first, distribution=q[0]), replace(second, distribution=q[1])
        if mixture is not None:
            pair = _codes_without(study, mixture, features, rest)
            one, other = replace(one, code=flip(pair[0], flipped)), replace(other, code=pair[1])
            codes = _codes_without(study, mixture, study.image_features[others], rest)
        ranked = _distribution(study, study.image_features[others], rest)
        changed = _measured(one, other, ranked, codes, same)
    if by_features and not same:
        cosines = torch.cat([study.image_features[others], second.features[None]]) @ first.features
        cosine, rank = float(cosines[-1]), _rank(-cosines.double().numpy())
        measured = replace(measured, cosine=cosine, rank_by_features=rank)
    flatness = effective_number(torch.stack([first.distribution, second.distribution])).min()
    return Why(
        concepts=names,
        measured=measured,
        bits=study.trained_network().bits if coded else None,
        groups=_groups(statistics, first.code, second.code),
        expected=statistics.expected(measured.similarity) if coded else None,
        without=tuple(name for name in names if name in without),
        changed=changed,
        follows=changed is not None and mixture is not None,
        flat=len(names) > 1 and (float(flatness) - 1) / (len(names) - 1) > FLAT,
        same=same,
        notes=tuple(_notes(study, image is None, coded, changed is not None, by_features)),
    )


def _remaining(names: tuple[str, ...], without: Collection[str]) -> Bool[Tensor, " k"]:
    if unknown := [name for name in without if name not in names]:
        raise ValueError(f"without: {listed(unknown)} is not among the kept concepts")
    rest = torch.tensor([name not in without for name in names])
    if not rest.any():
        raise ValueError("without: one concept has to stay, because S compares concepts")
    return rest


def _pairs(n: int) -> tuple[Ids, Ids]:
    """Return positions of different images of n: all pairs if they are few, else a sample."""
    if n * (n - 1) // 2 <= _PAIRS:
        left, right = np.triu_indices(n, 1)
        return left.astype(np.int64), right.astype(np.int64)
    rng = np.random.default_rng(0)
    left, right = rng.integers(n, size=_PAIRS), rng.integers(n - 1, size=_PAIRS)
    return left, right + (right >= left)


def _measured(
    first: Embedding,
    second: Embedding,
    ranked: Float[Tensor, "n k"],
    codes: Tensor | None,
    same: bool,
) -> Measures:
    """Compare two images, and rank the second one among others, (n, K) and (n, bytes)."""
    parts = explain_similarity(first.distribution, second.distribution)
    rows = normalize(torch.cat([ranked, second.distribution[None]]).double(), dim=1)
    cosines = (rows @ normalize(first.distribution.double(), dim=0)).numpy()
    distance, by_code = None, None
    if codes is not None and first.code is not None and second.code is not None:
        rows_of_bits = torch.cat([codes, second.code[None]])
        distances = hamming_distance(first.code[None], rows_of_bits)[0].double().numpy()
        distance, by_code = int(distances[-1]), None if same else _rank(distances)
    by_concepts = None if same else _rank(-cosines)
    return Measures(float(2 * cosines[-1] - 1), parts, distance, by_concepts, by_code)


def _rank(distances: Floats) -> Rank:
    """Rank the last of these distances among all of them."""
    others, own = distances[:-1], distances[-1]
    nearer = int((others < own - _TIE).sum())
    tied = int((np.abs(others - own) <= _TIE).sum())
    return Rank(nearer + 1, nearer + tied + 1, len(distances))


def _groups(
    statistics: CodeStatistics, first: Tensor | None, second: Tensor | None
) -> tuple[BitGroup, ...]:
    if first is None or second is None:
        return ()
    bits = statistics.study.trained_network().bits
    one, other = (bits_of(code, bits) for code in (first, second))
    members: dict[tuple[str, bool], list[int]] = {}
    for bit, found in enumerate(statistics.concept_of):
        members.setdefault(found, []).append(bit)
    groups = [
        BitGroup(concept, tuple(at), tuple(b for b in at if one[b] != other[b]), constant)
        for (concept, constant), at in members.items()
    ]
    # The bits of no concept say least.
    return tuple(
        sorted(groups, key=lambda g: (not g.concept, g.constant, -len(g.differ), -len(g.bits)))
    )


def _distribution(
    study: Study, features: Float[Tensor, "n d"], rest: Bool[Tensor, " k"]
) -> Float[Tensor, "n k"]:
    """Return (n, K) distributions over the remaining concepts, with 0 for those left out."""
    mined = study.mined
    q = features.new_zeros(len(features), len(rest))
    q[:, rest] = torch.softmax(mined.temperature * features @ mined.text_features[rest].T, dim=1)
    return q


def _mixture(study: Study) -> ConceptMixture | None:
    """Return what makes the codes depend on the kept concepts; None where they do not."""
    mixture = study.trained_network().mixture
    if mixture is None:
        return None
    read, kept = mixture.concepts.cpu(), study.mined.text_features.cpu()
    same = read.shape == kept.shape and torch.allclose(read, kept.to(read.dtype), atol=1e-5)
    return mixture if same else None


@torch.inference_mode()
def _codes_without(
    study: Study, mixture: ConceptMixture, features: Float[Tensor, "n d"], rest: Bool[Tensor, " k"]
) -> Tensor:
    """Return the packed codes that the network gives where it mixes in the rest alone."""
    network = study.trained_network()
    weight = next(network.parameters())
    mixed = mixture(features.to(weight), rest.to(weight.device))
    return pack_codes(network.head(mixed).float().cpu())


def _notes(
    study: Study, by_text: bool, coded: bool, left_out: bool, by_features: bool
) -> list[str]:
    notes = [f"{f.message[0].upper()}{f.message[1:]}" for f in study.health() if f.kind in _KINDS]
    network = study.network
    if network is None:
        notes.append("There are no codes yet to compare: train a network")
    elif by_text:
        notes.append("A text has no code, because the network has no text branch")
    elif not coded:
        notes.append("A network on pixels reads every image again for its code, so not here")
    elif left_out and network.mixture is None:
        notes.append("The codes stay the same: this network reads features, not concepts")
    elif left_out and _mixture(study) is None:
        notes.append("The codes stay the same: this network was trained with other concepts")
    if left_out and by_features:
        notes.append("Leaving out concepts changes S, not the order by features")
    return notes
