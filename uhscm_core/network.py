r"""The hash network: :math:`z = \tanh(\mathrm{head}(\mathrm{backbone}(x))) \in (-1, 1)^L`.

There are two kinds. ``"features"``, the default, is a small head on frozen features of the
vision-language model and trains in seconds on a CPU; for the recipes that mix features with
concepts, it is one linear layer on the mixture (`HashNetwork.for_recipe`). Any timm name (the
paper's is ``"vgg19"``) is a backbone fine-tuned on pixels, with a new linear hash layer.

Symbols: L code length in bits, D width of the features, K kept concepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Float, Float32
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from uhscm_core.baselines import TooManyBitsError, rotated_components
from uhscm_core.mining import MinedConcepts
from uhscm_core.mixing import ConceptMixture, explained_share, feature_share
from uhscm_core.preprocessing import preprocessed
from uhscm_core.recipe import TrainingConfig
from uhscm_core.support.checks import (
    MOST_BITS,
    check_features,
    code_length,
    flag,
    instance,
    real_number,
    seed_number,
    text,
    whole_number,
)
from uhscm_core.support.processes import reading_in
from uhscm_core.support.seeding import seeded

if TYPE_CHECKING:
    from torchvision.transforms import v2

__all__ = ["HashNetwork", "PixelDataset", "network_from"]

_START_ROWS = 10_000  # images from which the start of a mixing network is found


class HashNetwork(nn.Module):
    """A network whose output signs are hash codes.

    Args:
        bits: L, the code length, from 1 to 65,536.
        backbone: ``"features"`` or a timm model name.
        in_features: D, the width of the features; for ``"features"`` only.
        pretrained: whether a timm backbone starts from its ImageNet weights; see
            `uhscm_core.backbones` for where they are found.
        hidden: width of the head's hidden layer; for ``"features"`` only.
        seed: seed of the new layers' initial weights; the global random state is not used.
        centered: read features minus a mean, at unit length. The mean is part of the weights, and
            0 until `center_on` or `train` sets it. For ``"features"`` only.
        concepts, feature_share, temperature: of a head on a `ConceptMixture`, which `for_recipe`
            sets up; None for a head on the features themselves.

    Raises:
        TypeError: an argument that is no whole number, no text or no flag.
        ValueError: a number out of range, an unknown backbone, or no width given for
            ``"features"``.
        ConnectionError: the ImageNet weights are not on this machine and could not be downloaded;
            the message says which file to put where.
    """

    def __init__(
        self,
        bits: int,
        backbone: str = "features",
        in_features: int | None = None,
        pretrained: bool = True,
        hidden: int = 512,
        seed: int = 0,
        centered: bool = False,
        concepts: int | None = None,
        feature_share: float | None = None,
        temperature: float | None = None,
    ) -> None:
        super().__init__()
        self.bits = bits = code_length(bits)
        backbone, pretrained = text("backbone", backbone), flag("pretrained", pretrained)
        hidden = whole_number("hidden", hidden, 1, MOST_BITS)
        seed = seed_number("seed", seed)
        centered = flag("centered", centered)
        self.backbone_name = backbone
        self.on_pixels = backbone != "features"
        self.settings: dict[str, Any] = {"bits": bits, "backbone": backbone}
        self.backbone: nn.Module = nn.Identity()
        self.mixture: ConceptMixture | None = None
        self.mean: Tensor | None
        self.register_buffer("mean", None)  # (D,), of a head on centered features
        if self.on_pixels:
            from uhscm_core.backbones import timm_backbone  # timm takes seconds to import
        with seeded(seed):
            if self.on_pixels:
                self.backbone = timm_backbone(backbone, pretrained)
                self.head: nn.Module = nn.Linear(int(self.backbone.head_hidden_size), bits)  # type: ignore[arg-type]
            else:
                if in_features is None:
                    raise ValueError("a network on features needs in_features, got None")
                in_features = whole_number("in_features", in_features, 1, MOST_BITS)
                self.settings["in_features"] = in_features
                if concepts is not None:
                    self._mix(in_features, concepts, feature_share, temperature)
                    return
                self.settings["hidden"] = hidden
                self.head = nn.Sequential(
                    nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, bits)
                )
                if centered:
                    self._set_mean(torch.zeros(in_features))

    def forward(self, x: Float[Tensor, "b ..."], mixed: bool = False) -> Float[Tensor, "b l"]:
        """Map (B, D) features or (B, 3, H, W) pixels to (B, L) outputs in (-1, 1).

        With `mixed`, the inputs are (B, V) mixtures already.
        """
        x = self.backbone(x)
        if self.mixture is not None and not mixed:
            x = self.mixture(x)
        if self.mean is not None:
            x = nn.functional.normalize(x - self.mean, dim=1)
        return torch.tanh(self.head(x))

    def center_on(self, features: Float[Tensor, "n d"]) -> None:
        """From now on, read features minus the mean of these, at unit length.

        Raises:
            TypeError, ValueError: a network on pixels, or features that this one does not read.
        """
        self.check_data(features)
        if self.on_pixels or not len(features):
            raise ValueError("only a network on features can be centered, on one row or more")
        weight = next(self.parameters())
        self._set_mean(features.mean(0, dtype=torch.float64).to(weight))

    def _set_mean(self, mean: Tensor) -> None:
        self.mean = mean
        self.settings["centered"] = True

    def _mix(
        self, width: int, concepts: int, feature_share: float | None, temperature: float | None
    ) -> None:
        mixed: dict[str, Any] = {
            "concepts": whole_number("concepts", concepts, 1, MOST_BITS),
            "feature_share": real_number("feature_share", feature_share, 0, 1),
            "temperature": real_number("temperature", temperature, above=0),
        }
        self.settings |= mixed
        self.mixture = ConceptMixture(width, **mixed)
        self.head = nn.Linear(self.mixture.out_features, self.bits)

    @classmethod
    def for_recipe(
        cls,
        bits: int,
        mined: MinedConcepts,
        image_features: Float[Tensor, "n d"],
        config: TrainingConfig,
        *,
        logit_scale: float = 100.0,
    ) -> HashNetwork:
        """Return the network that a recipe trains on features, with all that the recipe needs.

        For ``"tuned"`` and ``"adaptive"``, its buffers hold the mean of the training images, the
        kept concepts, the temperature and the share of the features, and its layer starts as ITQ of
        the mixture, so that it gives good codes before any training.

        Args:
            bits: L.
            mined: the kept concepts.
            image_features: (N, D) of the training images.
            config: names the recipe, the share and the seed.
            logit_scale: the model's own.

        Raises:
            TypeError, ValueError: features that are not (N, D), or a number out of range.
        """
        instance("mined", mined, MinedConcepts, "from mine_concepts")
        instance("config", config, TrainingConfig, "such as TrainingConfig(epochs=10)")
        instance("image_features", image_features, Tensor, "(N, D) features")
        check_features(image_features=image_features)
        settings = config.complete()
        image_features = image_features.float().cpu()
        width = image_features.shape[1]
        if not settings.mixes:
            return cls(bits, in_features=width, seed=config.seed, centered=settings.center)
        concepts, share = mined.text_features, settings.feature_share
        if share == "auto":
            share = feature_share(explained_share(image_features, concepts, logit_scale))
        network = cls(
            bits,
            in_features=width,
            seed=config.seed,
            concepts=len(concepts),
            feature_share=share,
            temperature=logit_scale,
        )
        mixture = cast(ConceptMixture, network.mixture)
        mixture.fit(image_features, concepts)
        if settings.start == "itq":
            rows = mixture(image_features[:: -(-len(image_features) // _START_ROWS)])
            _start_as_itq(cast(nn.Linear, network.head), rows, config.seed)
        return network

    @property
    def feature_share(self) -> float | None:
        """How far the codes lean on the features, from 0 to 1; None where nothing is mixed."""
        return self.settings.get("feature_share")

    def parameter_groups(self, learning_rate: float, backbone_share: float) -> list[dict[str, Any]]:
        """Return the head at the full learning rate, a backbone at a share of it (paper: 0.05)."""
        groups = [{"params": list(self.head.parameters()), "lr": learning_rate}]
        if self.on_pixels:
            rate = learning_rate * backbone_share
            groups.append({"params": list(self.backbone.parameters()), "lr": rate})
        return groups

    def transform(self, augment: bool) -> v2.Transform:
        """Return the transform from image to pixels, with the paper's augmentation or without.

        Images are resized to 8/7 of the input size (256 for 224), then cropped: at random, with
        random flips, for training; in the middle otherwise.
        """
        # These take seconds to import, and a network on features needs none of them.
        from timm.data.config import resolve_model_data_config
        from torchvision.transforms import v2

        config = resolve_model_data_config(self.backbone)  # type: ignore[no-untyped-call]
        size = config["input_size"][1:]
        crop = (
            [v2.RandomCrop(size), v2.RandomHorizontalFlip()] if augment else [v2.CenterCrop(size)]
        )
        return v2.Compose(
            [
                v2.Resize(size[0] * 8 // 7, interpolation=v2.InterpolationMode.BICUBIC),
                *crop,
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(config["mean"], config["std"]),
            ]
        )

    @torch.inference_mode()
    def outputs(
        self, data: Float[Tensor, "n d"] | Sequence[Image.Image], *, workers: int = 0
    ) -> Float32[Tensor, "n l"]:
        """Compute the outputs of a collection; their signs are its codes (see `pack_codes`).

        Args:
            data: (n, D) features, or n images for a backbone on pixels.
            workers: number of processes that read images.

        Returns:
            (n, L) float32 in (-1, 1), on the CPU.

        Raises:
            TypeError: features for a network on pixels, or images for one on features.
            ValueError: features of another width, or with NaN or infinity.
        """
        self.check_data(data)
        workers = whole_number("workers", workers, 0, 1024)
        first = next(self.parameters())
        device, dtype = first.device, first.dtype
        was_training = self.training
        self.eval()
        try:
            rows = [
                self(batch.to(device, dtype)).float().cpu()
                for batch in self._batches(data, workers)
            ]
        finally:
            self.train(was_training)
        return torch.cat([torch.empty(0, self.bits), *rows])

    def check_data(self, data: Tensor | Sequence[Image.Image]) -> None:
        """Raise TypeError or ValueError if `data` is not what this network reads."""
        if self.on_pixels == isinstance(data, Tensor):
            wanted = "a sequence of images" if self.on_pixels else "an (N, D) tensor of features"
            raise TypeError(
                f"data: a network on {self.backbone_name} takes {wanted}, got {type(data).__name__}"
            )
        width = self.settings.get("in_features")
        if isinstance(data, Tensor) and (data.ndim != 2 or data.shape[1] != width):
            raise ValueError(f"data must have shape (N, {width}), got {tuple(data.shape)}")
        if isinstance(data, Tensor):
            check_features(data=data)

    def _batches(self, data: Tensor | Sequence[Image.Image], workers: int) -> Iterator[Tensor]:
        if isinstance(data, Tensor):
            yield from torch.split(data, 8192)
            return
        pixels = PixelDataset(data, self.transform(augment=False))
        keys = [[(i, 0) for i in range(s, min(s + 32, len(data)))] for s in range(0, len(data), 32)]
        yield from DataLoader(pixels, batch_sampler=keys, **reading_in(workers))


def network_from(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], path: Path
) -> HashNetwork:
    """Build the network that a file describes, once the file is seen to hold all of its weights.

    Args:
        settings: of `HashNetwork`, as read from the file.
        weights: of the network, as read from the file.
        path: of the file, for messages.

    Raises:
        ValueError: settings of another type or name, weights of other shapes, or weights that are
            not finite. No memory is allocated before that is known.
    """
    unknown = settings.keys() - {
        *("bits", "backbone", "in_features", "hidden", "centered"),
        *("concepts", "feature_share", "temperature"),
    }
    numbers = [settings.get(name, 1) for name in ("bits", "in_features", "hidden", "concepts")]
    sound = all(type(number) is int and number > 0 for number in numbers)
    if unknown or not sound or type(settings.get("backbone", "")) is not str:
        raise ValueError(f"{path}: not the settings of a hash network: {str(dict(settings))[:200]}")
    try:
        with torch.device("meta"):  # shapes without numbers
            described = HashNetwork(**settings, pretrained=False).state_dict()
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: no hash network has these settings ({reason})") from error
    for name in sorted(described.keys() | weights.keys()):
        expected, found = (_shape(tensors.get(name)) for tensors in (described, weights))
        if expected != found:
            raise ValueError(
                f"{path}: the weights are not those of the network that the file describes: "
                f"{name} must be {expected}, got {found}"
            )
        if not weights[name].isfinite().all():
            raise ValueError(f"{path}: {name} contains weights that are NaN or infinite")
    network = HashNetwork(**settings, pretrained=False)
    network.load_state_dict(dict(weights))
    return network.eval()


def _shape(tensor: Tensor | None) -> str:
    if tensor is None:
        return "absent"
    return f"{'float' if tensor.is_floating_point() else tensor.dtype} {tuple(tensor.shape)}"


class PixelDataset(Dataset[Tensor]):
    """Images as pixels; an item's key is (index, seed), with the seed of its augmentation."""

    def __init__(self, images: Sequence[Image.Image], transform: v2.Transform) -> None:
        self.images = images
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        index, seed = key
        with seeded(seed):  # the transforms draw from the global state
            return preprocessed(self.images[index], self.transform)


@torch.no_grad()
def _start_as_itq(layer: nn.Linear, rows: Tensor, seed: int) -> None:
    """Make a layer ITQ of its inputs (n, V), with outputs of standard deviation 1."""
    x = rows.numpy()
    try:
        mean, axes = rotated_components(x, layer.out_features, seed)
    except TooManyBitsError:  # the images are all equal; any start is as good
        return
    deviation = float(((x - mean) @ axes).std())
    layer.weight.copy_(torch.from_numpy(axes.T / deviation))
    layer.bias.copy_(torch.from_numpy(-mean @ axes / deviation))
