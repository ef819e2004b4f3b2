"""Images and models: what ships, what the environment names, and which weights are available."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from uhscm_doctor.finding import BAD, WARN, Finding
from uhscm_doctor.packages import restore

__all__ = ["model", "photos", "postcards", "weights"]


def postcards() -> Iterator[Finding]:
    """Check that the model that ships can be read and that the shipped features are its own."""
    from uhscm_core import load_vlp
    from uhscm_core.features import SHIPPED, encoder_key

    try:
        vlp = load_vlp("postcards", device="cpu")
    except (OSError, ValueError) as error:
        yield Finding("postcards", f"the model that ships: {error}", BAD, restore())
        return
    if (SHIPPED / encoder_key(vlp)).is_dir():
        yield Finding("postcards", "the model can be read, and its features ship with it")
    else:
        found = "the shipped features are not of the shipped model: computing them takes minutes"
        yield Finding("postcards", found, WARN, restore())


def photos() -> Iterator[Finding]:
    """Check the folder that ``$UHSCM_PHOTOS`` names, if it is set."""
    named = os.environ.get("UHSCM_PHOTOS")
    if named in (None, "postcards"):
        yield Finding("UHSCM_PHOTOS", "not set: the notebooks show the postcards")
        return
    from PIL import Image

    folder = Path(str(named)).expanduser()
    fix = "export UHSCM_PHOTOS=/path/to/photos, or unset UHSCM_PHOTOS, before JupyterLab starts"
    if not folder.is_dir():
        yield Finding("UHSCM_PHOTOS", f"there is no folder {named!r}", BAD, fix)
        return
    known = Image.registered_extensions()
    names = (name for _, _, files in os.walk(folder, followlinks=True) for name in files)
    if not any(Path(name).suffix.lower() in known for name in names):
        yield Finding("UHSCM_PHOTOS", f"there is no image in {folder}", BAD, fix)
        return
    yield Finding("UHSCM_PHOTOS", f"{folder}")


def model() -> Iterator[Finding]:
    """Check the configuration that ``$UHSCM_VLP`` names, if it is set, and its weights."""
    named = os.environ.get("UHSCM_VLP")
    if named in (None, "postcards"):
        yield Finding("UHSCM_VLP", "not set: the notebooks use the postcards' model")
        return
    from uhscm_core import load_vlp

    try:
        vlp = load_vlp(str(named), device="cpu")
    except Exception as error:  # open_clip raises errors of many kinds
        fix = "export UHSCM_VLP=/path/to/model.json, with model.safetensors next to it, or unset it"
        yield Finding("UHSCM_VLP", f"{named!r}: {error}", BAD, fix)
        return
    yield Finding("UHSCM_VLP", f"{vlp.name}, {vlp.embed_dim} numbers per image")


def weights() -> Iterator[Finding]:
    """List the available weights of open_clip models; nothing is downloaded."""
    import huggingface_hub.constants as hub

    from uhscm_core.support.hub import WEIGHT_SUFFIXES
    from uhscm_core.support.store import home

    folder = home() / "weights"
    names = [path.name for path in sorted(folder.glob("*")) if path.suffix in WEIGHT_SUFFIXES]
    downloaded = Path(hub.HF_HUB_CACHE)
    names += [
        path.parent.name.removeprefix("models--").replace("--", "/")
        for path in sorted(downloaded.glob("models--*/snapshots"))
        if "clip" in path.parent.name.lower()
    ]
    if names:
        yield Finding("real CLIP", f"available: {', '.join(names)}")
        return
    offline = "; HF_HUB_OFFLINE is set, so none is downloaded" if hub.HF_HUB_OFFLINE else ""
    found = (
        "no weights here (not needed for the postcards). With a network connection "
        'load_vlp("ViT-B-16", "openai") downloads them once; without one it names the file to put '
        f"into {folder}"
    )
    yield Finding("real CLIP", found + offline)
