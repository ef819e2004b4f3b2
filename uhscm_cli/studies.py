"""The study folder that goes from command to command. Imports torch, so commands import it late."""

from __future__ import annotations

import hashlib
from argparse import Namespace
from pathlib import Path

from uhscm_cli.saying import tell
from uhscm_core import ImageDataset, Study
from uhscm_core.datasets import ImageFiles
from uhscm_core.support.paths import as_path

__all__ = ["index_file", "load", "network_digest", "place_of", "save"]


def load(options: Namespace) -> Study:
    """Read the study that `options` names.

    Raises:
        FileNotFoundError: there is none; the message says how to make one.
    """
    folder = as_path("STUDY", options.study)
    if not (folder / "study.json").exists():
        raise FileNotFoundError(
            f"{folder}: there is no study here; make one with: uhscm encode PHOTOS {folder}"
        )
    tell(options, f"reading {folder}")
    device = getattr(options, "device", None) or "auto"
    return Study.load(folder, device=device).with_(progress=options.bars)


def save(study: Study, options: Namespace) -> None:
    """Write a study into the folder that `options` names."""
    study.save(as_path("STUDY", options.study))


def place_of(dataset: ImageDataset, image: int) -> str:
    """Return where an image is: its file, or its name if it has none."""
    images = dataset.images
    return str(images.path(image)) if isinstance(images, ImageFiles) else dataset.names[image]


def network_digest(study: Study) -> str:
    """Return the digest of a trained network, by which an index knows whose codes it holds."""
    total = hashlib.sha256()
    for name, tensor in sorted(study.trained_network().state_dict().items()):
        total.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:20]


def index_file(options: Namespace) -> Path:
    """Return the file of a study's index."""
    return as_path("STUDY", options.study) / "index.safetensors"
