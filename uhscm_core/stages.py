r"""The stages of the method as values of a study: features, votes, concepts, codes, index.

Each follows from the settings alone and is computed once, when it is first asked for.

Symbols: N images, M candidate concepts, K kept concepts, D embedding width, L code length in bits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from uhscm_core.baselines import BASELINES, fit_baseline
from uhscm_core.codes import bit_concepts, pack_codes
from uhscm_core.concepts import DEFAULT_TEMPLATE, ConceptSet, load_concepts
from uhscm_core.coverage import Coverage
from uhscm_core.datasets import ImageDataset
from uhscm_core.datasets.content import keys_of
from uhscm_core.encoder import Encoder, ReadingEncoder, checked_rows
from uhscm_core.features import encode_dataset
from uhscm_core.health import HealthFinding, findings_of, spread
from uhscm_core.index import HammingIndex
from uhscm_core.lazy import computed_from
from uhscm_core.mining import MinedConcepts, mine_concepts, mining_settings, top_concepts
from uhscm_core.mixing import explained_share
from uhscm_core.network import HashNetwork
from uhscm_core.peers.augmenting import (
    BORNE,
    COPIES,
    RECOGNIZED_AMONG,
    VIEWS,
    Views,
    augmented_features,
    recognized_share,
)
from uhscm_core.precomputed import PrecomputedEncoder
from uhscm_core.recipe import TrainingConfig, TrainingStep
from uhscm_core.results import TextOrder, TextReading
from uhscm_core.support.checks import flag, instance, one_of, shown
from uhscm_core.support.notices import say
from uhscm_core.support.paths import path_notes
from uhscm_core.support.ways import NO_NETWORK

__all__ = ["MINED_FROM", "Stages", "as_concepts"]

_FEATURES = ("dataset", "vlp")
_DECIMALS = 6  # of text features; vectors that agree to these are one
MINED_FROM = (*_FEATURES, "concepts", "tau", "min_share", "max_share")


@dataclass(frozen=True, eq=False, repr=False)
class Stages:
    """The settings of UHSCM on one dataset, and what follows from them.

    Attributes:
        dataset: N images with splits.
        vlp: the `Encoder` that scores images against concepts, such as a `VLP`.
        concepts: the M candidates, a `ConceptSet`; whatever `load_concepts` takes may be given.
        tau, min_share, max_share: as in `mine_concepts`.
        network: the hash network, once trained.
        history: the steps of its training.
        progress: show bars while images are encoded.
    """

    dataset: ImageDataset
    vlp: Encoder
    concepts: Any  # in: what load_concepts takes; from then on: a ConceptSet
    tau: float = 3.0
    min_share: float = 0.5
    max_share: float | None = None
    network: HashNetwork | None = None
    history: tuple[TrainingStep, ...] = ()
    progress: bool = True
    _texts_read: bool = False  # what is to say of the concepts was said
    _cache: dict[str, list[Any]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.dataset, ImageDataset):
            raise TypeError(
                f"dataset must be an ImageDataset (from load_dataset), got "
                f"{type(self.dataset).__name__} {repr(self.dataset)[:200]}"
            )
        _check_encoder(self.vlp)
        settings = mining_settings(self.tau, self.min_share, self.max_share)
        for name, value in zip(("tau", "min_share", "max_share"), settings, strict=True):
            object.__setattr__(self, name, value)  # as Python's own numbers, which can be saved
        flag("progress", self.progress)
        if self.network is not None:
            instance("network", self.network, HashNetwork, "from training")
        for step in instance("history", self.history, tuple, "of steps"):
            instance("history", step, TrainingStep, "from training")
        object.__setattr__(self, "concepts", as_concepts(self.concepts, (DEFAULT_TEMPLATE,)))
        if not self._texts_read:
            self._read_concepts()
            object.__setattr__(self, "_texts_read", True)

    @computed_from(*_FEATURES)
    def image_features(self) -> Float[Tensor, "n d"]:
        """(N, D) of all images, from the cache where it holds them."""
        if isinstance(self.vlp, PrecomputedEncoder):
            return self.vlp.features_of(self.dataset)
        self._check_pixels()
        return encode_dataset(self.dataset, self.vlp, progress=self.progress)

    @computed_from("vlp", "concepts")
    def text_features(self) -> Float[Tensor, "m d"]:
        """(M, D) of the candidate concepts."""
        rows = self._encode_texts(self.concepts)
        if not isinstance(self.vlp, ReadingEncoder):
            _check_distinct(rows, self.concepts.names)
        return rows

    @computed_from(*_FEATURES, "concepts")
    def votes(self) -> Int64[Tensor, " n"]:
        """(N,) the candidate that each image scores highest; the training images' are counted."""
        return top_concepts(self.image_features, self.text_features)

    @computed_from(*MINED_FROM)
    def mined(self) -> MinedConcepts:
        """The concepts mined from the training images."""
        return mine_concepts(
            self.image_features[self.dataset.splits["train"]],
            self.text_features,
            self.tau,
            self.min_share,
            self.max_share,
        )

    @computed_from(*MINED_FROM)
    def explained(self) -> float | None:
        """R², the share of what sets the training images apart that the kept concepts explain.

        None where there are too few images to tell; see `uhscm_core.mixing.explained_share`.
        """
        features = self.image_features[self.dataset.splits["train"]]
        return explained_share(features, self.mined.text_features, self.vlp.logit_scale)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """The names of the K kept concepts."""
        flags = self.mined.kept.tolist()
        return tuple(name for name, kept in zip(self.concepts.names, flags, strict=True) if kept)

    @computed_from(*MINED_FROM)
    def distribution(self) -> Float[Tensor, "n k"]:
        """(N, K) of all images, over the concepts kept by the training images."""
        return self.mined.apply(self.image_features)

    def read_text(self, text: str) -> TextReading:
        """Return what the model and the kept concepts make of a text in the first template.

        Raises:
            ValueError: an empty text, or a study made from features.
        """
        if not instance("text", text, str, "to ask by").strip():
            raise ValueError("a text query needs some text")
        prompt = self.concepts.templates[0].replace("{}", text.strip())
        features = self._encode_texts([prompt])[0]
        notes = path_notes(text.strip())
        if isinstance(self.vlp, ReadingEncoder):
            notes += self.vlp.text_notes([prompt])
        return self._reading(repr(textwrap.shorten(text, 60)), features, notes)

    def text_distribution(self, text: str) -> Float[Tensor, " k"]:
        """Return the concept distribution (K,) of a text; see `read_text`, which says more."""
        return self.read_text(text).distribution

    @computed_from(*_FEATURES)
    def augmented_copies(self) -> Float[Tensor, "c n d"]:
        """(C, n_train, D) of augmented copies of the training images, from the cache if there.

        The first time, C times as many images are encoded as there are to train on.
        """
        ids = np.arange(len(self.dataset.splits["train"]))
        return self._augmented(ids, COPIES)

    @computed_from(*_FEATURES)
    def recognized(self) -> float:
        """The share of training images that the encoder recognizes by an augmented copy.

        Of one copy each of at most 1,000 training images, among these; see
        `uhscm_core.peers.augmenting`.
        """
        train = self.dataset.splits["train"]
        ids = spread(len(train), RECOGNIZED_AMONG)
        return recognized_share(self.image_features[train[ids]], self._augmented(ids, 1))

    def _augmented(self, ids: npt.NDArray[np.int64], copies: int) -> Tensor:
        """Return (copies, n, D) features of augmented copies of n of the training images."""
        if isinstance(self.vlp, PrecomputedEncoder):
            raise ValueError(
                "views: a study made from features has no encoder for augmented images; use "
                "noised features"
            )
        self._check_pixels()
        rows = self.dataset.splits["train"][ids]
        keys = keys_of(self.dataset.images, self.dataset.digest)
        return augmented_features(
            self.dataset.images.take(rows.tolist()),
            [keys[row] for row in rows],
            self.vlp,
            copies,
            progress=self.progress,
        )

    def baseline_codes(
        self, name: str, bits: int, seed: int = 0, *, views: Views = "noised"
    ) -> UInt8[Tensor, "n bytes"]:
        """Compute the codes of all images by a baseline fitted on the training images.

        Args:
            name: one of `BASELINES`, which also says whether it reads features or distributions.
            bits: L.
            seed: of what the baseline draws at random.
            views: what a newer method (`uhscm_core.peers`) takes as two views of a training image:
                ``"noised"`` features of it; features of ``"augmented"`` copies of the image; or
                ``"auto"`` for augmented copies if the encoder recognizes at least 30% of the
                images by them (`recognized`), and noise otherwise, which is said with a
                `UHSCMWarning`, as it is if you ask for copies that it does not recognize.

        Returns:
            (N, ⌈L/8⌉) packed codes.

        Raises:
            OSError: a training image can no longer be read, or is another one than before.
            ValueError: the name or the views are unknown, there are more bits than directions, the
                baseline takes no views, or a study made from features has no images to augment.
        """
        baseline = BASELINES[one_of("name", name, BASELINES)]
        if one_of("views", views, VIEWS) != "noised" and not baseline.augments:
            raise ValueError(f"views: {name} takes no views of images; leave out views={views!r}")
        vectors = self.distribution if baseline.space == "concepts" else self.image_features
        train = vectors[self.dataset.splits["train"]]
        texts = self.mined.text_features if baseline.texts else None
        copies = self.augmented_copies if self._augments(views) else None
        return fit_baseline(name, train, bits, seed, texts=texts, copies=copies).encode(vectors)

    def _augments(self, views: Views) -> bool:
        """Return whether views are of augmented copies; what is wrong with them is said."""
        if views == "noised":
            return False
        if self.recognized >= BORNE:
            return True
        chosen = {
            "augmented": "codes learned from them may be worse than from noised features",
            "auto": "views are features with noise instead",
        }
        say(
            f"{self.vlp.name} recognizes {self.recognized:.0%} of the training images by an "
            f"augmented copy, of {BORNE:.0%} that are expected: {chosen[views]}"
        )
        return views == "augmented"

    @property
    def training_data(self) -> Tensor | Sequence[Image.Image]:
        """What the network trains on: features, or images for a backbone on pixels."""
        return self._inputs(self.dataset.splits["train"])

    @computed_from(*_FEATURES, "network")
    def codes(self) -> UInt8[Tensor, "n bytes"]:
        """(N, ⌈L/8⌉) packed codes of all images."""
        return self.codes_of(np.arange(len(self.dataset)))

    def codes_of(self, ids: npt.NDArray[np.int64]) -> UInt8[Tensor, "n bytes"]:
        """Compute the packed codes of some images; `codes` are those of all, computed once."""
        network = self.trained_network()
        return pack_codes(network.outputs(self._inputs(ids, network), workers=2))

    @computed_from(*_FEATURES, "network")
    def index(self) -> HammingIndex:
        """The database's codes; its ids are positions in ``dataset.splits["database"]``."""
        database = self.dataset.splits["database"]
        return HammingIndex(self.codes[database], self.trained_network().bits)

    @computed_from(*MINED_FROM)
    def coverage(self) -> Coverage:
        """What decides whether the kept concepts cover a text."""
        return Coverage(
            self.concepts.names,
            self.text_features,
            self.mined,
            self.image_features,
            self.distribution,
            self.dataset.splits["database"],
        )

    @computed_from(*MINED_FROM, "network")
    def _findings(self) -> tuple[HealthFinding, ...]:
        return findings_of(self)

    @property
    def bit_concepts(self) -> Float[Tensor, "l k"]:
        """(L, K), what each bit means, over the database."""
        database = self.dataset.splits["database"]
        bits = self.trained_network().bits
        return bit_concepts(self.codes[database], self.distribution[database], bits)

    def network_for(self, bits: int, config: TrainingConfig) -> HashNetwork:
        """Return the network on features that a recipe trains; see `HashNetwork.for_recipe`."""
        features = self.image_features[self.dataset.splits["train"]]
        scale = self.vlp.logit_scale
        return HashNetwork.for_recipe(bits, self.mined, features, config, logit_scale=scale)

    def _encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        features = self.vlp.encode_images(images)
        return checked_rows(self.vlp, "encode_images", features, len(images))

    def _read_concepts(self) -> None:
        """Say what the model does not read of the concepts, and refuse those it reads as one."""
        if isinstance(self.vlp, ReadingEncoder):
            say(*self.vlp.text_notes(self.concepts))
        elif isinstance(self.vlp, PrecomputedEncoder):
            _check_distinct(self.vlp.encode_texts(self.concepts), self.concepts.names)

    def _reading(self, shown: str, features: Tensor, notes: tuple[str, ...] = ()) -> TextReading:
        coverage = self.coverage
        notes += coverage.notes(shown, features)
        order: TextOrder = "concepts" if coverage.has(features) else "features"
        return TextReading(features, self.mined.apply(features[None])[0], order, notes)

    def _encode_texts(self, texts: ConceptSet | Sequence[str]) -> Tensor:
        if isinstance(self.vlp, ReadingEncoder):  # what there is to say was said
            features = self.vlp.embed_texts(texts)
        else:
            features = self.vlp.encode_texts(texts)
        return checked_rows(self.vlp, "encode_texts", features, len(texts))

    def trained_network(self) -> HashNetwork:
        """Return the hash network, or raise a ValueError where there is none yet."""
        if self.network is None:
            raise ValueError(NO_NETWORK)
        return self.network

    def _inputs(
        self, ids: npt.NDArray[np.int64], network: HashNetwork | None = None
    ) -> Tensor | Sequence[Image.Image]:
        network = network or self.network
        if network is not None and network.on_pixels:
            self._check_pixels()
            return self.dataset.images.take(ids.tolist())
        return self.image_features[ids]

    def _check_pixels(self) -> None:
        if not self.dataset.has_pixels:
            raise ValueError("this dataset was made from features and has no images to read")


def as_concepts(concepts: Any, templates: tuple[str, ...]) -> ConceptSet:
    """Return what `load_concepts` takes, or a `ConceptSet` as it is, as a `ConceptSet`."""
    if isinstance(concepts, ConceptSet):
        return concepts
    if not isinstance(concepts, str | PathLike | Sequence) or isinstance(concepts, bytes):
        raise TypeError(
            f"concepts must be names, the name of a list, a file or a ConceptSet, got "
            f"{shown(concepts)}"
        )
    return load_concepts(concepts, templates)


def _check_distinct(text_features: Tensor, names: Sequence[str]) -> None:
    """Refuse two concepts with one vector: the second would never get a vote."""
    rows = text_features.numpy().round(_DECIMALS)
    _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    earlier = first[group.reshape(-1)]
    again = np.flatnonzero(earlier != np.arange(len(rows)))
    if len(again):
        raise ValueError(
            f"the concepts {names[earlier[again[0]]]!r} and {names[again[0]]!r} have the same text "
            f"features, so the second would never get a vote; leave one of them out"
        )


def _check_encoder(encoder: object) -> None:
    wanted = ("name", "digest", "embed_dim", "logit_scale", "encode_images", "encode_texts")
    # The class first: asking an object for its digest may hash all weights.
    missing = [
        name for name in wanted if not (hasattr(type(encoder), name) or hasattr(encoder, name))
    ]
    if missing:
        raise TypeError(
            f"vlp must be an Encoder (from load_vlp, or of your own), got "
            f"{type(encoder).__name__} {encoder!r} without {', '.join(missing)}"
        )
