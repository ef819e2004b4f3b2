"""Load open_clip models: by name and pretrained tag, or from a configuration file.

A model's configuration decides what is built, for CLIP and for SigLIP: the towers, how a text is
pooled and masked, the scale and the bias of its scores. Its preprocessing (size, resizing, mean and
deviation) comes with the pretrained tag or stands in the configuration file.

No file is ever unpickled: weights are safetensors, or are read by torch as weights only.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub.constants
import open_clip
import safetensors
import torch
from PIL import Image
from torch import Tensor

from uhscm_core.support.hub import (
    WEIGHT_SUFFIXES,
    find_local_weights,
    missing_weights,
    network_is_down,
)
from uhscm_core.support.store import load_json
from uhscm_core.support.ways import LISTED_MODELS

__all__ = ["OpenClipModel", "from_config", "from_name"]

_REMOTE = re.compile(r"[A-Za-z][\w+.-]+:")  # hf-hub:, local-dir:, https:, but no drive's C:
_FETCHED = {"hf_model_name"}  # a text tower by its name in the hub
_TIMM = "timm_model_name"


class OpenClipModel(NamedTuple):
    """A model as open_clip built it, and what goes in front of its two towers.

    Attributes:
        model: the module with both towers, its weights loaded.
        preprocess: image -> (3, H, W) tensor.
        tokenizer: n texts -> (n, context length) token ids.
        config: the model's configuration.
    """

    model: Any
    preprocess: Callable[[Image.Image], Tensor]
    tokenizer: Callable[[list[str]], Tensor]
    config: Mapping[str, Any]


def from_name(name: str, pretrained: str | PathLike[str] | None) -> OpenClipModel:
    """Build one of open_clip's own models.

    Args:
        name: one of ``open_clip.list_models()``.
        pretrained: one of its tags, or a weights file.

    Raises:
        FileNotFoundError: the weights file does not exist.
        ConnectionError: the weights or the tokenizer could not be fetched.
        ModuleNotFoundError: the model's tokenizer needs the package transformers.
        ValueError: an unknown name or tag, or weights that do not match the model.
    """
    if _REMOTE.match(name):
        raise ValueError(
            f"{name!r} would be fetched from the network; download its configuration and its "
            f"weights, and load the path of the .json, or use one of open_clip.list_models()"
        )
    config = open_clip.get_model_config(name)
    if config is None:
        raise ValueError(
            f"open_clip knows no model {name!r}; {LISTED_MODELS} "
            f"of a .json configuration with a weights file"
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained is None:
        raise ValueError(f"{name} needs pretrained weights: a file, or one of {', '.join(tags)}")
    if str(pretrained) not in tags and Path(pretrained).suffix not in WEIGHT_SUFFIXES:
        raise ValueError(
            f"{name} has no pretrained tag {str(pretrained)!r}, and a weights file ends in "
            f"{', '.join(WEIGHT_SUFFIXES)}; its tags are {', '.join(tags) or 'none'}"
        )
    tokenizer = _tokenizer_of(name, config)
    if str(pretrained) in tags:
        entry = open_clip.get_pretrained_cfg(name, str(pretrained))
        weights = _fetch(name, str(pretrained), entry)
        settings = _preprocessing([entry])
        if entry.get("quick_gelu"):
            # OpenAI's models were trained with it; open_clip alone would only warn.
            settings["force_quick_gelu"] = config["quick_gelu"] = True
    else:
        weights = Path(pretrained).expanduser()
        # A file does not say how images were prepared. SigLIP's kind, known by its bias, all do
        # as their tags say; for any other, cached features rest on open_clip's default.
        known = tags if config.get("init_logit_bias") is not None else []
        settings = _preprocessing([open_clip.get_pretrained_cfg(name, tag) for tag in known])
    _check_weights(weights)
    model, preprocess = _create(name, weights, name, pretrained=str(weights), **settings)
    return OpenClipModel(model, preprocess, tokenizer, config)


def from_config(path: Path, pretrained: str | PathLike[str] | None) -> OpenClipModel:
    """Build the model that a configuration file describes.

    Args:
        path: a ``.json`` with ``embed_dim``, ``vision_cfg`` and ``text_cfg``, or with these in
            ``model_cfg`` and the preprocessing in ``preprocess_cfg``. The files of a tokenizer of
            its own (``tokenizer.json``, ``tokenizer_config.json``, ...) are read from its folder.
        pretrained: a weights file; None for the ``.safetensors`` of the same name next to `path`.

    Raises:
        FileNotFoundError: the configuration, the weights or the tokenizer do not exist.
        ModuleNotFoundError: the model's tokenizer needs the package transformers.
        ValueError: not a configuration, or weights that do not match it.
    """
    whole = load_json(path)
    config = whole.get("model_cfg", whole) if isinstance(whole, dict) else None
    if not isinstance(config, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(config):
        raise ValueError(
            f"{path}: not an open_clip configuration (embed_dim, vision_cfg and text_cfg expected)"
        )
    _refuse_remote_names(path, whole)
    tokenizer_files = list(path.absolute().parent.glob("*token*"))
    repository = _tokenizer_repository(config)
    if repository:
        _require_transformers(path)
        _refuse_remote_code(path.absolute().with_name("tokenizer_config.json"))
        if not tokenizer_files:
            raise FileNotFoundError(
                f"no tokenizer next to {path}, which names that of {repository!r}: put its "
                f"tokenizer.json and tokenizer_config.json there"
            )
    weights = path.with_suffix(".safetensors") if pretrained is None else Path(pretrained)
    weights = _check_weights(weights.expanduser())
    # open_clip reads a configuration that is not its own from a folder of a fixed layout.
    # Windows keeps a file that is still mapped; the system clears the folder then.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        layout = {"model_cfg": config, "preprocess_cfg": whole.get("preprocess_cfg", {})}
        Path(folder, "open_clip_config.json").write_text(json.dumps(layout))
        kind = "model.safetensors" if weights.suffix == ".safetensors" else "pytorch_model.bin"
        _place(weights, Path(folder, f"open_clip_{kind}"))
        for file in tokenizer_files:
            _place(file, Path(folder, file.name))
        model, preprocess = _create(f"local-dir:{folder}", weights, path)
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    return OpenClipModel(model, preprocess, tokenizer, config)


def _place(file: Path, at: Path) -> None:
    """Link to a file, or copy it where links cannot be made, as on Windows for most users."""
    try:
        at.symlink_to(file.absolute())
    except (OSError, NotImplementedError):
        shutil.copyfile(file, at)


def _refuse_remote_names(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse what open_clip or timm would fetch: a file may come from a stranger."""
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += ((key, item) for item in value)
        elif isinstance(value, str) and (
            _REMOTE.match(value) or (key in _FETCHED and value) or (key == _TIMM and "/" in value)
        ):
            raise ValueError(
                f"{path}: {key} is {value!r}, which would be fetched from the network; load_vlp "
                f"reads local configurations without it: use a model of open_clip.list_models()"
            )


def _refuse_remote_code(tokenizer_config: Path) -> None:
    if tokenizer_config.is_file() and "auto_map" in load_json(tokenizer_config):
        raise ValueError(
            f"{tokenizer_config}: auto_map names code that would be fetched and run; remove it, or "
            f"use a tokenizer that needs no code of its own"
        )


def _preprocessing(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the preprocessing that pretrained tags agree on, as arguments of open_clip."""
    settings: dict[str, Any] = {}
    for key in ("mean", "std", "interpolation", "resize_mode"):
        values = {entry.get(key) for entry in entries}
        if len(values) == 1 and None not in values:
            settings[f"image_{key}"] = values.pop()
    return settings


def _tokenizer_repository(config: Mapping[str, Any]) -> str:
    """Return the Hugging Face repository of the model's tokenizer, empty for CLIP's own."""
    text = config["text_cfg"]
    return str(text.get("hf_tokenizer_name") or "") if isinstance(text, dict) else ""


def _require_transformers(described: str | Path) -> None:
    if importlib.util.find_spec("transformers") is None:
        raise ModuleNotFoundError(
            f"the tokenizer of {described} needs the package transformers: "
            f"pip install transformers",
            name="transformers",
        )


def _tokenizer_of(name: str, config: Mapping[str, Any]) -> Callable[[list[str]], Tensor]:
    """Return a named model's tokenizer; one that is not CLIP's own is fetched once."""
    repository = _tokenizer_repository(config)
    if repository:
        _require_transformers(name)
    try:
        if repository and network_is_down() and not _is_cached(repository):
            raise ConnectionError("no network")
        tokenizer: Callable[[list[str]], Tensor] = open_clip.get_tokenizer(name)
        return tokenizer
    except OSError as error:
        raise ConnectionError(
            f"the tokenizer of {name} could not be fetched ({_shorten(error)}). On a machine with "
            f"a network fetch {repository!r} from Hugging Face, and load its open_clip_config.json "
            f"here, with its weights file and its tokenizer files in the same folder"
        ) from error


def _fetch(name: str, tag: str, entry: Mapping[str, Any]) -> Path:
    stem = f"{name}.{tag}".replace("/", "-")
    local = find_local_weights(stem)
    if local is not None:
        return local
    repository = entry.get("hf_hub", "").rstrip("/")
    origin = f"{repository!r} from Hugging Face" if repository else str(entry.get("url"))
    try:
        # A file fetched before is found offline by the hub's client, after its retries.
        if network_is_down() and not _is_cached(repository):
            raise ConnectionError("no network")
        return Path(open_clip.download_pretrained(entry))
    except Exception as error:  # each way to fetch fails in its own manner
        raise missing_weights(f"{name} ({tag})", origin, stem, error) from error


def _is_cached(repository: str) -> bool:
    parts = repository.split("/")[:2]
    folder = "models--" + "--".join(parts)
    return (Path(huggingface_hub.constants.HF_HUB_CACHE) / folder / "snapshots").is_dir()


def _create(name: str, weights: Path, described: str | Path, **settings: Any) -> tuple[Any, Any]:
    try:
        with torch.random.fork_rng(devices=[]):  # the weights drawn before the file's are read
            model, _, preprocess = open_clip.create_model_and_transforms(
                name, weights_only=True, **settings
            )
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever does not fit fails in its own manner
        raise ValueError(
            f"{weights}: these weights do not match the model described by {described} "
            f"({type(error).__name__}: {_shorten(error)})"
        ) from error
    return model, preprocess


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split()[:40])[:300]


def _check_weights(path: Path) -> Path:
    """Reject what is not a file of weights before open_clip opens it."""
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path}")
    if path.suffix == ".safetensors":
        try:
            with safetensors.safe_open(path, framework="pt"):
                return path
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path}: not a safetensors file ({error})") from error
    if path.suffix not in WEIGHT_SUFFIXES:
        raise ValueError(f"{path}: a weights file must end in {', '.join(WEIGHT_SUFFIXES)}")
    try:
        torch.load(path, map_location="meta", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # what is no weights file fails in as many ways as there are bytes
        # Without torch's own text, which says how to load it anyway.
        raise ValueError(
            f"{path}: rejected: contains pickled objects or is not a weights file; use a "
            f".safetensors file instead ({type(error).__name__})"
        ) from error
    return path
