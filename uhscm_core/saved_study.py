"""A study in a folder: what `Study.save` writes and `Study.load` reads.

- ``study.json``: the settings, what dataset and model were asked for, their digests, the history;
- ``weights-*.safetensors``: the trained network, if there is one;
- ``features-*.safetensors``: features, labels and splits of a study made from features.

Everything else is found again: images by `load_dataset`, features by their digests in the cache.
"""

from __future__ import annotations

import dataclasses
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from uhscm_core.concepts import ConceptSet
from uhscm_core.datasets import ImageDataset, load_dataset
from uhscm_core.datasets.given import GivenImages
from uhscm_core.encoder import Encoder
from uhscm_core.network import HashNetwork
from uhscm_core.precomputed import PrecomputedEncoder, precomputed_dataset
from uhscm_core.support import store
from uhscm_core.support.notices import UHSCMWarning
from uhscm_core.training import TrainingStep
from uhscm_core.vlp import load_vlp

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["can_be_saved", "load_study", "save_study"]

_FEATURES = "features"  # in place of what load_dataset and load_vlp were asked for


def can_be_saved(study: Study) -> bool:
    """Whether a study's dataset can be found or read again by `load_study`."""
    return study.dataset.source is not None or isinstance(study.vlp, PrecomputedEncoder)


def save_study(study: Study, folder: Path) -> None:
    """Write a study; the arguments and errors are those of `Study.save`."""
    if not can_be_saved(study):
        raise ValueError(
            "only a study whose dataset comes from load_dataset or whose features were given to "
            "Study.from_features can be saved: an ImageDataset made by hand cannot be found again"
        )
    precomputed = isinstance(study.vlp, PrecomputedEncoder)
    source = getattr(study.vlp, "source", None)
    config: dict[str, Any] = {
        "dataset": {"source": _FEATURES} if precomputed else dict(study.dataset.source or {}),
        "dataset_digest": study.dataset.digest,
        "vlp": {"name": _FEATURES} if precomputed else source and dict(source),
        "vlp_digest": study.vlp.digest,
        "concepts": dataclasses.asdict(study.concepts),
        "tau": study.tau,
        "min_share": study.min_share,
        "max_share": study.max_share,
        "history": [dataclasses.asdict(step) for step in study.history],
        "weights": None,
    }
    # Files get names of their own, so that what was saved before is whole until study.json is new.
    if isinstance(study.vlp, PrecomputedEncoder):
        config["features"] = f"features-{uuid.uuid4().hex}.safetensors"
        _save_features(folder / config["features"], study.dataset, study.vlp)
    if study.network is not None:
        config["weights"] = f"weights-{uuid.uuid4().hex}.safetensors"
        weights = study.network.state_dict()
        store.save_tensors(folder / config["weights"], weights, study.network.settings)
    store.save_json(folder / "study.json", config)
    for kind in ("weights", "features"):
        for old in folder.glob(f"{kind}-*.safetensors"):
            if old.name != config.get(kind):
                old.unlink()


def load_study(
    folder: Path, dataset: ImageDataset | None, vlp: Encoder | None, device: str
) -> dict[str, Any]:
    """Read what `save_study` wrote, as the arguments of `Study`."""
    config = store.load_json(folder / "study.json")
    if "features" in config:
        saved_dataset, saved_vlp = _load_features(folder / config["features"])
        dataset = saved_dataset if dataset is None else dataset
        vlp = saved_vlp if vlp is None else vlp
    if dataset is None:
        asked = {k: v for k, v in config["dataset"].items() if v is not None}
        dataset = load_dataset(asked.pop("source"), **asked)
    if vlp is None:
        if config["vlp"] is None:
            raise ValueError(
                f"{folder}: the study was saved with an encoder of your own; pass it as vlp=..."
            )
        vlp = load_vlp(**config["vlp"], device=device)
    for name, value in (("dataset", dataset), ("vlp", vlp)):
        if value.digest != config[f"{name}_digest"]:
            raise ValueError(
                f"{folder}: this {name} is not the one that the study was saved with (digest "
                f"{value.digest}, saved {config[f'{name}_digest']})"
            )
    network = None
    if config["weights"] is not None:
        weights, settings = store.load_tensors(folder / config["weights"])
        network = HashNetwork(**settings, pretrained=False)
        network.load_state_dict(weights)
    return {
        "dataset": dataset,
        "vlp": vlp,
        "concepts": _concepts(config),
        "tau": config["tau"],
        "min_share": config["min_share"],
        "max_share": config["max_share"],
        "network": network and network.eval(),
        "history": tuple(TrainingStep(**step) for step in config["history"]),
    }


def _concepts(config: Mapping[str, Any]) -> ConceptSet:
    return ConceptSet(**{key: tuple(value) for key, value in config["concepts"].items()})


def _save_features(path: Path, dataset: ImageDataset, encoder: PrecomputedEncoder) -> None:
    tensors = {
        "image_features": encoder.image_features,
        "text_features": encoder.text_features,
        **{f"split {name}": torch.from_numpy(ids) for name, ids in dataset.splits.items()},
    }
    if dataset.labels is not None:
        tensors["labels"] = dataset.labels
    items = dataset.images.items if isinstance(dataset.images, GivenImages) else ()
    paths = [str(item.absolute()) if isinstance(item, Path) else None for item in items]
    if dataset.has_pixels and not (paths and all(paths)):
        warnings.warn(
            "images that were not given as paths are not saved with the study; give paths to have "
            "them again, or pass dataset=... to Study.load",
            UHSCMWarning,
            stacklevel=4,
        )
    about = {
        "concepts": dataclasses.asdict(encoder.concepts),
        "logit_scale": encoder.logit_scale,
        "names": dataset.names,
        "label_names": dataset.label_names,
        "paths": paths,
        "notes": dataset.notes,
    }
    store.save_tensors(path, tensors, about)


def _load_features(path: Path) -> tuple[ImageDataset, PrecomputedEncoder]:
    tensors, about = store.load_tensors(path)
    rows = tensors["image_features"]
    dataset = precomputed_dataset(
        rows,
        tensors.get("labels"),
        about["label_names"],
        {name: tensors[f"split {name}"].numpy() for name in ("train", "database", "query")},
        names=about["names"],
        notes=about["notes"],
    )
    if about["paths"] and all(about["paths"]):
        images = GivenImages(map(Path, about["paths"]), about["names"])
        dataset = dataclasses.replace(dataset, images=images)
    concepts = _concepts(about)
    return dataset, PrecomputedEncoder(
        rows, concepts, tensors["text_features"], about["logit_scale"]
    )
