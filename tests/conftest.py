"""What all tests share: shapes checked at run time, a home of their own, a tiny model.

And images that are costly to have, and permissions that hold for root.
"""

from __future__ import annotations

import os
from pathlib import Path

# Before torch is imported: the tests' figures do not depend on how many cores there are.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in scripts/explore.py
os.environ["HF_HUB_OFFLINE"] = "1"

from jaxtyping import install_import_hook

install_import_hook(["uhscm_core", "uhscm_postcards"], "beartype.beartype")

import contextlib
import dataclasses
import json
import shutil
import struct
import tempfile
import threading
import zlib

import jaxtyping
import numpy as np
import open_clip
import pytest
import safetensors.torch
import timm
import torch
from hypothesis import settings
from PIL import Image

from uhscm_core import ImageDataset, Study, load_dataset, load_vlp
from uhscm_core.analysis.rankers import FEATURES, rankers_of
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.two_rankings import TwoRankings
from uhscm_core.peers import cibhash, crovca, duheg, orthohash

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("fixed")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache folder that no other test and no person sees."""
    folder = tmp_path / "home"
    monkeypatch.setenv("UHSCM_HOME", str(folder))
    return folder


@pytest.fixture
def weights_of_test_resnet(home):
    """Weights of the smallest backbone of timm, where pretrained ones are looked for."""
    (home / "weights").mkdir(parents=True)
    path = home / "weights" / "test_resnet.safetensors"
    safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def no_job_left_running():
    """The filters of warnings belong to all threads, and pandas changes them in a thread's job."""
    yield
    for thread in threading.enumerate():
        if thread.name == "uhscm jobs":
            thread.join(60)


@pytest.fixture
def quick_peers(monkeypatch):
    """Peers that train for a few epochs, which is enough where it is not about their mAP."""
    for module in (cibhash, crovca, duheg, orthohash):
        schedule = dataclasses.replace(module._SCHEDULE, epochs=5, warm_up=0)
        monkeypatch.setattr(module, "_SCHEDULE", schedule)


@pytest.fixture
def as_users_run_it():
    """Without the run-time shape check, so that our own message for bad input is what comes."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    """240 postcards of which 120 to train on, 20 queries, NUS-WIDE's concepts, no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = load_dataset("postcards", n_database=240, n_train=120, n_query=20)
        made = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
        assert len(made.image_features) == 260
    return made


@pytest.fixture(scope="session")
def default_postcards(tmp_path_factory) -> ImageDataset:
    """The default dataset, loaded once: drawing up its 11,000 scenes takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        return load_dataset("postcards", progress=False)


@pytest.fixture(scope="session")
def trained(study) -> Study:
    """The same study with a network of 16 bits."""
    return study.train(bits=16, epochs=2)


@pytest.fixture
def both(trained) -> TwoRankings:
    """The codes of that network and the features, as rankings of one query."""
    rankers, _ = rankers_of(trained)
    query = int(trained.dataset.splits["query"][0])
    sides = rankers["UHSCM, 16 bits"], rankers[FEATURES]
    return TwoRankings(StudyImages(trained), sides, query, 30)


@pytest.fixture
def photos() -> Path:
    folder = SHARED / "data" / "cifar10"
    if not folder.is_dir():
        pytest.skip("the development photos are not in ../shared")
    return folder


@pytest.fixture
def photos_model() -> Path:
    path = SHARED / "models" / "photos-rn.json"
    if not path.is_file():
        pytest.skip("the development checkpoint is not in ../shared")
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """An open_clip configuration with random weights next to it: fast, and it knows nothing."""
    return write_model(tmp_path_factory.mktemp("model"), embed_dim=16)


@pytest.fixture
def photo_folder(tmp_path) -> Path:
    """Forty-eight small photos in three sub-folders: red, green and blue noise."""
    return write_photos(tmp_path / "photos", each=16)


@pytest.fixture
def png_of_size():
    """A valid 1-bit PNG of any size in a few kilobytes, written without holding its pixels."""

    def make(width: int, height: int) -> bytes:
        deflate = zlib.compressobj(9)
        row = bytes(1 + (width + 7) // 8)
        pixels = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
        header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )

    return make


@pytest.fixture
def permissions_bite():
    """A block without root's rights, which no permission stops."""

    @contextlib.contextmanager
    def as_nobody():
        if os.geteuid() != 0:
            yield
            return
        try:
            os.seteuid(65534)
        except OSError as error:
            pytest.skip(f"root here may not become another user: {error}")
        try:
            yield
        finally:
            os.seteuid(0)

    return as_nobody()


@pytest.fixture
def public_folder(monkeypatch):
    """A folder that everybody may enter and write to, with the cache inside it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    monkeypatch.setenv("UHSCM_HOME", str(folder / "home"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def tour_data(tmp_path, monkeypatch) -> None:
    """Photos and a model just large enough for the tour's 64 bits, named to the notebooks."""
    photos = write_photos(tmp_path / "tour photos", each=40)
    monkeypatch.setenv("UHSCM_PHOTOS", str(photos))
    monkeypatch.setenv("UHSCM_VLP", str(write_model(tmp_path, embed_dim=64)))


def write_model(folder: Path, embed_dim: int) -> Path:
    config = {
        "embed_dim": embed_dim,
        "vision_cfg": {
            "image_size": 16,
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    }
    path = folder / "tiny.json"
    path.write_text(json.dumps(config))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(**config)
    safetensors.torch.save_file(model.state_dict(), folder / "tiny.safetensors")
    return path


def write_photos(folder: Path, each: int) -> Path:
    generator = np.random.default_rng(0)
    for channel, label in enumerate(("blue", "green", "red")):
        (folder / label).mkdir(parents=True)
        for i in range(each):
            pixels = generator.integers(0, 90, (24, 32, 3), dtype=np.uint8)
            pixels[..., 2 - channel] += 150
            Image.fromarray(pixels).save(folder / label / f"{i:02d}.png")
    return folder


def unit_rows(generator: torch.Generator, n: int, d: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(n, d, generator=generator), dim=1)
