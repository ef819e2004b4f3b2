r"""The vision-language model that scores images against concepts: any open_clip model.

Both towers give embeddings of unit length, $u$ of an image and $v$ of a text. Images pass the
model's own preprocessing; with several prompt templates, a concept's embeddings are averaged and
normalised again, as CLIP does. The score that the model was trained to give the pair is

$$s = e^t\, u^\top v + b,$$

with its learned scale $e^t$ and, for SigLIP, a learned bias $b$. The paper's softmax over concepts
reads cosines under a temperature of its own, and a constant added to all scores cancels out of any
softmax: neither scale nor bias changes what is mined.

Symbols: D embedding width.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from uhscm_core.concepts import ConceptSet
from uhscm_core.preprocessing import preprocessed
from uhscm_core.support.checks import flag, instance, shown, whole_number
from uhscm_core.support.devices import resolve_device
from uhscm_core.support.notices import say
from uhscm_core.support.processes import reading_in
from uhscm_core.support.progress import progress_bar
from uhscm_core.support.store import digest_of
from uhscm_core.tokens import TokenReader

__all__ = ["VLP", "load_vlp"]

BATCH = 32  # the fastest of 8 to 256 on a CPU; a GPU is kept busy by the decoding workers anyway


class VLP:
    """A vision-language model with an image tower and a text tower: an `Encoder`.

    Attributes:
        name: what it was loaded as, to show to people.
        embed_dim: D, the width of both towers' embeddings.
        logit_scale: the factor of the cosines that the model was trained with (CLIP's: 100);
            compare the mining temperature with it.
        logit_bias: the constant added to all scores (SigLIP's: about -10), 0 for CLIP. A softmax
            over concepts does not see it.
        device: where the model is; results come back on the CPU.
        preprocess: the model's own preprocessing, image -> (3, H, W) tensor.
        source: the arguments of `load_vlp`, so that a saved study can load the model again.
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
        self._reader = TokenReader(name, tokenizer)
        self.embed_dim = int(config["embed_dim"])
        self.logit_scale = float(model.logit_scale.detach().exp())
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = 0.0 if bias is None else float(bias.detach())

    @functools.cached_property
    def digest(self) -> str:
        """A digest of all that an embedding depends on.

        That is the configuration, the weights, the preprocessing and the tokenizer.
        """
        preprocessing = getattr(self._model.visual, "preprocess_cfg", repr(self.preprocess))
        return digest_of(self.old_digest, preprocessing, _content_of(self._tokenizer))

    @functools.cached_property
    def old_digest(self) -> str:
        """The digest by the rule of versions before 0.3: of the configuration and the weights."""
        total = hashlib.sha256(json.dumps(self._config, sort_keys=True).encode())
        for key, value in sorted(self._model.state_dict().items()):
            total.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            total.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return total.hexdigest()[:20]

    @property
    def image_tower(self) -> torch.nn.Module:
        """The module from pixels (n, 3, H, W), as `preprocess` gives them, to (n, D) unit rows."""
        return _ImageTower(self._model)

    def encode_images(
        self, images: Sequence[Image.Image], *, workers: int | None = None, progress: bool = False
    ) -> Float32[Tensor, "n d"]:
        """Embed images.

        Args:
            images: n images of any size and mode, such as ``dataset.images``.
            workers: number of processes that read and preprocess; None starts some for more than
                512 images. A script on macOS or Windows, which cannot fork, starts none.
            progress: show a bar.

        Returns:
            (n, D) float32 rows of unit length, on the CPU.

        Raises:
            TypeError: no sequence of images.
            OSError: an image cannot be read; the message names its file.
        """
        if isinstance(images, str | bytes | Mapping) or not hasattr(images, "__getitem__"):
            raise TypeError(f"images must be a sequence of images, got {shown(images)}")
        workers = None if workers is None else whole_number("workers", workers, 0, 1024)
        progress = flag("progress", progress)
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
            **reading_in(workers),
            generator=torch.Generator(),  # else it draws from the global one
            pin_memory=self.device.type == "cuda",
        )
        for pixels in _without_traceback(loader):
            yield self._embed(pixels)

    def encode_texts(self, texts: ConceptSet | Sequence[str]) -> Float32[Tensor, "m d"]:
        """Embed concepts, or plain texts.

        What the model's tokenizer cuts off is said with a `UHSCMWarning`.

        Args:
            texts: a `ConceptSet`, whose prompts are averaged over its templates and normalised
                again, or texts that are embedded as they are.

        Returns:
            (M, D) float32 rows of unit length, on the CPU.

        Raises:
            TypeError: no texts.
            ValueError: concepts that are one text to the model, or a template that leaves no room
                for them.
        """
        say(*self.text_notes(texts))
        return self.embed_texts(texts)

    def text_notes(self, texts: ConceptSet | Sequence[str]) -> tuple[str, ...]:
        """Return sentences on what the tokenizer cuts off; the arguments are of `encode_texts`."""
        if isinstance(texts, str):
            raise TypeError(f"texts must be a sequence of strings, got the single string {texts!r}")
        if not isinstance(texts, ConceptSet | Sequence) or isinstance(texts, bytes):
            raise TypeError(f"texts must be a sequence of strings, got {shown(texts)}")
        if isinstance(texts, ConceptSet):
            return self._reader.check(texts)
        for number, one in enumerate(texts):
            instance(f"texts[{number}]", one, str, "to read")
        return self._reader.notes(texts)

    @torch.no_grad()
    def embed_texts(self, texts: ConceptSet | Sequence[str]) -> Float32[Tensor, "m d"]:
        """Do what `encode_texts` does without checking what is read of the texts."""
        each = (
            [texts.prompts(t) for t in texts.templates]
            if isinstance(texts, ConceptSet)
            else [texts]
        )
        with progress_bar("encoding texts", sum(map(len, each)), shown=False) as bar:
            per_template = [self._embed_prompts(prompts, bar) for prompts in each]
        if len(per_template) == 1:
            return per_template[0]
        return torch.nn.functional.normalize(torch.stack(per_template).mean(0), dim=1)

    def _embed_prompts(self, prompts: Sequence[str], bar: tqdm[Any]) -> Tensor:
        rows = [torch.empty(0, self.embed_dim)]
        for start in range(0, len(prompts), 256):
            batch = list(prompts[start : start + 256])
            tokens = self._tokenizer(batch).to(self.device)
            rows.append(self._model.encode_text(tokens, normalize=True).float().cpu())
            bar.update(len(batch))
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
                    f"{self.device} has too little memory for one image of {self.name}: free some "
                    f"or load the model with device='cpu'"
                ) from error
        torch.cuda.empty_cache()
        half = len(pixels) // 2
        return torch.cat([self._embed(pixels[:half]), self._embed(pixels[half:])])


class _ImageTower(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Float32[Tensor, "n c h w"]) -> Float32[Tensor, "n d"]:
        embedded: Tensor = self.model.encode_image(pixels, normalize=True)
        return embedded


def _content_of(tokenizer: Callable[[list[str]], Tensor]) -> list[object]:
    """Return what tells one tokenizer from another: what it gives for some texts, and its words."""
    tokens = tokenizer(["a photo of the cat", "A Café, 12 THINGS: it's", "word " * 1000]).tolist()
    # Asked for after the tokens, because Hugging Face's remember how they were called last.
    rules = getattr(getattr(tokenizer, "tokenizer", None), "backend_tokenizer", None)
    words = getattr(tokenizer, "encoder", None) if rules is None else rules.to_str()
    return [tokens, words]


def _without_traceback(loader: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield what a loader gives; its error for an unreadable image loses the worker's traceback."""
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
        image = instance(f"images[{index}]", self.images[index], Image.Image, "of PIL")
        return preprocessed(image, self.preprocess)


def load_vlp(
    name: str | PathLike[str],
    pretrained: str | PathLike[str] | None = None,
    device: str | torch.device = "auto",
) -> VLP:
    """Load a vision-language model through open_clip.

    Args:
        name: ``"postcards"``, the small model that ships with the package and knows only the
            painted world; an open_clip model name such as ``"ViT-B-16"``; or the path of an
            open_clip configuration ``.json`` (the model's part, or that and the preprocessing).
        pretrained: for a name, a tag such as ``"openai"`` (downloaded once, then cached by
            open_clip) or a weights file; for a ``.json``, a weights file, by default the
            ``.safetensors`` of the same name next to it. A ``.pt`` file is read as weights only,
            never unpickled.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...

    Returns:
        The model, ready to embed.

    Raises:
        FileNotFoundError: a file does not exist.
        ConnectionError: the weights could not be fetched; the message says which file to download
            elsewhere and where to put it.
        ModuleNotFoundError: the model's tokenizer needs the package transformers.
        ValueError: an unknown name or tag, weights that do not match the model, or a file that
            contains pickled objects.
    """
    from uhscm_core.open_clip_models import from_config, from_name  # open_clip takes seconds

    for argument, value in (("name", name), ("pretrained", pretrained)):
        if not (isinstance(value, str | PathLike) or (argument, value) == ("pretrained", None)):
            raise TypeError(f"{argument} must be a text or a path, got {shown(value)}")
    chosen = resolve_device(device)
    source = {
        "name": str(name),
        "pretrained": None if pretrained is None else str(pretrained),
    }
    if name == "postcards":
        if pretrained is not None:
            raise ValueError(
                f"the postcards model ships with its weights: leave out pretrained, got "
                f"{pretrained!r}"
            )
        shipped = Path(str(resources.files("uhscm_postcards") / "model" / "postcards.json"))
        loaded = from_config(shipped, None)
    elif str(name).endswith(".json"):
        source = {k: v and str(Path(v).expanduser().absolute()) for k, v in source.items()}
        loaded = from_config(Path(name).expanduser(), pretrained)
    else:
        loaded = from_name(str(name), pretrained)
    label = Path(name).stem if pretrained is None else f"{Path(name).stem} ({pretrained})"
    return VLP(label, *loaded, chosen, source)
