"""The whole method as one value.

A `Study` is a dataset, a vision-language model, concepts and settings, and everything that follows
from them, computed when it is asked for. It never changes: `Study.with_` and `Study.train` return
new studies that share whatever their change does not touch, so a history of studies is cheap, and
undo returns to an earlier one.

Symbols: N images, n_train of them to train on, K kept concepts, L code length in bits.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, SupportsIndex

import numpy.typing as npt
import pandas as pd
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from uhscm_core.codes import pack_codes
from uhscm_core.comparison import checked_methods, compare_methods
from uhscm_core.concepts import DEFAULT_TEMPLATE, ConceptSet
from uhscm_core.datasets import ImageDataset, read_image
from uhscm_core.datasets.copies import equal_images
from uhscm_core.datasets.reading import as_rgb
from uhscm_core.description import describe
from uhscm_core.encoder import Encoder
from uhscm_core.evaluation import evaluated_images
from uhscm_core.health import HealthFinding
from uhscm_core.lazy import equivalent, share
from uhscm_core.metrics import Ties, mean_average_precision
from uhscm_core.mining import explain_similarity, semantic_similarity
from uhscm_core.network import HashNetwork
from uhscm_core.peers.augmenting import Views
from uhscm_core.precomputed import (
    PrecomputedEncoder,
    precomputed_dataset,
    row_keys,
    unit_rows,
    unit_vector,
    with_text_notes,
)
from uhscm_core.results import Embedding, Explanation, SearchResult, TextOrder, TextReading
from uhscm_core.runs import read_history
from uhscm_core.saved_study import can_be_saved, load_study, save_study
from uhscm_core.stages import MINED_FROM, Stages, as_concepts
from uhscm_core.support.checks import flag, function, instance, one_of, shown, text, whole_number
from uhscm_core.support.notices import say
from uhscm_core.support.paths import as_path, existing_image
from uhscm_core.training import TrainingConfig, TrainingStep, train

__all__ = ["Study"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Study(Stages):
    """UHSCM on one dataset, from images to codes; its attributes are those of `Stages`."""

    @classmethod
    def from_features(
        cls,
        image_features: npt.ArrayLike | Float[Tensor, "n d"],
        concepts: ConceptSet | str | PathLike[str] | Sequence[str],
        text_features: npt.ArrayLike | Float[Tensor, "m d"],
        *,
        labels: npt.ArrayLike | Tensor | None = None,
        label_names: Iterable[str] | None = None,
        splits: Mapping[str, npt.ArrayLike] | None = None,
        seed: int = 0,
        logit_scale: float = 100.0,
        images: Iterable[Image.Image | str | PathLike[str]] | None = None,
        names: Iterable[str] | None = None,
    ) -> Study:
        """Make a study of features that you computed yourself.

        What needs the model (another template, concepts without vectors, a free text) raises a
        ValueError that names the way: `with_` and `search` take vectors too.

        Args:
            image_features: (N, D) numbers, numpy or torch; rows that are off unit length by more
                than 0.001 are normalized with a `UHSCMWarning`.
            concepts: the M names that the text features are of, in their order: a list, a
                `ConceptSet`, or what `load_concepts` takes.
            text_features: (M, D), as `image_features`.
            labels: for evaluation alone: (N, C) of 0 and 1, or (N,) class numbers; None for none.
            label_names: the C names; None for "label 0", "label 1", ...
            splits: ``"train"``, ``"database"`` and ``"query"``, each row numbers or a mask over
                the N rows. All rows keep their ids, and train need not lie in the database. None
                for the random split of `load_dataset`.
            seed: of that random split.
            logit_scale: the factor that the model was trained to put before its cosines.
            images: N PIL images or paths to look at; None for placeholder tiles.
            names: N names; None for the files' names, or "image 0", "image 1", ...

        Returns:
            The study; its ids are the rows of `image_features`.

        Raises:
            TypeError, ValueError: an argument of another shape or kind; feature rows that are zero
                or not finite, which are named.
        """
        image_rows, image_notes = unit_rows("image_features", image_features)
        text_rows, text_notes = unit_rows("text_features", text_features)
        chosen = as_concepts(concepts, (DEFAULT_TEMPLATE,))
        encoder = PrecomputedEncoder(image_rows, chosen, text_rows, logit_scale)
        dataset = precomputed_dataset(image_rows, labels, label_names, splits, seed, images, names)
        copies = equal_images(dataset.names, row_keys(image_rows), dataset.splits, dataset.labels)
        notes = (*image_notes, *text_notes, *copies)
        say(*notes)
        return cls(dataclasses.replace(dataset, notes=notes), encoder, chosen)

    # -- new studies -------------------------------------------------------------------------

    def with_(
        self,
        *,
        template: str | Sequence[str] | None = None,
        text_features: npt.ArrayLike | Float[Tensor, "m d"] | None = None,
        **changes: Any,
    ) -> Study:
        """Return a study with some settings changed, sharing all that did not change.

        Args:
            template: one prompt template or several for the same concepts.
            text_features: (M, D), the vectors of the concepts, for a study made from features.
            changes: any attribute of `Study`.

        Returns:
            The new study. If concepts or images change, the trained network is dropped unless you
            pass one.

        Raises:
            TypeError: an unknown setting.
            ValueError: a template without ``{}``, concepts with blanks or duplicates, vectors
                that are missing or not wanted, or other images than the features are of.
        """
        names = {f.name for f in dataclasses.fields(self) if not f.name.startswith("_")}
        if unknown := changes.keys() - names:
            raise TypeError(f"a study has no setting {', '.join(sorted(unknown))}")
        if template is not None:
            templates = _as_templates(template)
            concepts = as_concepts(changes.get("concepts", self.concepts), templates)
            changes["concepts"] = ConceptSet(concepts.names, templates)
        elif "concepts" in changes:
            changes["concepts"] = as_concepts(changes["concepts"], self.concepts.templates)
        concepts = changes.get("concepts", self.concepts)
        encoder, dataset = changes.get("vlp", self.vlp), changes.get("dataset", self.dataset)
        if text_features is not None:
            precomputed = _precomputed(encoder)
            rows, notes = unit_rows("text_features", text_features, precomputed.embed_dim)
            encoder = changes["vlp"] = precomputed.with_concepts(concepts, rows)
            dataset = changes["dataset"] = with_text_notes(dataset, notes)
            say(*notes)
        if isinstance(encoder, PrecomputedEncoder):
            # Now, not when the features are first asked for.
            encoder.encode_texts(concepts)
            encoder.features_of(dataset)
        changed = {
            name for name, value in changes.items() if not equivalent(value, getattr(self, name))
        }
        if changed & {*MINED_FROM} and "network" not in changes:
            changes |= {"network": None, "history": ()}
            changed.add("network")
        if "network" in changed and changes["network"] is not None:
            instance("network", changes["network"], HashNetwork, "from training")
            # A copy: training that network further does not change this study.
            changes["network"] = copy.deepcopy(changes["network"]).eval()
        read = not changed & {"vlp", "concepts"}
        settings = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}
        study = type(self)(**{**settings, **changes, "_texts_read": read})
        share(self, study, changed)
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

        To watch or stop a run, iterate over `uhscm_core.train` and pass the network to `with_`.

        Args:
            bits: L.
            config: None for the defaults of `TrainingConfig`.
            backbone, pretrained: of `HashNetwork`.
            folder: keep the run here, and resume it if the folder holds one; see `train`.
            on_step: called with every step; whatever it raises ends the training.
            settings: changes to `config`, such as ``epochs=10``.

        Returns:
            This study with the trained network and its history. What `health` finds is logged.
        """
        if config is not None:
            instance("config", config, TrainingConfig, "such as TrainingConfig(epochs=10)")
        if on_step is not None:
            function("on_step", on_step)
        config = TrainingConfig.of(settings, config)
        backbone, pretrained = text("backbone", backbone), flag("pretrained", pretrained)
        if backbone == "features":
            network = self.network_for(bits, config)
        else:
            network = HashNetwork(bits, backbone, None, pretrained, seed=config.seed)
        data = self._inputs(self.dataset.splits["train"], network)
        history = []
        training = train(network, data, self.mined, config, folder=folder)
        # Closed at once, so that whatever `on_step` raises leaves the folder with a checkpoint.
        with contextlib.closing(training):
            for step in training:
                history.append(step)
                if on_step is not None:
                    on_step(step)
        # A resumed run began with steps of an earlier session.
        steps = tuple(history) if folder is None else read_history(folder)
        study = self.with_(network=network, history=steps)
        for finding in study.health():
            if finding.kind != "equal codes":  # which `train` said, with what would help
                _log.warning(finding.message)
        return study

    # -- questions ---------------------------------------------------------------------------

    def search(
        self,
        query: SupportsIndex | str | Path | Image.Image | None = None,
        k: int = 10,
        *,
        image_features: npt.ArrayLike | Float[Tensor, " d"] | None = None,
        text_features: npt.ArrayLike | Float[Tensor, " d"] | None = None,
        by: TextOrder | Literal["better"] = "concepts",
    ) -> SearchResult:
        """Return the k database images nearest to a query, of which you give one.

        Args:
            query: an image of the dataset by its index, an image, a file (as `Path`, or as the text
                of a path to an image that exists), or a text, which is put into the first
                template. That no kept concept covers a text, and what the model does not read of
                it, is said with a `UHSCMWarning`.
            k: how many, at least 1.
            image_features: (D,) features of an image, answered by Hamming distance.
            text_features: (D,) features of a text.
            by: what answers a text, as the network has no text branch: by "concepts", the
                similarity of its concept distribution to the images'; by "features", the cosine of
                the model's features, without hashing; or "better", the one of these that
                `read_text` says is better. Images are answered by Hamming distance.

        Returns:
            Ids in ``dataset``, and what ranks them. An image of the database finds itself at
            distance 0, next to others of the same code.

        Raises:
            IndexError: no image of this index.
            TypeError: a query that is none of these, or not exactly one query.
            ValueError: no network yet, an empty text, a vector of another width, zero or not
                finite, or k below 1.
        """
        given = sum(x is not None for x in (query, image_features, text_features))
        one_of("by", by, ("concepts", "features", "better"))
        if given != 1:
            number = given or "none"
            raise TypeError(
                f"search takes one of query, image_features and text_features, got {number}"
            )
        if text_features is not None:
            vector, notes = unit_vector("text_features", text_features, self.vlp.embed_dim)
            reading = self._reading("these text features", vector, notes)
            return self._answer_to(reading, k, by)
        if isinstance(query, str) and (file := existing_image(query)) is None:
            return self._answer_to(self.read_text(query), k, by)
        query = file if isinstance(query, str) else query
        network = self.trained_network()
        if image_features is not None:
            if network.on_pixels:
                raise ValueError("image_features: this network reads pixels, not features")
            vector, notes = unit_vector("image_features", image_features, self.vlp.embed_dim)
            say(*notes)
            code = pack_codes(network.outputs(vector[None]))[0]
        elif isinstance(query, Path | Image.Image):
            code = self._code_of(_as_image(query))
        else:
            code = self.codes[self._as_index("query", query)]
        distances, positions = self.index.search(code[None], k)
        database = torch.from_numpy(self.dataset.splits["database"])
        return SearchResult(database[positions[0]], distances[0], "hamming")

    def rank_by_concepts(self, distribution: Float[Tensor, " k"], k: int = 10) -> SearchResult:
        """Return the k database images whose concepts are most similar to a distribution (K,)."""
        k = whole_number("k", k, 1)
        database = torch.from_numpy(self.dataset.splits["database"])
        similarity = semantic_similarity(distribution[None], self.distribution[database])[0]
        distances = (1 - similarity) / 2
        order = distances.argsort(stable=True)[:k]
        return SearchResult(database[order], distances[order], "concepts")

    def rank_by_features(self, features: Float[Tensor, " d"], k: int = 10) -> SearchResult:
        """Return the k database images whose features have the largest cosine with others (D,)."""
        k = whole_number("k", k, 1)
        database = torch.from_numpy(self.dataset.splits["database"])
        distances = 1 - self.image_features[database] @ features
        order = distances.argsort(stable=True)[:k]
        return SearchResult(database[order], distances[order], "features")

    def embed(self, item: SupportsIndex | Path | Image.Image) -> Embedding:
        """Return an image's features, concept distribution and code.

        Args:
            item: an image of the dataset by its index, a file, or an image.

        Raises:
            IndexError, TypeError: no such image, or no image at all.
            OSError: a file that cannot be read.
            ValueError: a new image in a study made from features.
        """
        if not isinstance(item, Path | Image.Image):
            i = self._as_index("item", item)
            code = None if self.network is None else self.codes[i]
            return Embedding(self.image_features[i], self.distribution[i], code)
        image = _as_image(item)
        features = self._encode_images([image])  # (1, D)
        code = None if self.network is None else self._code_of(image, features)
        return Embedding(features[0], self.mined.apply(features)[0], code)

    def explain(self, i: SupportsIndex, j: SupportsIndex) -> Explanation:
        """Explain why images i and j are as similar as they are: return each concept's part.

        Raises:
            IndexError, TypeError: no such image, or no index of one.
        """
        images = (self._as_index(name, image) for name, image in (("i", i), ("j", j)))
        qi, qj = (self.distribution[image] for image in images)
        similarity = float(semantic_similarity(qi[None], qj[None]))
        return Explanation(similarity, explain_similarity(qi, qj), self.kept_names)

    def health(self) -> tuple[HealthFinding, ...]:
        """Say what is wrong with this study, such as codes that are all equal, without training.

        Returns:
            One `HealthFinding` per fault, and none when all is well; see `uhscm_core.health`.
        """
        return self._findings

    def evaluate(self, top_k: int | None = None, ties: Ties = "expected") -> float:
        """Compute the mean average precision of the codes: the queries against the database.

        Queries without a label are left out, and said with a `UHSCMWarning`.

        Raises:
            ValueError: no network yet, or no query has a label.
        """
        on = evaluated_images(self.dataset)
        say(*on.notes)
        labels = (on.labels[on.queries], on.labels[on.database])
        codes = self.codes
        return mean_average_precision(codes[on.queries], codes[on.database], *labels, top_k, ties)

    def compare(
        self,
        top_k: int | None = None,
        ties: Ties = "expected",
        references: bool = True,
        *,
        methods: Sequence[str] | None = None,
        views: Views = "noised",
        ceilings: bool | None = None,
    ) -> pd.DataFrame:
        """Compute the mean average precision of UHSCM, the baselines and the references.

        Args:
            top_k: rank to cut at; None for the whole database.
            ties: how tied items are ordered, see `uhscm_core.metrics`.
            references: also rank without hashing, by the cosine of features, of concept
                distributions, and of both, see `uhscm_core.comparison`. They are no upper bounds:
                codes can score higher. They take longer than everything else and are the same at
                every code length.
            methods: names of `BASELINES`. None for all that train no network of their own, which
                answer in a moment; ``list(BASELINES)`` for all of them, which takes minutes.
            views: what the methods that take views of images are given, see `baseline_codes`.
            ceilings: the old name of `references`.

        Returns:
            One row per method, with ``method``, ``bits`` (0 without hashing) and ``mAP``; NaN for
            a baseline that cannot give so many bits. `BASELINES` says which space each reads; the
            features are centered for the baselines and the references. An image that is the mean
            of the training images has no cosine then: this is said with a `UHSCMWarning`, and the
            references that read features are NaN.

        Raises:
            TypeError: `methods` is no list of names.
            ValueError: as `evaluate`, or an unknown name.
        """
        if ceilings is not None:
            warnings.warn("ceilings= is deprecated: use references=", FutureWarning, stacklevel=2)
            references = ceilings
        references = flag("references", references)
        names = checked_methods(methods)
        on = evaluated_images(self.dataset)
        say(*on.notes)
        return compare_methods(self, on, top_k, ties, references, names, views)

    # -- on disk -----------------------------------------------------------------------------

    @property
    def can_be_saved(self) -> bool:
        """Whether `save` can write this study: its dataset can be found again, or is in it."""
        return can_be_saved(self)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write settings, network and history to a folder.

        Features stay in the cache, except for a study made from features, which is saved with them.

        Raises:
            ValueError: a dataset that came neither from `load_dataset` nor with its features.
        """
        save_study(self, as_path("folder", folder))

    @classmethod
    def load(
        cls,
        folder: str | PathLike[str],
        *,
        dataset: ImageDataset | None = None,
        vlp: Encoder | None = None,
        device: str = "auto",
    ) -> Study:
        """Read a study that `save` wrote.

        Args:
            folder: where it was saved.
            dataset, vlp: used instead of loading what the study was made with, such as a dataset
                that has moved, or an encoder of your own.
            device: for the model.

        Raises:
            FileNotFoundError: no study there, or its dataset or model is gone.
            ValueError: a dataset or a model that is not the one it was saved with.
        """
        return cls(**load_study(as_path("folder", folder), dataset, vlp, device))

    def __repr__(self) -> str:
        """Describe the study in a short table; what was not computed yet is not computed for it."""
        return describe(self)

    # -- helpers -----------------------------------------------------------------------------

    def _as_index(self, name: str, image: object) -> int:
        try:
            index = whole_number(name, image)
        except TypeError:
            raise TypeError(
                f"{name}: an image is given by its index, as an image or as a Path, and a query "
                f"also as a text, got {shown(image)}"
            ) from None
        if not 0 <= index < len(self.dataset):
            raise IndexError(f"{name}: no image {index}: the dataset has {len(self.dataset)}")
        return index

    def _answer_to(
        self, reading: TextReading, k: int, by: TextOrder | Literal["better"]
    ) -> SearchResult:
        say(*reading.notes)
        if (reading.order if by == "better" else by) == "features":
            return self.rank_by_features(reading.features, k)
        return self.rank_by_concepts(reading.distribution, k)

    def _code_of(self, image: Image.Image, features: Tensor | None = None) -> Tensor:
        network = self.trained_network()
        if network.on_pixels:
            return pack_codes(network.outputs([image]))[0]
        features = self._encode_images([image]) if features is None else features
        return pack_codes(network.outputs(features))[0]


def _as_templates(template: object) -> tuple[str, ...]:
    templates: Any = (template,) if isinstance(template, str) else template
    listed = isinstance(templates, Sequence) and not isinstance(templates, bytes)
    if not listed or not all(isinstance(one, str) for one in templates):
        raise TypeError(f"template must be a prompt template or several, got {shown(template)}")
    return tuple(templates)


def _precomputed(encoder: Encoder) -> PrecomputedEncoder:
    if not isinstance(encoder, PrecomputedEncoder):
        raise ValueError(
            f"text_features are for a study made from features; this one encodes its concepts "
            f"with {encoder.name}"
        )
    return encoder


def _as_image(item: Path | Image.Image) -> Image.Image:
    return read_image(as_path("item", item)) if isinstance(item, Path) else as_rgb(item)
