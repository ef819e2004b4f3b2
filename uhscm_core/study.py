"""The whole method as one value.

A `Study` is a data set, a vision-language model, concepts and settings, and everything that follows
from them, computed when it is asked for. It never changes: `Study.with_` and `Study.train` give
new studies that share whatever their change does not touch, so a history of studies is cheap, and
undo is going back to an earlier one.

Symbols: N images, n_train of them to train on, K kept concepts, L code length in bits.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, SupportsIndex, TypeVar

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from uhscm_core.baselines import BASELINES, fit_baseline
from uhscm_core.codes import bit_concepts, pack_codes
from uhscm_core.concepts import DEFAULT_TEMPLATE, ConceptSet, load_concepts
from uhscm_core.datasets import ImageDataset, load_dataset, read_image
from uhscm_core.features import encode_dataset
from uhscm_core.index import HammingIndex
from uhscm_core.metrics import Ties, cosine_mean_average_precision, mean_average_precision
from uhscm_core.mining import (
    MinedConcepts,
    explain_similarity,
    mine_concepts,
    semantic_similarity,
    top_concepts,
)
from uhscm_core.network import HashNetwork
from uhscm_core.support import store
from uhscm_core.training import TrainingConfig, TrainingStep, read_history, train
from uhscm_core.vlp import VLP, load_vlp

__all__ = ["Explanation", "SearchResult", "Study"]

T = TypeVar("T")

# What each computed value follows from; `with_` shares those whose inputs stay.
_FEATURES = {"dataset", "vlp"}
_MINED = _FEATURES | {"concepts", "tau", "min_share", "max_share"}
_INPUTS = {
    "image_features": _FEATURES,
    "text_features": {"vlp", "concepts"},
    "votes": _FEATURES | {"concepts"},
    "mined": _MINED,
    "distribution": _MINED,
    "codes": _FEATURES | {"network"},
    "index": _FEATURES | {"network"},
}


class _shared(Generic[T]):  # noqa: N801  # used as a decorator
    """A value computed once, by whichever study of the same inputs is asked for it first."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        functools.update_wrapper(self, compute)  # type: ignore[arg-type]

    def __get__(self, study: Study, owner: type[Study]) -> T:
        cell = study._cells.setdefault(self._compute.__name__, [])
        if not cell:
            cell.append(self._compute(study))
        value: T = cell[0]
        return value


class SearchResult(NamedTuple):
    """What a query found among the database images, nearest first.

    Attributes:
        ids: (k,) int64, images of ``study.dataset``.
        distances: (k,), Hamming distances in bits; for a text :math:`(1 - S)/2` in [0, 1].
        kind: which of the two.
    """

    ids: Tensor
    distances: Tensor
    kind: Literal["hamming", "concepts"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why two images are as alike as they are.

    Attributes:
        similarity: S in [-1, 1].
        parts: (K,), each kept concept's part; they sum to ``similarity + 1``.
        names: the K kept concepts.
    """

    similarity: float
    parts: Float[Tensor, " k"]
    names: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The parts, largest first."""
        frame = pd.DataFrame({"concept": self.names, "part": self.parts.numpy()})
        return frame.sort_values("part", ascending=False, ignore_index=True)


@dataclass(frozen=True, eq=False)
class Study:
    """UHSCM on one data set, from images to codes.

    Attributes:
        dataset: N images with splits.
        vlp: scores images against concepts.
        concepts: the M candidates, a `ConceptSet`; whatever `load_concepts` takes may be given.
        tau, min_share, max_share: of `mine_concepts`.
        network: the hash network, once trained.
        history: the steps of its training.
        progress: show bars while images are encoded.
    """

    dataset: ImageDataset
    vlp: VLP
    concepts: Any  # in: what load_concepts takes; from then on: a ConceptSet
    tau: float = 3.0
    min_share: float = 0.5
    max_share: float | None = None
    network: HashNetwork | None = None
    history: tuple[TrainingStep, ...] = field(default=(), repr=False)
    progress: bool = field(default=True, repr=False)
    _cells: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, value, kind in (("dataset", self.dataset, ImageDataset), ("vlp", self.vlp, VLP)):
            if not isinstance(value, kind):
                raise TypeError(
                    f"{name} must be of load_{name}(...), got {type(value).__name__} {value!r}"
                )
        object.__setattr__(self, "concepts", _as_concepts(self.concepts, (DEFAULT_TEMPLATE,)))

    # -- what follows from the settings ------------------------------------------------------

    @_shared
    def image_features(self) -> Float[Tensor, "n d"]:
        """(N, D) of all images, from the cache where it holds them."""
        return encode_dataset(self.dataset, self.vlp, progress=self.progress)

    @_shared
    def text_features(self) -> Float[Tensor, "m d"]:
        """(M, D) of the candidate concepts."""
        return self.vlp.encode_texts(self.concepts)

    @_shared
    def votes(self) -> Int64[Tensor, " n"]:
        """(N,) the candidate that each image scores highest; the training images' are counted."""
        return top_concepts(self.image_features, self.text_features)

    @_shared
    def mined(self) -> MinedConcepts:
        """The concepts mined from the training images."""
        return mine_concepts(
            self.image_features[self.dataset.splits["train"]],
            self.text_features,
            self.tau,
            self.min_share,
            self.max_share,
        )

    @property
    def kept_names(self) -> tuple[str, ...]:
        """The names of the K kept concepts."""
        flags = self.mined.kept.tolist()
        return tuple(name for name, kept in zip(self.concepts.names, flags, strict=True) if kept)

    @_shared
    def distribution(self) -> Float[Tensor, "n k"]:
        """(N, K) of all images, over the concepts kept by the training images."""
        return self.mined.apply(self.image_features)

    @property
    def training_data(self) -> Tensor | Sequence[Image.Image]:
        """What the network trains on: features, or images for a backbone on pixels."""
        return self._inputs(self.dataset.splits["train"])

    @_shared
    def codes(self) -> UInt8[Tensor, "n bytes"]:
        """(N, ⌈L/8⌉) packed codes of all images."""
        network = self._trained()
        everything = np.arange(len(self.dataset))
        return pack_codes(network.outputs(self._inputs(everything, network), workers=2))

    @_shared
    def index(self) -> HammingIndex:
        """Of the database's codes; its ids are positions in ``dataset.splits["database"]``."""
        database = self.dataset.splits["database"]
        return HammingIndex(self.codes[database], self._trained().bits)

    @property
    def bit_concepts(self) -> Float[Tensor, "l k"]:
        """(L, K), what each bit means, over the database."""
        database = self.dataset.splits["database"]
        bits = self._trained().bits
        return bit_concepts(self.codes[database], self.distribution[database], bits)

    # -- new studies -------------------------------------------------------------------------

    def with_(self, *, template: str | Sequence[str] | None = None, **changes: Any) -> Study:
        """A study with some settings changed, sharing all that did not change.

        Args:
            template: one prompt template or several for the same concepts.
            changes: any attribute of `Study`.

        Returns:
            The new study. A network learned from other concepts or images does not go along,
            unless `changes` hands it over.

        Raises:
            TypeError: an unknown setting.
            ValueError: a template without ``{}``, concepts with blanks or duplicates.
        """
        if unknown := changes.keys() - {f.name for f in dataclasses.fields(self) if f.init}:
            raise TypeError(f"a study has no setting {', '.join(sorted(unknown))}")
        if template is not None:
            templates = (template,) if isinstance(template, str) else tuple(template)
            concepts = _as_concepts(changes.get("concepts", self.concepts), templates)
            changes["concepts"] = ConceptSet(concepts.names, templates)
        elif "concepts" in changes:
            changes["concepts"] = _as_concepts(changes["concepts"], self.concepts.templates)
        touched = {name for name, value in changes.items() if not _same(value, getattr(self, name))}
        if touched & _MINED and "network" not in changes:
            changes |= {"network": None, "history": ()}
            touched.add("network")
        if "network" in touched and changes["network"] is not None:
            # A copy: whoever goes on training the network does not change this study.
            changes["network"] = copy.deepcopy(changes["network"]).eval()
        study = dataclasses.replace(self, **changes)
        for name, inputs in _INPUTS.items():
            if not inputs & touched:
                study._cells[name] = self._cells.setdefault(name, [])
        return study

    def train(
        self,
        bits: int = 64,
        config: TrainingConfig | None = None,
        *,
        backbone: str = "features",
        pretrained: bool = True,
        folder: str | PathLike[str] | None = None,
        on_step: Callable[[TrainingStep], None] | None = None,
        **settings: Any,
    ) -> Study:
        """Train a hash network on the training images.

        For a run to watch or to stop, iterate over `train` oneself and hand the network to `with_`.

        Args:
            bits: L.
            config: None for the defaults of `TrainingConfig`.
            backbone, pretrained: of `HashNetwork`.
            folder: keep the run here and take it up from there, see `train`.
            on_step: called with every step.
            settings: changes to `config`, such as ``epochs=10``.

        Returns:
            This study with the trained network and its history.
        """
        config = dataclasses.replace(config or TrainingConfig(), **settings)
        width = self.vlp.embed_dim if backbone == "features" else None
        network = HashNetwork(bits, backbone, width, pretrained, seed=config.seed)
        data = self._inputs(self.dataset.splits["train"], network)
        history = []
        for step in train(network, data, self.mined, config, folder=folder):
            history.append(step)
            if on_step is not None:
                on_step(step)
        # A run taken up again began with steps of an earlier session.
        steps = tuple(history) if folder is None else read_history(folder)
        return self.with_(network=network, history=steps)

    # -- questions ---------------------------------------------------------------------------

    def search(self, query: SupportsIndex | str | Path | Image.Image, k: int = 10) -> SearchResult:
        """The k database images nearest to a query.

        Args:
            query: an image of the data set by its index, an image, a file (as `Path`), or a text.
                The network has no text branch: a text is answered by its concept distribution, put
                into the first template, ranked by similarity to the images' distributions.
            k: how many, at least 1.

        Returns:
            Ids in ``dataset``; images by Hamming distance, texts by concept distance. An image of
            the database finds itself at distance 0, beside others of the same code.

        Raises:
            IndexError: no image of this index.
            TypeError: a query that is none of these.
            ValueError: no network yet, an empty text, or k below 1.
        """
        database = self.dataset.splits["database"]
        if isinstance(query, str):
            return self._search_text(query, k)
        if not isinstance(query, Path | Image.Image):
            code = self.codes[self._as_index(query)][None]
        else:
            image = read_image(query) if isinstance(query, Path) else query
            network = self._trained()
            data = [image] if network.on_pixels else self.vlp.encode_images([image])
            code = pack_codes(network.outputs(data))
        distances, positions = self.index.search(code, k)
        return SearchResult(torch.from_numpy(database)[positions[0]], distances[0], "hamming")

    def text_distribution(self, text: str) -> Float[Tensor, " k"]:
        """(K,) the concept distribution of a text, put into the first template.

        Raises:
            ValueError: an empty text.
        """
        if not text.strip():
            raise ValueError("a text query needs some text")
        prompt = self.concepts.templates[0].replace("{}", text.strip())
        return self.mined.apply(self.vlp.encode_texts([prompt]))[0]

    def explain(self, i: int, j: int) -> Explanation:
        """Why images i and j are as alike as they are: each concept's part."""
        qi, qj = self.distribution[i], self.distribution[j]
        similarity = float(semantic_similarity(qi[None], qj[None]))
        return Explanation(similarity, explain_similarity(qi, qj), self.kept_names)

    def evaluate(self, top_k: int | None = None, ties: Ties = "expected") -> float:
        """Mean average precision of the codes: the queries against the database."""
        return self._judge(self.codes, top_k, ties)

    def compare(
        self, top_k: int | None = None, ties: Ties = "expected", ceilings: bool = True
    ) -> pd.DataFrame:
        """Mean average precision of UHSCM beside the baselines and the ceilings.

        Args:
            top_k: rank to cut at; None for the whole database.
            ties: how tied items are ordered, see `uhscm_core.metrics`.
            ceilings: rank by cosine too, which takes longer than all else and is the same at
                every code length.

        Returns:
            A row a method, with ``method``, ``bits`` (0 without hashing) and ``mAP``; NaN for a
            baseline that can't give so many bits from these features.
        """
        bits = self._trained().bits
        rows = [("UHSCM", bits, self.evaluate(top_k, ties))]
        training = self.image_features[self.dataset.splits["train"]]
        for name in BASELINES:
            try:
                baseline = fit_baseline(name, training, bits)
            except ValueError:  # more bits than the features have directions
                rows.append((name, bits, float("nan")))
                continue
            codes = baseline.encode(self.image_features)
            rows.append((name, bits, self._judge(codes, top_k, ties)))
        query, database = self.dataset.splits["query"], self.dataset.splits["database"]
        labels = self._labels()
        vectors_of = {
            "cosine of concepts": self.distribution,
            "cosine of features": self.image_features,
        }
        for name, vectors in vectors_of.items() if ceilings else ():
            value = cosine_mean_average_precision(
                vectors[query], vectors[database], labels[query], labels[database], top_k
            )
            rows.append((name, 0, value))
        return pd.DataFrame(rows, columns=["method", "bits", "mAP"])

    # -- on disk -----------------------------------------------------------------------------

    def save(self, folder: str | PathLike[str]) -> None:
        """Write settings, network and history to a folder; features stay in the cache.

        Raises:
            ValueError: a data set or model that was not made by `load_dataset` or `load_vlp`.
        """
        if self.dataset.source is None or self.vlp.source is None:
            raise ValueError(
                "only a study whose data set and model come from load_dataset and load_vlp can "
                "be saved: they are stored as what was asked for"
            )
        folder = Path(folder)
        config: dict[str, Any] = {
            "dataset": dict(self.dataset.source),
            "dataset_digest": self.dataset.digest,
            "vlp": dict(self.vlp.source),
            "vlp_digest": self.vlp.digest,
            "concepts": dataclasses.asdict(self.concepts),
            "tau": self.tau,
            "min_share": self.min_share,
            "max_share": self.max_share,
            "history": [dataclasses.asdict(step) for step in self.history],
            "weights": None,
        }
        if self.network is not None:
            # A name of its own, so that what was saved before stays whole until study.json is new.
            config["weights"] = f"weights-{uuid.uuid4().hex}.safetensors"
            weights = self.network.state_dict()
            store.save_tensors(folder / config["weights"], weights, self.network.settings)
        store.save_json(folder / "study.json", config)
        for old in folder.glob("weights-*.safetensors"):
            if old.name != config["weights"]:
                old.unlink()

    @classmethod
    def load(
        cls,
        folder: str | PathLike[str],
        *,
        dataset: ImageDataset | None = None,
        vlp: VLP | None = None,
        device: str = "auto",
    ) -> Study:
        """Read a study that `save` wrote.

        Args:
            folder: where it was saved.
            dataset, vlp: in place of loading what the study was made with, such as a data set
                that has moved.
            device: for the model.

        Raises:
            FileNotFoundError: no study there, or its data set or model is gone.
            ValueError: a data set or a model that is not the one it was saved with.
        """
        folder = Path(folder)
        config = store.load_json(folder / "study.json")
        if dataset is None:
            asked = {k: v for k, v in config["dataset"].items() if v is not None}
            dataset = load_dataset(asked.pop("source"), **asked)
        vlp = load_vlp(**config["vlp"], device=device) if vlp is None else vlp
        for name, value in (("dataset", dataset), ("vlp", vlp)):
            if value.digest != config[f"{name}_digest"]:
                raise ValueError(
                    f"{folder}: the {name} is not the one that the study was saved with (digest "
                    f"{value.digest}, saved {config[f'{name}_digest']})"
                )
        network = None
        if config["weights"] is not None:
            weights, settings = store.load_tensors(folder / config["weights"])
            network = HashNetwork(**settings, pretrained=False)
            network.load_state_dict(weights)
        concepts = {key: tuple(value) for key, value in config["concepts"].items()}
        return cls(
            dataset,
            vlp,
            ConceptSet(**concepts),
            config["tau"],
            config["min_share"],
            config["max_share"],
            network and network.eval(),
            tuple(TrainingStep(**step) for step in config["history"]),
        )

    # -- helpers -----------------------------------------------------------------------------

    def _as_index(self, query: SupportsIndex) -> int:
        try:
            index = operator.index(query)
        except TypeError:
            raise TypeError(
                f"a query is an image's index, an image, a Path or a text, got "
                f"{type(query).__name__}"
            ) from None
        if not 0 <= index < len(self.dataset):
            raise IndexError(f"no image {index}: the data set has {len(self.dataset)}")
        return index

    def _trained(self) -> HashNetwork:
        if self.network is None:
            raise ValueError("this study has no hash network yet: use study.train(bits=...)")
        return self.network

    def _labels(self) -> Tensor:
        if self.dataset.labels is None:
            raise ValueError("judging needs labels, and this data set has none")
        if not len(self.dataset.splits["query"]):
            raise ValueError("judging needs queries, and this data set has none")
        return self.dataset.labels

    def _judge(self, codes: Tensor, top_k: int | None, ties: Ties) -> float:
        query, database = self.dataset.splits["query"], self.dataset.splits["database"]
        labels = self._labels()
        return mean_average_precision(
            codes[query], codes[database], labels[query], labels[database], top_k, ties
        )

    def _inputs(
        self, ids: np.ndarray, network: HashNetwork | None = None
    ) -> Tensor | Sequence[Image.Image]:
        network = network or self.network
        if network is not None and network.on_pixels:
            return _Subset(self.dataset.images, ids)
        return self.image_features[ids]

    def _search_text(self, text: str, k: int) -> SearchResult:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        database = torch.from_numpy(self.dataset.splits["database"])
        wanted = self.text_distribution(text)
        distances = (1 - semantic_similarity(wanted[None], self.distribution[database])[0]) / 2
        order = distances.argsort(stable=True)[:k]
        return SearchResult(database[order], distances[order], "concepts")


class _Subset(Sequence[Image.Image]):
    def __init__(self, images: Sequence[Image.Image], ids: np.ndarray) -> None:
        self.images, self.ids = images, ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Subset(self.images, self.ids[index])
        return self.images[self.ids[index]]


def _as_concepts(concepts: Any, templates: tuple[str, ...]) -> ConceptSet:
    return concepts if isinstance(concepts, ConceptSet) else load_concepts(concepts, templates)


def _same(a: object, b: object) -> bool:
    return a is b or (isinstance(a, ConceptSet | int | float | str) and a == b)
