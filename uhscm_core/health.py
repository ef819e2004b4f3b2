r"""What is wrong with a study, in sentences: signs that its codes or its concepts say little.

Nothing here trains, and each finding holds its numbers. The bounds lie between studies that work
and studies made sick on purpose; `tests/test_health.py` has both.

- **equal codes**: all images have one code, or half of the bits are (nearly) constant, or there are
  less than a quarter as many codes as kept concepts that images are mostly about, each counted by
  the exponential of the entropy.
- **too few images**: fewer than two training images per bit.
- **equal images**: the mean cosine of two training images is above 0.999, or more than half of them
  have the features of another.
- **equal concepts**: half of the kept concepts have another one at a cosine above 0.99, as synonyms
  have, and words that the model does not know.
- **one concept**: one kept concept alone, so that all images are equally similar.
- **flat distributions**: of the effective number of concepts of an image,
  :math:`e = \exp(H(q))`, the median has :math:`(e - 1)/(K - 1) > 0.85`.
- **one-hot distributions**: half of all images have one weight above 0.99, which they have not at
  the model's own scale, or the temperature is more than twice that scale.
- **threshold below one vote**: min_share · N/M < 1, so that a single image keeps a concept.
- **list explains little**: R² < 0.3. R² is the share of the centered features' variance that a
  linear map from :math:`u = q/|q|` explains on the training images, q at the model's own scale,
  adjusted for the number of concepts.
- **labels not covered**: no kept concept covers most of the label names, see `uhscm_core.coverage`.
- **texts cut**: the model does not read the prompts to their end.

Symbols: N training images, M candidate concepts, K kept concepts, L code length in bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from uhscm_core.codes import unpack_codes
from uhscm_core.concepts import DEFAULT_TEMPLATE
from uhscm_core.encoder import ReadingEncoder
from uhscm_core.mixing import feature_share
from uhscm_core.precomputed import row_keys
from uhscm_core.support.notices import listed

if TYPE_CHECKING:
    from uhscm_core.stages import Stages

__all__ = [
    "CODES",
    "CODES_OF_PIXELS",
    "FLAT",
    "HealthFinding",
    "collapse_of",
    "effective_number",
    "findings_of",
    "findings_of_mining",
    "share_sentence",
    "spread",
]

FLAT, _ONE_HOT = 0.85, 0.99
_LEAST_EXPLAINED = 0.3
_IMAGES_PER_BIT = 2
_EQUAL_IMAGES, _EQUAL_CONCEPTS = 0.999, 0.99  # cosines
CODES, CODES_OF_PIXELS = 2000, 200  # images whose codes are looked at


@dataclass(frozen=True)
class HealthFinding:
    """One thing that is wrong with a study.

    Attributes:
        kind: a stable name, see `uhscm_core.health`.
        message: one sentence.
        values: the numbers it rests on.
        change: keyword arguments of `Study.with_` or `Study.train` that would help; None if no
            setting does.
    """

    kind: str
    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    change: Mapping[str, Any] | None = None


def effective_number(weights: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """Return the exponential of the entropy of distributions (n, K): from 1 to K."""
    entropy: Tensor = torch.special.entr(weights.double()).sum(1)
    return entropy.exp()


def findings_of(study: Stages) -> tuple[HealthFinding, ...]:
    """Return all findings; those of codes only for a study with a network."""
    checks: list[Callable[[Stages], Iterator[HealthFinding]]] = [
        _equal_images,
        _concepts,
        _equal_concepts,
        _threshold,
        _list,
        _labels,
        _texts,
    ]
    if study.network is not None:
        checks = [_codes, _images, *checks]
    return tuple(finding for check in checks for finding in check(study))


def findings_of_mining(study: Stages) -> tuple[HealthFinding, ...]:
    """Return the findings about distributions and the threshold, which are quick to find."""
    return (*_concepts(study), *_threshold(study))


def _codes(study: Stages) -> Iterator[HealthFinding]:
    network = study.trained_network()
    bits, most = network.bits, CODES_OF_PIXELS if network.on_pixels else CODES
    database = study.dataset.splits["database"]
    ids = database if len(database) else study.dataset.splits["train"]
    ids = ids[spread(len(ids), most)]
    if len(ids) < 2:
        return
    found = collapse_of(study.codes_of(ids), bits, study.distribution[ids])
    if found is None:
        return
    # Other settings of training made them so, unless there is too little to learn from.
    change = None if any(True for _ in _concepts(study)) else {"bits": bits}
    yield HealthFinding("equal codes", *found, change)


def collapse_of(
    codes: UInt8[Tensor, "n bytes"], bits: int, distribution: Float[Tensor, "n k"]
) -> tuple[str, dict[str, float]] | None:
    """Return a sentence and its numbers if images have too few different codes, else None.

    Args:
        codes: packed, of n images, at least one.
        bits: L.
        distribution: of the same images.
    """
    _, counts = np.unique(codes.numpy(), axis=0, return_counts=True)
    dominant = np.bincount(distribution.argmax(1).cpu().numpy())
    number, expected = _effective(counts), min(_effective(dominant), 2.0 ** min(bits, 64))
    ones = (unpack_codes(codes, bits) > 0).double().mean(0)
    constant = int(((ones < 0.005) | (ones > 0.995)).sum())
    if len(counts) > 1 and number >= expected / 4 and constant < bits / 2:
        return None
    sentence = (
        f"{len(codes):,} images have {len(counts):,} different codes, and one is that of "
        f"{counts.max() / len(codes):.0%} of them; {constant} of {bits} bits are constant"
    )
    values = {
        "codes": float(len(counts)),
        "effective codes": number,
        "effective concepts": expected,
        "constant bits": float(constant),
        "bits": float(bits),
        "images": float(len(codes)),
    }
    return sentence, values


def spread(n: int, most: int) -> npt.NDArray[np.int64]:
    """Return the places of at most so many of n items, evenly spread over them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _images(study: Stages) -> Iterator[HealthFinding]:
    n, bits = len(study.dataset.splits["train"]), study.trained_network().bits
    if n >= _IMAGES_PER_BIT * bits:
        return
    fewer = 2 ** int(np.log2(max(n // _IMAGES_PER_BIT, 1)))
    possible = fewer <= n / _IMAGES_PER_BIT
    shorter = f"at most {fewer} bit{'s' if fewer > 1 else ''}, or " if possible else ""
    yield HealthFinding(
        "too few images",
        f"{n:,} training image{'s are' if n > 1 else ' is'} too few for {bits} "
        f"bit{'s' if bits > 1 else ''}: use {shorter}more images",
        {"images": float(n), "bits": float(bits)},
        {"bits": fewer} if possible else None,
    )


def _equal_images(study: Stages) -> Iterator[HealthFinding]:
    x = study.image_features[study.dataset.splits["train"]]
    n, cosine = len(x), _mean_cosine(study)
    different = len(set(row_keys(x)))
    if n < 2 or (cosine <= _EQUAL_IMAGES and 2 * different >= n):
        return
    yield HealthFinding(
        "equal images",
        f"{n:,} training images have {different:,} different features, and two of them a cosine "
        f"of {cosine:.6f} on average, so that little sets the images apart",
        {"images": float(n), "different": float(different), "cosine": cosine},
    )


def _mean_cosine(study: Stages) -> float:
    x = study.image_features[study.dataset.splits["train"]]
    return float(x.double().mean(0).square().sum())


def _equal_concepts(study: Stages) -> Iterator[HealthFinding]:
    names, rows = study.kept_names, study.mined.text_features
    cosines = (rows @ rows.T).fill_diagonal_(-1)
    equal = (cosines > _EQUAL_CONCEPTS).any(1)
    if len(names) < 2 or 2 * int(equal.sum()) < len(names):
        return
    among = [name for name, flag in zip(names, equal.tolist(), strict=True) if flag]
    yield HealthFinding(
        "equal concepts",
        f"the model hardly tells {len(among)} of {len(names)} kept concepts apart: "
        f"{listed(among)}; use words of different things, in a language that it knows",
        {"kept": float(len(names)), "equal": float(len(among))},
    )


def _concepts(study: Stages) -> Iterator[HealthFinding]:
    mined, names = study.mined, study.kept_names
    if len(names) == 1:
        second = int(mined.wins.sort().values[-2]) if len(mined.wins) > 1 else 0
        share = study.min_share * (second - 0.5) / mined.min_votes if mined.min_votes else 0.0
        yield HealthFinding(
            "one concept",
            f"one concept was kept, {names[0]!r}, so that all images are equally similar",
            {"kept": 1.0, "candidates": float(len(mined.wins))},
            {"min_share": share} if second and share > 0 and study.max_share is None else None,
        )
        return
    x = study.image_features[study.dataset.splits["train"]]
    scores, scale = x @ mined.text_features.T, study.vlp.logit_scale
    fault = _fault_of_temperature(mined.temperature, scores, scale)
    if not fault:
        return
    # The tau nearest to the model's own scale that has no fault.
    factors = sorted(np.geomspace(0.1, 10, 41).tolist(), key=lambda factor: abs(np.log(factor)))
    helping = (
        scale * factor / len(names)
        for factor in factors
        if not _fault_of_temperature(scale * factor, scores, scale)
    )
    tau = next(helping, None)
    what = "weigh all concepts almost equally" if fault == "flat" else "have one concept alone"
    yield HealthFinding(
        f"{fault} distributions",
        f"most images {what}: {len(names)} concepts at the temperature "
        f"{mined.temperature:.4g}, where the model was trained with {scale:.4g}",
        {
            "effective concepts": float(effective_number(mined.distribution).median()),
            "kept": float(len(names)),
            "temperature": float(mined.temperature),
            "logit_scale": float(scale),
        },
        None if tau is None else {"tau": tau},
    )


def _fault_of_temperature(temperature: float, scores: Tensor, scale: float) -> str:
    """Return "flat", "one-hot", or nothing; scores (n, K) are cosines with the kept concepts."""
    q = torch.softmax(temperature * scores, dim=1)
    if (effective_number(q).median() - 1) / (q.shape[1] - 1) > FLAT:
        return "flat"
    if temperature <= scale or not _is_one_hot(q):
        return ""
    # Images that are of one thing each are one-hot for the model too.
    by_model = _is_one_hot(torch.softmax(scale * scores, dim=1))
    return "" if by_model and temperature <= 2 * scale else "one-hot"


def _is_one_hot(q: Tensor) -> bool:
    return bool((q.max(1).values > _ONE_HOT).double().mean() >= 0.5)


def _threshold(study: Stages) -> Iterator[HealthFinding]:
    mined = study.mined
    n, m = len(study.dataset.splits["train"]), len(mined.wins)
    if mined.min_votes >= 1 or mined.min_votes < 0:  # below 0, all are to be kept
        return
    share = float(np.nextafter(m / n, np.inf))
    kept = mined.wins > 1
    if study.max_share is not None:
        kept &= mined.wins <= study.max_share * n
    yield HealthFinding(
        "threshold below one vote",
        f"the vote of a single image is enough to keep a concept: with {m:,} candidates and {n:,} "
        f"votes, one for each training image, the threshold is {mined.min_votes:.2g} votes",
        {"threshold": float(mined.min_votes), "images": float(n), "candidates": float(m)},
        {"min_share": share} if bool(kept.any()) else None,
    )


def _list(study: Stages) -> Iterator[HealthFinding]:
    explained = study.explained
    if explained is None or explained >= _LEAST_EXPLAINED or _mean_cosine(study) > _EQUAL_IMAGES:
        return
    yield HealthFinding(
        "list explains little",
        f"{share_sentence(study)}; a list that names what is on them would help",
        {"R2": explained, "kept": float(len(study.kept_names))},
    )


def share_sentence(study: Stages, share: float | None = None) -> str:
    """Return how much the kept concepts explain, and how far codes lean on the features for it.

    Args:
        study: trained or not.
        share: of the features in codes that are to be trained; None for those of the study's
            network, or else for what the recipe "adaptive" would find.
    """
    explained, kept = study.explained, len(study.kept_names)
    one = kept == 1
    said = (
        f"there are too few training images to tell how much the {kept} kept concepts explain"
        if explained is None
        else f"the {kept} kept concept{'' if one else 's'} explain{'s' if one else ''} "
        f"{max(explained, 0):.0%} of what sets the images apart"
    )
    if share is None and study.network is not None:
        share = study.network.feature_share
    if share is not None:
        return f"{said}; {_mixed(share)}"
    return f"{said}; with the recipe 'adaptive', {_mixed(feature_share(explained))}"


def _mixed(share: float) -> str:
    return f"codes mix {share:.0%} features with {1 - share:.0%} concepts"


def _labels(study: Stages) -> Iterator[HealthFinding]:
    names = [n for n in study.dataset.label_names if re.search(r"[^\W\d_]{3}", n)]
    if not names or not isinstance(study.vlp, ReadingEncoder):
        return
    rows = study.vlp.embed_texts([study.concepts.templates[0].replace("{}", n) for n in names])
    covers = study.coverage.covers
    missed = [name for name, row in zip(names, rows, strict=True) if not covers(row)]
    if 2 * len(missed) <= len(names):
        return
    shown = ", ".join(map(repr, missed[:5])) + (", ..." if len(missed) > 5 else "")
    yield HealthFinding(
        "labels not covered",
        f"no kept concept covers {len(missed)} of {len(names)} label names: {shown}",
        {"labels": float(len(names)), "not covered": float(len(missed))},
    )


def _texts(study: Stages) -> Iterator[HealthFinding]:
    if not isinstance(study.vlp, ReadingEncoder):
        return
    notes = study.vlp.text_notes(study.concepts)
    if not notes:
        return
    template = {"template": DEFAULT_TEMPLATE}
    plain = study.vlp.text_notes([DEFAULT_TEMPLATE.replace("{}", n) for n in study.concepts.names])
    yield HealthFinding(
        "texts cut", notes[0], {"templates": float(len(notes))}, None if plain else template
    )


def _effective(counts: npt.NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
