"""A study in a folder: what `Study.save` writes and `Study.load` reads.

- ``study.json``: the settings, what dataset and model were asked for, their digests, the history;
- ``weights-*.safetensors``: the trained network, if there is one;
- ``features-*.safetensors``: features, labels and splits of a study made from features.

Everything else is found again: images by `load_dataset`, features by their digests in the cache.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import uuid
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from uhscm_core.concepts import ConceptSet
from uhscm_core.datasets import ImageDataset, load_dataset
from uhscm_core.datasets.dataset import SPLITS
from uhscm_core.datasets.given import GivenImages
from uhscm_core.datasets.layout import read_layout
from uhscm_core.encoder import Encoder
from uhscm_core.network import network_from
from uhscm_core.precomputed import PrecomputedEncoder, precomputed_dataset
from uhscm_core.recipe import step_from
from uhscm_core.support import store
from uhscm_core.support.checks import check_features
from uhscm_core.support.fields import FORMAT, Types, check_fields, check_format
from uhscm_core.support.notices import UHSCMWarning
from uhscm_core.vlp import load_vlp

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["can_be_saved", "load_study", "save_study"]

_STUDY = "study.json"
_FEATURES = "features"  # in place of what load_dataset and load_vlp were asked for

_Tensors = tuple[dict[str, Tensor], dict[str, Any]]
_NONE = type(None)
_REQUIRED: dict[str, Types] = {
    "dataset": dict,
    "dataset_digest": str,
    "vlp": (dict, _NONE),
    "vlp_digest": str,
    "concepts": dict,
    "tau": (int, float),
    "min_share": (int, float),
    "max_share": (int, float, _NONE),
    "history": list,
    "weights": (str, _NONE),
}
_OURS = re.compile(r"(weights|features)-[0-9a-f]{32}\.safetensors")  # a user's file is not
_OPTIONAL = {
    "format": int,
    "splits_digest": str,
    "features": str,
    "features_digest": str,
    "weights_digest": str,
}
_ABOUT_FEATURES: dict[str, Types] = {
    "concepts": dict,
    "logit_scale": (int, float),
    "names": list,
    "label_names": list,
    "paths": list,
    "notes": list,
}


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
        "format": FORMAT,
        "dataset": {"source": _FEATURES} if precomputed else dict(study.dataset.source or {}),
        "dataset_digest": study.dataset.digest,
        "splits_digest": _splits_digest(study.dataset),
        "vlp": {"name": _FEATURES} if precomputed else source and dict(source),
        "vlp_digest": study.vlp.digest,
        "concepts": dataclasses.asdict(study.concepts),
        "tau": study.tau,
        "min_share": study.min_share,
        "max_share": study.max_share,
        "history": [vars(step) for step in study.history],
        "weights": None,
    }
    new: list[Path] = []
    with store.locked(folder):
        before = _named_files(folder)
        try:
            # Files get names of their own, so that what was saved before is whole until study.json
            # is new.
            if isinstance(study.vlp, PrecomputedEncoder):
                new.append(folder / f"features-{uuid.uuid4().hex}.safetensors")
                config["features"] = new[-1].name
                config["features_digest"] = _save_features(new[-1], study.dataset, study.vlp)
            if study.network is not None:
                new.append(folder / f"weights-{uuid.uuid4().hex}.safetensors")
                config["weights"] = new[-1].name
                config["weights_digest"] = store.save_tensors(
                    new[-1], study.network.state_dict(), study.network.settings
                )
            store.save_json(folder / _STUDY, config)
        except BaseException:
            _delete(new)
            raise
        _delete(before)
        ours = [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]
        store.sweep(folder, [path for path in ours if path not in new])


def _named_files(folder: Path) -> list[Path]:
    """Return the files that belong to the study of a folder; none if there is none to read."""
    with contextlib.suppress(OSError, ValueError):
        config = store.load_json(folder / _STUDY)
        if isinstance(config, dict):
            names = (config.get(kind) for kind in ("weights", "features"))
            return [store.file_in(folder, name, _STUDY) for name in names if name is not None]
    return []


def _delete(files: Iterable[Path]) -> None:
    for path in files:
        with contextlib.suppress(OSError):  # it may be open elsewhere, on Windows; a later save can
            path.unlink(missing_ok=True)


def load_study(
    folder: Path, dataset: ImageDataset | None, vlp: Encoder | None, device: str
) -> dict[str, Any]:
    """Read what `save_study` wrote, as the arguments of `Study`."""
    config, features, weights = _read(folder)
    if features is not None:
        saved_dataset, saved_vlp = _load_features(folder / config["features"], *features)
        dataset = saved_dataset if dataset is None else dataset
        vlp = saved_vlp if vlp is None else vlp
    if dataset is None:
        asked = dict(config["dataset"])
        if asked.get("seed", 0) is None:
            raise ValueError(
                f"{folder / _STUDY}: the dataset was split with seed=None, so its split cannot be "
                f"drawn again; pass dataset=..."
            )
        try:
            dataset = load_dataset(asked.pop("source"), **asked)
        except TypeError as error:  # a setting that no dataset has
            raise ValueError(f"{folder / _STUDY}: dataset: {error}") from error
    if vlp is None:
        if config["vlp"] is None:
            raise ValueError(
                f"{folder}: the study was saved with an encoder of your own; pass it as vlp=..."
            )
        vlp = load_vlp(**config["vlp"], device=device)
    for name, value in (("dataset", dataset), ("vlp", vlp)):
        if not _is_of(value, config[f"{name}_digest"], "format" in config):
            raise ValueError(
                f"{folder}: this {name} is not the one that the study was saved with (digest "
                f"{value.digest}, saved {config[f'{name}_digest']})"
            )
    _check_split(folder, config, dataset)
    network = None
    if weights is not None:
        network = network_from(weights[1], weights[0], folder / config["weights"])
    return {
        "dataset": dataset,
        "vlp": vlp,
        "concepts": _concepts(folder / _STUDY, config["concepts"]),
        "tau": config["tau"],
        "min_share": config["min_share"],
        "max_share": config["max_share"],
        "network": network,
        "history": tuple(step_from(step, folder / _STUDY) for step in config["history"]),
    }


def _is_of(value: ImageDataset | Encoder, digest: str, by_this_rule: bool) -> bool:
    """Whether a saved digest is of this dataset or encoder, by the rule that it was made by."""
    if value.digest == digest:
        return True
    by_old_rule = value.images if isinstance(value, ImageDataset) else value
    return not by_this_rule and getattr(by_old_rule, "old_digest", None) == digest


def _check_split(folder: Path, config: Mapping[str, Any], dataset: ImageDataset) -> None:
    """Refuse a split with which queries might have been trained on."""
    if "splits_digest" in config:
        same = config["splits_digest"] == _splits_digest(dataset)
    else:  # saved before 0.3, when only train/ and test/ in these letters were splits
        source = config["dataset"].get("source", "")
        tops = {name.partition("/")[0] for name in dataset.names}
        same = (
            not Path(source).is_dir()
            or {"train", "test"} <= tops
            or read_layout(dataset.names).splits is None
        )
    if not same:
        raise ValueError(
            f"{folder}: the dataset has the images that the study was saved with, but another "
            f"split of them, so that queries may have been trained on; pass dataset=..."
        )


def _splits_digest(dataset: ImageDataset) -> str:
    return store.digest_of({name: ids.tolist() for name, ids in dataset.splits.items()})


def _read(folder: Path) -> tuple[dict[str, Any], _Tensors | None, _Tensors | None]:
    """Return study.json, and the content of the features and the weights that it names."""
    config = _config(folder)
    while True:
        try:
            features, weights = (
                store.load_tensors(
                    store.file_in(folder, config[kind], f"{_STUDY}: {kind}"),
                    config.get(f"{kind}_digest"),
                )
                if config.get(kind) is not None
                else None
                for kind in ("features", "weights")
            )
        except FileNotFoundError:
            # Another process may have saved here since study.json was read.
            config, earlier = _config(folder), config
            if config == earlier:
                raise
        else:
            return config, features, weights


def _config(folder: Path) -> dict[str, Any]:
    """Read study.json and check its settings: the folder may come from a stranger."""
    path = folder / _STUDY
    config = store.load_json(path)
    check_format(path, config)
    check_fields(path, config, _REQUIRED, _OPTIONAL)
    check_fields(f"{path}: concepts", config["concepts"], {"names": list, "templates": list})
    for key in ("dataset", "vlp"):
        if not all(isinstance(name, str) for name in config[key] or ()):
            raise ValueError(f"{path}: {key} must have names as keys")
    if "source" not in config["dataset"]:
        raise ValueError(f"{path}: dataset must have a source")
    if config["vlp"] is not None:
        check_fields(
            f"{path}: vlp", config["vlp"], {"name": str}, {"pretrained": (str, type(None))}
        )
    return dict(config)


def _concepts(where: Path, values: Mapping[str, Any]) -> ConceptSet:
    check_fields(f"{where}: concepts", values, {"names": list, "templates": list})
    try:
        return ConceptSet(tuple(values["names"]), tuple(values["templates"]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def _save_features(path: Path, dataset: ImageDataset, encoder: PrecomputedEncoder) -> str:
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
    return store.save_tensors(path, tensors, about)


def _load_features(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
) -> tuple[ImageDataset, PrecomputedEncoder]:
    check_fields(path, about, _ABOUT_FEATURES)
    expected = {"image_features", "text_features", *(f"split {name}" for name in SPLITS)}
    if tensors.keys() - {"labels"} != expected:
        raise ValueError(f"{path}: must contain {', '.join(sorted(expected))}, got {[*tensors]}")
    try:
        check_features(**{name: tensors[name] for name in ("image_features", "text_features")})
        return _from_features(path, tensors, about)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _from_features(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
) -> tuple[ImageDataset, PrecomputedEncoder]:
    rows = tensors["image_features"]
    dataset = precomputed_dataset(
        rows,
        tensors.get("labels"),
        about["label_names"],
        {name: tensors[f"split {name}"].numpy() for name in SPLITS},
        names=about["names"],
        notes=about["notes"],
    )
    if about["paths"] and all(about["paths"]):
        images = GivenImages(map(Path, about["paths"]), about["names"])
        dataset = dataclasses.replace(dataset, images=images)
    concepts = _concepts(path, about["concepts"])
    return dataset, PrecomputedEncoder(
        rows, concepts, tensors["text_features"], about["logit_scale"]
    )
