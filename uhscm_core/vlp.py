r"""The vision-language model that scores images against concepts: any open_clip model.

Both towers give embeddings of unit length. Images pass the model's own preprocessing; with
several prompt templates, a concept's embeddings are averaged and normalised again, as CLIP does.

Symbols: D embedding width.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import open_clip
import safetensors
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from uhscm_core.concepts import ConceptSet
from uhscm_core.datasets.images import as_rgb
from uhscm_core.support.devices import resolve_device
from uhscm_core.support.hub import (
    WEIGHT_SUFFIXES,
    find_local_weights,
    missing_weights,
    network_is_down,
)
from uhscm_core.support.progress import progress_bar
from uhscm_core.support.store import digest_of, load_json

__all__ = ["VLP", "load_vlp"]

BATCH = 32  # the fastest of 8 to 256 on a CPU; a GPU is kept busy by the decoding workers anyway


class VLP:
    """A vision-language model with an image tower and a text tower.

    Attributes:
        name: what it was loaded as, to show to people.
        embed_dim: D, the width of both towers' embeddings.
        logit_scale: the factor the model was trained to put before its cosines (CLIP's: 100); read
            the mining temperature beside it.
        device: where the model is; results come back on the CPU.
        preprocess: the model's own preprocessing, image -> (3, H, W) tensor.
        source: what `load_vlp` was asked for, so that a saved study can load it again.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        preprocess: Callable[[Image.Image], Tensor],
        tokenizer: Callable[[list[str]], Tensor],
        config: Mapping[str, Any],
        device: torch.device,
        source: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.device = device
        self.preprocess = preprocess
        self.source = source
        self._config = config
        self._model: Any = model.to(device).eval().requires_grad_(False)
        self._tokenizer = tokenizer
        self.embed_dim = int(config["embed_dim"])
        self.logit_scale = float(model.logit_scale.detach().exp())

    @functools.cached_property
    def digest(self) -> str:
        """Content digest of the configuration and the weights."""
        total = hashlib.sha256(json.dumps(self._config, sort_keys=True).encode())
        for key, value in sorted(self._model.state_dict().items()):
            total.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            total.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return total.hexdigest()[:20]

    @functools.cached_property
    def preprocess_digest(self) -> str:
        """Content digest of the preprocessing: size, resizing, mean and deviation."""
        return digest_of(getattr(self._model.visual, "preprocess_cfg", repr(self.preprocess)))

    def encode_images(
        self, images: Sequence[Image.Image], *, workers: int | None = None, progress: bool = False
    ) -> Float32[Tensor, "n d"]:
        """Embed images.

        Args:
            images: n images of any size and mode, such as ``dataset.images``.
            workers: processes that read and preprocess; None for some on many images.
            progress: show a bar.

        Returns:
            (n, D) float32 rows of unit length, on the CPU.

        Raises:
            OSError: an image that can't be read; the message names its file.
        """
        ids = range(len(images))
        batches = [ids[i : i + BATCH] for i in range(0, len(ids), BATCH)]
        result = torch.empty(len(images), self.embed_dim)
        row = 0
        with progress_bar("encoding images", len(ids), progress) as bar:
            for features in self.encode_batches(images, batches, workers=workers):
                result[row : row + len(features)] = features
                row += len(features)
                bar.update(len(features))
        return result

    def encode_batches(
        self,
        images: Sequence[Image.Image],
        batches: Iterable[Sequence[int]],
        *,
        workers: int | None = None,
    ) -> Iterator[Float32[Tensor, "b d"]]:
        """Embed the images of each batch of indices, in order, reading ahead in worker processes.

        Args:
            images: the images the indices point into.
            batches: batches of indices, read lazily.
            workers: as in `encode_images`.

        Yields:
            (len(batch), D) float32 rows of unit length, on the CPU.
        """
        if workers is None:
            workers = min(8, max(1, (os.cpu_count() or 1) // 2)) if len(images) > 512 else 0
        loader = DataLoader(
            _Preprocessed(images, self.preprocess),
            batch_sampler=batches,  # type: ignore[arg-type]  # any iterable of batches will do
            num_workers=workers,
            generator=torch.Generator(),  # else it draws from the global one
            pin_memory=self.device.type == "cuda",
        )
        for pixels in _plainly(loader):
            yield self._embed(pixels)

    @torch.no_grad()
    def encode_texts(self, texts: ConceptSet | Sequence[str]) -> Float32[Tensor, "m d"]:
        """Embed concepts, or plain texts.

        Args:
            texts: a `ConceptSet`, whose prompts are averaged over its templates and normalised
                again, or texts that are taken as they are.

        Returns:
            (M, D) float32 rows of unit length, on the CPU.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts must be a sequence of texts, got the one string {texts!r}")
        if isinstance(texts, ConceptSet):
            per_template = [self.encode_texts(texts.prompts(t)) for t in texts.templates]
            if len(per_template) == 1:
                return per_template[0]
            return torch.nn.functional.normalize(torch.stack(per_template).mean(0), dim=1)
        rows = [torch.empty(0, self.embed_dim)]
        for start in range(0, len(texts), 256):
            tokens = self._tokenizer(list(texts[start : start + 256])).to(self.device)
            rows.append(self._model.encode_text(tokens, normalize=True).float().cpu())
        return torch.cat(rows)

    @torch.inference_mode()
    def _embed(self, pixels: Tensor) -> Tensor:
        try:
            on_device = pixels.to(self.device, non_blocking=True)
            embedded: Tensor = self._model.encode_image(on_device, normalize=True)
            return embedded.float().cpu()
        except torch.OutOfMemoryError as error:
            if len(pixels) == 1:
                raise MemoryError(
                    f"{self.device} has no memory for one image of {self.name}: free the device "
                    f"or load the model with device='cpu'"
                ) from error
        torch.cuda.empty_cache()
        half = len(pixels) // 2
        return torch.cat([self._embed(pixels[:half]), self._embed(pixels[half:])])


def _plainly(loader: Iterable[Tensor]) -> Iterator[Tensor]:
    """What a loader gives; an image that can't be read is told without the worker's traceback."""
    try:
        yield from loader
    except OSError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise OSError(str(error).strip().rsplit("\nOSError: ", 1)[-1]) from None


class _Preprocessed(Dataset[Tensor]):
    def __init__(
        self, images: Sequence[Image.Image], preprocess: Callable[[Image.Image], Tensor]
    ) -> None:
        self.images = images
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.preprocess(as_rgb(self.images[index]))


def load_vlp(
    name: str | PathLike[str],
    pretrained: str | PathLike[str] | None = None,
    device: str | torch.device = "auto",
) -> VLP:
    """Load a vision-language model through open_clip.

    Args:
        name: ``"postcards"``, the small model that ships with the package and knows the painted
            world alone; an open_clip model name such as ``"ViT-B-16"``; or the path of an open_clip
            configuration ``.json`` (the model's part alone, or whole with its preprocessing).
        pretrained: for a name, a tag such as ``"openai"`` (fetched once and kept by open_clip) or
            a weights file; for a ``.json``, a weights file, by default the ``.safetensors`` of the
            same name beside it. A ``.pt`` file is read as weights only, never as pickled objects.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...

    Returns:
        The model, ready to embed.

    Raises:
        FileNotFoundError: a file that is not there.
        ConnectionError: weights that could not be fetched; the message says which file to bring.
        ValueError: an unknown name or tag, a weights file of another model, or one that holds
            pickled objects.
    """
    chosen = resolve_device(device)
    source = {
        "name": str(name),
        "pretrained": None if pretrained is None else str(pretrained),
    }
    if name == "postcards":
        if pretrained is not None:
            raise ValueError(f"the postcards model ships with its weights, got {pretrained!r}")
        shipped = Path(str(resources.files("uhscm_postcards") / "model" / "postcards.json"))
        model, preprocess, tokenizer, config = _from_config(shipped, None)
    elif str(name).endswith(".json"):
        source = {k: v and str(Path(v).expanduser().absolute()) for k, v in source.items()}
        model, preprocess, tokenizer, config = _from_config(Path(name).expanduser(), pretrained)
    else:
        model, preprocess, tokenizer, config = _from_name(str(name), pretrained)
    shown = Path(name).stem if pretrained is None else f"{Path(name).stem} ({pretrained})"
    return VLP(shown, model, preprocess, tokenizer, config, chosen, source)


def _from_name(name: str, pretrained: str | PathLike[str] | None) -> tuple[Any, Any, Any, Any]:
    config = open_clip.get_model_config(name)
    if config is None:
        raise ValueError(
            f"open_clip knows no model {name!r}; open_clip.list_models() lists its names, and a "
            f".json configuration with a weights file is taken too"
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    settings: dict[str, Any] = {}
    if pretrained is None:
        raise ValueError(f"{name} needs pretrained weights: a file, or one of {', '.join(tags)}")
    if str(pretrained) in tags:
        entry = open_clip.get_pretrained_cfg(name, str(pretrained))
        weights = _fetched(name, str(pretrained), entry)
        settings = {
            f"image_{key}": entry[key]
            for key in ("mean", "std", "interpolation", "resize_mode")
            if entry.get(key) is not None
        }
        if entry.get("quick_gelu"):
            # OpenAI's models were trained with it; open_clip alone would only warn.
            settings["force_quick_gelu"] = config["quick_gelu"] = True
    elif Path(pretrained).suffix in WEIGHT_SUFFIXES:
        weights = Path(pretrained).expanduser()
    else:
        raise ValueError(
            f"{name} has no pretrained tag {str(pretrained)!r} and it is no weights file "
            f"({', '.join(WEIGHT_SUFFIXES)}): the tags are {', '.join(tags) or 'none'}"
        )
    _check_weights(weights)
    model, preprocess = _create(name, weights, name, pretrained=str(weights), **settings)
    return model, preprocess, open_clip.get_tokenizer(name), config


def _fetched(name: str, tag: str, entry: Mapping[str, Any]) -> Path:
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


def _from_config(path: Path, pretrained: str | PathLike[str] | None) -> tuple[Any, Any, Any, Any]:
    whole = load_json(path)
    config = whole.get("model_cfg", whole) if isinstance(whole, dict) else None
    if not isinstance(config, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(config):
        raise ValueError(
            f"{path}: not an open_clip configuration (embed_dim, vision_cfg and text_cfg expected)"
        )
    weights = path.with_suffix(".safetensors") if pretrained is None else Path(pretrained)
    weights = _check_weights(weights.expanduser())
    # open_clip reads a configuration of one's own from a folder of a fixed layout.
    with tempfile.TemporaryDirectory() as folder:
        layout = {"model_cfg": config, "preprocess_cfg": whole.get("preprocess_cfg", {})}
        Path(folder, "open_clip_config.json").write_text(json.dumps(layout))
        kind = "model.safetensors" if weights.suffix == ".safetensors" else "pytorch_model.bin"
        Path(folder, f"open_clip_{kind}").symlink_to(weights.absolute())
        for sibling in path.absolute().parent.glob("*token*"):  # a tokenizer of its own
            Path(folder, sibling.name).symlink_to(sibling)
        model, preprocess = _create(f"local-dir:{folder}", weights, path)
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    return model, preprocess, tokenizer, config


def _create(name: str, weights: Path, described: str | Path, **settings: Any) -> tuple[Any, Any]:
    try:
        with torch.random.fork_rng(devices=[]):  # the weights drawn before the file's are read
            model, _, preprocess = open_clip.create_model_and_transforms(
                name, weights_only=True, **settings
            )
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever does not fit fails in its own manner
        first = " ".join(str(error).split()[:40])[:300]
        raise ValueError(
            f"{weights}: the weights of another model than {described} describes "
            f"({type(error).__name__}: {first})"
        ) from error
    return model, preprocess


def _check_weights(path: Path) -> Path:
    """Refuse what is not a file of weights before open_clip opens it."""
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path}")
    if path.suffix == ".safetensors":
        try:
            with safetensors.safe_open(path, framework="pt"):
                return path
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path}: not a safetensors file ({error})") from error
    if path.suffix not in WEIGHT_SUFFIXES:
        raise ValueError(f"{path}: a weights file ends in {', '.join(WEIGHT_SUFFIXES)}")
    try:
        torch.load(path, map_location="meta", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # what is no weights file fails in as many ways as there are bytes
        raise ValueError(
            f"{path}: refused, it holds pickled objects or is no weights file; ask for "
            f"safetensors ({type(error).__name__})"  # torch's text says how to load it anyway
        ) from error
    return path
